//! The accounts of a round: the account list, or the failed accounts of the round before.

use std::sync::Arc;

use crate::accounts::{AccountName, DistinctAccounts, ListError, RecordStreamError};
use crate::snapshot::sidecars::{FailedLine, FailedLinesError, read_failed_lines};
use crate::snapshot::store::Store;

/// The accounts of a round, in order.
pub enum AccountSource {
    /// The account list, without duplicates.
    List(Box<DistinctAccounts>),
    /// The accounts of an earlier round that may still get a row.
    Failed(Box<dyn Iterator<Item = Result<FailedLine, FailedLinesError>> + Send>),
}

/// The accounts cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The list.
    #[error(transparent)]
    List(#[from] ListError),
    /// The failed accounts.
    #[error(transparent)]
    Failed(#[from] FailedLinesError),
    /// The records of a stream.
    #[error(transparent)]
    Records(#[from] RecordStreamError),
    /// An entry that no run can have written.
    #[error(
        "the failed accounts of an earlier run contain one of {bytes} bytes, longer than an account can be; start over with --restart"
    )]
    TooLong { bytes: usize },
    /// A committed part was made from another list.
    #[error(
        "the part that starts with account {} of the list was made while the list was changed, and holds other accounts; start over with --restart",
        first_ordinal + 1
    )]
    OtherList { first_ordinal: u64 },
}

impl AccountSource {
    /// The failed accounts in these files that may get a row in another round.
    pub fn failed(store: Arc<dyn Store>, files: Vec<String>) -> AccountSource {
        let lines = files.into_iter().flat_map(move |file| {
            let (records, error) = match read_failed_lines(&*store, &file) {
                Ok(records) => (Some(records), None),
                Err(error) => (None, Some(Err(error))),
            };
            let lines = records.into_iter().flatten();
            lines.map(|record| record.map(|(line, _)| line)).chain(error)
        });
        let counts = |line: &Result<FailedLine, FailedLinesError>| {
            line.as_ref().map_or(true, |line| line.category.counts_as_failed())
        };
        AccountSource::Failed(Box::new(lines.filter(counts)))
    }

    /// Calls `visit` with each account and its line in the list until it returns `Break`.
    pub fn for_each(
        &mut self,
        mut visit: impl FnMut(AccountName, u64) -> std::ops::ControlFlow<()>,
    ) -> Result<(), SourceError> {
        match self {
            AccountSource::List(list) => {
                while let Some(account) = list.next_account()? {
                    if visit(account.name, account.line).is_break() {
                        break;
                    }
                }
            }
            AccountSource::Failed(lines) => {
                for line in lines {
                    let line = line?;
                    let account = AccountName::from(&line.account)
                        .map_err(|_| SourceError::TooLong { bytes: line.account.len() })?;
                    if visit(account, line.input_line).is_break() {
                        break;
                    }
                }
            }
        }
        Ok(())
    }

    /// Duplicate entries of the list so far.
    pub fn duplicates(&self) -> u64 {
        match self {
            AccountSource::List(list) => list.duplicates(),
            AccountSource::Failed(_) => 0,
        }
    }
}
