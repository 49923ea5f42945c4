//! Checks of a Parquet file before its values are read: all lengths are within bounds, and the row counts agree.

use std::io::Read;

use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};

use super::thrift::{is_valid_footer, page_lengths};
use super::{guarded, inconsistency};
use crate::accounts::list_file::ListFile;

/// Bytes read first of a page header, which rarely has 100 bytes, and the maximum.
const PAGE_HEADER_BYTES: (u64, u64) = (1024, 16 * 1024 * 1024);

/// Opens the file after checking that its footer can be read within bounds.
pub fn open_file(file: &ListFile) -> Result<SerializedFileReader<ListFile>, ParquetError> {
    const END_BYTES: u64 = 8;
    let end = file.bytes.checked_sub(END_BYTES);
    let end = end.ok_or_else(|| inconsistency("it is shorter than any Parquet file"))?;
    let mut magic = [0; END_BYTES as usize];
    file.get_read(end)?.read_exact(&mut magic)?;
    let [length @ .., b'P', b'A', b'R', b'1'] = magic else {
        return Err(inconsistency("it does not end with PAR1"));
    };
    let length = u32::from_le_bytes(length);
    let start = end.checked_sub(length.into());
    let start = start.ok_or_else(|| inconsistency("its footer is longer than the file"))?;
    if !is_valid_footer(&file.get_bytes(start, length as usize)?) {
        return Err(inconsistency("its footer is damaged"));
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
        rows = sum.ok_or_else(|| inconsistency("its row counts are out of range"))?;
    }
    if rows == footer.file_metadata().num_rows() {
        Ok(())
    } else {
        Err(inconsistency("its row groups hold more or fewer rows than its footer says"))
    }
}

/// Refuses a column if a page header cannot be read within bounds or a page extends beyond the column.
pub fn ensure_pages_are_valid(
    file: &ListFile,
    column: &ColumnChunkMetaData,
) -> Result<(), ParquetError> {
    let (start, length) = column.byte_range();
    let end = start.checked_add(length).filter(|end| *end <= file.bytes);
    let end = end.ok_or_else(|| inconsistency("a column extends beyond the end of the file"))?;
    let mut position = start;
    while position < end {
        let (header_bytes, page_bytes) = read_page_lengths(file, position, end)?;
        position = position
            .checked_add(header_bytes + page_bytes)
            .filter(|next| *next <= end)
            .ok_or_else(|| inconsistency("a page extends beyond its column"))?;
    }
    Ok(())
}

/// Lengths of the header and of the page at `position`, in a column that ends at `end`.
fn read_page_lengths(file: &ListFile, position: u64, end: u64) -> Result<(u64, u64), ParquetError> {
    let (mut bytes, max) = PAGE_HEADER_BYTES;
    loop {
        let length = bytes.min(end - position);
        if let Some(lengths) = page_lengths(&file.get_bytes(position, length as usize)?) {
            return Ok(lengths);
        }
        if length < bytes || bytes >= max {
            return Err(inconsistency("a page header is damaged"));
        }
        bytes = max.min(16 * bytes);
    }
}
