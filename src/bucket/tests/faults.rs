//! What every kind of fault leads to, with time paused: patience takes no time.

use std::sync::Arc;

use super::fake_store::{FakeStore, StoreFault};
use super::*;
use crate::util::exit_code::{ExitCode, HasExitCode};

const SLOW_DOWN: StoreFault = StoreFault::With(503, "SlowDown", ("retry-after", "7"));

fn bucket() -> (Bucket, Arc<FakeStore>) {
    fake_bucket("s3://lake/x")
}

fn failure(fault: StoreFault) -> BucketError {
    let (bucket, store) = bucket();
    store.script(&[fault]);
    bucket.put("x", "1", When::Always).unwrap_err()
}

#[test]
fn transient_faults_are_retried_until_the_request_succeeds() {
    let faults = [
        StoreFault::Status(500, "InternalError"),
        StoreFault::Status(500, ""),
        StoreFault::Status(502, ""),
        StoreFault::Status(503, "SlowDown"),
        StoreFault::Status(504, ""),
        StoreFault::Status(429, ""),
        StoreFault::Status(408, ""),
        StoreFault::Status(400, "RequestTimeout"),
        StoreFault::Status(409, "ConditionalRequestConflict"),
        StoreFault::Status(409, "OperationAborted"),
        StoreFault::Status(409, "PendingCopyOperation"),
        StoreFault::Status(400, "BadDigest"),
        StoreFault::Lost,
        StoreFault::Unanswered,
        SLOW_DOWN,
    ];
    for fault in faults {
        let (bucket, store) = bucket();
        for when in [When::Always, When::Absent] {
            store.objects.lock().unwrap().clear();
            store.script(&[fault.clone(), fault.clone(), StoreFault::None]);
            let put = bucket.put("x", "1", when.clone()).unwrap();
            assert!(matches!(put, Put::Stored(_)), "{fault:?}");
            store.script(&[fault.clone(), StoreFault::None]);
            let Put::Stored(version) = put else { unreachable!() };
            let next = bucket.put("x", "2", When::Unchanged(version)).unwrap();
            assert!(matches!(next, Put::Stored(_)), "{fault:?}");
            store.script(&[fault.clone(), StoreFault::None]);
            assert_eq!(bucket.get("x").unwrap().unwrap().content, "2", "{fault:?}");
            store.script(&[fault.clone(), StoreFault::None]);
            assert_eq!(bucket.head("x").unwrap().unwrap().bytes, 1, "{fault:?}");
            store.script(&[fault.clone(), StoreFault::None]);
            bucket.copy_all(&[("x".to_owned(), "y".to_owned())]).unwrap();
            store.script(&[StoreFault::None]);
        }
        assert!(bucket.state().retries >= 8, "{fault:?}");
        assert_eq!(bucket.state().unavailable_since, None);
    }
}

#[test]
fn patience_ends_with_exit_code_75() {
    for (fault, reason) in [
        (StoreFault::Status(500, "InternalError"), "status 500 InternalError: as scripted"),
        (StoreFault::Lost, "connection reset"),
        (StoreFault::Status(502, ""), "status 502 Bad Gateway"),
    ] {
        let error = failure(fault);
        assert_eq!(error.exit_code(), ExitCode::TryAgainLater);
        assert_eq!(
            error.to_string(),
            format!(
                "could not write s3://lake/x: the object store has been unavailable for 20 s: {reason}; run the same command \
                 again when it is reachable, or raise retry.outage_patience"
            )
        );
    }
    let (bucket, store) = bucket();
    store.script(&[SLOW_DOWN]);
    let error = bucket.put("x", "1", When::Always).unwrap_err();
    assert!(matches!(error, BucketError::Throttled { .. }), "{error:?}");
    assert_eq!(error.exit_code(), ExitCode::TryAgainLater);
    // At 0, 7 and 14 s; what remains is shorter than Retry-After.
    assert_eq!(store.requests.lock().unwrap().len(), 3);
    let state = bucket.state();
    assert_eq!((state.requests, state.retries, state.throttled), (3, 2, 3));
    assert!(state.unavailable_since.is_some() && state.reason.is_some());
    bucket.head("x").unwrap_err();
}

#[test]
fn permanent_faults_are_not_retried() {
    for (fault, expected) in [
        (
            StoreFault::Status(403, "AccessDenied"),
            "the object store does not allow to write s3://lake/x: status 403 AccessDenied: as scripted; check",
        ),
        (
            StoreFault::Status(403, "SignatureDoesNotMatch"),
            "the object store does not allow to write s3://lake/x",
        ),
        (
            StoreFault::Status(404, "NoSuchBucket"),
            "could not write s3://lake/x: the bucket does not exist",
        ),
        (
            StoreFault::Status(301, "PermanentRedirect"),
            "could not write s3://lake/x: the bucket is in another region; set store.region",
        ),
        (
            StoreFault::With(301, "", ("x-amz-bucket-region", "eu-west-1")),
            "could not write s3://lake/x: the bucket is in another region (eu-west-1); set",
        ),
        (
            StoreFault::With(
                400,
                "AuthorizationHeaderMalformed",
                ("x-amz-bucket-region", "eu-west-1"),
            ),
            "could not write s3://lake/x: the bucket is in another region (eu-west-1)",
        ),
        (
            StoreFault::Status(400, "InvalidRequest"),
            "could not write s3://lake/x: status 400 InvalidRequest: as scripted; check the URL",
        ),
        (
            StoreFault::Status(404, ""),
            "could not write s3://lake/x: the bucket does not exist (status 404)",
        ),
        (
            StoreFault::Status(400, "InvalidToken"),
            "the object store does not allow to write s3://lake/x: status 400 InvalidToken",
        ),
        (
            StoreFault::Status(403, "RequestTimeTooSkewed"),
            "could not write s3://lake/x: status 403 RequestTimeTooSkewed: as scripted; set the clock",
        ),
        (
            StoreFault::Status(501, "NotImplemented"),
            "could not write s3://lake/x: status 501 NotImplemented",
        ),
    ] {
        let (bucket, store) = bucket();
        store.script(&[fault]);
        let error = bucket.put("x", "1", When::Always).unwrap_err();
        assert!(error.to_string().starts_with(expected), "{error}");
        assert_eq!(error.exit_code(), ExitCode::BadUsage);
        assert_eq!(store.requests.lock().unwrap().len(), 1);
    }
    let expired = failure(StoreFault::Status(400, "ExpiredToken"));
    assert!(matches!(expired, BucketError::ExpiredCredentials { .. }));
    assert_eq!(expired.exit_code(), ExitCode::TryAgainLater);
}

#[test]
fn a_condition_that_does_not_hold_is_refused_unless_the_object_is_ours() {
    let (bucket, store) = bucket();
    store.script(&[StoreFault::Overtaken("theirs"), StoreFault::None]);
    assert_eq!(bucket.put("x", "ours", When::Absent).unwrap(), Put::Refused);
    store.script(&[StoreFault::Overtaken("ours"), StoreFault::None]);
    let Put::Stored(version) = bucket.put("x", "ours", When::Absent).unwrap() else { panic!() };
    // Executed, lost, and refused when it is repeated.
    store.script(&[StoreFault::Unanswered, StoreFault::None]);
    assert!(matches!(
        bucket.put("x", "ours 2", When::Unchanged(version.clone())).unwrap(),
        Put::Stored(_)
    ));
    assert_eq!(bucket.put("x", "ours 3", When::Unchanged(version)).unwrap(), Put::Refused);
    assert_eq!(bucket.get("x").unwrap().unwrap().content, "ours 2");
}

#[test]
fn conditions_of_cos_are_checked_before_the_write() {
    let (bucket, store) = fake_bucket("cos://lake-1250000000/x");
    assert!(!bucket.is_conditional());
    let Put::Stored(version) = bucket.put("x", "1", When::Absent).unwrap() else { panic!() };
    assert_eq!(bucket.put("x", "2", When::Absent).unwrap(), Put::Refused);
    assert_eq!(bucket.put("x", "1", When::Absent).unwrap(), Put::Stored(version.clone()));
    let Put::Stored(next) = bucket.put("x", "2", When::Unchanged(version.clone())).unwrap() else {
        panic!()
    };
    assert_eq!(bucket.put("x", "3", When::Unchanged(version)).unwrap(), Put::Refused);
    store.objects.lock().unwrap().clear();
    assert_eq!(bucket.put("x", "3", When::Unchanged(next)).unwrap(), Put::Refused);
    // Created between the check and the write.
    store.script(&[StoreFault::None, StoreFault::Overtaken("theirs"), StoreFault::None]);
    assert_eq!(bucket.put("x", "ours", When::Absent).unwrap(), Put::Refused);
    store.script(&[]);
    assert_eq!(bucket.get("x").unwrap().unwrap().content, "theirs");
}

#[test]
fn errors_in_a_success_and_other_bodies_are_retried() {
    let (bucket, store) = bucket();
    bucket.put("x", "1", When::Always).unwrap();
    for fault in [
        StoreFault::Embedded("InternalError"),
        StoreFault::Embedded("SlowDown"),
        StoreFault::Embedded("RequestTimeout"),
    ] {
        store.script(&[fault, StoreFault::None]);
        bucket.copy_all(&[("x".to_owned(), "y".to_owned())]).unwrap();
        assert!(store.objects.lock().unwrap().remove("y").is_some());
    }
    store.script(&[StoreFault::Embedded("AccessDenied")]);
    let error = bucket.copy_all(&[("x".to_owned(), "y".to_owned())]).unwrap_err();
    assert!(matches!(error, BucketError::Denied { .. }), "{error:?}");
    store.script(&[StoreFault::Garbage]);
    let error = bucket.list("x").unwrap_err();
    assert!(error.to_string().contains("the response is not one of an object store"), "{error}");
    assert_eq!(error.exit_code(), ExitCode::TryAgainLater);
}

#[test]
fn an_interrupted_bucket_makes_single_attempts() {
    let (bucket, store) = bucket();
    bucket.interrupt();
    store.script(&[StoreFault::Status(500, "InternalError")]);
    let error = bucket.put("x", "1", When::Always).unwrap_err();
    assert!(matches!(error, BucketError::Interrupted { .. }), "{error:?}");
    assert_eq!(error.exit_code(), ExitCode::TryAgainLater);
    assert_eq!(store.requests.lock().unwrap().len(), 1);
    store.script(&[]);
    bucket.put("x", "1", When::Always).unwrap();
}

#[test]
fn secrets_are_in_no_text() {
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let (bucket, store) = bucket();
    assert!(!format!("{bucket:?}").contains("SECRET"), "{bucket:?}");
    store.script(&[StoreFault::Status(403, secret)]);
    let error = bucket.get("x").unwrap_err();
    assert!(!format!("{error} {error:?}").contains(secret), "{error:?}");
}

#[test]
fn names_that_no_path_can_have_are_refused_or_reported() {
    let (bucket, store) = bucket();
    for key in ["a//b", "a/../b", "a\u{7}b"] {
        let error = bucket.put(key, "1", When::Always).unwrap_err();
        assert!(matches!(error, BucketError::Unsupported { .. }), "{error:?}");
    }
    assert_eq!(store.requests.lock().unwrap().len(), 0);
    for name in ["x//b", "x/..", "x/a&#7;b", "x/&#xfffd;%ff/.."] {
        let page = format!(
            "<ListBucketResult><Contents><Key>{name}</Key><Size>1</Size><LastModified>2026-11-26T00:00:00Z</LastModified>\
             <ETag>&quot;1&quot;</ETag></Contents></ListBucketResult>"
        );
        store.script(&[StoreFault::Page(page)]);
        let error = bucket.list("x").unwrap_err();
        assert_eq!(error.exit_code(), ExitCode::BadUsage, "{error}");
        assert!(
            error.to_string().starts_with(
                "could not list s3://lake/x: the bucket has an object whose name cannot be used"
            ),
            "{error}"
        );
    }
}

#[test]
fn lists_are_sorted_and_have_no_marks_of_directories() {
    let (bucket, store) = bucket();
    let object = |key: &str, size: u32| {
        format!(
            "<Contents><Key>{key}</Key><Size>{size}</Size><LastModified>2026-11-26T00:00:00Z</LastModified><ETag>abc</ETag></Contents>"
        )
    };
    let page = |objects: &[String], token: &str| {
        let more = "<NextContinuationToken>".to_owned() + token + "</NextContinuationToken>";
        StoreFault::Page(format!(
            "<?xml version=\"1.0\"?>\n<ListBucketResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">{}{}</ListBucketResult>",
            objects.concat(),
            if token.is_empty() { "" } else { &more },
        ))
    };
    store.script(&[
        page(&[object("x/", 0), object("x/b/", 0), object("x/b/2", 2)], "next"),
        StoreFault::Status(503, "SlowDown"),
        page(&[object("x/a", 0), object("x/b-1", 1), object("x/b%20c", 1)], ""),
    ]);
    let found = bucket.list("x/").unwrap();
    let keys: Vec<&str> = found.iter().map(|it| it.key.as_str()).collect();
    assert_eq!(keys, ["x/a", "x/b%20c", "x/b-1", "x/b/2"]);
    assert_eq!(found[0].version.etag.as_deref(), Some("\"abc\""), "as in a header");
    let requests = store.requests.lock().unwrap();
    let tokens: Vec<bool> =
        requests.iter().map(|it| it.line.contains("continuation-token=next")).collect();
    assert_eq!(tokens, [false, true, true]);
}

#[test]
fn keys_that_could_not_be_deleted_are_deleted_again() {
    let (bucket, store) = bucket();
    let result = |error: &str| {
        StoreFault::Page(format!(
            "<DeleteResult><Deleted><Key>a</Key></Deleted>{error}</DeleteResult>"
        ))
    };
    let failed = |code: &str| {
        result(&format!("<Error><Key>b</Key><Code>{code}</Code><Message>m</Message></Error>"))
    };
    store.script(&[failed("InternalError"), failed("SlowDown"), result("")]);
    bucket.delete_all(vec!["a".to_owned(), "b".to_owned()]).unwrap();
    assert_eq!(store.requests.lock().unwrap().len(), 3);
    store.script(&[failed("AccessDenied")]);
    let error = bucket.delete_all(vec!["a".to_owned(), "b".to_owned()]).unwrap_err();
    assert!(matches!(error, BucketError::Denied { .. }), "{error:?}");
}

#[test]
fn an_object_above_5_gib_is_copied_in_pieces() {
    let (bucket, store) = bucket();
    bucket.put("x", "12345", When::Always).unwrap();
    store.script(&[
        StoreFault::Status(400, "InvalidRequest"),
        StoreFault::None, // looked up
        StoreFault::Page(
            "<InitiateMultipartUploadResult><UploadId>7</UploadId></InitiateMultipartUploadResult>"
                .to_owned(),
        ),
        StoreFault::With(206, "", ("content-range", "bytes 0-4/5")),
    ]);
    let _ = bucket.copy_all(&[("x".to_owned(), "y".to_owned())]);
    let lines: Vec<String> =
        store.requests.lock().unwrap().iter().map(|it| it.line.clone()).collect();
    assert!(lines[3].starts_with("POST ") && lines[3].ends_with("/y?uploads="), "{lines:?}");
    assert!(lines[4].starts_with("GET ") && lines[4].ends_with("/x"), "{lines:?}");
}

#[test]
fn an_upload_that_the_store_has_lost_is_repeated() {
    let (bucket, store) = bucket();
    let file = tempfile::NamedTempFile::new().unwrap();
    file.as_file().set_len(17 * 1024 * 1024).unwrap();
    let started = StoreFault::Page(
        "<InitiateMultipartUploadResult><UploadId>7</UploadId></InitiateMultipartUploadResult>"
            .to_owned(),
    );
    let completed = StoreFault::Page(
        "<CompleteMultipartUploadResult><ETag>\"z-3\"</ETag></CompleteMultipartUploadResult>"
            .to_owned(),
    );
    let piece = StoreFault::None;
    store.script(&[
        started.clone(),
        piece.clone(),
        StoreFault::Status(503, "SlowDown"),
        piece.clone(),
        piece.clone(),
        StoreFault::Lost,
        StoreFault::Status(404, "NoSuchUpload"),
        StoreFault::None, // looked up: another object
        started,
        piece.clone(),
        piece.clone(),
        piece,
        completed,
    ]);
    let info = bucket.upload("x", file.path()).unwrap();
    assert_eq!((info.bytes, info.version.etag.as_deref()), (17 * 1024 * 1024, Some("\"z-3\"")));
    assert_eq!(store.requests.lock().unwrap().len(), 13);
    let absent = bucket.upload("x", std::path::Path::new("/no/part")).unwrap_err();
    assert!(absent.to_string().starts_with("could not open /no/part"), "{absent}");
}
