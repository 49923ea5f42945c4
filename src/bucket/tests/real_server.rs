//! Every call against a real server: `BUCKET_URL=s3://lake/tests cargo test -- --ignored real_server`, with the
//! credentials in the environment and `BUCKET_ENDPOINT` for a server on this machine.

use std::io::Read;

use super::*;

fn bucket() -> (Bucket, String) {
    let url = std::env::var("BUCKET_URL").unwrap();
    let url = BucketUrl::parse(&url).unwrap().unwrap();
    let settings = settings();
    let bucket = Bucket::open(&url, &settings, PATIENCE).unwrap();
    (bucket, format!("{}/{:x}", url.key(), fastrand::u64(..)))
}

fn settings() -> BucketSettings {
    BucketSettings {
        endpoint: std::env::var("BUCKET_ENDPOINT").ok(),
        region: std::env::var("BUCKET_REGION").ok(),
        ..BucketSettings::default()
    }
}

fn version(put: Put) -> Version {
    match put {
        Put::Stored(version) => version,
        Put::Refused => panic!("refused"),
    }
}

#[test]
#[ignore = "needs a server"]
fn conditions() {
    let (bucket, root) = bucket();
    let key = format!("{root}/a b+ü%20=/lock.json");
    assert_eq!(bucket.get(&key).unwrap(), None);
    assert_eq!(bucket.head(&key).unwrap(), None);
    let first = version(bucket.put(&key, "1", When::Absent).unwrap());
    assert_eq!(
        version(bucket.put(&key, "1", When::Absent).unwrap()),
        first,
        "equal bytes are ours"
    );
    assert_eq!(bucket.put(&key, "2", When::Absent).unwrap(), Put::Refused);
    let second = version(bucket.put(&key, "2", When::Unchanged(first.clone())).unwrap());
    assert_eq!(bucket.put(&key, "3", When::Unchanged(first.clone())).unwrap(), Put::Refused);
    let found = bucket.get(&key).unwrap().unwrap();
    assert_eq!((&found.content[..], &found.version), (&b"2"[..], &second));
    let info = bucket.head(&key).unwrap().unwrap();
    assert_eq!(info, ObjectInfo { key: key.clone(), bytes: 1, version: second });
    let third = version(bucket.put(&key, "4444", When::Always).unwrap());
    let listed = bucket.list(&root).unwrap();
    assert_eq!(
        listed,
        [ObjectInfo {
            key: key.clone(),
            bytes: 4,
            version: Version { generation: None, ..third.clone() }
        }]
    );
    bucket.delete_all(vec![key.clone(), format!("{root}/absent")]).unwrap();
    assert_eq!(bucket.put(&key, "5", When::Unchanged(third)).unwrap(), Put::Refused, "removed");
    assert_eq!(bucket.head(&key).unwrap(), None);
    assert_eq!(bucket.list(&root).unwrap(), []);
    let mut reader = bucket.read(&key, &first).unwrap();
    assert!(reader.read(&mut [0; 1]).is_err());
}

#[test]
#[ignore = "needs a server"]
fn a_race_has_one_winner() {
    let (bucket, root) = bucket();
    if !bucket.is_conditional() {
        return;
    }
    let key = format!("{root}/race");
    let put = |n: u32| bucket.put(&key, n.to_string(), When::Absent).unwrap();
    let stored = std::thread::scope(|scope| {
        let racers: Vec<_> = (0..40).map(|n| scope.spawn(move || put(n))).collect();
        racers
            .into_iter()
            .map(|it| it.join().unwrap())
            .filter(|it| matches!(it, Put::Stored(_)))
            .count()
    });
    assert_eq!(stored, 1);
    bucket.delete_all(vec![key]).unwrap();
}

#[test]
#[ignore = "needs a server"]
fn large_objects() {
    let (bucket, root) = bucket();
    let directory = tempfile::tempdir().unwrap();
    let mut keys = Vec::new();
    for megabytes in [0, 1, 16, 17, 40] {
        let content: Vec<u8> =
            (0..megabytes * 1024 * 1024 + 13 * megabytes).map(|n| (n * 7 / 5) as u8).collect();
        let file = directory.path().join("part");
        std::fs::write(&file, &content).unwrap();
        let key = format!("{root}/parts/part-{megabytes}");
        let info = bucket.upload(&key, &file).unwrap();
        assert_eq!(info.bytes, content.len() as u64);
        assert_eq!(bucket.head(&key).unwrap().unwrap(), info, "{megabytes}");
        let mut read = Vec::new();
        bucket.read(&key, &info.version).unwrap().read_to_end(&mut read).unwrap();
        assert!(read == content, "{megabytes}");
        let target = format!("{root}/copies/part-{megabytes}");
        bucket.copy_all(&[(key.clone(), target.clone()), (key.clone(), target.clone())]).unwrap();
        assert_eq!(bucket.head(&target).unwrap().unwrap().bytes, info.bytes);
        keys.extend([key, target]);
    }
    assert!(bucket.state().uploaded_bytes > 70_000_000);
    let listed: Vec<String> = bucket.list(&root).unwrap().into_iter().map(|it| it.key).collect();
    keys.sort();
    assert_eq!(listed, keys);
    bucket.delete_all(keys).unwrap();
    assert_eq!(bucket.list(&root).unwrap(), []);
}

#[test]
#[ignore = "needs a server"]
fn many_objects() {
    let (bucket, root) = bucket();
    let key = |n: usize| format!("{root}/many/{:02}/{n:05}", n % 7);
    let mut keys: Vec<String> = (0..1205).map(key).collect();
    bucket.put(&keys[0], "x", When::Always).unwrap();
    let copies: Vec<_> = keys[1..].iter().map(|to| (keys[0].clone(), to.clone())).collect();
    bucket.copy_all(&copies).unwrap();
    let found = bucket.head_all(&keys).unwrap();
    assert!(
        found.iter().zip(&keys).all(|(found, key)| found.as_ref().is_some_and(|it| it.key == *key))
    );
    keys.sort();
    let listed: Vec<String> =
        bucket.list(&format!("{root}/many/")).unwrap().into_iter().map(|it| it.key).collect();
    assert_eq!(listed, keys);
    let names: Vec<String> = (0..7).map(|n| format!("{n:02}")).collect();
    assert_eq!(bucket.list_directory(&format!("{root}/many")).unwrap(), names);
    assert_eq!(bucket.list_directory(&format!("{root}/many/00")).unwrap(), [""; 0]);
    assert_eq!(bucket.list(&format!("{root}/man")).unwrap(), [], "a prefix ends at a slash");
    bucket.delete_all(keys).unwrap();
    assert_eq!(bucket.list(&root).unwrap(), []);
}

#[test]
#[ignore = "needs a server"]
fn wrong_bucket_and_wrong_key() {
    let (bucket, _) = bucket();
    let url = bucket.url("");
    let absent = url.to_string().replace(url.bucket(), "no-such-bucket-1234567");
    let absent = BucketUrl::parse(&absent).unwrap().unwrap();
    let settings = settings();
    let absent = Bucket::open(&absent, &settings, PATIENCE).unwrap();
    // SeaweedFS creates a bucket for a write of an administrator.
    for error in [absent.get("x").unwrap_err(), absent.list("x").unwrap_err()] {
        assert!(
            matches!(error, BucketError::NoBucket { .. } | BucketError::Denied { .. }),
            "{error:?}"
        );
    }
}
