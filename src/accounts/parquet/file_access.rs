//! Gives the `parquet` crate access to the stored bytes of a list.

use std::io::{self, BufReader, Read};

use bytes::Bytes;
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use crate::accounts::list_file::ListFile;

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
        // The footer of a damaged file may declare any length: never allocate memory for bytes that do not exist.
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

/// Reads a list from a position on.
pub struct FileSection {
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
