//! Uploads of files in bounded memory.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use tokio::task::spawn_blocking;

use super::error::BucketError;
use super::handle::Bucket;
use super::multipart::Pieces;
use super::objects::{ObjectInfo, Put, When};
use super::session::SharedSession;
use crate::util::disk_error::DiskError;

/// The longest file that is uploaded with one request.
const MAX_WHOLE_BYTES: u64 = 16 * 1024 * 1024;

impl Bucket {
    /// Uploads a file in bounded memory: above 16 MiB in pieces of 8 MiB, two at once. The object appears when it is
    /// complete, and replaces another one of its key.
    ///
    /// # Errors
    /// As any operation, and when the file cannot be read.
    pub fn upload(&self, key: &str, file: &Path) -> Result<ObjectInfo, BucketError> {
        let source = LocalFile {
            file: Arc::new(File::open(file).map_err(DiskError::on("open", file))?),
            path: file.to_owned(),
        };
        let bytes = source.file.metadata().map_err(DiskError::on("read", file))?.len();
        let key = key.to_owned();
        self.run("write", |session| upload(session, key, source, bytes))
    }
}

/// A file that is read by offset.
#[derive(Debug, Clone)]
struct LocalFile {
    file: Arc<File>,
    path: PathBuf,
}

impl LocalFile {
    async fn read(&self, offset: u64, length: u64) -> Result<Bytes, BucketError> {
        let file = self.file.clone();
        let read = spawn_blocking(move || {
            let mut content = vec![0; length as usize];
            file.read_exact_at(&mut content, offset).map(|()| content)
        });
        let content = match read.await {
            Ok(content) => content,
            Err(_) => Err(io::Error::other("the read ended unexpectedly")),
        };
        Ok(content.map_err(DiskError::on("read", &self.path))?.into())
    }
}

async fn upload(
    session: SharedSession,
    key: String,
    source: LocalFile,
    bytes: u64,
) -> Result<ObjectInfo, BucketError> {
    if bytes <= MAX_WHOLE_BYTES {
        let content = source.read(0, bytes).await?;
        return match session.put(&key, content, When::Always).await? {
            Put::Stored(version) => Ok(ObjectInfo { key, bytes, version }),
            Put::Refused => Err(BucketError::Changed { url: session.root.with_key(&key) }),
        };
    }
    let read = move |offset, length| {
        let source = source.clone();
        async move { source.read(offset, length).await }
    };
    let version = Pieces::of(bytes).upload(&session, &key, read).await?;
    Ok(ObjectInfo { key, bytes, version })
}
