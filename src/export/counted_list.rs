//! The account list as `plan` and `check` read it: twice, as an export does, and with exact counts.

use std::time::Duration;

use crate::accounts::{AccountList, DuplicateRemoval, InvalidAccount, ListSource, Scan};
use crate::observability::progress::Reporter;
use crate::report::plan::{InvalidEntry, ListCounts, SHOWN_INVALID, SpooledBytes};
use crate::util::failure::Failure;
use crate::util::paths::absolute;

/// How long a command for a person waits: shorter than a nightly run.
pub const INTERACTIVE_PATIENCE: Duration = Duration::from_secs(30);

/// A list that has been read to its end.
pub struct CountedList {
    pub counts: ListCounts,
    pub scan: Scan,
    /// The first valid account.
    pub first: Option<String>,
}

impl CountedList {
    /// Reads a list. An object store is waited for only as long as a person waits. Standard input is spooled in the directory for temporary files, since a work directory may not exist yet.
    pub fn read(source: &ListSource, reporter: &mut Reporter) -> Result<CountedList, Failure> {
        let source = &source.with_limited_patience(INTERACTIVE_PATIENCE);
        let list = AccountList::open(source, &std::env::temp_dir())?;
        let mut first_invalid = Vec::new();
        let mut keep_first = |invalid: &InvalidAccount| {
            if first_invalid.len() < SHOWN_INVALID {
                first_invalid.push(InvalidEntry::from(invalid));
            }
            Ok(())
        };
        let scan = list.scan(&mut keep_first, &mut |entries| reporter.scanning(entries))?;
        let mut distinct = list.distinct(&scan)?;
        let (mut accounts_to_request, mut first) = (0, None);
        while let Some(account) = distinct.next_account()? {
            first.get_or_insert_with(|| account.name.to_string());
            accounts_to_request += 1;
        }
        let counts = ListCounts {
            files: scan.files,
            spooled: list.spool().map(|spool| SpooledBytes {
                bytes: spool.all_bytes(),
                directory: absolute(spool.directory()).display().to_string(),
            }),
            accounts_in_list: scan.valid + scan.invalid,
            duplicate_removal: source.duplicates,
            accounts_to_request,
            distinct_accounts: (source.duplicates == DuplicateRemoval::Exact)
                .then_some(accounts_to_request),
            duplicates: distinct.duplicates(),
            invalid: scan.invalid,
            first_invalid,
        };
        Ok(CountedList { counts, scan, first })
    }
}
