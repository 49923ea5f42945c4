//! `schema`: the JSON Schema of the job file.

use super::print::print;
use crate::job;
use crate::util::failure::Failure;

/// Prints the schema for editors.
pub fn schema() -> Result<(), Failure> {
    print(job::json_schema())
}
