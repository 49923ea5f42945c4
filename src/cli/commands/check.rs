//! `check`: prints whether everything that an export needs is there.

use std::io::{self, Write};

use crate::cli::{CheckArgs, Flags};
use crate::export::check::check as check_export;
use crate::export::load_job;
use crate::observability::progress::Reporter;
use crate::report::check::Check;
use crate::util::failure::Failure;

/// Prints the checks of a job. Fails with the first failure that an export would find.
pub fn check(args: &CheckArgs, flags: &Flags, reporter: &mut Reporter) -> Result<(), Failure> {
    let job = load_job(&args.job, &flags.overrides, flags.date);
    let mut print_check = |check: &Check| {
        if !args.json {
            // A closed pipe is not an error.
            let _ = writeln!(io::stdout(), "{check}");
        }
    };
    let (checks, result) = check_export(&args.job, job, reporter, &mut print_check);
    if args.json {
        let _ = writeln!(io::stdout(), "{}", checks.to_json());
    }
    result
}
