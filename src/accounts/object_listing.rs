//! Finds the objects of a list.

use std::collections::HashSet;
use std::path::Path;

use super::error::ListError;
use super::name_filter::NameFilter;
use super::object_list::ObjectSelection;
use crate::bucket::{Bucket, BucketError, ObjectInfo};
use crate::util::visible::visible;

/// The objects of a list, in the byte order of their keys.
///
/// # Errors
/// If the store cannot be read, or there is not one object.
pub fn find_objects(
    bucket: &Bucket,
    selection: &ObjectSelection,
) -> Result<Vec<ObjectInfo>, ListError> {
    let root = selection.root().key();
    match selection.filter() {
        None => Ok(vec![find_object(bucket, root)?]),
        Some(filter) => {
            let mut objects = bucket.list(root)?;
            objects.retain(|object| {
                let below = object.key.strip_prefix(root).unwrap_or(&object.key);
                filter.selects(Path::new(below.trim_start_matches('/')))
            });
            let objects = without_directories(bucket, objects)?;
            if objects.is_empty() {
                return Err(nothing_found(selection, filter));
            }
            Ok(objects)
        }
    }
}

fn nothing_found(selection: &ObjectSelection, filter: &NameFilter) -> ListError {
    let list = visible(&selection.to_string()).into_owned();
    match filter.has_glob() {
        true => ListError::NoObjectMatches { list },
        false => ListError::EmptyPrefix { list },
    }
}

/// Finds one object. The response to a look-up has no text, so that a list finds out more about a failure.
fn find_object(bucket: &Bucket, key: &str) -> Result<ObjectInfo, ListError> {
    match bucket.head(key) {
        Ok(Some(object)) => Ok(object),
        Ok(None) => {
            let list = visible(&bucket.url(key).to_string()).into_owned();
            match bucket.list(key) {
                Err(error @ BucketError::NoBucket { .. }) => Err(error.into()),
                Ok(objects) if !objects.is_empty() => Err(ListError::IsPrefix { list }),
                _ => Err(ListError::MissingObject { list }),
            }
        }
        Err(error @ BucketError::Refused { .. }) => {
            Err(bucket.list(key).err().unwrap_or(error).into())
        }
        Err(error) => Err(error.into()),
    }
}

/// Removes the empty objects that consoles and file system adapters create in place of directories: their keys ended with a
/// slash, which lists do not show.
fn without_directories(
    bucket: &Bucket,
    objects: Vec<ObjectInfo>,
) -> Result<Vec<ObjectInfo>, ListError> {
    let empty: Vec<String> =
        objects.iter().filter(|it| it.bytes == 0).map(|it| it.key.clone()).collect();
    let found = bucket.head_all(&empty)?;
    let absent = empty.iter().zip(found).filter(|(_, found)| found.is_none());
    let absent: HashSet<&String> = absent.map(|(key, _)| key).collect();
    Ok(objects.into_iter().filter(|object| !absent.contains(&object.key)).collect())
}
