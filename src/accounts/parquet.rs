//! Parquet lists: one string or integer column, read by value below Arrow, so that a text that is not UTF-8 costs its row
//! and not the list. Rows count from 1; a null is an empty id.

use std::io::{self, BufReader, Read, Write};

use bytes::Bytes;
use parquet::basic::{ConvertedType, LogicalType, Type as PhysicalType};
use parquet::column::reader::ColumnReader;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, FileReader, Length, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::caught::catch;
use super::column::find_column;
use super::error::ListError;
use super::file::{Digesting, ListDigests, ListFile};
use super::parquet_checks::{ensure_pages_are_sound, open_file};
use super::records::{Entry, Record};

/// Values decoded at a time.
const BATCH_ROWS: usize = 4096;

/// Reads the rows of all row groups in order.
pub(super) struct ParquetRecords {
    file: ListFile,
    digesting: Digesting,
    reader: SerializedFileReader<ListFile>,
    leaf: usize,
    is_unsigned: bool,
    next_row_group: usize,
    column: Option<ColumnReader>,
    /// Rows of the started row groups that are not decoded yet.
    rows_left: u64,
    batch: Batch,
    /// Row of the batch that is read next, and number of the current row in the list.
    next_in_batch: usize,
    row: u64,
    id: Vec<u8>,
}

impl ParquetRecords {
    /// Begins before the first row of the column named `wanted`, or of the only one.
    pub fn open(
        file: &ListFile,
        wanted: Option<&str>,
        digesting: Digesting,
    ) -> Result<Self, ListError> {
        let reader = open_file(file).map_err(|error| unsound(file, error))?;
        let schema = reader.metadata().file_metadata().schema_descr_ptr();
        let names: Vec<String> =
            schema.root_schema().get_fields().iter().map(|field| field.name().to_owned()).collect();
        let position = find_column(&file.name, wanted, &names)?;
        let leaves = || {
            (0..schema.num_columns()).filter(|leaf| schema.get_column_root_idx(*leaf) == position)
        };
        let leaf = leaves().next().unwrap_or_default();
        let descriptor = schema.column(leaf);
        if let Err(found) = ensure_holds_ids(&descriptor) {
            let column = names[position].clone();
            return Err(ListError::ColumnType { list: file.name.to_string(), column, found });
        }
        Ok(Self {
            file: file.clone(),
            digesting,
            is_unsigned: is_unsigned(&descriptor),
            leaf,
            reader,
            next_row_group: 0,
            column: None,
            rows_left: 0,
            batch: Batch::default(),
            next_in_batch: 0,
            row: 0,
            id: Vec::new(),
        })
    }

    /// Goes to the next row; false at the end of the list.
    pub fn advance(&mut self) -> Result<bool, ListError> {
        if self.next_in_batch == self.batch.rows {
            self.next_in_batch = 0;
            if !guarded(|| self.read_batch()).map_err(|error| unsound(&self.file, error))? {
                return Ok(false);
            }
        }
        let value = self.batch.place(self.next_in_batch);
        self.next_in_batch += 1;
        self.row += 1;
        self.id.clear();
        if let Some(at) = value {
            self.batch.values.write(at, self.is_unsigned, &mut self.id);
        }
        Ok(true)
    }

    /// The current row.
    pub fn record(&self) -> Record<'_> {
        Record { line: self.row, entry: Entry::Bytes(&self.id), fault: None }
    }

    /// Digests of the stored bytes, which are read for it from front to back.
    pub fn digests(&self) -> Result<ListDigests, ListError> {
        self.file.digests(self.digesting)
    }

    /// Rows of the whole list, as its footer says.
    pub fn rows(&self) -> u64 {
        self.reader.metadata().file_metadata().num_rows().try_into().unwrap_or_default()
    }

    /// Decodes the next values; false after the last row group.
    fn read_batch(&mut self) -> Result<bool, ParquetError> {
        loop {
            if let Some(column) = &mut self.column
                && self.batch.fill(column)?
            {
                self.rows_left = self
                    .rows_left
                    .checked_sub(self.batch.rows as u64)
                    .ok_or_else(|| contradiction("a row group holds more rows than it says"))?;
                return Ok(true);
            }
            if self.rows_left > 0 {
                return Err(contradiction("a row group holds fewer rows than it says"));
            }
            if self.next_row_group == self.reader.num_row_groups() {
                return Ok(false);
            }
            let row_group = self.reader.get_row_group(self.next_row_group)?;
            ensure_pages_are_sound(&self.file, row_group.metadata().column(self.leaf))?;
            self.rows_left = row_group.metadata().num_rows().try_into()?;
            self.column = Some(row_group.get_column_reader(self.leaf)?);
            self.next_row_group += 1;
        }
    }
}

/// The `parquet` crate asserts, in places, what a damaged file does not hold. What it leaves behind then is not used again.
pub(super) fn guarded<T>(
    work: impl FnOnce() -> Result<T, ParquetError>,
) -> Result<T, ParquetError> {
    catch(work).unwrap_or_else(|| Err(contradiction("its parts contradict one another")))
}

pub(super) fn contradiction(what: &str) -> ParquetError {
    ParquetError::General(what.to_owned())
}

/// An error of the disk says nothing about the file on it.
fn unsound(file: &ListFile, source: ParquetError) -> ListError {
    match source {
        ParquetError::External(cause) => match cause.downcast::<io::Error>() {
            Ok(error) if error.raw_os_error().is_some() => file.read_error(*error),
            Ok(error) => unsound_because(file, ParquetError::External(error)),
            Err(cause) => unsound_because(file, ParquetError::External(cause)),
        },
        source => unsound_because(file, source),
    }
}

fn unsound_because(file: &ListFile, source: ParquetError) -> ListError {
    ListError::Parquet { list: file.name.to_string(), source }
}

/// Decoded values of consecutive rows.
#[derive(Default)]
struct Batch {
    rows: usize,
    values: Values,
    /// For a nullable column, each row's place among the values; empty otherwise.
    places: Vec<Option<usize>>,
    definition_levels: Vec<i16>,
}

impl Batch {
    fn fill(&mut self, column: &mut ColumnReader) -> Result<bool, ParquetError> {
        self.definition_levels.clear();
        self.places.clear();
        let levels = &mut self.definition_levels;
        let (rows, values) = match column {
            ColumnReader::ByteArrayColumnReader(column) => {
                let mut values = Vec::with_capacity(BATCH_ROWS);
                let read = column.read_records(BATCH_ROWS, Some(levels), None, &mut values)?;
                (read.0, Values::Text(values))
            }
            ColumnReader::Int32ColumnReader(column) => {
                let mut values = Vec::with_capacity(BATCH_ROWS);
                let read = column.read_records(BATCH_ROWS, Some(levels), None, &mut values)?;
                (read.0, Values::Int32(values))
            }
            ColumnReader::Int64ColumnReader(column) => {
                let mut values = Vec::with_capacity(BATCH_ROWS);
                let read = column.read_records(BATCH_ROWS, Some(levels), None, &mut values)?;
                (read.0, Values::Int64(values))
            }
            _ => {
                return Err(ParquetError::General(
                    "a column chunk does not have the type of its column".to_owned(),
                ));
            }
        };
        let mut place = 0;
        for level in &self.definition_levels {
            self.places.push((*level > 0).then_some(place));
            place += usize::from(*level > 0);
        }
        let values_needed = if self.places.is_empty() { rows } else { place };
        if values.len() < values_needed || (!self.places.is_empty() && self.places.len() < rows) {
            return Err(ParquetError::General("a page holds fewer values than it says".to_owned()));
        }
        self.rows = rows;
        self.values = values;
        Ok(rows > 0)
    }

    /// Place of a row's value; none when it is null.
    fn place(&self, row: usize) -> Option<usize> {
        if self.places.is_empty() { Some(row) } else { self.places[row] }
    }
}

enum Values {
    Text(Vec<ByteArray>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
}

impl Default for Values {
    fn default() -> Self {
        Self::Text(Vec::new())
    }
}

impl Values {
    fn len(&self) -> usize {
        match self {
            Self::Text(values) => values.len(),
            Self::Int32(values) => values.len(),
            Self::Int64(values) => values.len(),
        }
    }

    fn write(&self, place: usize, is_unsigned: bool, id: &mut Vec<u8>) {
        let written = match (self, is_unsigned) {
            (Self::Text(values), _) => id.write_all(values[place].data()),
            (Self::Int32(values), false) => write!(id, "{}", values[place]),
            (Self::Int32(values), true) => write!(id, "{}", values[place].cast_unsigned()),
            (Self::Int64(values), false) => write!(id, "{}", values[place]),
            (Self::Int64(values), true) => write!(id, "{}", values[place].cast_unsigned()),
        };
        written.expect("writing to a Vec cannot fail");
    }
}

/// Refuses, with a word for what it is, a column that is not plain text or integers at the top level.
fn ensure_holds_ids(column: &ColumnDescriptor) -> Result<(), String> {
    if column.path().parts().len() > 1 || column.max_rep_level() > 0 {
        return Err("a nested value".to_owned());
    }
    let logical = column.logical_type_ref();
    let is_id = match column.physical_type() {
        PhysicalType::BYTE_ARRAY => {
            matches!(
                logical,
                None | Some(LogicalType::String | LogicalType::Enum | LogicalType::Unknown)
            ) && matches!(
                column.converted_type(),
                ConvertedType::NONE | ConvertedType::UTF8 | ConvertedType::ENUM
            )
        }
        PhysicalType::INT32 | PhysicalType::INT64 => {
            matches!(logical, None | Some(LogicalType::Integer(_) | LogicalType::Unknown))
                && (is_unsigned(column) || is_signed(column))
        }
        _ => false,
    };
    let annotation = match (logical, column.converted_type()) {
        (Some(logical), _) => format!(" ({logical:?})"),
        (None, ConvertedType::NONE) => String::new(),
        (None, converted) => format!(" ({converted})"),
    };
    if is_id { Ok(()) } else { Err(format!("{}{annotation}", column.physical_type())) }
}

fn is_unsigned(column: &ColumnDescriptor) -> bool {
    use ConvertedType::{UINT_8, UINT_16, UINT_32, UINT_64};
    matches!(column.logical_type_ref(), Some(LogicalType::Integer(integer)) if !integer.is_signed)
        || matches!(column.converted_type(), UINT_8 | UINT_16 | UINT_32 | UINT_64)
}

fn is_signed(column: &ColumnDescriptor) -> bool {
    use ConvertedType::{INT_8, INT_16, INT_32, INT_64, NONE};
    matches!(column.converted_type(), NONE | INT_8 | INT_16 | INT_32 | INT_64)
}

impl Length for ListFile {
    fn len(&self) -> u64 {
        self.bytes
    }
}

impl ChunkReader for ListFile {
    type T = BufReader<FileSection>;

    fn get_read(&self, start: u64) -> parquet::errors::Result<Self::T> {
        Ok(BufReader::new(FileSection { file: self.clone(), position: start }))
    }

    fn get_bytes(&self, start: u64, length: usize) -> parquet::errors::Result<Bytes> {
        // The footer of a damaged file may ask for any length: no memory is set aside for bytes that are not there.
        if start.checked_add(length as u64).is_none_or(|end| end > self.bytes) {
            return Err(ParquetError::EOF(format!(
                "{length} bytes at {start} reach beyond the end of the file"
            )));
        }
        let mut bytes = vec![0; length];
        FileSection { file: self.clone(), position: start }.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}

/// Reads a list from somewhere on.
pub(super) struct FileSection {
    file: ListFile,
    position: u64,
}

impl Read for FileSection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read_at(buffer, self.position)?;
        self.position += length as u64;
        Ok(length)
    }
}
