//! `stream`: records in on standard input, a row for each out on standard output.

use std::time::Instant;

use super::print::print;
use crate::cli::{Flags, StreamArgs};
use crate::export::date_or_today;
use crate::export::stream::{self, StreamOptions};
use crate::job::StreamJob;
use crate::observability::progress::Reporter;
use crate::util::failure::Failure;

/// Runs the stream, or prints its schema.
pub fn stream(args: &StreamArgs, flags: &Flags, reporter: &mut Reporter) -> Result<(), Failure> {
    let started = Instant::now();
    let date = date_or_today(flags.date);
    let job = StreamJob::load(&args.job, &flags.overrides, date)?;
    let (input, output, share) = (args.input, args.output, args.rate_share);
    if args.print_schema {
        return print(stream::schema(&job, share)?);
    }
    stream::stream(&job, StreamOptions { input, output, share, started }, reporter)
}
