//! `[accounts]`: where the list is and how to read it.

use std::path::Path;

use crate::accounts::{ListFormat, ListPath, ListSource};
use crate::job::error::KeyError;
use crate::job::file::AccountsFile;
use crate::job::validate::Context;
use crate::job::values::{fill_in_date, non_empty, path, reject_url, required_text};

/// `memory_bytes` is of `[limits]`.
pub fn validate(
    file: &AccountsFile,
    memory_bytes: u64,
    context: &Context,
) -> Result<ListSource, KeyError> {
    const EXAMPLE: &str = "the path of the account list, or \"-\" for standard input";
    let text = required_text("accounts.path", file.path.as_ref(), EXAMPLE)?;
    reject_url("accounts.path", text)?;
    let text = fill_in_date("accounts.path", text, context)?;
    let list_path = match text.as_str() {
        "-" => ListPath::Stdin,
        _ => ListPath::File(path("accounts.path", &text, context)?),
    };
    let format = match (file.format, &list_path) {
        (Some(format), _) => Some(format),
        (None, ListPath::File(path)) if may_be_several_files(path) => ListFormat::from_path(path),
        (None, _) => Some(format_from_name(&text)?),
    };
    let column = column(file.column.as_ref(), format)?;
    let duplicates = file.duplicates.unwrap_or_default();
    Ok(ListSource { path: list_path, format, column, duplicates, memory_bytes })
}

/// The names of the files in a directory may show their format, if its own name or the glob does not.
fn may_be_several_files(path: &Path) -> bool {
    let is_glob = path.to_string_lossy().contains(['*', '?', '[']);
    !path.is_file() && (is_glob || path.extension().is_none() || path.is_dir())
}

/// The format by file name extension: `.csv`, `.tsv`, `.txt`, `.ndjson`, `.jsonl` or `.parquet`, optionally followed by `.gz` or `.zst`.
fn format_from_name(name: &str) -> Result<ListFormat, KeyError> {
    ListFormat::from_path(Path::new(name)).ok_or_else(|| {
        let problem = match name {
            name if name.to_ascii_lowercase().ends_with(".json") => {
                return KeyError::new(
                    "accounts.format",
                    "is missing, and a .json file may hold anything; write ndjson if it has one object per line",
                );
            }
            "-" => "is missing, and standard input has no file name to derive it from",
            _ => "is missing and cannot be derived from the file name in accounts.path",
        };
        KeyError::new(
            "accounts.format",
            format!("{problem}; write one of: csv, tsv, txt, ndjson, parquet"),
        )
    })
}

/// A csv or tsv list may have a single column; only its header shows that, so the accounts module checks it.
fn column(column: Option<&String>, format: Option<ListFormat>) -> Result<Option<String>, KeyError> {
    const KEY: &str = "accounts.column";
    match (column, format) {
        (Some(_), Some(ListFormat::Txt)) => Err(KeyError::new(
            KEY,
            "is set, but a txt list has one account per line and no columns; remove it, or set accounts.format",
        )),
        (None, Some(ListFormat::Ndjson | ListFormat::Parquet)) => Err(KeyError::new(
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
