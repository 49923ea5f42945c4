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

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    const TEXT: &[u8] = b"user_1 user_1 user_1 user_1";

    fn lz4_raw(text: &[u8]) -> Vec<u8> {
        lz4_flex::block::compress(text)
    }

    /// Chunks with their sizes in front, in blocks of one chunk or in one block.
    fn hadoop(chunks: &[&[u8]], is_one_block: bool) -> Vec<u8> {
        let all: usize = chunks.iter().map(|chunk| chunk.len()).sum();
        let mut page = Vec::new();
        for (index, chunk) in chunks.iter().enumerate() {
            let size = if is_one_block { all } else { chunk.len() };
            if index == 0 || !is_one_block {
                page.extend((size as u32).to_be_bytes());
            }
            let compressed = lz4_raw(chunk);
            page.extend((compressed.len() as u32).to_be_bytes());
            page.extend(compressed);
        }
        page
    }

    #[test]
    fn lz4_is_read_in_all_forms() {
        let raw = lz4_raw(TEXT);
        assert_eq!(Codec::Lz4Raw.decompress(&raw, TEXT.len()).unwrap(), TEXT);
        assert_eq!(Codec::Lz4.decompress(&raw, TEXT.len()).unwrap(), TEXT);
        for chunks in [[TEXT, b""].as_slice(), &[&TEXT[..9], &TEXT[9..]]] {
            for is_one_block in [true, false] {
                let chunks: Vec<&[u8]> =
                    chunks.iter().copied().filter(|chunk| !chunk.is_empty()).collect();
                let page = hadoop(&chunks, is_one_block);
                assert_eq!(Codec::Lz4.decompress(&page, TEXT.len()).unwrap(), TEXT);
                assert!(Codec::Lz4.decompress(&page[..page.len() - 1], TEXT.len()).is_err());
                assert!(Codec::Lz4.decompress(&page, TEXT.len() - 1).is_err());
            }
        }
        let frame = Codec::Lz4.decompress(b"\x04\x22\x4d\x18\x60\x40\x82rest", 9).unwrap_err();
        assert!(frame.to_string().contains("LZ4 in frames"), "{frame}");
    }

    #[test]
    fn a_page_of_another_size_than_declared_is_refused() {
        let gzip = |text: &[u8]| {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(text).unwrap();
            encoder.finish().unwrap()
        };
        // Written by pyarrow.
        let brotli = b"\x1b\x13\x00\x00\x24\x41\x62\xbe\x6a\x90\x6c\x2a\x39\xf5\x83\x0f";
        let pages: [(Codec, Vec<u8>, &[u8]); 6] = [
            (Codec::Plain, TEXT.to_vec(), TEXT),
            (Codec::Snappy, snap::raw::Encoder::new().compress_vec(TEXT).unwrap(), TEXT),
            (Codec::Gzip, gzip(TEXT), TEXT),
            (Codec::Brotli, brotli.to_vec(), b"user_1 user_1 user_1"),
            (Codec::Zstd, zstd::bulk::compress(TEXT, 1).unwrap(), TEXT),
            (Codec::Lz4Raw, lz4_raw(TEXT), TEXT),
        ];
        for (codec, page, text) in pages {
            assert_eq!(codec.decompress(&page, text.len()).unwrap(), text, "{codec:?}");
            for bytes in [0, text.len() - 1, text.len() + 1] {
                assert!(codec.decompress(&page, bytes).is_err(), "{codec:?} {bytes}");
            }
            assert!(codec.decompress(b"\xff\xff\xff", text.len()).is_err(), "{codec:?}");
        }
    }

    #[test]
    fn a_small_page_cannot_fill_the_memory() {
        // 64 MiB of one letter in 106 bytes, written by pyarrow.
        const BROTLI_BOMB: &[u8] = b"\xcb\xff\xff\x3f\xf8\x25\xc2\xe2\xb1\x40\x20\xf7\xfe\x8f\xff\xff\x7f\xf0\x4b\x00\xc4\x61\x11\x80\xee\xfd\x1f\xff\xff\xff\xe0\x97\x00\x88\xc3\x02\x00\xdd\xfb\x3f\xfe\xff\xff\xc1\x2f\x01\x10\x87\x05\x00\xba\xf7\x7f\xfc\xff\xff\x83\x5f\x02\x20\x0e\x0b\x00\x74\xef\xff\xf8\xff\xff\x07\xbf\x04\x40\x1c\x16\x00\xe8\xde\xff\xf1\xff\xff\x0f\x7e\x09\x80\x38\x2c\x00\xd0\xbd\xff\xcb\xff\xff\x3f\xfc\x12\x00\x71\x58\x00\xa0\x7b\xff\x07";
        let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
        gzip.write_all(&vec![b'a'; 64 << 20]).unwrap();
        for (codec, page) in
            [(Codec::Brotli, BROTLI_BOMB.to_vec()), (Codec::Gzip, gzip.finish().unwrap())]
        {
            let usage = allocation_counter::measure(|| {
                assert!(codec.decompress(&page, 1000).is_err(), "{codec:?}");
            });
            assert!(usage.bytes_max < 32 << 20, "{codec:?}: {} bytes", usage.bytes_max);
            assert_eq!(codec.decompress(&page, 64 << 20).unwrap().len(), 64 << 20, "{codec:?}");
        }
    }
}
