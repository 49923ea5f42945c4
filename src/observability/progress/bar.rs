//! The bar's line for a terminal of some width (pure).
//!
//! All characters are ASCII: block characters are two columns wide in terminals set up for Chinese or Japanese, and
//! unreadable outside UTF-8.

use std::time::Duration;

use indicatif::HumanCount;
use unicode_width::UnicodeWidthStr;

use crate::pipeline::events::Progress;
use crate::util::human::duration_text;
use crate::util::text_width::truncate;

/// Columns of the bar itself, brackets included.
const WIDEST_BAR_COLUMNS: usize = 22;
const NARROWEST_BAR_COLUMNS: usize = 12;
/// From this width on there is always a bar; below it words matter more.
const BAR_FROM_COLUMNS: usize = 50;

/// How far the run has come, in at most so many columns. What matters less is left out first.
pub fn progress_line(progress: &Progress, columns: usize) -> String {
    let percent = percent(progress);
    // In the order in which they are shown, each with how much it matters: 0 most.
    let mut pieces = vec![(0, format!("{percent}%"))];
    let (settled, all) = (HumanCount(progress.processed), HumanCount(progress.accounts_to_request));
    pieces.push((4, format!("{settled}/{all} accounts")));
    pieces.push((3, format!("{} calls/s", progress.calls_in_last_second)));
    if progress.failed > 0 {
        pieces.push((2, format!("{} failed", HumanCount(progress.failed))));
    }
    if progress.awaiting_retry > 0 {
        pieces.push((5, format!("{} awaiting retry", HumanCount(progress.awaiting_retry))));
    }
    if let Some(left) = time_left(progress) {
        pieces.push((1, format!("{} left", duration_text(left.as_secs_f64()))));
    }
    let for_bar = if columns >= BAR_FROM_COLUMNS { NARROWEST_BAR_COLUMNS + 1 } else { 0 };
    let text = as_many_as_fit(pieces, columns - for_bar);
    let bar = bar(percent, columns.saturating_sub(text.width() + 1));
    truncate(&if bar.is_empty() { text } else { format!("{bar} {text}") }, columns, "")
}

/// How far the list has been read, in at most so many columns.
pub fn scanning_line(entries: u64, columns: usize) -> String {
    let entries = HumanCount(entries);
    let all = format!("reading the account list: {entries} entries");
    let line = if all.width() <= columns { all } else { format!("reading: {entries}") };
    truncate(&line, columns, "")
}

/// How long the rest will take at the average speed so far.
pub fn time_left(progress: &Progress) -> Option<Duration> {
    if progress.processed == 0 {
        return None;
    }
    let left = progress.accounts_to_request.saturating_sub(progress.processed) as f64;
    let seconds = progress.elapsed.as_secs_f64() * left / progress.processed as f64;
    Duration::try_from_secs_f64(seconds).ok()
}

fn percent(progress: &Progress) -> u64 {
    let settled = progress.processed.min(progress.accounts_to_request);
    settled.saturating_mul(100).checked_div(progress.accounts_to_request).unwrap_or(100)
}

/// Takes pieces, those that matter most first, until the next one does not fit.
fn as_many_as_fit(pieces: Vec<(u8, String)>, columns: usize) -> String {
    const SEPARATOR: &str = ", ";
    let mut by_weight: Vec<&(u8, String)> = pieces.iter().collect();
    by_weight.sort_by_key(|(weight, _)| *weight);
    let mut width = 0;
    let mut least_weight_left_out = u8::MAX;
    for (weight, piece) in by_weight {
        let separator = if width == 0 { 0 } else { SEPARATOR.len() };
        width += separator + piece.width();
        if width > columns && *weight > 0 {
            least_weight_left_out = *weight;
            break;
        }
    }
    let shown = pieces.into_iter().filter(|(weight, _)| *weight < least_weight_left_out);
    shown.map(|(_, piece)| piece).collect::<Vec<_>>().join(SEPARATOR)
}

/// `[####----]`, or nothing where there is too little room.
fn bar(percent: u64, columns: usize) -> String {
    let columns = columns.min(WIDEST_BAR_COLUMNS);
    if columns < NARROWEST_BAR_COLUMNS {
        return String::new();
    }
    let inside = columns - 2;
    let done = inside * usize::try_from(percent).unwrap_or(100).min(100) / 100;
    format!("[{}{}]", "#".repeat(done), "-".repeat(inside - done))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRESS: Progress = Progress {
        accounts_to_request: 40_000,
        processed: 10_000,
        failed: 12,
        calls: 101,
        calls_in_last_second: 199,
        awaiting_retry: 3,
        account_retries: 5,
        elapsed: Duration::from_secs(10),
    };

    #[test]
    fn a_narrow_window_shows_what_matters_most() {
        let lines: Vec<String> = [200, 98, 80, 60, 40, 30, 20, 10, 2]
            .map(|columns| progress_line(&PROGRESS, columns))
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
    fn no_line_is_ever_wider_than_it_may_be() {
        let many = Progress {
            accounts_to_request: u64::MAX,
            processed: u64::MAX / 3,
            failed: u64::MAX,
            awaiting_retry: u64::MAX,
            ..PROGRESS
        };
        let none = Progress::default();
        for columns in 0..250 {
            for progress in [PROGRESS, many, none] {
                let line = progress_line(&progress, columns);
                assert!(line.width() <= columns, "{columns}: {line}");
            }
            assert!(scanning_line(u64::MAX, columns).width() <= columns);
        }
    }

    #[test]
    fn an_empty_list_is_done_and_more_than_all_is_all() {
        assert!(progress_line(&Progress::default(), 80).contains("] 100%, 0/0 accounts"));
        let more = Progress { processed: 50_000, ..PROGRESS };
        assert!(progress_line(&more, 80).contains("100%"));
    }
}
