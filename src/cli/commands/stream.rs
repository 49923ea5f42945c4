//! `stream`: records in on standard input, a row for each out on standard output.

use std::time::Instant;

use jiff::Timestamp;

use super::print::print;
use crate::cli::{Flags, StreamArgs};
use crate::export::stream::{self, StreamOptions};
use crate::job::StreamJob;
use crate::observability::progress::Reporter;
use crate::util::failure::Failure;

/// Runs the stream, or prints its schema.
pub fn stream(args: &StreamArgs, flags: &Flags, reporter: &mut Reporter) -> Result<(), Failure> {
    let started = Instant::now();
    let today = || Timestamp::now().to_zoned(jiff::tz::TimeZone::UTC).date();
    let date = flags.date.unwrap_or_else(today);
    let job = StreamJob::load(&args.job, &flags.overrides, date)?;
    let (input, output, share) = (args.input, args.output, args.rate_share);
    if args.print_schema {
        return print(stream::schema(&job, share)?);
    }
    stream::stream(&job, StreamOptions { input, output, share, started }, reporter)
}
