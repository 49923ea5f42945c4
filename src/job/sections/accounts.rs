//! `[accounts]`: where the list is and how to read it.

use std::path::Path;

use crate::accounts::{ListFormat, ListPath, ListSource, ObjectList, ObjectSelection};
use crate::job::BucketOutput;
use crate::job::error::KeyError;
use crate::job::file::AccountsFile;
use crate::job::validate::Context;
use crate::job::values::{fill_in_date, non_empty, path, required_text};
use crate::util::paths::is_url;

/// `memory_bytes` is of `[limits]`; `bucket` is how object stores are used.
pub fn validate(
    file: &AccountsFile,
    memory_bytes: u64,
    bucket: &BucketOutput,
    context: &Context,
) -> Result<ListSource, KeyError> {
    const EXAMPLE: &str = "the path of the account list, or \"-\" for standard input";
    let text = required_text(PATH, file.path.as_ref(), EXAMPLE)?;
    // Before the date, whose message would repeat a part of the URL.
    objects(text)?;
    let text = fill_in_date(PATH, text, context)?;
    let list_path = match (text.as_str(), objects(&text)?) {
        (_, Some(objects)) => {
            let BucketOutput { bucket, patience, scratch } = bucket.clone();
            ListPath::Objects(Box::new(ObjectList { objects, bucket, patience, scratch }))
        }
        ("-", None) => ListPath::Stdin,
        (path_text, None) => ListPath::File(path(PATH, path_text, context)?),
    };
    let format = match (file.format, &list_path) {
        (Some(format), _) => Some(format),
        (None, ListPath::Objects(list)) if list.objects.filter().is_some() => {
            ListFormat::from_path(list.objects.name())
        }
        (None, ListPath::File(path)) if may_be_several_files(path) => ListFormat::from_path(path),
        (None, _) => Some(format_from_name(&text)?),
    };
    let column = column(file.column.as_ref(), format)?;
    let duplicates = file.duplicates.unwrap_or_default();
    Ok(ListSource { path: list_path, format, column, duplicates, memory_bytes })
}

const PATH: &str = "accounts.path";

/// The objects of a URL; `None` for a path.
fn objects(text: &str) -> Result<Option<ObjectSelection>, KeyError> {
    ObjectSelection::parse(text).map_err(|error| KeyError::new(PATH, error))
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
            url if is_url(Path::new(url)) => {
                return KeyError::new(
                    "accounts.format",
                    "is missing and cannot be derived from the name of the object in accounts.path; write one of: csv, tsv, txt, ndjson, parquet, or end accounts.path with / to read every object below it",
                );
            }
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
