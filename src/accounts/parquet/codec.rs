//! Decompression of pages to exactly their declared size, so that a small page cannot fill the memory. The `parquet`
//! crate limits neither gzip nor Brotli.

use std::io::{self, Read};

use brotli_decompressor::Decompressor;
use flate2::read::MultiGzDecoder;
use parquet::errors::ParquetError;

use super::fault::{inconsistency, unsupported};

/// Buffer of the Brotli decoder, in bytes.
const BROTLI_BUFFER_BYTES: usize = 16 * 1024;

/// Compression of the pages of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    Plain,
    Snappy,
    Gzip,
    Brotli,
    /// Blocks with their sizes as Hadoop writes them, or one bare block as old versions of Arrow C++ do.
    Lz4,
    Zstd,
    Lz4Raw,
}

impl Codec {
    /// The codec with this number in the format; otherwise what the list uses.
    pub fn new(number: i32) -> Result<Self, String> {
        Ok(match number {
            0 => Self::Plain,
            1 => Self::Snappy,
            2 => Self::Gzip,
            3 => {
                return Err(
                    "is compressed with LZO; write it with another compression, such as zstd"
                        .to_owned(),
                );
            }
            4 => Self::Brotli,
            5 => Self::Lz4,
            6 => Self::Zstd,
            7 => Self::Lz4Raw,
            _ => {
                return Err(format!(
                    "uses the compression {number}, which this version does not know; write it with another one, such as zstd"
                ));
            }
        })
    }

    /// Decompresses `page` to `bytes` bytes.
    pub fn decompress(self, page: &[u8], bytes: usize) -> Result<Vec<u8>, ParquetError> {
        let content = match self {
            Self::Plain => Ok(page.to_vec()),
            Self::Snappy => snappy(page, bytes),
            Self::Gzip => read_exactly(MultiGzDecoder::new(page), bytes),
            Self::Brotli => read_exactly(Decompressor::new(page, BROTLI_BUFFER_BYTES), bytes),
            Self::Zstd => zstd(page, bytes),
            Self::Lz4Raw => lz4_block(page, bytes),
            Self::Lz4 => return lz4_hadoop_or_block(page, bytes),
        };
        match content {
            Ok(content) if content.len() == bytes => Ok(content),
            Ok(_) => Err(inconsistency("a page has another size than it declares")),
            Err(error) => Err(ParquetError::External(Box::new(error))),
        }
    }
}

/// Reads one byte more than expected, so that a longer content is noticed.
fn read_exactly(decoder: impl Read, bytes: usize) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    decoder.take(bytes as u64 + 1).read_to_end(&mut content)?;
    Ok(content)
}

fn snappy(page: &[u8], bytes: usize) -> io::Result<Vec<u8>> {
    let mut content = vec![0; bytes];
    let length = snap::raw::Decoder::new().decompress(page, &mut content)?;
    content.truncate(length);
    Ok(content)
}

fn zstd(page: &[u8], bytes: usize) -> io::Result<Vec<u8>> {
    let mut content = vec![0; bytes];
    let length = zstd::bulk::decompress_to_buffer(page, content.as_mut_slice())?;
    content.truncate(length);
    Ok(content)
}

fn lz4_block(page: &[u8], bytes: usize) -> io::Result<Vec<u8>> {
    let mut content = vec![0; bytes];
    let length = lz4_flex::block::decompress_into(page, &mut content).map_err(io::Error::other)?;
    content.truncate(length);
    Ok(content)
}

fn lz4_hadoop_or_block(page: &[u8], bytes: usize) -> Result<Vec<u8>, ParquetError> {
    const FRAME_MAGIC: &[u8] = &[0x04, 0x22, 0x4d, 0x18];
    let is_whole = |content: &Vec<u8>| content.len() == bytes;
    let content = lz4_hadoop(page, bytes).filter(is_whole);
    if let Some(content) = content.or_else(|| lz4_block(page, bytes).ok().filter(is_whole)) {
        return Ok(content);
    }
    if page.starts_with(FRAME_MAGIC) {
        let what = "is compressed with LZ4 in frames, which Parquet does not allow; write it with LZ4_RAW or zstd";
        return Err(unsupported(what));
    }
    Err(inconsistency("a page is not valid LZ4"))
}

/// Blocks of chunks: the size of the block, then for each chunk its compressed size and content.
fn lz4_hadoop(page: &[u8], bytes: usize) -> Option<Vec<u8>> {
    let mut content = vec![0; bytes];
    let (mut filled, mut rest) = (0, page);
    while !rest.is_empty() {
        let block_end = filled + take_u32(&mut rest)?;
        while filled < block_end {
            let length = take_u32(&mut rest)?;
            let (chunk, after) = rest.split_at_checked(length)?;
            let target = content.get_mut(filled..block_end)?;
            let written = lz4_flex::block::decompress_into(chunk, target).ok()?;
            filled += Some(written).filter(|written| *written > 0)?;
            rest = after;
        }
    }
    content.truncate(filled);
    Some(content)
}

fn take_u32(rest: &mut &[u8]) -> Option<usize> {
    let (number, after) = rest.split_first_chunk()?;
    *rest = after;
    u32::from_be_bytes(*number).try_into().ok()
}
