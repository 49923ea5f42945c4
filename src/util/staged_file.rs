//! Writes a file so that its final name always refers to the complete file, even after a power loss: stage, fsync, rename,
//! fsync the directory.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::disk_error::DiskError;
use super::failpoint;
use super::hex::hex;
use super::paths::parent_directory;

/// Appended to the final name while a file is being written.
const STAGED_SUFFIX: &str = ".staged";

/// Bytes that are collected before they are written.
const BUFFER_BYTES: usize = 128 * 1024;

/// Size and digest of a committed file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileInfo {
    pub bytes: u64,
    /// SHA-256, in hex.
    pub sha256: String,
    /// The ETag of the object, if it is in an object store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub etag: Option<String>,
}

/// A file that is written under a staged name. If it is dropped without a commit, it is removed.
#[derive(Debug)]
pub struct StagedFile {
    final_path: PathBuf,
    staged_path: PathBuf,
    /// `None` once a commit has started.
    writer: Option<BufWriter<DigestWriter>>,
    /// Whether the final path names it.
    is_renamed: bool,
}

#[derive(Debug)]
struct DigestWriter {
    file: File,
    digest: Sha256,
    bytes: u64,
}

impl Write for DigestWriter {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        let written = self.file.write(buffer)?;
        self.digest.update(&buffer[..written]);
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl StagedFile {
    /// Starts the file that will be `final_path`. A staged file of a stopped run is replaced.
    pub fn create(final_path: PathBuf) -> Result<StagedFile, DiskError> {
        let mut staged_name = final_path.clone().into_os_string();
        staged_name.push(STAGED_SUFFIX);
        let staged_path = PathBuf::from(staged_name);
        remove_if_exists(&staged_path)?;
        failpoint::hit("file:create").map_err(DiskError::on("create", &staged_path))?;
        let file = OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&staged_path)
            .map_err(DiskError::on("create", &staged_path))?;
        let writer = DigestWriter { file, digest: Sha256::new(), bytes: 0 };
        let writer = Some(BufWriter::with_capacity(BUFFER_BYTES, writer));
        Ok(StagedFile { final_path, staged_path, writer, is_renamed: false })
    }

    /// The final path.
    pub fn path(&self) -> &Path {
        &self.final_path
    }

    /// Lets every user of the machine read the file, regardless of the umask.
    pub fn set_world_readable(&self) -> Result<(), DiskError> {
        fs::set_permissions(&self.staged_path, Permissions::from_mode(0o644))
            .map_err(DiskError::on("set the mode of", &self.staged_path))
    }

    /// Makes the file durable under its final name.
    pub fn commit(mut self) -> Result<FileInfo, DiskError> {
        let path = &self.final_path;
        let Some(writer) = self.writer.take() else {
            return Err(DiskError::on("commit again", path)(io::ErrorKind::NotFound.into()));
        };
        let written = writer
            .into_inner()
            .map_err(|error| DiskError::on("write", path)(error.into_error()))?;
        let hit = |name| failpoint::hit(name).map_err(DiskError::on("make durable", path));
        hit("file:sync")?;
        written.file.sync_all().map_err(DiskError::on("make durable", path))?;
        hit("file:synced")?;
        fs::rename(&self.staged_path, path).map_err(DiskError::on("rename into place", path))?;
        self.is_renamed = true;
        hit("file:renamed")?;
        sync_directory(parent_directory(path))?;
        hit("file:durable")?;
        let sha256 = hex(&written.digest.finalize());
        Ok(FileInfo { bytes: written.bytes, sha256, etag: None })
    }
}

impl Write for StagedFile {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match &mut self.writer {
            Some(writer) => writer.write(buffer),
            None => Err(io::ErrorKind::NotFound.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.as_mut().map_or(Ok(()), Write::flush)
    }
}

impl Drop for StagedFile {
    fn drop(&mut self) {
        if !self.is_renamed {
            // An error does not matter: the next run removes staged files.
            let _ = fs::remove_file(&self.staged_path);
        }
    }
}

impl FileInfo {
    /// Reads a whole file.
    pub fn of(path: &Path) -> Result<FileInfo, DiskError> {
        let mut file = File::open(path).map_err(DiskError::on("open", path))?;
        let mut digest = Sha256::new();
        let mut buffer = vec![0; BUFFER_BYTES];
        let mut bytes = 0;
        loop {
            let count = file.read(&mut buffer).map_err(DiskError::on("read", path))?;
            if count == 0 {
                return Ok(FileInfo { bytes, sha256: hex(&digest.finalize()), etag: None });
            }
            digest.update(&buffer[..count]);
            bytes += count as u64;
        }
    }
}

/// Creates a directory and the missing ones above it, durably.
pub fn create_directories(directory: &Path) -> Result<(), DiskError> {
    let missing = missing_directories(directory);
    fs::create_dir_all(directory).map_err(DiskError::on("create", directory))?;
    missing.iter().try_for_each(|created| sync_directory(parent_directory(created)))
}

/// The directories on the way to `directory` that do not exist, the deepest first.
pub fn missing_directories(directory: &Path) -> Vec<PathBuf> {
    let missing = directory.ancestors().take_while(|directory| {
        // A directory that cannot be read may exist.
        let is_missing = |error: io::Error| error.kind() == io::ErrorKind::NotFound;
        !directory.as_os_str().is_empty() && fs::symlink_metadata(directory).is_err_and(is_missing)
    });
    missing.map(Path::to_owned).collect()
}

/// Makes the names in a directory durable.
pub fn sync_directory(directory: &Path) -> Result<(), DiskError> {
    File::open(directory)
        .and_then(|handle| handle.sync_all())
        .map_err(DiskError::on("make durable the directory", directory))
}

/// Removes a file if it exists.
pub fn remove_if_exists(path: &Path) -> Result<(), DiskError> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => {
            Err(DiskError::on("remove", path)(error))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_committed_file_is_complete_and_has_its_digest() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.txt");
        let mut staged = StagedFile::create(path.clone()).unwrap();
        staged.write_all(b"abc").unwrap();
        assert!(!path.exists());
        let info = staged.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"abc");
        assert_eq!(info.bytes, 3);
        assert_eq!(info.sha256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_dropped_file_is_removed_and_a_stale_one_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a.txt");
        fs::write(directory.path().join("a.txt.staged"), "stale").unwrap();
        drop(StagedFile::create(path.clone()).unwrap());
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 0);
        // A directory is in the way of the rename.
        fs::create_dir(&path).unwrap();
        StagedFile::create(path).unwrap().commit().unwrap_err();
        assert_eq!(fs::read_dir(directory.path()).unwrap().count(), 1);
    }

    #[test]
    fn an_error_names_the_action_and_the_path() {
        let error = StagedFile::create(PathBuf::from("/nowhere/at/all/x")).unwrap_err();
        assert!(
            error.to_string().starts_with(
                "could not create /nowhere/at/all/x.staged: No such file or directory"
            )
        );
        assert_eq!(error.io().kind(), io::ErrorKind::NotFound);
    }
}
