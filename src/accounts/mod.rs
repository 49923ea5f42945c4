//! Account lists: files of 10 thousand to a billion accounts, read as a stream.
//!
//! ```text
//!  file, or spooled stdin or objects ─► digests ─► gunzip / unzstd ─► blocks ═► lines ─► csv, tsv | txt | ndjson ─┐
//!              └─────────── separate digests ──────────────────────────────────────────► parquet ─────────────────┴─► records ─► scan, distinct
//! ```
//! Everything to the left of `═►` runs on its own thread, at most four blocks of 256 KiB ahead.
//!
//! A list is read twice. [`AccountList::scan`] counts, digests and finds possible duplicates; [`AccountList::distinct`]
//! then yields every distinct valid account once, in list order. Memory does not grow with the list beyond
//! `limits.memory`, most of which is the duplicate filter of the scan (1.125 bytes per account, freed when the scan ends).
//! A list with more accounts than that is read several times between the two passes, once for each part of the hashes.
//! Memory does not grow with the proportion of duplicates either: if hundreds of thousands of accounts may occur more than
//! once, the list is read once more, and those accounts and the numbers of the repeats are written to temporary files
//! (`duplicates`).
//!
//! Rules for all formats:
//! * Accounts are taken literally. Only in `txt` is white space around an account removed, because there it is layout
//!   (`psql -t` indents, editors leave trailing blanks). An account that starts or ends with white space needs another
//!   format, where quotes or RFC 4180 section 2.4 make it part of the account.
//! * A line ends with LF, CRLF or a single CR (old Mac files, some spreadsheets), also in one file. A line end inside a
//!   quoted CSV field, a single CR included, belongs to the field. These are the rules of spreadsheets and CSV readers.
//! * A blank line is skipped and not counted. A byte order mark and a missing last line end are allowed.
//! * A record that cannot be an account is an [`InvalidAccount`]; it never ends the scan and is never sent to the
//!   service.
//! * A line may hold at most 1 MiB. A longer line is an invalid account, except in CSV, where it is an error, because
//!   the end of the record cannot be known.

mod account_rules;
mod block_reader;
mod checked_file;
mod column;
mod content_checks;
mod csv;
mod decompress;
mod distinct;
mod duplicates;
mod encoding;
mod error;
mod file_records;
mod file_selection;
mod file_set;
mod first_accounts;
mod lines;
mod list;
mod list_file;
mod list_warnings;
mod members;
mod name_filter;
mod ndjson;
mod object_list;
mod object_listing;
mod object_spool;
mod other_json;
mod parquet;
mod record_stream;
mod records;
mod scan;
mod source;
#[cfg(test)]
mod tests;
mod txt;
mod zstd_frame;

pub use account_rules::{AccountName, InvalidAccount, InvalidReason, MAX_ACCOUNT_BYTES};
pub use distinct::{DistinctAccounts, ListedAccount};
pub use error::ListError;
pub use file_selection::FileSelection;
pub use list::AccountList;
pub use list_warnings::{ListWarning, WarningKind};
pub use object_list::{ObjectList, ObjectSelection};
pub use record_stream::{RecordFormat, RecordSettings, RecordStream, RecordStreamError};
#[cfg(test)]
pub use records::RawAccount;
pub use records::{Record, RecordPlace, RecordUnit};
pub use scan::Scan;
pub use source::{DuplicateRemoval, ListFormat, ListPath, ListSource};
