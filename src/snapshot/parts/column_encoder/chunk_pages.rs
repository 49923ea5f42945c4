//! The pages of a column chunk, for [`append_column`](parquet::file::writer::SerializedRowGroupWriter::append_column).

use std::collections::VecDeque;
use std::io::{self, Read};

use bytes::{Buf, Bytes};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

/// Pages in file order, which are not joined: that would copy the chunk.
#[derive(Debug, Clone, Default)]
pub struct ChunkPages(pub VecDeque<Bytes>);

impl Length for ChunkPages {
    fn len(&self) -> u64 {
        self.0.iter().map(|page| page.len() as u64).sum()
    }
}

impl ChunkReader for ChunkPages {
    type T = ChunkPages;

    fn get_read(&self, start: u64) -> Result<ChunkPages, ParquetError> {
        match start {
            0 => Ok(self.clone()),
            _ => Err(ParquetError::NYI("a chunk is read from its start".to_owned())),
        }
    }

    fn get_bytes(&self, _start: u64, _length: usize) -> Result<Bytes, ParquetError> {
        Err(ParquetError::NYI("a chunk is read as a stream".to_owned()))
    }
}

impl Read for ChunkPages {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let Some(page) = self.0.front_mut() else { return Ok(0) };
        let length = page.len().min(out.len());
        page.copy_to_slice(&mut out[..length]);
        if page.is_empty() {
            self.0.pop_front();
        }
        Ok(length)
    }
}
