//! The stored bytes of a list and their digests. The file is opened once, so that a list replaced by a rename is still
//! read as it was; standard input and objects of a store are spooled to disk. Sizes are in bytes.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;

use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::Xxh3;

use super::error::ListError;
use super::object_spool::ObjectCopy;
use crate::util::visible::visible_path;

pub const COPY_BUFFER_BYTES: usize = 256 * 1024;

/// The name of standard input in messages.
pub const STDIN: &str = "standard input";

/// Digests that identify a list by its stored bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListDigests {
    /// SHA-256, for users and for later runs; only with [`Digesting::Full`].
    pub sha256: Option<[u8; 32]>,
    /// XXH3, which lets the second pass detect a changed list at a tenth of the cost.
    pub xxh3: u128,
}

/// Which digests to compute while reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digesting {
    /// Both.
    Full,
    /// XXH3 alone.
    Quick,
}

/// An open list: a regular file, standard input spooled to a file without a name, or an object. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ListFile {
    content: Content,
    /// The name in messages.
    pub name: Arc<str>,
    /// Size at the time of opening.
    pub bytes: u64,
}

#[derive(Debug, Clone)]
enum Content {
    File(Arc<File>),
    Object(ObjectCopy),
}

impl ListFile {
    /// Opens a regular file; other files cannot be read twice.
    pub fn open(path: &Path) -> Result<Self, ListError> {
        let list = visible_path(path);
        let unreadable = |source: io::Error| match source.kind() {
            ErrorKind::NotFound => ListError::missing(path),
            _ => ListError::Open { list: list.clone(), source },
        };
        let metadata = fs::metadata(path).map_err(unreadable)?;
        if !metadata.is_file() {
            return Err(ListError::NotARegularFile { list });
        }
        let file = File::open(path).map_err(unreadable)?;
        let bytes = file.metadata().map_err(unreadable)?.len();
        Ok(Self { content: Content::File(Arc::new(file)), name: list.into(), bytes })
    }

    /// Copies `input` to a file in `directory` that has no name.
    pub fn spool(input: &mut dyn Read, directory: &Path) -> Result<Self, ListError> {
        let unwritable = |source| ListError::Spool {
            list: STDIN.to_owned(),
            directory: directory.to_owned(),
            source,
        };
        let mut file = create_nameless(directory).map_err(unwritable)?;
        let mut buffer = vec![0; COPY_BUFFER_BYTES];
        let mut bytes = 0;
        loop {
            match input.read(&mut buffer) {
                Ok(0) => break,
                Ok(length) => {
                    file.write_all(&buffer[..length]).map_err(unwritable)?;
                    bytes += length as u64;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(source) => return Err(ListError::Stdin { source }),
            }
        }
        Ok(Self { content: Content::File(Arc::new(file)), name: STDIN.into(), bytes })
    }

    pub fn of_object(object: ObjectCopy, name: String, bytes: u64) -> Self {
        Self { content: Content::Object(object), name: name.into(), bytes }
    }

    /// Makes all of it available at once, since a format needs its end first.
    pub fn complete(&self) -> Result<(), ListError> {
        match &self.content {
            Content::File(_) => Ok(()),
            Content::Object(object) => object.complete(),
        }
    }

    /// Reads at `offset` without moving any cursor; 0 only at the end.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        loop {
            let result = match &self.content {
                Content::File(file) => file.read_at(buffer, offset),
                Content::Object(object) => object.read_at(buffer, offset),
            };
            match result {
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// The `N` bytes at `offset`, filled up with 0 at the end of the file.
    pub fn peek<const N: usize>(&self, offset: u64) -> Result<[u8; N], ListError> {
        let mut bytes = [0; N];
        let mut filled = 0;
        while filled < N {
            match self
                .read_at(&mut bytes[filled..], offset + filled as u64)
                .map_err(|error| self.read_error(error))?
            {
                0 => break,
                length => filled += length,
            }
        }
        Ok(bytes)
    }

    /// Digests of the whole file, for formats that are not read from start to end.
    pub fn digests(&self, digesting: Digesting) -> Result<ListDigests, ListError> {
        DigestingReader::new(self.clone(), digesting).digests()
    }

    /// A failure to read this list.
    pub fn read_error(&self, source: io::Error) -> ListError {
        read_error(&self.name, source)
    }
}

/// A failure to read the list with this name.
pub fn read_error(list: &str, source: io::Error) -> ListError {
    source
        .downcast::<ListError>()
        .unwrap_or_else(|source| ListError::Read { list: list.to_owned(), source })
}

/// Creates a file without a name in `directory`. It disappears with its last handle, even if the process is killed.
pub fn create_nameless(directory: &Path) -> io::Result<File> {
    let process = std::process::id();
    for attempt in 0.. {
        let path = directory.join(format!(".accounts-{process}-{attempt}.spool"));
        match OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
            Ok(file) => return fs::remove_file(&path).map(|()| file),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

/// Reads the file from start to end with its own position.
pub struct DigestingReader {
    file: ListFile,
    pub position: u64,
    sha256: Option<Sha256>,
    xxh3: Box<Xxh3>,
}

impl DigestingReader {
    pub fn new(file: ListFile, digesting: Digesting) -> Self {
        let sha256 = (digesting == Digesting::Full).then(Sha256::new);
        Self { file, position: 0, sha256, xxh3: Box::default() }
    }

    /// Reads the rest of the file and returns the digests of the whole.
    pub fn digests(&mut self) -> Result<ListDigests, ListError> {
        self.drain().map_err(|error| self.file.read_error(error))?;
        let sha256 = self.sha256.clone().map(|sha256| sha256.finalize().into());
        Ok(ListDigests { sha256, xxh3: self.xxh3.digest128() })
    }

    fn drain(&mut self) -> io::Result<()> {
        let mut buffer = vec![0; COPY_BUFFER_BYTES];
        while self.read(&mut buffer)? > 0 {}
        Ok(())
    }
}

impl Read for DigestingReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = self.file.read_at(buffer, self.position)?;
        if let Some(sha256) = &mut self.sha256 {
            sha256.update(&buffer[..length]);
        }
        self.xxh3.update(&buffer[..length]);
        self.position += length as u64;
        Ok(length)
    }
}
