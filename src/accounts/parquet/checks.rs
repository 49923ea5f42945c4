//! Checks of a Parquet file before its values are read: its footer is within bounds, and the row counts agree.

use std::io::Read;

use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;
use parquet::file::reader::{ChunkReader, FileReader, SerializedFileReader};

use super::fault::{inconsistency, unsupported};
use super::footer::Footer;
use super::guarded;
use crate::accounts::list_file::ListFile;

/// Opens the file after checking that its footer can be read within bounds.
pub fn open_file(
    file: &ListFile,
) -> Result<(SerializedFileReader<ListFile>, Footer), ParquetError> {
    const END_BYTES: u64 = 8;
    let end = file.bytes.checked_sub(END_BYTES);
    let end = end.ok_or_else(|| match file.bytes {
        0 => inconsistency("it is empty, and even a table without rows has a footer"),
        _ => inconsistency("it is shorter than any Parquet file"),
    })?;
    let mut magic = [0; END_BYTES as usize];
    file.get_read(end)?.read_exact(&mut magic)?;
    if magic.ends_with(b"PARE") {
        return Err(unsupported("is an encrypted Parquet file; write it without encryption"));
    }
    let [length @ .., b'P', b'A', b'R', b'1'] = magic else {
        return Err(inconsistency("it does not end with PAR1"));
    };
    let length = u32::from_le_bytes(length);
    let start = end.checked_sub(length.into());
    let start = start.ok_or_else(|| inconsistency("its footer is longer than the file"))?;
    let footer = Footer::read(&file.get_bytes(start, length as usize)?)?;
    let reader = guarded(|| SerializedFileReader::new(file.clone()))?;
    ensure_row_counts_agree(reader.metadata())?;
    Ok((reader, footer))
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
