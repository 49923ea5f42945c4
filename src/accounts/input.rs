//! A list's content: its stored bytes digested and decompressed as they stream by.

use std::io::{BufReader, Read};

use flate2::bufread::MultiGzDecoder;

use super::error::ListError;
use super::file::{Digesting, DigestingReader, ListDigests, ListFile};

/// What the decompressors read at a time.
const COMPRESSED_BUFFER_BYTES: usize = 128 * 1024;

/// How a list is packed, told from its first bytes whatever its name says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    /// As is.
    Plain,
    /// RFC 1952, any number of members.
    Gzip,
    /// RFC 8878, any number of frames.
    Zstd,
}

impl Compression {
    /// Tells it from the first bytes.
    pub fn of(head: [u8; 4]) -> Self {
        match head {
            [0x1f, 0x8b, 0x08, _] => Self::Gzip,
            [0x28, 0xb5, 0x2f, 0xfd] => Self::Zstd,
            // A skippable frame, which pzstd puts first.
            [0x50..=0x5f, 0x2a, 0x4d, 0x18] => Self::Zstd,
            _ => Self::Plain,
        }
    }

    /// How messages call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Gzip => "gzip",
            Self::Zstd => "zstd",
        }
    }
}

/// The decompressed bytes of a list, with the digest of the stored ones.
pub(super) struct Input {
    file: ListFile,
    compression: Compression,
    decoder: Decoder,
}

enum Decoder {
    Plain(DigestingReader),
    Gzip(Box<MultiGzDecoder<BufReader<DigestingReader>>>),
    Zstd(zstd::Decoder<'static, BufReader<DigestingReader>>),
}

impl Input {
    /// From the first byte on.
    pub fn open(
        file: &ListFile,
        compression: Compression,
        digesting: Digesting,
    ) -> Result<Self, ListError> {
        let raw = DigestingReader::new(file.clone(), digesting);
        let buffered = |raw| BufReader::with_capacity(COMPRESSED_BUFFER_BYTES, raw);
        let decoder = match compression {
            Compression::Plain => Decoder::Plain(raw),
            Compression::Gzip => Decoder::Gzip(Box::new(MultiGzDecoder::new(buffered(raw)))),
            Compression::Zstd => Decoder::Zstd(
                zstd::Decoder::with_buffer(buffered(raw))
                    .map_err(|error| file.read_error(error))?,
            ),
        };
        Ok(Self { file: file.clone(), compression, decoder })
    }

    /// The list it reads.
    pub fn file(&self) -> &ListFile {
        &self.file
    }

    /// Fills a part of `buffer`; 0 only at the end.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ListError> {
        let result = match &mut self.decoder {
            Decoder::Plain(raw) => raw.read(buffer),
            Decoder::Gzip(gzip) => gzip.read(buffer),
            Decoder::Zstd(zstd) => zstd.read(buffer),
        };
        result.map_err(|source| match self.compression {
            Compression::Gzip | Compression::Zstd if source.raw_os_error().is_none() => {
                ListError::Damaged {
                    list: self.file.name.to_string(),
                    compression: self.compression.name(),
                    source,
                }
            }
            _ => self.file.read_error(source),
        })
    }

    /// How many stored bytes the decompressed ones so far came from.
    pub fn stored_position(&self) -> u64 {
        let (raw, ahead) = match &self.decoder {
            Decoder::Plain(raw) => (raw, 0),
            Decoder::Gzip(gzip) => (gzip.get_ref().get_ref(), gzip.get_ref().buffer().len()),
            Decoder::Zstd(zstd) => (zstd.get_ref().get_ref(), zstd.get_ref().buffer().len()),
        };
        raw.position - ahead as u64
    }

    /// Reads what is left and tells the digests of all stored bytes.
    pub fn digests(&mut self) -> Result<ListDigests, ListError> {
        let raw = match &mut self.decoder {
            Decoder::Plain(raw) => raw,
            Decoder::Gzip(gzip) => gzip.get_mut().get_mut(),
            Decoder::Zstd(zstd) => zstd.get_mut().get_mut(),
        };
        raw.digests()
    }
}
