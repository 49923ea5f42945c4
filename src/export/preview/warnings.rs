//! What the rows of a preview do not show, one line each.

use crate::accounts::{InvalidAccount, RecordPlace};
use crate::pipeline::collect_in_memory::CollectedRows;
use crate::snapshot::sidecars::{Category, FailedAccount, RejectedValue};
use crate::util::human::counted;

/// Invalid entries that have a line each.
const MAX_INVALID_LINES: usize = 5;

/// Entries of the list that are not valid accounts.
#[derive(Debug, Default)]
pub struct InvalidEntries {
    count: usize,
    first: Vec<InvalidAccount>,
}

impl InvalidEntries {
    /// Counts an entry, and keeps it if it is among the first.
    pub fn add(&mut self, entry: &InvalidAccount) {
        self.count += 1;
        if self.first.len() < MAX_INVALID_LINES {
            self.first.push(entry.clone());
        }
    }
}

/// Lists accounts without a row, which are at `places` by ordinal, values that do not fit, and invalid entries. Untrusted text is escaped.
pub fn warnings(
    collected: &CollectedRows,
    places: &[RecordPlace],
    invalid: &InvalidEntries,
) -> Vec<String> {
    let failed = collected.failed.iter().map(|failed| failed_account(failed, places));
    let rejected = collected.rejected.iter().map(rejected_value);
    let entries = invalid.first.iter().map(invalid_entry);
    let others = match invalid.count - invalid.first.len() {
        0 => None,
        others => Some(format!("and {}", counted(others as u64, "more invalid entry"))),
    };
    failed.chain(rejected).chain(entries).chain(others).collect()
}

fn failed_account(failed: &FailedAccount, places: &[RecordPlace]) -> String {
    let FailedAccount { account, category, error_code, error_info, ordinal, .. } = failed;
    let code = error_code.map(|code| format!(" {code}")).unwrap_or_default();
    let (account, info) = (account.escape_debug(), error_info.escape_debug());
    let place = usize::try_from(*ordinal).ok().and_then(|ordinal| places.get(ordinal));
    let place = place.map(|place| format!(" ({place})")).unwrap_or_default();
    format!("no row for {account}{place}: {}{code}: {info}", category.name())
}

fn rejected_value(rejected: &RejectedValue) -> String {
    let RejectedValue { account, tag, expected_type, value, .. } = rejected;
    let (account, value) = (account.escape_debug(), value.escape_debug());
    format!("NULL for {tag} of {account}: {value} is not a valid {expected_type}")
}

fn invalid_entry(invalid: &InvalidAccount) -> String {
    let (entry, category) = (invalid.text.escape_debug(), Category::InvalidAccount.name());
    format!("no row for {entry} ({}): {category}: it {}", invalid.place, invalid.reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::{InvalidReason, RecordUnit};

    #[test]
    fn only_the_first_invalid_entries_are_listed() {
        let mut invalid = InvalidEntries::default();
        for line in 1..=8 {
            let text = format!("\u{1b}[{line}m");
            let (place, reason) =
                (RecordPlace { file: None, unit: RecordUnit::Line, line }, InvalidReason::NotUtf8);
            invalid.add(&InvalidAccount { line, place, text, reason });
        }
        let lines = warnings(&CollectedRows::default(), &[], &invalid);
        assert_eq!(lines.len(), MAX_INVALID_LINES + 1);
        assert_eq!(lines[0], r"no row for \u{1b}[1m (line 1): invalid_account: it is not UTF-8");
        assert_eq!(lines[5], "and 3 more invalid entries");
    }
}
