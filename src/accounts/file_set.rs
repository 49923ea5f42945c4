//! The files of a list that is a directory, a prefix of an object store or a glob, opened one after the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::Xxh3;

use super::checked_file::CheckedFile;
use super::error::ListError;
use super::file_records::FileRecords;
use super::file_selection::FileSelection;
use super::list_file::{Digesting, ListDigests, ListFile};
use super::object_spool::ObjectSpool;
use super::source::{ListFormat, ListSource};
use crate::util::hex::hex;
use crate::util::visible::visible_path;

/// The files as they were found when the list was opened; there is at least one.
#[derive(Debug)]
pub enum SetFiles {
    OnDisk { selection: FileSelection, paths: Vec<PathBuf> },
    Objects(Arc<ObjectSpool>),
}

impl SetFiles {
    /// # Errors
    /// If a directory cannot be read, or there is not one file.
    pub fn find(selection: FileSelection) -> Result<Self, ListError> {
        let paths = selection.files()?;
        Ok(Self::OnDisk { selection, paths })
    }

    fn count(&self) -> usize {
        match self {
            Self::OnDisk { paths, .. } => paths.len(),
            Self::Objects(spool) => spool.count(),
        }
    }

    /// The list in messages.
    fn list(&self) -> String {
        match self {
            Self::OnDisk { selection, .. } => visible_path(selection.path()),
            Self::Objects(spool) => spool.list().to_owned(),
        }
    }

    /// The path or the key of a file.
    fn path(&self, index: usize) -> &Path {
        match self {
            Self::OnDisk { paths, .. } => &paths[index],
            Self::Objects(spool) => Path::new(spool.key(index)),
        }
    }

    /// A file in messages.
    fn name(&self, index: usize) -> String {
        match self {
            Self::OnDisk { paths, .. } => visible_path(&paths[index]),
            Self::Objects(spool) => spool.name(index),
        }
    }

    fn open(&self, index: usize) -> Result<ListFile, ListError> {
        match self {
            Self::OnDisk { paths, .. } => ListFile::open(&paths[index]),
            Self::Objects(spool) => Ok(spool.file(index)),
        }
    }

    /// Stored bytes of all files.
    fn bytes(&self) -> Result<u64, ListError> {
        let paths = match self {
            Self::OnDisk { paths, .. } => paths,
            Self::Objects(spool) => return Ok(spool.all_bytes()),
        };
        let mut bytes = 0;
        for path in paths {
            let list = visible_path(path);
            let metadata = fs::metadata(path)
                .map_err(|source| ListError::Open { list: list.clone(), source })?;
            if !metadata.is_file() {
                return Err(ListError::NotARegularFile { list });
            }
            bytes += metadata.len();
        }
        Ok(bytes)
    }

    /// Whether no file was added or removed. What is in a store is read as it was found.
    fn are_unchanged(&self) -> bool {
        match self {
            Self::OnDisk { selection, paths } => selection.files().ok().as_ref() == Some(paths),
            Self::Objects(_) => true,
        }
    }
}

/// Files that have one format.
#[derive(Debug)]
pub struct FileSet {
    files: SetFiles,
    /// Stored bytes of all files.
    bytes: u64,
    format: ListFormat,
    column: Option<String>,
}

impl FileSet {
    /// The format of the files is that of their names, unless the list has one.
    ///
    /// # Errors
    /// If a file cannot be read, or the files have different formats.
    pub fn new(files: SetFiles, source: &ListSource) -> Result<Self, ListError> {
        let format = source.format.map_or_else(|| common_format(&files), Ok)?;
        let column = source.column.clone();
        if format == ListFormat::Txt && column.is_some() {
            return Err(ListError::NoColumns { list: files.list() });
        }
        let bytes = files.bytes()?;
        Ok(Self { files, bytes, format, column })
    }

    /// The list in messages.
    pub fn name(&self) -> String {
        self.files.list()
    }

    /// The number of files.
    pub fn count(&self) -> usize {
        self.files.count()
    }

    /// Approximate number of records, extrapolated from the first file that is not empty.
    ///
    /// # Errors
    /// If that file cannot be read as the list specifies.
    pub fn estimate_records(&self) -> Result<u64, ListError> {
        for index in 0..self.count() {
            let file = self.files.open(index)?;
            if file.bytes > 0 {
                let bytes = file.bytes;
                let file = CheckedFile::new(file, self.format, self.column.as_deref())?;
                let records = u128::from(file.estimated_records);
                let estimate = records * u128::from(self.bytes) / u128::from(bytes);
                return Ok(estimate.try_into().unwrap_or(u64::MAX));
            }
        }
        Ok(0)
    }

    fn changed(&self) -> ListError {
        ListError::Changed { list: self.name() }
    }
}

/// The format of all files by their names.
fn common_format(files: &SetFiles) -> Result<ListFormat, ListError> {
    let format_of = |index: usize| {
        ListFormat::from_path(files.path(index))
            .ok_or_else(|| ListError::UnknownFile { list: files.list(), file: files.name(index) })
    };
    let first_format = format_of(0)?;
    for index in 1..files.count() {
        let format = format_of(index)?;
        if format != first_format {
            return Err(ListError::MixedFormats {
                list: files.list(),
                first: files.name(0),
                first_format: first_format.name(),
                second: files.name(index),
                second_format: format.name(),
            });
        }
    }
    Ok(first_format)
}

/// Opens file after file, so that few are open at a time, and combines their digests.
pub struct FileSequence {
    set: Arc<FileSet>,
    digesting: Digesting,
    /// Index of the current file.
    current: usize,
    name: Arc<str>,
    /// Stored bytes of the files before it.
    bytes_before: u64,
    /// The column of the first file that has one, which every other file must have too.
    column: Option<String>,
    combined: CombinedDigests,
}

impl FileSequence {
    pub fn new(set: Arc<FileSet>, digesting: Digesting) -> Self {
        let (column, combined) = (set.column.clone(), CombinedDigests::new(digesting));
        Self { set, digesting, current: 0, name: "".into(), bytes_before: 0, column, combined }
    }

    /// Opens the first file. Like [`FileSequence::open_next`], it returns the size of the file too.
    ///
    /// # Errors
    /// If it cannot be read as the list specifies.
    pub fn open_first(&mut self) -> Result<(FileRecords, u64), ListError> {
        let file = self.set.files.open(self.current).map_err(|error| match error {
            ListError::Missing { .. } | ListError::BrokenLink { .. } => self.set.changed(),
            error => error,
        })?;
        self.name = Arc::clone(&file.name);
        let bytes = file.bytes;
        let checked = CheckedFile::new(file, self.set.format, self.column.as_deref())
            .map_err(|error| self.with_first_file(error))?;
        if self.column.is_none() {
            self.column = checked.header_name().map(str::to_owned);
        }
        Ok((checked.records(self.digesting)?, bytes))
    }

    /// Opens the next file; `digests` and `bytes` are those of the current one.
    ///
    /// # Errors
    /// If it cannot be read as the list specifies.
    pub fn open_next(
        &mut self,
        digests: ListDigests,
        bytes: u64,
    ) -> Result<(FileRecords, u64), ListError> {
        self.combined.add(digests);
        self.bytes_before += bytes;
        self.current += 1;
        self.open_first()
    }

    pub fn is_at_last(&self) -> bool {
        self.current + 1 == self.set.count()
    }

    pub fn current_name(&self) -> Arc<str> {
        Arc::clone(&self.name)
    }

    pub fn bytes_before(&self) -> u64 {
        self.bytes_before
    }

    pub fn all_bytes(&self) -> u64 {
        self.set.bytes
    }

    /// Digests of the whole list; `last` is that of the last file.
    ///
    /// # Errors
    /// If a file was added or removed since the list was opened.
    pub fn digests(&mut self, last: ListDigests) -> Result<ListDigests, ListError> {
        if !self.set.files.are_unchanged() {
            return Err(self.set.changed());
        }
        let mut combined = self.combined.clone();
        combined.add(last);
        Ok(combined.finish())
    }

    /// A column that other files have is missing from one of them, and not misspelled in the job.
    fn with_first_file(&self, error: ListError) -> ListError {
        match error {
            ListError::NoSuchColumn { list, column, columns, .. } if self.current > 0 => {
                let first = self.set.files.name(0);
                ListError::OtherColumns { list, column, columns, first }
            }
            error => error,
        }
    }
}

/// The digest of a list of several files is that of the digests of its files, in order, one per line: their names do not
/// matter, but where one file ends and the next one starts does. `sha256sum FILES | cut -c 1-64 | sha256sum` prints it.
#[derive(Clone)]
struct CombinedDigests {
    sha256: Option<Sha256>,
    xxh3: Xxh3,
}

impl CombinedDigests {
    fn new(digesting: Digesting) -> Self {
        Self { sha256: (digesting == Digesting::Full).then(Sha256::new), xxh3: Xxh3::default() }
    }

    fn add(&mut self, digests: ListDigests) {
        if let (Some(all), Some(one)) = (&mut self.sha256, digests.sha256) {
            all.update(hex(&one));
            all.update(b"\n");
        }
        self.xxh3.update(&digests.xxh3.to_le_bytes());
    }

    fn finish(self) -> ListDigests {
        let sha256 = self.sha256.map(|sha256| sha256.finalize().into());
        ListDigests { sha256, xxh3: self.xxh3.digest128() }
    }
}
