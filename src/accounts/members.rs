//! Concatenated members of gzip or frames of zstd, read as one stream. Zero bytes after a member are padding, as tapes and
//! block devices add it; anything else is an error that says where it starts.

use std::io::{self, BufRead, BufReader, ErrorKind, Read};

use flate2::bufread::GzDecoder;

use super::decompress::ListCompression;
use super::error::ListError;
use super::list_file::{DigestingReader, ListDigests, ListFile};
use super::zstd_frame::ensure_can_be_decoded;

type Stored = BufReader<DigestingReader>;

/// Decompresses member after member.
pub struct Members {
    file: ListFile,
    compression: ListCompression,
    member: Member,
    /// Whether a member has started.
    has_started: bool,
}

enum Member {
    /// Before or after a member.
    Between(Stored),
    Gzip(Box<GzDecoder<Stored>>),
    Zstd(zstd::Decoder<'static, Stored>),
    /// While one replaces another, and after an error.
    Lost,
}

impl Members {
    pub fn new(file: ListFile, compression: ListCompression, stored: Stored) -> Self {
        Self { file, compression, member: Member::Between(stored), has_started: false }
    }

    /// Like [`Read::read`]: 0 only at the end.
    pub fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ListError> {
        loop {
            let result = match &mut self.member {
                Member::Between(_) | Member::Lost => match self.start_next()? {
                    true => continue,
                    false => return Ok(0),
                },
                Member::Gzip(gzip) => gzip.read(buffer),
                Member::Zstd(zstd) => zstd.read(buffer),
            };
            match result.map_err(|error| self.damage(error))? {
                0 => self.end_member(),
                length => return Ok(length),
            }
        }
    }

    /// Number of stored bytes from which the bytes so far were decompressed.
    pub fn stored_position(&self) -> u64 {
        let stored = match &self.member {
            Member::Between(stored) => stored,
            Member::Gzip(gzip) => gzip.get_ref(),
            Member::Zstd(zstd) => zstd.get_ref(),
            Member::Lost => return self.file.bytes,
        };
        stored.get_ref().position - stored.buffer().len() as u64
    }

    /// Reads the rest and returns the digests of all stored bytes.
    pub fn digests(&mut self) -> Result<ListDigests, ListError> {
        let stored = match &mut self.member {
            Member::Between(stored) => stored,
            Member::Gzip(gzip) => gzip.get_mut(),
            Member::Zstd(zstd) => zstd.get_mut(),
            Member::Lost => return Err(self.file.read_error(ErrorKind::Other.into())),
        };
        stored.get_mut().digests()
    }

    fn end_member(&mut self) {
        self.member = match std::mem::replace(&mut self.member, Member::Lost) {
            Member::Gzip(gzip) => Member::Between(gzip.into_inner()),
            Member::Zstd(zstd) => Member::Between(zstd.finish()),
            member => member,
        };
    }

    /// Starts the next member; false at the end of the list.
    fn start_next(&mut self) -> Result<bool, ListError> {
        let Member::Between(stored) = &mut self.member else { return Ok(false) };
        if self.has_started && skip_zeros(stored).map_err(|error| self.file.read_error(error))? {
            return Ok(false);
        }
        let position = self.stored_position();
        let head = self.file.peek::<18>(position)?;
        let is_member = match self.compression {
            ListCompression::Gzip => head.starts_with(&[0x1f, 0x8b]),
            _ => ListCompression::detect([head[0], head[1], head[2], head[3]]) == self.compression,
        };
        if !is_member {
            return Err(self.trailing_bytes(position));
        }
        if self.compression == ListCompression::Zstd {
            ensure_can_be_decoded(&self.file, &head)?;
        }
        self.has_started = true;
        self.member = match std::mem::replace(&mut self.member, Member::Lost) {
            Member::Between(stored) if self.compression == ListCompression::Gzip => {
                Member::Gzip(Box::new(GzDecoder::new(stored)))
            }
            Member::Between(stored) => {
                let decoder = zstd::Decoder::with_buffer(stored);
                Member::Zstd(decoder.map_err(|error| self.file.read_error(error))?.single_frame())
            }
            member => member,
        };
        Ok(true)
    }

    fn trailing_bytes(&self, position: u64) -> ListError {
        let (list, compression) = (self.file.name.to_string(), self.compression.name());
        let bytes = self.file.bytes.saturating_sub(position);
        ListError::TrailingBytes { list, compression, position, bytes }
    }

    fn damage(&self, source: io::Error) -> ListError {
        let (list, compression) = (self.file.name.to_string(), self.compression.name());
        match source {
            source
                if source.raw_os_error().is_some()
                    || source.get_ref().is_some_and(|it| it.is::<ListError>()) =>
            {
                self.file.read_error(source)
            }
            source if source.kind() == ErrorKind::UnexpectedEof => {
                ListError::Truncated { list, compression }
            }
            source => ListError::Damaged { list, compression, source },
        }
    }
}

/// Skips zero bytes; true at the end of the list.
fn skip_zeros(stored: &mut Stored) -> io::Result<bool> {
    loop {
        let buffered = stored.fill_buf()?;
        if buffered.is_empty() {
            return Ok(true);
        }
        let (zeros, length) =
            (buffered.iter().take_while(|byte| **byte == 0).count(), buffered.len());
        stored.consume(zeros);
        if zeros < length {
            return Ok(false);
        }
    }
}
