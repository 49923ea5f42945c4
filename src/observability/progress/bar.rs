//! The content of the progress bar for a terminal of some width (pure).
//!
//! All characters are ASCII: block characters are two columns wide in terminals set up for Chinese or Japanese, and
//! unreadable outside UTF-8.

use std::time::Duration;

use indicatif::HumanCount;
use unicode_width::UnicodeWidthStr;

use crate::pipeline::events::Progress;
use crate::util::human::{counted, duration_text};
use crate::util::text_width::truncate;

/// Columns of the bar itself, brackets included.
const MAX_BAR_COLUMNS: usize = 22;
const MIN_BAR_COLUMNS: usize = 12;
/// A narrower terminal shows the bar only if all of the text fits.
const BAR_FROM_COLUMNS: usize = 50;

/// The progress bar and the text behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BarLine {
    /// Columns of the bar, brackets included; 0 shows none.
    pub bar_columns: usize,
    /// Filled share of the bar.
    pub percent: u64,
    pub text: String,
}

impl BarLine {
    /// The progress of a run in at most `columns` columns; the least important pieces are left out first.
    pub fn progress(progress: &Progress, columns: usize) -> BarLine {
        let percent = percent(progress);
        let all = counted(progress.accounts_to_request, "account");
        // In display order, each with its priority; 0 is the most important.
        let mut pieces = match progress.is_open_ended() {
            true => vec![(0, counted(progress.processed, "account"))],
            false => vec![
                (0, format!("{percent}%")),
                (4, format!("{}/{all}", HumanCount(progress.processed))),
            ],
        };
        pieces.push((3, format!("{} calls/s", progress.calls_in_last_second)));
        if progress.failed > 0 {
            pieces.push((2, format!("{} failed", HumanCount(progress.failed))));
        }
        if progress.awaiting_retry > 0 {
            pieces.push((5, format!("{} awaiting retry", HumanCount(progress.awaiting_retry))));
        }
        if progress.is_store_unavailable {
            pieces.push((1, "object store unavailable".to_owned()));
        } else if progress.is_outage {
            pieces.push((1, "no call succeeds".to_owned()));
        } else if let Some(left) = time_left(progress) {
            pieces.push((1, format!("{} left", duration_text(left.as_secs_f64()))));
        }
        let reserved = if columns >= BAR_FROM_COLUMNS { MIN_BAR_COLUMNS + 1 } else { 0 };
        let text = join_fitting(pieces, columns - reserved);
        let bar_columns = match columns.saturating_sub(text.width() + 1).min(MAX_BAR_COLUMNS) {
            too_few if too_few < MIN_BAR_COLUMNS || progress.is_open_ended() => 0,
            columns => columns,
        };
        BarLine { bar_columns, percent, text: truncate(&text, columns, "") }
    }

    /// The number of entries of the account list read so far, in at most `columns` columns.
    pub fn scanning(entries: u64, columns: usize) -> BarLine {
        let long = format!("reading the account list: {}", counted(entries, "entry"));
        let short = || format!("reading: {}", HumanCount(entries));
        let text = if long.width() <= columns { long } else { short() };
        BarLine { bar_columns: 0, percent: 0, text: truncate(&text, columns, "") }
    }
}

/// The time that the rest takes at the average speed of this process; `None` before the first account, and during an outage.
pub fn time_left(progress: &Progress) -> Option<Duration> {
    let processed = progress.processed.saturating_sub(progress.processed_before);
    if processed == 0
        || progress.is_open_ended()
        || progress.is_outage
        || progress.is_store_unavailable
    {
        return None;
    }
    let left = progress.accounts_to_request.saturating_sub(progress.processed) as f64;
    let seconds = progress.elapsed.as_secs_f64() * left / processed as f64;
    Duration::try_from_secs_f64(seconds).ok()
}

fn percent(progress: &Progress) -> u64 {
    let processed = progress.processed.min(progress.accounts_to_request);
    processed.saturating_mul(100).checked_div(progress.accounts_to_request).unwrap_or(100)
}

/// Joins pieces by priority until the next one does not fit.
fn join_fitting(pieces: Vec<(u8, String)>, columns: usize) -> String {
    const SEPARATOR: &str = ", ";
    let mut by_priority: Vec<&(u8, String)> = pieces.iter().collect();
    by_priority.sort_by_key(|(priority, _)| *priority);
    let mut width = 0;
    let mut first_left_out = u8::MAX;
    for (priority, piece) in by_priority {
        let separator = if width == 0 { 0 } else { SEPARATOR.len() };
        width += separator + piece.width();
        if width > columns && *priority > 0 {
            first_left_out = *priority;
            break;
        }
    }
    let shown = pieces.into_iter().filter(|(priority, _)| *priority < first_left_out);
    shown.map(|(_, piece)| piece).collect::<Vec<_>>().join(SEPARATOR)
}

#[cfg(test)]
mod tests {
    use super::super::status_line::tests::shown;
    use super::*;
    use crate::pipeline::events::UNKNOWN_ACCOUNTS;

    const PROGRESS: Progress = Progress {
        accounts_to_request: 40_000,
        processed: 10_000,
        failed: 12,
        calls: 101,
        calls_in_last_second: 199,
        awaiting_retry: 3,
        account_retries: 5,
        elapsed: Duration::from_secs(10),
        processed_before: 0,
        is_outage: false,
        is_store_unavailable: false,
    };

    #[test]
    fn the_time_left_is_that_at_the_speed_of_this_process_and_unknown_in_an_outage() {
        assert_eq!(time_left(&PROGRESS), Some(Duration::from_secs(30)));
        let resumed = Progress { processed_before: 9_000, ..PROGRESS };
        assert_eq!(time_left(&resumed), Some(Duration::from_secs(300)));
        assert_eq!(time_left(&Progress { processed_before: 10_000, ..PROGRESS }), None);
        let outage = Progress { is_outage: true, calls_in_last_second: 0, ..PROGRESS };
        assert_eq!(time_left(&outage), None);
        let line = BarLine::progress(&outage, 80).text;
        assert!(line.ends_with("12 failed, no call succeeds"), "{line}");
        let no_store = Progress { is_store_unavailable: true, ..PROGRESS };
        assert_eq!(time_left(&no_store), None);
        let line = BarLine::progress(&no_store, 80).text;
        assert!(line.ends_with("12 failed, object store unavailable"), "{line}");
    }

    #[test]
    fn a_narrow_window_shows_the_most_important_pieces() {
        let lines: Vec<String> = [200, 98, 80, 60, 40, 30, 20, 10, 2]
            .map(|columns| shown(BarLine::progress(&PROGRESS, columns), columns))
            .into();
        insta::assert_snapshot!(lines.join("\n"), @r"
        [#####---------------] 25%, 10,000/40,000 accounts, 199 calls/s, 12 failed, 3 awaiting retry, 30 s left
        [###------------] 25%, 10,000/40,000 accounts, 199 calls/s, 12 failed, 3 awaiting retry, 30 s left
        [###------------] 25%, 10,000/40,000 accounts, 199 calls/s, 12 failed, 30 s left
        [####---------------] 25%, 199 calls/s, 12 failed, 30 s left
        25%, 199 calls/s, 12 failed, 30 s left
        25%, 12 failed, 30 s left
        25%, 30 s left
        25%
        25
        ");
    }

    #[test]
    fn a_stream_shows_what_is_done_without_a_bar() {
        let stream = Progress { accounts_to_request: UNKNOWN_ACCOUNTS, ..PROGRESS };
        let line = shown(BarLine::progress(&stream, 80), 80);
        assert_eq!(line, "10,000 accounts, 199 calls/s, 12 failed, 3 awaiting retry");
        assert_eq!(time_left(&stream), None);
    }

    #[test]
    fn no_line_is_wider_than_the_window() {
        let many = Progress {
            accounts_to_request: u64::MAX - 1,
            processed: u64::MAX / 3,
            failed: u64::MAX,
            awaiting_retry: u64::MAX,
            ..PROGRESS
        };
        let stream = Progress { accounts_to_request: UNKNOWN_ACCOUNTS, ..many };
        for columns in 0..250 {
            for progress in [PROGRESS, many, stream, Progress::default()] {
                let line = shown(BarLine::progress(&progress, columns), columns);
                assert!(line.width() <= columns, "{columns}: {line}");
            }
            assert!(BarLine::scanning(u64::MAX, columns).text.width() <= columns);
        }
    }

    #[test]
    fn an_empty_list_is_done_and_progress_never_exceeds_100_percent() {
        assert!(
            shown(BarLine::progress(&Progress::default(), 80), 80).contains("] 100%, 0/0 accounts")
        );
        let more = Progress { processed: 50_000, ..PROGRESS };
        assert!(BarLine::progress(&more, 80).text.contains("100%"));
    }
}
