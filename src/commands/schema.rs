//! `schema`: the JSON Schema of the job file.

use super::Failure;
use super::print::print;
use crate::job;

/// Prints the schema.
pub fn schema() -> Result<(), Failure> {
    print(job::json_schema())
}
