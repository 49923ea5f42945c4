//! Parquet lists: one string or integer column, read by value below Arrow, so that a text that is not UTF-8 costs its row
//! and not the list. Rows count from 1; a null is an empty id.

use std::io::{self, BufReader, Read, Write};

use bytes::Bytes;
use parquet::basic::{ConvertedType, LogicalType, Type as PhysicalType};
use parquet::column::reader::ColumnReader;
use parquet::data_type::ByteArray;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::reader::{ChunkReader, FileReader, Length, SerializedFileReader};
use parquet::schema::types::ColumnDescriptor;

use super::caught::catch;
use super::column::find_column;
use super::error::ListError;
use super::file::{Digesting, ListDigests, ListFile};
use super::records::{Entry, Record};
use super::thrift::{is_sound_footer, page_lengths};

/// Values decoded at a time.
const BATCH_ROWS: usize = 4096;

/// What is read first of a page header, which seldom has 100 bytes, and the most that is read of one.
const PAGE_HEADER_BYTES: (u64, u64) = (1024, 16 * 1024 * 1024);

/// Reads the rows of all row groups in order.
pub(super) struct ParquetRecords {
    file: ListFile,
    digesting: Digesting,
    reader: SerializedFileReader<ListFile>,
    leaf: usize,
    is_unsigned: bool,
    next_row_group: usize,
    column: Option<ColumnReader>,
    /// Rows of the row groups begun that were not decoded yet.
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
fn guarded<T>(work: impl FnOnce() -> Result<T, ParquetError>) -> Result<T, ParquetError> {
    catch(work).unwrap_or_else(|| Err(contradiction("its parts contradict one another")))
}

fn contradiction(what: &str) -> ParquetError {
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

/// Reads the footer, once it is known to be readable within bounds.
fn open_file(file: &ListFile) -> Result<SerializedFileReader<ListFile>, ParquetError> {
    const END_BYTES: u64 = 8;
    let end = file.bytes.saturating_sub(END_BYTES);
    let mut mark = [0; END_BYTES as usize];
    FileSection { file: file.clone(), position: end }.read_exact(&mut mark)?;
    let [length @ .., b'P', b'A', b'R', b'1'] = mark else {
        return Err(contradiction("it does not end with PAR1"));
    };
    let length = u32::from_le_bytes(length);
    let start = end.checked_sub(length.into());
    let start = start.ok_or_else(|| contradiction("its footer is longer than the file"))?;
    if !is_sound_footer(&file.get_bytes(start, length as usize)?) {
        return Err(contradiction("its footer is damaged"));
    }
    let reader = guarded(|| SerializedFileReader::new(file.clone()))?;
    ensure_row_counts_agree(reader.metadata())?;
    Ok(reader)
}

fn ensure_row_counts_agree(footer: &ParquetMetaData) -> Result<(), ParquetError> {
    let mut rows = 0_i64;
    for row_group in footer.row_groups() {
        let count = row_group.num_rows();
        let sum = rows.checked_add(count).filter(|_| count >= 0);
        rows = sum.ok_or_else(|| contradiction("its row counts are out of range"))?;
    }
    if rows == footer.file_metadata().num_rows() {
        Ok(())
    } else {
        Err(contradiction("its row groups hold more or fewer rows than its footer says"))
    }
}

/// Refuses a column of which a page header cannot be read within bounds, or a page reaches beyond the column.
fn ensure_pages_are_sound(
    file: &ListFile,
    column: &ColumnChunkMetaData,
) -> Result<(), ParquetError> {
    let (start, length) = column.byte_range();
    let end = start.checked_add(length).filter(|end| *end <= file.bytes);
    let end = end.ok_or_else(|| contradiction("a column reaches beyond the end of the file"))?;
    let mut position = start;
    while position < end {
        let (header_bytes, page_bytes) = lengths_of_page(file, position, end)?;
        position = position
            .checked_add(header_bytes + page_bytes)
            .filter(|next| *next <= end)
            .ok_or_else(|| contradiction("a page reaches beyond its column"))?;
    }
    Ok(())
}

/// Of the header and of the page at `position`, in a column that ends at `end`.
fn lengths_of_page(file: &ListFile, position: u64, end: u64) -> Result<(u64, u64), ParquetError> {
    let (mut bytes, most) = PAGE_HEADER_BYTES;
    loop {
        let length = bytes.min(end - position);
        if let Some(lengths) = page_lengths(&file.get_bytes(position, length as usize)?) {
            return Ok(lengths);
        }
        if length < bytes || bytes >= most {
            return Err(contradiction("a page header is damaged"));
        }
        bytes = most.min(16 * bytes);
    }
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
