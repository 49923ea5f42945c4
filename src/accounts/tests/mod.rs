//! Tests that write a list to disk, open it, scan it and read it.

mod duplicates;
mod first_accounts;
mod formats;
mod parquet_files;
mod parquet_refusals;
mod properties;
mod reading_twice;
mod refusals;
#[cfg(target_os = "linux")]
mod scale;
mod several_files;

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::file::properties::WriterProperties;
use arrow_array::{ArrayRef, RecordBatch};
use flate2::write::GzEncoder;
use tempfile::TempDir;

use super::*;

pub const ANY_COLUMN: &str = "id";

/// A list in its own temporary directory.
pub struct ListOnDisk {
    directory: TempDir,
    name: String,
}

impl ListOnDisk {
    pub fn new(name: &str, bytes: &[u8]) -> Self {
        let directory = TempDir::new().unwrap();
        std::fs::write(directory.path().join(name), bytes).unwrap();
        Self { directory, name: name.to_owned() }
    }

    pub fn source(&self, format: Option<ListFormat>, column: Option<&str>) -> ListSource {
        let path = ListPath::File(self.directory.path().join(&self.name));
        let column = column.map(str::to_owned);
        ListSource {
            path,
            format,
            column,
            duplicates: DuplicateRemoval::Exact,
            memory_bytes: ListSource::DEFAULT_MEMORY_BYTES,
        }
    }

    pub fn open_with(&self, duplicates: DuplicateRemoval) -> AccountList {
        let source = ListSource { duplicates, ..self.source(None, None) };
        AccountList::open(&source, self.directory.path()).unwrap()
    }

    pub fn open(&self, column: Option<&str>) -> Result<AccountList, ListError> {
        AccountList::open(&self.source(None, column), self.directory.path())
    }

    /// The whole error chain, without the directory.
    pub fn message(&self, error: &dyn std::error::Error) -> String {
        let mut message = error.to_string();
        let mut source = error.source();
        while let Some(cause) = source {
            message += &format!(": {cause}");
            source = cause.source();
        }
        message.replace(&format!("{}/", self.directory.path().display()), "")
    }
}

/// Results of both passes.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ReadResult {
    pub accounts: Vec<(String, u64)>,
    pub invalid: Vec<(u64, String, InvalidReason)>,
    pub duplicates: u64,
}

impl ReadResult {
    pub fn names(&self) -> Vec<&str> {
        self.accounts.iter().map(|(name, _)| name.as_str()).collect()
    }
}

pub fn read(list: &AccountList) -> Result<ReadResult, ListError> {
    let mut found = ReadResult::default();
    let mut reported = 0;
    let scan = list.scan(
        &mut |invalid| {
            found.invalid.push((invalid.line, invalid.text.clone(), invalid.reason));
            Ok(())
        },
        &mut |records| reported = records,
    )?;
    let mut distinct = list.distinct(&scan)?;
    while let Some(account) = distinct.next_account()? {
        found.accounts.push((account.name.to_string(), account.line));
    }
    assert_eq!(distinct.next_account()?, None);
    found.duplicates = distinct.duplicates();
    assert_eq!(reported, scan.valid + scan.invalid);
    assert_eq!(scan.invalid, found.invalid.len() as u64);
    assert_eq!(scan.valid, found.accounts.len() as u64 + found.duplicates);
    assert!(scan.requested_at_least <= found.accounts.len() as u64);
    assert_eq!(list.distinct(&scan)?.count()?, found.accounts.len() as u64);
    Ok(found)
}

pub fn read_bytes(name: &str, bytes: &[u8], column: Option<&str>) -> ReadResult {
    read(&ListOnDisk::new(name, bytes).open(column).unwrap()).unwrap()
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

pub fn zstd(bytes: &[u8]) -> Vec<u8> {
    zstd::encode_all(bytes, 0).unwrap()
}

pub fn parquet(columns: &[(&str, ArrayRef)]) -> Vec<u8> {
    let fields = columns.iter().map(|(name, array)| (*name, Arc::clone(array), true));
    let batch = RecordBatch::try_from_iter_with_nullable(fields).unwrap();
    let properties = WriterProperties::builder().set_max_row_group_row_count(Some(3)).build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

pub fn files_in(directory: &Path) -> usize {
    std::fs::read_dir(directory).unwrap().count()
}
