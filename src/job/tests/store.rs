//! `[store]`.

use super::*;
use crate::bucket::{BucketSettings, ChecksumKind};

#[test]
fn store_refused() {
    let (region, endpoint) = ("region = \"ap-singapore\"", "endpoint = \"http://127.0.0.1:8333/\"");
    let (kms_key, checksum) = ("kms_key = \"alias/lake\"", "checksum = \"sha256\"");
    insta::assert_snapshot!(errors_after(&[
        (region, "region = \"\""),
        (region, "region = \"ap singapore\""),
        (region, "region = \"evil.example/\""),
        (endpoint, "endpoint = \"\""),
        (endpoint, "endpoint = \"s3.example.com\""),
        (endpoint, "endpoint = \"http://10.0.0.1:9000\""),
        (endpoint, "endpoint = \"https://key:hunter2@s3.example.com\""),
        (endpoint, "endpoint = \"https://s3.example.com/?sig=hunter2\""),
        ("path_style = true", "path_style = \"yes\""),
        (kms_key, "kms_key = \" \""),
        (kms_key, "kms_key = \"a b\""),
        (checksum, "checksum = \"md5\""),
        (checksum, "secret_access_key = \"hunter2\""),
        (checksum, "session_token = \"hunter2\""),
        (checksum, "access_key_id = \"hunter2\""),
        ("[store]", "[[store]]"),
    ]), @r#"
    jobs/n.toml:53: store.region: is empty; write the region of the bucket, such as "ap-singapore" or "eu-west-1"
    jobs/n.toml:53: store.region: is "ap singapore", which is not a region; write the region of the bucket, such as "ap-singapore" or "eu-west-1"
    jobs/n.toml:53: store.region: is "evil.example/", which is not a region; write the region of the bucket, such as "ap-singapore" or "eu-west-1"
    jobs/n.toml:54: store.endpoint: is not a URL; write scheme and host, such as "https://s3.example.com"
    jobs/n.toml:54: store.endpoint: is not a URL; write scheme and host, such as "https://s3.example.com"
    jobs/n.toml:54: store.endpoint: is plain http:// to another machine, which would expose the data and the credentials; write https://10.0.0.1
    jobs/n.toml:54: store.endpoint: contains a user name or password; remove it, credentials are read from the environment (docs/object-stores.md)
    jobs/n.toml:54: store.endpoint: has a query or a fragment; write scheme and host, such as "https://s3.example.com"
    jobs/n.toml:55: store.path_style: is the text "yes"; write true or false
    jobs/n.toml:56: store.kms_key: is empty; write the ARN, alias or id of a KMS key
    jobs/n.toml:56: store.kms_key: is not the name of a key; write the ARN, alias or id of a KMS key
    jobs/n.toml:57: store.checksum: is "md5"; write one of: none, sha256, crc64nvme
    jobs/n.toml:57: store.secret_access_key: credentials must not be written in a job file or on a command line; set the environment variables of the store, such as AWS_ACCESS_KEY_ID, instead
    jobs/n.toml:57: store.session_token: credentials must not be written in a job file or on a command line; set the environment variables of the store, such as AWS_ACCESS_KEY_ID, instead
    jobs/n.toml:57: store.access_key_id: credentials must not be written in a job file or on a command line; set the environment variables of the store, such as AWS_ACCESS_KEY_ID, instead
    jobs/n.toml:52: store: is a list; write [store] in single brackets, once
    "#);
}

#[test]
fn store_settings() {
    let full = BucketSettings {
        region: Some("ap-singapore".to_owned()),
        endpoint: Some("http://127.0.0.1:8333".to_owned()),
        path_style: Some(true),
        kms_key: Some("alias/lake".to_owned()),
        checksum: ChecksumKind::Sha256,
    };
    assert_eq!(load(FULL, &[]).unwrap().store, full);
    assert_eq!(load(SHORT, &[]).unwrap().store, BucketSettings::default());
    let job = load(SHORT, &["store.checksum=crc64nvme"]).unwrap();
    assert_eq!(job.store.checksum, ChecksumKind::Crc64Nvme);
}
