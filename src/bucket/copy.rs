//! Copies within the bucket.

use object_store::{CopyOptions, GetOptions, GetRange};

use super::attempt::Attempt;
use super::error::{BucketError, Operation};
use super::fault::Transient;
use super::multipart::Pieces;
use super::retry::{Attempted, Failures};
use super::session::SharedSession;

/// Codes with which S3 and COS refuse to copy an object above 5 GiB with one request.
const TOO_LONG: [&str; 2] = ["InvalidRequest", "EntityTooLarge"];

/// Copies an object. It may be repeated.
pub async fn copy(session: SharedSession, from: String, to: String) -> Result<(), BucketError> {
    let (source, target) = (session.path(&from)?, session.path(&to)?);
    let operation = session.operation("copy", &from);
    let copy = || async {
        let options = CopyOptions::default();
        session.stores.objects.copy_opts(&source, &target, options).await?;
        Ok(Attempt::current().is_some_and(|attempt| attempt.copy_is_pending()))
    };
    match session.retries.run(&operation, copy).await {
        Ok(Attempted::Done(false)) => Ok(()),
        Ok(Attempted::Done(true)) => finish(&session, &to, &operation).await,
        Ok(Attempted::Missing) => Err(BucketError::Missing { url: *operation.url }),
        Ok(Attempted::Conflict) => Err(BucketError::Changed { url: *operation.url }),
        Err(BucketError::Refused { code, .. }) if TOO_LONG.contains(&code.as_str()) => {
            copy_pieces(session, from, to).await
        }
        Err(error) => Err(error),
    }
}

/// Waits for a copy that the store makes later, as Azure may.
async fn finish(
    session: &SharedSession,
    to: &str,
    operation: &Operation,
) -> Result<(), BucketError> {
    let target = session.path(to)?;
    let look = || async {
        session.stores.objects.get_opts(&target, GetOptions::new().with_head(true)).await?;
        Ok(Attempt::current().is_some_and(|attempt| attempt.copy_is_pending()))
    };
    let mut failures = Failures::default();
    while let Attempted::Done(true) = session.retries.run(operation, look).await? {
        session
            .retries
            .wait_for(&mut failures, Transient::new("the copy is pending"), operation)
            .await?;
    }
    Ok(())
}

/// Copies an object through this machine.
async fn copy_pieces(session: SharedSession, from: String, to: String) -> Result<(), BucketError> {
    let url = session.root.with_key(&from);
    let found = session.head(&from).await?;
    let found = found.ok_or_else(|| BucketError::Missing { url: url.clone() })?;
    let source = session.path(&from)?;
    let operation = session.operation("copy", &from);
    let reader = session.clone();
    let read = move |offset: u64, length: u64| {
        let (session, source, operation) = (reader.clone(), source.clone(), operation.clone());
        let etag = found.version.etag.clone();
        async move {
            let read = || async {
                let range = Some(GetRange::Bounded(offset..offset + length));
                let options = GetOptions::new().with_range(range).with_if_match(etag.clone());
                session.stores.objects.get_opts(&source, options).await?.bytes().await
            };
            match session.retries.run(&operation, read).await? {
                Attempted::Done(content) => Ok(content),
                Attempted::Missing | Attempted::Conflict => {
                    Err(BucketError::Changed { url: *operation.url })
                }
            }
        }
    };
    Pieces::of(found.bytes).upload(&session, &to, read).await.map(drop)
}
