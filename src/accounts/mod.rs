//! Account lists: files of 10 thousand to 100 million account ids, read as a stream.
//!
//! ```text
//!  file or spooled stdin ─► digests ─► gunzip / unzstd ─► blocks ═► lines ─► csv | txt | ndjson ─┐
//!              └─────────── digests apart ─────────────────────────────────► parquet ────────────┴─► records ─► scan, distinct
//! ```
//! What stands left of `═►` runs on a thread of its own, at most four blocks of 256 KiB ahead.
//!
//! A list is read twice. [`AccountList::scan`] counts, digests and finds what may be a duplicate;
//! [`AccountList::distinct`] then yields every distinct valid account once, in list order. Memory does not grow with the
//! list except for the duplicate filter of the scan (1.125 bytes an account, freed when the scan ends). The share of
//! duplicates does not matter: where hundreds of thousands of accounts may occur more than once, the list is read once
//! more between the two passes, those accounts go to a temporary file, and one bit an entry is kept (`duplicates`).
//!
//! What counts as what, whatever the format:
//! * Ids are taken as they are. Only in `txt` are the blanks around an id dropped, since there they are layout (`psql -t`
//!   indents, editors leave trailing blanks); an account that begins or ends with a blank goes into one of the other
//!   formats, where quotes or RFC 4180 section 2.4 make its blanks part of the id.
//! * A line ends with LF, CRLF or a CR alone (old Mac files, some spreadsheets), also where a file mixes them. A line end
//!   inside a quoted CSV field, a lone CR too, belongs to the field. These are the rules of spreadsheets and CSV readers.
//! * A line of blanks is skipped and not counted. A byte order mark and a missing last line end are normal.
//! * What cannot be an account is an [`InvalidAccount`]; it never ends the scan and never reaches a call.
//! * No line may hold more than 1 MiB: beyond that it is an invalid account, in CSV an error (its end cannot be known).

mod bits;
mod blocks;
mod bloom;
mod caught;
mod column;
mod csv;
mod distinct;
mod duplicates;
mod encoding;
mod error;
mod file;
mod first;
mod input;
mod json_shape;
mod lines;
mod list;
mod ndjson;
mod parquet;
mod parquet_checks;
mod records;
mod scan;
mod spill;
#[cfg(test)]
mod tests;
mod text;
mod thrift;
mod validate;

pub use distinct::{Account, DistinctAccounts};
pub use error::ListError;
pub use list::{AccountList, ListFormat, ListPath, ListSource};
pub use scan::Scan;
#[cfg(test)]
pub use validate::InvalidReason;
pub use validate::{AccountName, InvalidAccount, MAX_ACCOUNT_BYTES};
