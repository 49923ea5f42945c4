//! An account list ready to be read: its files, format, compression and column are known.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::checked_file::CheckedFile;
use super::duplicates::{AccountHasher, Budget};
use super::error::ListError;
use super::file_selection::FileSelection;
use super::file_set::{FileSequence, FileSet, SetFiles};
use super::list_file::{Digesting, ListFile, STDIN};
use super::object_list::ObjectList;
use super::object_spool::ObjectSpool;
use super::records::Records;
use super::source::{DuplicateRemoval, ListFormat, ListPath, ListSource};
use crate::util::visible::visible_path;

/// A list that can be read any number of times.
#[derive(Debug)]
pub struct AccountList {
    files: ListFiles,
    name: Arc<str>,
    estimated_accounts: u64,
    /// The objects of a list in a store.
    spool: Option<Arc<ObjectSpool>>,
    spool_directory: PathBuf,
    duplicates: DuplicateRemoval,
    budget: Budget,
    hasher: AccountHasher,
}

#[derive(Debug)]
enum ListFiles {
    /// A file, or standard input. It stays open.
    One(CheckedFile),
    /// A directory or a glob.
    Several(Arc<FileSet>),
}

impl AccountList {
    /// Opens a list and checks its start. `spool_directory` is for temporary files without names, which disappear with
    /// the list and its readers: one for a copy of standard input, two for the possible duplicates of a scan.
    ///
    /// # Errors
    /// If the list does not exist, cannot be read, does not have its format, or has no such column.
    pub fn open(source: &ListSource, spool_directory: &Path) -> Result<Self, ListError> {
        match &source.path {
            ListPath::File(path) => match FileSelection::new(path)? {
                Some(selection) => Self::from_selection(selection, source, spool_directory),
                None => {
                    let unknown = || ListError::UnknownFormat { list: visible_path(path) };
                    let file = ListFile::open(path)?;
                    let format = source.format.or_else(|| ListFormat::from_path(path));
                    Self::from_file(file, format.ok_or_else(unknown)?, source, spool_directory)
                }
            },
            ListPath::Objects(list) => Self::from_objects(list, source, spool_directory),
            ListPath::Stdin => {
                let unknown = || ListError::UnknownFormat { list: STDIN.to_owned() };
                let format = source.format.ok_or_else(unknown)?;
                let file = ListFile::spool(&mut io::stdin().lock(), spool_directory)?;
                Self::from_file(file, format, source, spool_directory)
            }
        }
    }

    pub(super) fn from_file(
        file: ListFile,
        format: ListFormat,
        source: &ListSource,
        spool_directory: &Path,
    ) -> Result<Self, ListError> {
        let file = CheckedFile::new(file, format, source.column.as_deref())?;
        Ok(Self {
            name: Arc::clone(&file.file.name),
            estimated_accounts: file.estimated_records,
            files: ListFiles::One(file),
            spool: None,
            spool_directory: spool_directory.to_owned(),
            duplicates: source.duplicates,
            budget: Budget::new(source.memory_bytes),
            hasher: AccountHasher::new(),
        })
    }

    fn from_objects(
        list: &ObjectList,
        source: &ListSource,
        spool_directory: &Path,
    ) -> Result<Self, ListError> {
        Self::from_spool(list, ObjectSpool::open(list)?, source, spool_directory)
    }

    pub(super) fn from_spool(
        list: &ObjectList,
        spool: ObjectSpool,
        source: &ListSource,
        spool_directory: &Path,
    ) -> Result<Self, ListError> {
        let spool = Arc::new(spool);
        let unknown = || ListError::UnknownFormat { list: spool.list().to_owned() };
        let mut opened = if list.objects.filter().is_none() {
            let format = source.format.or_else(|| ListFormat::from_path(list.objects.name()));
            Self::from_file(spool.file(0), format.ok_or_else(unknown)?, source, spool_directory)?
        } else {
            let set = FileSet::new(SetFiles::Objects(Arc::clone(&spool)), source)?;
            Self::from_set(set, source, spool_directory)?
        };
        opened.spool = Some(spool);
        Ok(opened)
    }

    fn from_selection(
        selection: FileSelection,
        source: &ListSource,
        spool_directory: &Path,
    ) -> Result<Self, ListError> {
        let set = FileSet::new(SetFiles::find(selection)?, source)?;
        Self::from_set(set, source, spool_directory)
    }

    fn from_set(
        set: FileSet,
        source: &ListSource,
        spool_directory: &Path,
    ) -> Result<Self, ListError> {
        Ok(Self {
            name: set.name().into(),
            estimated_accounts: set.estimate_records()?,
            files: ListFiles::Several(Arc::new(set)),
            spool: None,
            spool_directory: spool_directory.to_owned(),
            duplicates: source.duplicates,
            budget: Budget::new(source.memory_bytes),
            hasher: AccountHasher::new(),
        })
    }

    /// Approximate number of records: exact for Parquet and short lists, otherwise extrapolated from the start.
    pub fn estimated_accounts(&self) -> u64 {
        self.estimated_accounts
    }

    /// Number of files: 1, or those of a directory or a glob.
    pub(super) fn files(&self) -> u64 {
        match &self.files {
            ListFiles::One(_) => 1,
            ListFiles::Several(set) => set.count() as u64,
        }
    }

    /// The objects of a list in a store, which are copied to a temporary file.
    pub fn spool(&self) -> Option<&ObjectSpool> {
        self.spool.as_deref()
    }

    /// The name in messages.
    pub(super) fn name(&self) -> &Arc<str> {
        &self.name
    }

    pub(super) fn spool_directory(&self) -> &Path {
        &self.spool_directory
    }

    /// Which duplicates are removed.
    pub fn duplicates(&self) -> DuplicateRemoval {
        self.duplicates
    }

    pub(super) fn budget(&self) -> Budget {
        self.budget
    }

    /// The hash function of all its passes.
    pub(super) fn hasher(&self) -> AccountHasher {
        self.hasher
    }

    #[cfg(test)]
    pub(super) fn set_budget(&mut self, budget: Budget) {
        self.budget = budget;
    }

    #[cfg(test)]
    pub(super) fn set_estimated_accounts(&mut self, accounts: u64) {
        self.estimated_accounts = accounts;
    }

    /// Starts reading at the first record.
    pub(super) fn records(&self, digesting: Digesting) -> Result<Records, ListError> {
        match &self.files {
            ListFiles::One(file) => Ok(Records::of_file(file.records(digesting)?, file.file.bytes)),
            ListFiles::Several(set) => {
                Records::of_files(FileSequence::new(Arc::clone(set), digesting))
            }
        }
    }
}
