//! What is checked of a Parquet file before its values are read: that it can be read within bounds, and that its parts
//! agree on the number of rows.

use std::io::Read;

use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData};
use parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};

use super::file::ListFile;
use super::parquet::{contradiction, guarded};
use super::thrift::{is_sound_footer, page_lengths};

/// What is read first of a page header, which seldom has 100 bytes, and the most that is read of one.
const PAGE_HEADER_BYTES: (u64, u64) = (1024, 16 * 1024 * 1024);

/// Reads the footer, once it is known to be readable within bounds.
pub(super) fn open_file(file: &ListFile) -> Result<SerializedFileReader<ListFile>, ParquetError> {
    const END_BYTES: u64 = 8;
    let end = file.bytes.checked_sub(END_BYTES);
    let end = end.ok_or_else(|| contradiction("it is shorter than any Parquet file"))?;
    let mut mark = [0; END_BYTES as usize];
    file.get_read(end)?.read_exact(&mut mark)?;
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
pub(super) fn ensure_pages_are_sound(
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
