//! The objects of a list, copied to a temporary file without a name while they are read: as far as the reader gets, and
//! each only once. Sizes and positions are in bytes.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::error::ListError;
use super::list_file::{COPY_BUFFER_BYTES, ListFile, create_nameless};
use super::object_list::ObjectList;
use super::object_listing::find_objects;
use crate::bucket::{Bucket, BucketError, BucketReader, ObjectInfo};
use crate::util::disk_space::free_bytes;
use crate::util::visible::visible;

/// How far before its turn an object is requested, so that many small ones do not wait for each other.
const READ_AHEAD_BYTES: u64 = 4 * 1024 * 1024;

/// Objects that are requested at a time.
const MAX_REQUESTED: usize = 16;

/// The objects of a list, one after the other in one file.
#[derive(Debug)]
pub struct ObjectSpool {
    bucket: Bucket,
    /// The list in messages.
    list: String,
    objects: Vec<SpooledObject>,
    directory: PathBuf,
    file: File,
    /// How much of all objects is in the file.
    written: AtomicU64,
    download: Mutex<Download>,
}

/// An object, and its position in the file.
#[derive(Debug)]
struct SpooledObject {
    info: ObjectInfo,
    start: u64,
}

impl SpooledObject {
    fn end(&self) -> u64 {
        self.start + self.info.bytes
    }
}

#[derive(Debug)]
struct Download {
    /// Objects that are complete.
    complete: usize,
    /// Those of the next objects, in their order, as far as they are requested.
    readers: VecDeque<BucketReader>,
    buffer: Vec<u8>,
    has_failed: bool,
}

impl ObjectSpool {
    /// Finds the objects. Copies nothing yet.
    ///
    /// # Errors
    /// If the store cannot be read, there is not one object, or the file cannot be created.
    pub fn open(list: &ObjectList) -> Result<Self, ListError> {
        let bucket = Bucket::open(list.objects.root(), &list.bucket, list.patience)?;
        Self::new(bucket, list)
    }

    fn new(bucket: Bucket, list: &ObjectList) -> Result<Self, ListError> {
        let found = find_objects(&bucket, &list.objects)?;
        let directory = list.scratch.clone();
        let list = visible(&list.objects.to_string()).into_owned();
        let file = fs::create_dir_all(&directory).and_then(|()| create_nameless(&directory));
        let file = file.map_err(|source| ListError::Spool {
            list: list.clone(),
            directory: directory.clone(),
            source,
        })?;
        let mut start = 0;
        let objects = found.into_iter().map(|info| {
            let object = SpooledObject { info, start };
            start = object.end();
            object
        });
        let objects = objects.collect();
        let buffer = vec![0; COPY_BUFFER_BYTES];
        let download =
            Download { complete: 0, readers: VecDeque::new(), buffer, has_failed: false };
        let (written, download) = (AtomicU64::new(0), Mutex::new(download));
        Ok(Self { bucket, list, objects, directory, file, written, download })
    }

    /// The list in messages.
    pub fn list(&self) -> &str {
        &self.list
    }

    /// The number of objects.
    pub fn count(&self) -> usize {
        self.objects.len()
    }

    pub fn all_bytes(&self) -> u64 {
        self.objects.last().map_or(0, SpooledObject::end)
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The key of an object.
    pub fn key(&self, index: usize) -> &str {
        &self.objects[index].info.key
    }

    /// The URL of an object, for messages.
    pub fn name(&self, index: usize) -> String {
        visible(&self.bucket.url(self.key(index)).to_string()).into_owned()
    }

    pub fn file(self: &Arc<Self>, index: usize) -> ListFile {
        let bytes = self.objects[index].info.bytes;
        ListFile::of_object(ObjectCopy { spool: Arc::clone(self), index }, self.name(index), bytes)
    }

    /// Verifies that the directory has room for what is still to be copied up to `end`.
    ///
    /// # Errors
    /// [`ListError::NoRoom`].
    fn ensure_room(&self, end: u64) -> Result<(), ListError> {
        let bytes = end.saturating_sub(self.written.load(Ordering::Acquire));
        match free_bytes(&self.directory) {
            Some(free) if free < bytes => {
                let (list, directory) = (self.list.clone(), self.directory.clone());
                Err(ListError::NoRoom { list, bytes, directory, free })
            }
            _ => Ok(()),
        }
    }

    /// Verifies that the directory has room for all objects.
    ///
    /// # Errors
    /// [`ListError::NoRoom`].
    pub fn ensure_room_for_all(&self) -> Result<(), ListError> {
        self.ensure_room(self.all_bytes())
    }

    /// Copies at least everything before `end`.
    fn copy_to(&self, end: u64) -> Result<(), ListError> {
        if self.written.load(Ordering::Acquire) >= end {
            return Ok(());
        }
        let mut download = self.download.lock().unwrap_or_else(PoisonError::into_inner);
        while self.written.load(Ordering::Acquire) < end {
            if download.has_failed {
                // The first failure was reported.
                return Err(ListError::Changed { list: self.list.clone() });
            }
            let copied = self.copy_next(&mut download);
            download.has_failed = copied.is_err();
            copied?;
        }
        Ok(())
    }

    /// Copies the next bytes of the next object.
    fn copy_next(&self, download: &mut Download) -> Result<(), ListError> {
        let written = self.written.load(Ordering::Acquire);
        while self.objects[download.complete].info.bytes == 0 {
            download.complete += 1;
        }
        self.request_next(download, written)?;
        let Download { complete, readers, buffer, .. } = download;
        let object = &self.objects[*complete];
        let changed = || ListError::ObjectChanged { object: self.name(*complete) };
        let Some(reader) = readers.front_mut() else { return Err(changed()) };
        let length = self.read(reader, buffer)?;
        let left = object.end() - written;
        if length == 0 || length as u64 > left {
            return Err(changed());
        }
        self.file.write_all_at(&buffer[..length], written).map_err(|source| ListError::Spool {
            list: self.list.clone(),
            directory: self.directory.clone(),
            source,
        })?;
        if length as u64 == left {
            // Also an object without a version must still have the size that was listed.
            if self.read(reader, buffer)? > 0 {
                return Err(changed());
            }
            readers.pop_front();
            *complete += 1;
        }
        self.written.store(written + length as u64, Ordering::Release);
        Ok(())
    }

    /// Reads the next bytes of an object; 0 only at its end.
    fn read(&self, reader: &mut BucketReader, buffer: &mut [u8]) -> Result<usize, ListError> {
        reader.read(buffer).map_err(|error| match error.downcast::<BucketError>() {
            Ok(BucketError::Changed { url } | BucketError::Missing { url }) => {
                ListError::ObjectChanged { object: visible(&url.to_string()).into_owned() }
            }
            Ok(error) => error.into(),
            Err(source) => ListError::Read { list: self.list.clone(), source },
        })
    }

    /// Requests the next object, and those that follow soon.
    fn request_next(&self, download: &mut Download, written: u64) -> Result<(), ListError> {
        let waiting = self.objects[download.complete..].iter().filter(|it| it.info.bytes > 0);
        for object in waiting.skip(download.readers.len()) {
            let is_soon = object.start < written + READ_AHEAD_BYTES;
            if download.readers.len() == MAX_REQUESTED || !download.readers.is_empty() && !is_soon {
                break;
            }
            let ObjectInfo { key, version, .. } = &object.info;
            download.readers.push_back(self.bucket.read(key, version)?);
        }
        Ok(())
    }
}

/// The copy of one object. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ObjectCopy {
    spool: Arc<ObjectSpool>,
    index: usize,
}

impl ObjectCopy {
    /// Reads at `offset`; 0 only at the end. A failure of the store is a [`ListError`] in the error.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let object = &self.spool.objects[self.index];
        let left = object.info.bytes.saturating_sub(offset);
        let length = buffer.len().min(left.try_into().unwrap_or(usize::MAX));
        let position = object.start + offset;
        self.spool.copy_to(position + length as u64).map_err(io::Error::other)?;
        self.spool.file.read_at(&mut buffer[..length], position)
    }

    /// Copies all of it, and everything before it.
    ///
    /// # Errors
    /// If the directory has too little room, or the object cannot be read.
    pub fn complete(&self) -> Result<(), ListError> {
        let end = self.spool.objects[self.index].end();
        self.spool.ensure_room(end)?;
        self.spool.copy_to(end)
    }
}
