//! Parquet lists: one string or integer column, read by value instead of through Arrow, so that text that is not UTF-8
//! invalidates its row and not the list. Rows are counted from 1; a null is an empty account.
//!
//! The footer is checked before the `parquet` crate reads it, and the pages are read and decompressed here ([`pages`]),
//! because the crate limits neither loops over a damaged footer nor the memory for a page. The crate decodes the values.

mod batch;
pub(super) mod caught_panic;
mod checks;
mod codec;
mod column_type;
mod decimal;
mod delta;
mod encoding;
mod fault;
mod file_access;
mod footer;
mod page_header;
mod pages;
mod thrift;

use parquet::column::reader::{ColumnReader, get_column_reader};
use parquet::errors::ParquetError;
use parquet::file::reader::{FileReader, SerializedFileReader};

use batch::Batch;
use caught_panic::catch;
use checks::open_file;
use column_type::{ValueForm, value_form};
use fault::{inconsistency, read_error, unsupported};
use pages::Pages;

use crate::accounts::column::find_column;
use crate::accounts::error::ListError;
use crate::accounts::list_file::{Digesting, ListDigests, ListFile};
use crate::accounts::records::{RawAccount, Record};

/// Reads the rows of all row groups in order.
pub struct ParquetRecords {
    file: ListFile,
    digesting: Digesting,
    reader: SerializedFileReader<ListFile>,
    leaf: usize,
    form: ValueForm,
    next_row_group: usize,
    column: Option<ColumnReader>,
    /// Rows of it to decode at a time.
    batch_rows: usize,
    /// Rows of the current row group that are not decoded yet.
    rows_left: u64,
    batch: Batch,
    next_in_batch: usize,
    /// Number of the current row in the list, from 1.
    row: u64,
    account: Vec<u8>,
}

impl ParquetRecords {
    /// Starts before the first row of the column named `wanted`, or of the only column.
    pub fn open(
        file: &ListFile,
        wanted: Option<&str>,
        digesting: Digesting,
    ) -> Result<Self, ListError> {
        let (reader, footer) = open_file(file).map_err(|error| read_error(file, error))?;
        let schema = reader.metadata().file_metadata().schema_descr_ptr();
        let names: Vec<String> =
            schema.root_schema().get_fields().iter().map(|field| field.name().to_owned()).collect();
        let position = find_column(&file.name, wanted, &names)?;
        let leaves = || {
            (0..schema.num_columns()).filter(|leaf| schema.get_column_root_idx(*leaf) == position)
        };
        let leaf = leaves().next().unwrap_or_default();
        let descriptor = schema.column(leaf);
        let root = &schema.root_schema().get_fields()[position];
        let form = value_form(root, &descriptor).map_err(|found| {
            let column = names[position].clone();
            ListError::ColumnType { list: file.name.to_string(), column, found }
        })?;
        if footer.is_encrypted(leaf) {
            let what = format!(
                "has an encrypted column {:?}; write it without encryption",
                names[position]
            );
            return Err(read_error(file, unsupported(what)));
        }
        Ok(Self {
            file: file.clone(),
            digesting,
            form,
            leaf,
            reader,
            next_row_group: 0,
            column: None,
            batch_rows: 0,
            rows_left: 0,
            batch: Batch::default(),
            next_in_batch: 0,
            row: 0,
            account: Vec::new(),
        })
    }

    /// Advances to the next row; false at the end of the list.
    pub fn advance(&mut self) -> Result<bool, ListError> {
        if self.next_in_batch == self.batch.rows {
            self.next_in_batch = 0;
            if !guarded(|| self.read_batch()).map_err(|error| read_error(&self.file, error))? {
                return Ok(false);
            }
        }
        let value = self.batch.value_index(self.next_in_batch);
        self.next_in_batch += 1;
        self.row += 1;
        self.account.clear();
        if let Some(index) = value {
            self.batch.values.write(index, self.form, &mut self.account);
        }
        Ok(true)
    }

    pub fn record(&self) -> Record<'_> {
        Record { line: self.row, raw: RawAccount::Bytes(&self.account), fault: None }
    }

    /// Digests of the stored bytes, which this reads from start to end.
    pub fn digests(&self) -> Result<ListDigests, ListError> {
        self.file.digests(self.digesting)
    }

    /// Number of rows of the list, as declared by its footer.
    pub fn rows(&self) -> u64 {
        self.reader.metadata().file_metadata().num_rows().try_into().unwrap_or_default()
    }

    /// Decodes the next values; false after the last row group.
    fn read_batch(&mut self) -> Result<bool, ParquetError> {
        loop {
            if let Some(column) = &mut self.column
                && self.batch.fill(column, self.batch_rows)?
            {
                self.rows_left = self
                    .rows_left
                    .checked_sub(self.batch.rows as u64)
                    .ok_or_else(|| inconsistency("a row group holds more rows than it declares"))?;
                return Ok(true);
            }
            if self.rows_left > 0 {
                return Err(inconsistency("a row group holds fewer rows than it declares"));
            }
            if self.next_row_group == self.reader.num_row_groups() {
                return Ok(false);
            }
            let row_group = self.reader.metadata().row_group(self.next_row_group);
            let column = row_group.column(self.leaf);
            let pages = Pages::new(&self.file, column)?;
            self.rows_left = row_group.num_rows().try_into()?;
            self.batch_rows = pages.batch_rows();
            self.column = Some(get_column_reader(column.column_descr_ptr(), Box::new(pages)));
            self.next_row_group += 1;
        }
    }
}

/// The `parquet` crate panics on some damaged files. The reader is not used after such a panic.
pub fn guarded<T>(work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    catch(work).unwrap_or_else(|| Err(inconsistency("its parts are inconsistent")))
}
