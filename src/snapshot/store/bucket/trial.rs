//! Tries everything that a run does in a bucket, with one small object, and leaves nothing behind.

use super::BucketStore;
use super::access::on;
use crate::bucket::{Put, Version, When};
use crate::util::disk_error::{DiskError, RemoteError};
use crate::util::exit_code::ExitCode;

/// Starts the name of the object at the output path, which readers take for hidden.
pub const PREFIX: &str = "_check-";

/// Returns what a run should be warned about.
pub fn try_all(store: &BucketStore) -> Result<Vec<String>, DiskError> {
    let key = store.work_key(&format!("check-{}", store.identity.attempt));
    let copy = store.output_key(&format!("{PREFIX}{}", store.identity.attempt));
    let tried = try_with(store, &key, &copy);
    let removed = on(store.bucket.delete_all(vec![key.clone(), copy]));
    let warnings = tried?;
    removed?;
    match on(store.bucket.head(&key))? {
        None => Ok(warnings),
        Some(_) => Err(wrong(store, "still lists an object that was deleted")),
    }
}

fn try_with(store: &BucketStore, key: &str, copy: &str) -> Result<Vec<String>, DiskError> {
    let bucket = &store.bucket;
    let put = |content: &'static str, when| on(bucket.put(key, content, when));
    let Put::Stored(first) = put("written by im-profiles check", When::Absent)? else {
        return Err(wrong(store, "already has an object that was not written before"));
    };
    let mut is_exclusive = bucket.is_conditional();
    if is_exclusive {
        is_exclusive &= put("created twice", When::Absent)? == Put::Refused;
        let stale = Version {
            etag: Some("\"0123456789abcdef\"".to_owned()),
            generation: first.generation.as_ref().map(|_| "1".to_owned()),
        };
        is_exclusive &= put("replaced another version", When::Unchanged(stale))? == Put::Refused;
        if is_exclusive && put("replaced", When::Unchanged(first))? == Put::Refused {
            return Err(wrong(store, "does not replace an object whose ETag is the same"));
        }
    }
    on(bucket.put_in_pieces(key, "written in pieces by im-profiles check"))?;
    on(bucket.copy_all(&[(key.to_owned(), copy.to_owned())]))?;
    for (prefix, key) in [(store.work.key(), key), (store.output.key(), copy)] {
        if !on(bucket.list(prefix))?.iter().any(|object| object.key == key) {
            return Err(wrong(store, "does not list an object that was written"));
        }
    }
    let not_exclusive = format!(
        "the store of {} does not support conditional writes, so two runs at once are not always detected; make sure that only one runs at a time",
        store.output_path.display()
    );
    Ok(if is_exclusive { Vec::new() } else { vec![not_exclusive] })
}

fn wrong(store: &BucketStore, problem: &str) -> DiskError {
    let text = format!(
        "the store of {} {problem}; a run needs a store whose lists and reads are up to date",
        store.output_path.display()
    );
    DiskError::remote(RemoteError::with_code(text, ExitCode::BadUsage))
}
