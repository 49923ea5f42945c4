//! A reader of published snapshots, made of nothing of the program's own but the names of files.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use arrow_array::cast::AsArray;
use arrow_array::types::{Date32Type, Int64Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, SchemaRef};
use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::civil::Date;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A cell as text: NULL is none; a date is yyyy-mm-dd.
pub type Cell = Option<String>;

/// Rows of one part or of several.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Names of the columns.
    pub columns: Vec<String>,
    /// The rows.
    pub rows: Vec<Vec<Cell>>,
}

impl Table {
    /// The accounts, in the order of the rows.
    pub fn accounts(&self) -> Vec<&str> {
        self.rows.iter().map(|row| row[0].as_deref().expect("account is never null")).collect()
    }

    /// The rows by account; fails the test when an account has two.
    #[track_caller]
    pub fn by_account(&self) -> BTreeMap<&str, &[Cell]> {
        let mut rows = BTreeMap::new();
        for row in &self.rows {
            let account = row[0].as_deref().expect("account is never null");
            assert!(rows.insert(account, row.as_slice()).is_none(), "two rows for {account}");
        }
        rows
    }
}

/// A line of `_failed_accounts.tsv`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct FailedAccount {
    pub account: String,
    pub category: String,
    pub error_code: Option<i64>,
    pub error_info: String,
    pub attempts: u32,
    pub last_attempt_at: String,
    pub input_line: u64,
}

/// A line of `_rejected_values.tsv`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(deny_unknown_fields)]
#[allow(missing_docs)]
pub struct RejectedValue {
    pub account: String,
    pub tag: String,
    pub expected_type: String,
    pub value: String,
}

/// A published snapshot.
#[derive(Debug)]
pub struct Snapshot {
    directory: PathBuf,
}

impl Snapshot {
    /// The snapshot in a directory; fails the test unless it is complete.
    #[track_caller]
    pub fn at(directory: PathBuf) -> Snapshot {
        assert!(directory.join("_SUCCESS").is_file(), "no snapshot at {}", directory.display());
        Snapshot { directory }
    }

    /// A file of it.
    pub fn path(&self, file: &str) -> PathBuf {
        self.directory.join(file)
    }

    /// The bytes of a file of it.
    pub fn bytes(&self, file: &str) -> Vec<u8> {
        fs::read(self.path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
    }

    /// Names of all its files.
    pub fn files(&self) -> BTreeSet<String> {
        let entries = fs::read_dir(&self.directory).unwrap();
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
    }

    /// Names of its part files, in order.
    pub fn parts(&self) -> Vec<String> {
        self.files().into_iter().filter(|name| !name.starts_with('_')).collect()
    }

    /// The part files' bytes by name.
    pub fn part_bytes(&self) -> BTreeMap<String, Vec<u8>> {
        self.parts().into_iter().map(|name| (name.clone(), self.bytes(&name))).collect()
    }

    /// The rows of one part file.
    pub fn part(&self, file: &str) -> Table {
        let text = match file.split_once('.').unwrap().1 {
            "parquet" => return read_parquet(&self.path(file)),
            "csv" => self.bytes(file),
            "csv.gz" => {
                let mut text = Vec::new();
                let packed = File::open(self.path(file)).unwrap();
                flate2::read::MultiGzDecoder::new(packed).read_to_end(&mut text).unwrap();
                text
            }
            "csv.zst" => zstd::decode_all(&*self.bytes(file)).unwrap(),
            other => panic!("{file}: a part ends in .{other}"),
        };
        let mut table = read_csv(&text);
        self.decode_bytes(&mut table);
        table
    }

    /// In CSV, columns of bytes are base64.
    fn decode_bytes(&self, table: &mut Table) {
        let manifest = self.manifest();
        for (index, column) in manifest["columns"].as_array().unwrap().iter().enumerate() {
            if column["type"] == "bytes" {
                for cell in table.rows.iter_mut().filter_map(|row| row[index].as_mut()) {
                    *cell = String::from_utf8(BASE64.decode(&*cell).unwrap()).unwrap();
                }
            }
        }
    }

    /// The rows of all parts, in order.
    pub fn table(&self) -> Table {
        let mut parts = self.parts().into_iter().map(|file| self.part(&file));
        let mut table = parts.next().expect("a snapshot has a part");
        for part in parts {
            assert_eq!(part.columns, table.columns);
            table.rows.extend(part.rows);
        }
        table
    }

    /// The schema of a Parquet part.
    pub fn schema(&self, file: &str) -> SchemaRef {
        let file = File::open(self.path(file)).unwrap();
        ParquetRecordBatchReaderBuilder::try_new(file).unwrap().schema().clone()
    }

    /// `_failed_accounts.tsv`.
    pub fn failed(&self) -> Vec<FailedAccount> {
        self.sidecar("_failed_accounts.tsv")
    }

    /// `_rejected_values.tsv`.
    pub fn rejected(&self) -> Vec<RejectedValue> {
        self.sidecar("_rejected_values.tsv")
    }

    fn sidecar<L: DeserializeOwned>(&self, file: &str) -> Vec<L> {
        let mut builder = csv::ReaderBuilder::new();
        let mut reader = builder.delimiter(b'\t').from_path(self.path(file)).unwrap();
        reader.deserialize().map(Result::unwrap).collect()
    }

    /// `_manifest.json`.
    pub fn manifest(&self) -> serde_json::Value {
        serde_json::from_slice(&self.bytes("_manifest.json")).unwrap()
    }
}

fn read_parquet(path: &Path) -> Table {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap();
    let columns = builder.schema().fields().iter().map(|field| field.name().clone()).collect();
    let mut rows = Vec::new();
    for batch in builder.build().unwrap() {
        let batch = batch.unwrap();
        rows.extend((0..batch.num_rows()).map(|row| {
            batch.columns().iter().map(|column| cell(column, row)).collect::<Vec<Cell>>()
        }));
    }
    Table { columns, rows }
}

fn cell(column: &ArrayRef, row: usize) -> Cell {
    if column.is_null(row) {
        return None;
    }
    Some(match column.data_type() {
        DataType::Utf8 => column.as_string::<i32>().value(row).to_owned(),
        DataType::Binary => {
            String::from_utf8(column.as_binary::<i32>().value(row).to_vec()).unwrap()
        }
        DataType::Int64 => column.as_primitive::<Int64Type>().value(row).to_string(),
        DataType::UInt32 => column.as_primitive::<UInt32Type>().value(row).to_string(),
        DataType::UInt64 => column.as_primitive::<UInt64Type>().value(row).to_string(),
        DataType::Date32 => {
            let days = jiff::Span::new().days(column.as_primitive::<Date32Type>().value(row));
            Date::constant(1970, 1, 1).checked_add(days).unwrap().to_string()
        }
        other => panic!("a snapshot has no column of type {other}"),
    })
}

/// Reads CSV telling NULL from the empty string, and makes sure that the csv crate reads the same texts.
#[track_caller]
pub fn read_csv(text: &[u8]) -> Table {
    let text = std::str::from_utf8(text).unwrap();
    let mut rows = split_csv(text);
    let mut reader =
        csv::ReaderBuilder::new().has_headers(false).flexible(false).from_reader(text.as_bytes());
    let records: Vec<Vec<String>> = reader
        .records()
        .map(|record| record.unwrap().iter().map(str::to_owned).collect())
        .collect();
    let texts: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| cell.clone().unwrap_or_default()).collect())
        .collect();
    assert_eq!(texts, records, "the csv crate reads other cells");
    let columns = rows.remove(0).into_iter().map(|name| name.expect("a column has a name"));
    Table { columns: columns.collect(), rows }
}

/// RFC 4180 with LF; an unquoted empty field is none.
fn split_csv(text: &str) -> Vec<Vec<Cell>> {
    let mut rows = Vec::new();
    let mut row = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let cell = match rest.strip_prefix('"') {
            Some(quoted) => {
                let (cell, after) = split_quoted(quoted);
                rest = after;
                Some(cell)
            }
            None => {
                let end = rest.find([',', '\n']).expect("the last line ends");
                let cell = &rest[..end];
                assert!(!cell.contains(['"', '\r']), "{cell:?} is not quoted");
                rest = &rest[end..];
                (!cell.is_empty()).then(|| cell.to_owned())
            }
        };
        row.push(cell);
        let is_last_of_row = rest.starts_with('\n');
        assert!(is_last_of_row || rest.starts_with(','), "after a field: {rest:?}");
        rest = &rest[1..];
        if is_last_of_row {
            rows.push(std::mem::take(&mut row));
        }
    }
    assert!(row.is_empty(), "the last line ends");
    rows
}

fn split_quoted(text: &str) -> (String, &str) {
    let mut cell = String::new();
    let mut rest = text;
    loop {
        let end = rest.find('"').expect("a quoted field ends");
        cell.push_str(&rest[..end]);
        rest = &rest[end + 1..];
        match rest.strip_prefix('"') {
            Some(after) => {
                cell.push('"');
                rest = after;
            }
            None => return (cell, rest),
        }
    }
}
