//! The stores of these tests behave as the design assumes of a real one, and the proxy fails requests as it should.

use std::sync::Barrier;
use std::thread;

use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::path::Path;
use object_store::{
    BackoffConfig, ClientOptions, Error, GetOptions, ObjectStore, ObjectStoreExt, PutMode,
    PutOptions, RetryConfig, UpdateVersion,
};
use std::time::{Duration, Instant};

use crate::support::object_store::faults::{
    Fault, INTERNAL_ERROR, Release, Rule, SLOW_DOWN, TOO_MANY_REQUESTS,
};
use crate::support::object_store::http::Operation;
use crate::support::object_store::memory_s3::{Access, Habits, MemoryS3};
use crate::support::object_store::servers::{ACCOUNT, BUCKET, KEY_ID, SECRET, account_key};
use crate::support::object_store::{Bucket, Kind, kinds};
use crate::support::wait_until;

/// A client that connects to the proxy and does not retry.
fn client(bucket: &Bucket) -> Box<dyn ObjectStore> {
    let retry = RetryConfig {
        max_retries: 0,
        retry_timeout: Duration::ZERO,
        backoff: BackoffConfig::default(),
    };
    let address = bucket.proxy.address();
    let options = ClientOptions::new().with_allow_http(true);
    if bucket.kind == Kind::Azurite {
        let builder =
            MicrosoftAzureBuilder::new().with_account(ACCOUNT).with_access_key(account_key());
        let builder = builder
            .with_container_name(BUCKET)
            .with_endpoint(format!("http://{address}/{ACCOUNT}"));
        return Box::new(builder.with_client_options(options).with_retry(retry).build().unwrap());
    }
    let builder = AmazonS3Builder::new().with_access_key_id(KEY_ID).with_secret_access_key(SECRET);
    let builder = builder.with_endpoint(format!("http://{address}")).with_bucket_name(BUCKET);
    Box::new(builder.with_client_options(options).with_retry(retry).build().unwrap())
}

fn block_on<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

fn path(bucket: &Bucket, key: &str) -> Path {
    Path::from(format!("{}/{key}", bucket.prefix))
}

fn with_mode(mode: PutMode) -> PutOptions {
    PutOptions { mode, ..PutOptions::default() }
}

#[test]
fn conditions_hold() {
    for kind in kinds() {
        let bucket = Bucket::new(kind);
        let (store, key) = (client(&bucket), path(&bucket, "dt=2026-11-26/a b&<ü>.json"));
        block_on(async {
            let create = || store.put_opts(&key, "first".into(), with_mode(PutMode::Create));
            let created = create().await.unwrap();
            let error = create().await.unwrap_err();
            assert!(matches!(error, Error::AlreadyExists { .. }), "{kind:?}: {error}");
            let update = |tag: Option<String>, text: &'static str| {
                let version = UpdateVersion { e_tag: tag, version: None };
                store.put_opts(&key, text.into(), with_mode(PutMode::Update(version)))
            };
            let second = update(created.e_tag.clone(), "second").await.unwrap();
            assert_ne!(second.e_tag, created.e_tag);
            let error = update(created.e_tag.clone(), "third").await.unwrap_err();
            assert!(matches!(error, Error::Precondition { .. }), "{kind:?}: {error}");
            let options = GetOptions { if_match: created.e_tag, ..GetOptions::default() };
            let error = store.get_opts(&key, options).await.unwrap_err();
            assert!(matches!(error, Error::Precondition { .. }), "{kind:?}: {error}");
            assert_eq!(store.head(&key).await.unwrap().e_tag, second.e_tag);
            assert_eq!(&store.get_range(&key, 1..4).await.unwrap()[..], b"eco");
            let copy = path(&bucket, "copy");
            store.copy(&key, &copy).await.unwrap();
            assert_eq!(&store.get(&copy).await.unwrap().bytes().await.unwrap()[..], b"second");
            store.delete(&key).await.unwrap();
            let error = store.head(&key).await.unwrap_err();
            assert!(matches!(error, Error::NotFound { .. }), "{kind:?}: {error}");
        });
        assert_eq!(bucket.keys().into_iter().collect::<Vec<_>>(), ["copy"]);
    }
}

#[test]
fn one_of_many_creations_succeeds() {
    for kind in kinds() {
        let bucket = Bucket::new(kind);
        let barrier = Barrier::new(20);
        let created = thread::scope(|scope| {
            let create = |_| {
                scope.spawn(|| {
                    let store = client(&bucket);
                    barrier.wait();
                    let key = path(&bucket, "lock.json");
                    block_on(store.put_opts(&key, "x".into(), with_mode(PutMode::Create))).is_ok()
                })
            };
            let threads: Vec<_> = (0..20).map(create).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).filter(|won| *won).count()
        });
        assert_eq!(created, 1, "{kind:?}");
    }
}

#[test]
fn lists_have_every_key_over_several_pages() {
    for kind in kinds() {
        let bucket = Bucket::new(kind);
        let keys: Vec<String> = (0..30).map(|n| format!("{}/part-{n:05}", n % 3)).collect();
        keys.iter().for_each(|key| bucket.put(key, key.as_bytes()));
        assert_eq!(bucket.keys(), keys.iter().cloned().collect(), "{kind:?}");
        assert!(bucket.objects().iter().all(|(key, content)| key.as_bytes() == content));
        bucket.damage(&keys[0]);
        assert_ne!(bucket.get(&keys[0]).unwrap(), keys[0].as_bytes());
        keys.iter().for_each(|key| bucket.delete(key));
        assert!(bucket.keys().is_empty());
    }
}

#[test]
fn uploads_of_several_parts_appear_when_they_are_complete() {
    for kind in kinds() {
        let bucket = Bucket::new(kind);
        let (store, key) = (client(&bucket), path(&bucket, "large"));
        let part = vec![7_u8; 5 << 20];
        block_on(async {
            let mut upload = store.put_multipart(&key).await.unwrap();
            upload.put_part(part.clone().into()).await.unwrap();
            upload.put_part("end".into()).await.unwrap();
            assert_eq!(bucket.proxy.count(Operation::UploadPart, "*/large"), 2);
            assert!(store.head(&key).await.is_err());
            upload.complete().await.unwrap();
            let mut abandoned = store.put_multipart(&path(&bucket, "abandoned")).await.unwrap();
            abandoned.put_part("x".into()).await.unwrap();
            abandoned.abort().await.unwrap();
        });
        assert_eq!(bucket.proxy.count(Operation::CompleteUpload, "*/large"), 1);
        assert!(bucket.get("large").unwrap() == [&part[..], b"end"].concat());
        assert_eq!(bucket.keys().len(), 1);
        assert!(bucket.memory.is_none_or(|memory| memory.open_uploads().is_empty()));
    }
}

#[test]
fn the_proxy_fails_the_selected_requests() {
    for kind in kinds() {
        let bucket = Bucket::new(kind);
        let store = client(&bucket);
        let put = |key: &str| block_on(store.put(&path(&bucket, key), "content".into()));
        for fault in [SLOW_DOWN, INTERNAL_ERROR, TOO_MANY_REQUESTS, Fault::Reset] {
            bucket
                .proxy
                .inject(Rule::new(fault).on(Operation::Put).key("*/journal/*").skip(1).times(1));
            put("journal/0").unwrap();
            put("other").unwrap();
            bucket.delete("journal/0");
            put("journal/0").unwrap_err();
            assert_eq!(bucket.get("journal/0"), None, "{kind:?}: {fault:?}");
            put("journal/0").unwrap();
            bucket.proxy.heal();
        }
        bucket.proxy.inject(Rule::new(Fault::DropResponse).on(Operation::Put).times(1));
        put("dropped").unwrap_err();
        assert_eq!(bucket.get("dropped").unwrap(), b"content", "{kind:?}");
        bucket.proxy.inject(Rule::new(Fault::TruncateResponse).on(Operation::Get).times(1));
        let read = || block_on(async { store.get(&path(&bucket, "dropped")).await?.bytes().await });
        read().unwrap_err();
        assert_eq!(&read().unwrap()[..], b"content");
        assert_eq!(bucket.proxy.faults(), 6);
        assert_eq!(bucket.proxy.count(Operation::Put, "*/journal/0"), 12);
    }
}

/// Each body takes more tokens than there are, so the next one waits until they are back.
#[test]
fn the_bandwidth_is_limited() {
    let bucket = Bucket::new(Kind::Memory);
    let store = client(&bucket);
    bucket.proxy.limit_bandwidth(1 << 20);
    let started = Instant::now();
    for _ in 0..4 {
        block_on(store.put(&path(&bucket, "x"), vec![0; 128 << 10].into())).unwrap();
    }
    assert!(started.elapsed() >= Duration::from_millis(200), "{:?}", started.elapsed());
    assert_eq!(bucket.proxy.requests(), 4);
}

#[test]
fn held_requests_wait_for_the_test() {
    for kind in kinds() {
        let bucket = Bucket::new(kind);
        for (fault, release, is_applied, is_answered) in [
            (Fault::Hold, Release::Forward, false, true),
            (Fault::Hold, Release::Discard, false, false),
            (Fault::HoldResponse, Release::Forward, true, true),
            (Fault::HoldResponse, Release::Discard, true, false),
        ] {
            bucket.proxy.inject(Rule::new(fault).on(Operation::Put));
            thread::scope(|scope| {
                let put = scope
                    .spawn(|| block_on(client(&bucket).put(&path(&bucket, "held"), "x".into())));
                wait_until("the held request", || bucket.proxy.is_holding());
                assert_eq!(bucket.get("held").is_some(), is_applied, "{kind:?}: {fault:?}");
                bucket.proxy.release(release);
                assert_eq!(
                    put.join().unwrap().is_ok(),
                    is_answered,
                    "{kind:?}: {fault:?}, {release:?}"
                );
            });
            assert_eq!(bucket.get("held").is_some(), is_applied || is_answered);
            bucket.delete("held");
        }
    }
}

#[test]
fn the_store_in_memory_can_ignore_conditions_and_demands_its_credentials() {
    let habits = Habits { ignores_conditions: true, ..Habits::default() };
    let access = Access { key_id: KEY_ID.to_owned(), session_token: None };
    let bucket = Bucket::of(MemoryS3::start(habits, access));
    let key = path(&bucket, "lock.json");
    for _ in 0..2 {
        block_on(client(&bucket).put_opts(&key, "x".into(), with_mode(PutMode::Create))).unwrap();
    }
    let access = Access { key_id: KEY_ID.to_owned(), session_token: Some("token".to_owned()) };
    let bucket = Bucket::of(MemoryS3::start(Habits::default(), access));
    let error = block_on(client(&bucket).put(&key, "x".into())).unwrap_err();
    assert!(matches!(error, Error::PermissionDenied { .. }), "{error}");
    bucket.put("x", "x");
    let virtual_hosted = Habits { is_virtual_hosted: true, ..Habits::default() };
    let bucket = Bucket::of(MemoryS3::start(
        virtual_hosted,
        Access { key_id: KEY_ID.to_owned(), session_token: None },
    ));
    bucket.put("x", "x");
    let keys: Vec<String> = bucket.memory.unwrap().objects().into_keys().collect();
    assert_eq!(keys, [format!("{}/x", bucket.prefix)]);
}
