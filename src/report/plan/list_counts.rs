//! The counts of an account list, with its first invalid entries.

use std::fmt;

use indicatif::HumanCount;
use serde::Serialize;

use crate::accounts::{DuplicateRemoval, InvalidAccount, RecordUnit};

/// Invalid entries that a plan lists one by one.
pub const SHOWN_INVALID: usize = 5;

/// Longest start of an invalid entry that is printed, in characters.
const SHOWN_CHARACTERS: usize = 60;

/// Counts of an account list.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct ListCounts {
    /// Files of the list: 1, or those of a directory or a glob.
    pub files: u64,
    /// Bytes of a list in an object store, which are copied to a temporary file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spooled: Option<SpooledBytes>,
    pub accounts_in_list: u64,
    /// Which duplicates are removed.
    pub duplicate_removal: DuplicateRemoval,
    /// Valid accounts that are not removed as duplicates.
    pub accounts_to_request: u64,
    /// Valid accounts, each counted once; `None` if duplicates may remain.
    pub distinct_accounts: Option<u64>,
    /// Records that are removed as duplicates.
    pub duplicates: u64,
    /// Entries that are not valid account ids.
    pub invalid: u64,
    /// The first [`SHOWN_INVALID`] of them.
    pub first_invalid: Vec<InvalidEntry>,
}

/// The room that a list takes on this machine while it is read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SpooledBytes {
    pub bytes: u64,
    pub directory: String,
}

impl ListCounts {
    /// The number of distinct accounts, as far as it is known.
    pub fn distinct_text(&self) -> String {
        match self.distinct_accounts {
            Some(accounts) => HumanCount(accounts).to_string(),
            None => format!("not counted, at most {}", HumanCount(self.accounts_to_request)),
        }
    }

    /// How many duplicates are removed, and which are not.
    pub fn duplicates_text(&self) -> String {
        let removed = HumanCount(self.duplicates);
        match self.duplicate_removal {
            DuplicateRemoval::Exact => removed.to_string(),
            DuplicateRemoval::Adjacent => format!("{removed} adjacent, others are not removed"),
            DuplicateRemoval::None => "not removed".to_owned(),
        }
    }
}

/// An entry that is not a valid account id.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InvalidEntry {
    /// Its file, if the list is a directory or a glob.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    #[serde(skip)]
    pub unit: RecordUnit,
    /// Its line in the file, or its row in Parquet; from 1.
    pub line: u64,
    /// The entry, cut to some 200 bytes.
    pub account: String,
    /// What is wrong with it; continues a sentence that starts with "the account on line 7".
    pub reason: String,
}

impl From<&InvalidAccount> for InvalidEntry {
    fn from(invalid: &InvalidAccount) -> InvalidEntry {
        InvalidEntry {
            file: invalid.place.file.as_deref().map(str::to_owned),
            unit: invalid.place.unit,
            line: invalid.place.line,
            account: invalid.text.clone(),
            reason: invalid.reason.to_string(),
        }
    }
}

/// One line, with control characters escaped.
impl fmt::Display for InvalidEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let InvalidEntry { file, unit, line, account, reason } = self;
        let file = file.as_ref().map(|file| format!(" of {file}")).unwrap_or_default();
        let shown: String = account.chars().take(SHOWN_CHARACTERS).collect();
        let ellipsis = if shown.len() < account.len() { "…" } else { "" };
        write!(f, "on {unit} {line}{file}, {shown:?}{ellipsis} {reason}")
    }
}
