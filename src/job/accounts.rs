//! `[accounts]`: where the list is and how to read it.

use std::path::Path;

use super::check::Context;
use super::error::Refusal;
use super::file::AccountsFile;
use super::values::{fill_in_date, non_empty, path, required_text};
use crate::accounts::{ListFormat, ListPath, ListSource};

pub(super) fn check(file: &AccountsFile, context: &Context) -> Result<ListSource, Refusal> {
    const EXAMPLE: &str = "the path of the account list, or \"-\" for standard input";
    let text = required_text("accounts.path", file.path.as_ref(), EXAMPLE)?;
    let text = fill_in_date("accounts.path", text, context)?;
    let format = match file.format {
        Some(format) => format,
        None => format_of_name(&text)?,
    };
    let list_path = match text.as_str() {
        "-" => ListPath::Stdin,
        _ => ListPath::File(path("accounts.path", &text, context)?),
    };
    let column = column(file.column.as_ref(), format)?;
    Ok(ListSource { path: list_path, format: Some(format), column })
}

/// The format that the list's name tells: `.csv`, `.txt`, `.ndjson`, `.parquet`, then perhaps `.gz` or `.zst`.
fn format_of_name(name: &str) -> Result<ListFormat, Refusal> {
    ListFormat::of_path(Path::new(name)).ok_or_else(|| {
        let problem = match name {
            "-" => "is missing, and standard input has no name that tells it",
            _ => "is missing, and the name of accounts.path does not tell it",
        };
        Refusal::new(
            "accounts.format",
            format!("{problem}; write one of: csv, txt, ndjson, parquet"),
        )
    })
}

/// A csv list may be a single column; the accounts module knows when it has read the header.
fn column(column: Option<&String>, format: ListFormat) -> Result<Option<String>, Refusal> {
    const KEY: &str = "accounts.column";
    match (column, format) {
        (Some(_), ListFormat::Txt) => Err(Refusal::new(
            KEY,
            "is set, but a txt list has one account a line and no columns; take it out, or set accounts.format",
        )),
        (None, ListFormat::Ndjson | ListFormat::Parquet) => Err(Refusal::new(
            KEY,
            "is missing; write the name of the key (ndjson) or column (parquet) that holds the account",
        )),
        (None, _) => Ok(None),
        (Some(name), _) => {
            non_empty(KEY, name, "the name of the column that holds the account")?;
            Ok(Some(name.clone()))
        }
    }
}
