//! `man`: the man page.

use super::print::print;
use crate::cli::man_page::man_page;
use crate::util::failure::Failure;

/// Prints the man page as roff.
pub fn man() -> Result<(), Failure> {
    print(man_page())
}
