//! The content of a list: its stored bytes, digested and decompressed while reading.

use std::io::{BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use super::error::ListError;
use super::list_file::{Digesting, DigestingReader, ListDigests, ListFile};

const COMPRESSED_BUFFER_BYTES: usize = 128 * 1024;

/// Compression of a list, detected from its first bytes, independent of its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ListCompression {
    /// Not compressed.
    Plain,
    /// RFC 1952, any number of members.
    Gzip,
    /// RFC 8878, any number of frames.
    Zstd,
}

impl ListCompression {
    /// Detects the compression from the first bytes.
    pub fn detect(head: [u8; 4]) -> Self {
        match head {
            [0x1f, 0x8b, 0x08, _] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd] => Self::Zstd,
            // A skippable frame, which pzstd writes first.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Self::Zstd,
            _ => Self::Plain,
        }
    }

    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// The decompressed bytes of a list, with the digests of the stored ones.
pub struct Input {
    file: ListFile,
    compression: ListCompression,
    decoder: Decoder,
}

enum Decoder {
    Plain(DigestingReader),
    Gzip(Box<MultiGzDecoder<BufReader<DigestingReader>>>),
    Zstd(zstd::Decoder<'static, BufReader<DigestingReader>>),
}

impl Input {
    pub fn open(
        file: &ListFile,
        compression: ListCompression,
        digesting: Digesting,
    ) -> Result<Self, ListError> {
        let raw = DigestingReader::new(file.clone(), digesting);
        let buffered = |raw| BufReader::with_capacity(COMPRESSED_BUFFER_BYTES, raw);
        let decoder = match compression {
            ListCompression::Plain => Decoder::Plain(raw),
            ListCompression::Gzip => Decoder::Gzip(Box::new(MultiGzDecoder::new(buffered(raw)))),
            ListCompression::Zstd => Decoder::Zstd(
                zstd::Decoder::with_buffer(buffered(raw))
                    .map_err(|error| file.read_error(error))?,
            ),
        };
        Ok(Self { file: file.clone(), compression, decoder })
    }

    pub fn file(&self) -> &ListFile {
        &self.file
    }

    /// Like [`Read::read`]: 0 only at the end.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ListError> {
        let result = match &mut self.decoder {
            Decoder::Plain(raw) => raw.read(buffer),
            Decoder::Gzip(gzip) => gzip.read(buffer),
            Decoder::Zstd(zstd) => zstd.read(buffer),
        };
        result.map_err(|source| match self.compression {
            ListCompression::Gzip | ListCompression::Zstd if source.raw_os_error().is_none() => {
                ListError::Damaged {
                    list: self.file.name.to_string(),
                    compression: self.compression.name(),
                    source,
                }
            }
            _ => self.file.read_error(source),
        })
    }

    /// Number of stored bytes from which the bytes so far were decompressed.
    pub fn stored_position(&self) -> u64 {
        let (raw, buffered) = match &self.decoder {
            Decoder::Plain(raw) => (raw, 0),
            Decoder::Gzip(gzip) => (gzip.get_ref().get_ref(), gzip.get_ref().buffer().len()),
            Decoder::Zstd(zstd) => (zstd.get_ref().get_ref(), zstd.get_ref().buffer().len()),
        };
        raw.position - buffered as u64
    }

    /// Reads the rest and returns the digests of all stored bytes.
    pub fn digests(&mut self) -> Result<ListDigests, ListError> {
        let raw = match &mut self.decoder {
            Decoder::Plain(raw) => raw,
            Decoder::Gzip(gzip) => gzip.get_mut().get_mut(),
            Decoder::Zstd(zstd) => zstd.get_mut().get_mut(),
        };
        raw.digests()
    }
}
