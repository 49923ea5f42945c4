//! The content of a list: its stored bytes, digested and decompressed while reading, or the bytes of a pipe as they come.

use std::io::{BufReader, ErrorKind, Read};
use std::sync::Arc;

use super::error::ListError;
use super::list_file::{Digesting, DigestingReader, ListDigests, ListFile, STDIN, read_error};
use super::members::Members;

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
            // A file of 2 bytes is filled up with zeros: it was truncated after the first ones.
            [0x1f, 0x8b, 0x08, _] | [0x1f, 0x8b, 0, 0] => Self::Gzip,
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
    name: Arc<str>,
    decoder: Decoder,
}

enum Decoder {
    Plain(DigestingReader),
    Compressed(Members),
    Live(Box<dyn Read + Send>),
}

impl Input {
    pub fn open(
        file: &ListFile,
        compression: ListCompression,
        digesting: Digesting,
    ) -> Result<Self, ListError> {
        let raw = DigestingReader::new(file.clone(), digesting);
        let decoder = match compression {
            ListCompression::Plain => Decoder::Plain(raw),
            ListCompression::Gzip | ListCompression::Zstd => {
                let stored = BufReader::with_capacity(COMPRESSED_BUFFER_BYTES, raw);
                Decoder::Compressed(Members::new(file.clone(), compression, stored))
            }
        };
        Ok(Self { name: Arc::clone(&file.name), decoder })
    }

    /// Standard input, which is read once, as it comes, without a digest.
    pub fn live(pipe: Box<dyn Read + Send>) -> Self {
        Self { name: STDIN.into(), decoder: Decoder::Live(pipe) }
    }

    /// Whether what has been read is wanted before the rest is there.
    pub fn is_live(&self) -> bool {
        matches!(self.decoder, Decoder::Live(_))
    }

    /// The name in messages.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// Like [`Read::read`]: 0 only at the end.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ListError> {
        match &mut self.decoder {
            Decoder::Plain(raw) => raw.read(buffer).map_err(|error| read_error(&self.name, error)),
            Decoder::Compressed(members) => members.read(buffer),
            Decoder::Live(pipe) => loop {
                match pipe.read(buffer) {
                    Err(error) if error.kind() == ErrorKind::Interrupted => {}
                    result => return result.map_err(|source| ListError::Stdin { source }),
                }
            },
        }
    }

    /// Number of stored bytes from which the bytes so far were decompressed.
    pub fn stored_position(&self) -> u64 {
        match &self.decoder {
            Decoder::Plain(raw) => raw.position,
            Decoder::Compressed(members) => members.stored_position(),
            Decoder::Live(_) => 0,
        }
    }

    /// Reads the rest and returns the digests of all stored bytes; a live input has none.
    pub fn digests(&mut self) -> Result<ListDigests, ListError> {
        match &mut self.decoder {
            Decoder::Plain(raw) => raw.digests(),
            Decoder::Compressed(members) => members.digests(),
            Decoder::Live(_) => Ok(ListDigests { sha256: None, xxh3: 0 }),
        }
    }
}
