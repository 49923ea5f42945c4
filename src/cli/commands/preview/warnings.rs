//! What the rows of a preview do not tell, in a line each.

use crate::accounts::InvalidAccount;
use crate::pipeline::collect_in_memory::CollectedRows;
use crate::snapshot::sidecars::{Category, FailedAccount, RejectedValue};

/// Entries that cannot be accounts of which each is told.
const INVALID_TOLD: usize = 5;

/// Entries of the list that cannot be accounts.
#[derive(Debug, Default)]
pub struct Invalid {
    count: usize,
    first: Vec<InvalidAccount>,
}

impl Invalid {
    /// Counts one, and keeps it if it is among the first.
    pub fn add(&mut self, one: &InvalidAccount) {
        self.count += 1;
        if self.first.len() < INVALID_TOLD {
            self.first.push(one.clone());
        }
    }
}

/// Accounts without a row, values that did not fit, and entries that are no accounts. What came from elsewhere is
/// escaped.
pub fn what_else(collected: &CollectedRows, invalid: &Invalid) -> Vec<String> {
    let failed = collected.failed.iter().map(no_row);
    let rejected = collected.rejected.iter().map(no_value);
    let no_accounts = invalid.first.iter().map(no_account);
    let others = match invalid.count - invalid.first.len() {
        0 => None,
        others => Some(format!("and {others} more entries that are no accounts")),
    };
    failed.chain(rejected).chain(no_accounts).chain(others).collect()
}

fn no_row(failed: &FailedAccount) -> String {
    let FailedAccount { account, category, error_code, error_info, input_line, .. } = failed;
    let code = error_code.map(|code| format!(" {code}")).unwrap_or_default();
    let (account, info) = (account.escape_debug(), error_info.escape_debug());
    format!("no row for {account} (line {input_line}): {}{code}: {info}", category.name())
}

fn no_value(rejected: &RejectedValue) -> String {
    let RejectedValue { account, tag, expected_type, value, .. } = rejected;
    let (account, value) = (account.escape_debug(), value.escape_debug());
    format!("NULL for {tag} of {account}: {value} is no {expected_type}")
}

fn no_account(one: &InvalidAccount) -> String {
    let (entry, category) = (one.text.escape_debug(), Category::InvalidAccount.name());
    format!("no row for {entry} (line {}): {category}: it {}", one.line, one.reason)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accounts::InvalidReason;

    #[test]
    fn of_many_entries_that_are_no_accounts_the_first_are_told() {
        let mut invalid = Invalid::default();
        for line in 1..=8 {
            let text = format!("\u{1b}[{line}m");
            invalid.add(&InvalidAccount { line, text, reason: InvalidReason::NotUtf8 });
        }
        let told = what_else(&CollectedRows::default(), &invalid);
        assert_eq!(told.len(), INVALID_TOLD + 1);
        assert_eq!(told[0], r"no row for \u{1b}[1m (line 1): invalid_account: it is not UTF-8");
        assert_eq!(told[5], "and 3 more entries that are no accounts");
    }
}
