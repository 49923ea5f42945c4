//! URLs, headers and refusals that follow from the URL, the settings and the environment.

use super::fake_store::StoreFault;
use super::*;

const AWS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKIA"), ("AWS_SECRET_ACCESS_KEY", "SECRET")];
const COS: [(&str, &str); 2] =
    [("TENCENTCLOUD_SECRET_ID", "AKID"), ("TENCENTCLOUD_SECRET_KEY", "SECRET")];
const AZURE: [(&str, &str); 1] = [("AZURE_STORAGE_ACCOUNT_KEY", "U0VDUkVU")];

fn open(
    url: &str,
    settings: &BucketSettings,
    environment: &[(&str, &str)],
) -> Result<(Bucket, Arc<FakeStore>), BucketError> {
    let (parts, store) = fake_parts();
    let bucket = Bucket::assemble(
        &parse(url),
        settings,
        PATIENCE,
        &StoreEnvironment::of(environment),
        parts,
    )?;
    Ok((bucket, store))
}

/// The URL of a request for `dir/x`.
fn request_url(url: &str, settings: &BucketSettings, environment: &[(&str, &str)]) -> String {
    let (bucket, store) = open(url, settings, environment).unwrap();
    let _ = bucket.head("dir/x");
    store.last_request().line.trim_start_matches("HEAD ").to_owned()
}

fn at(endpoint: &str) -> BucketSettings {
    BucketSettings { endpoint: Some(endpoint.to_owned()), ..BucketSettings::default() }
}

fn in_region(region: &str) -> BucketSettings {
    BucketSettings { region: Some(region.to_owned()), ..BucketSettings::default() }
}

#[test]
fn requests_of_s3() {
    let none = BucketSettings::default();
    let path_style = BucketSettings { path_style: Some(true), ..none.clone() };
    let with = |more: &[(&'static str, &'static str)]| [&AWS, more].concat();
    for (url, settings, environment, expected) in [
        ("s3://lake", &none, with(&[]), "https://lake.s3.us-east-1.amazonaws.com/dir/x"),
        (
            "s3://lake",
            &none,
            with(&[("AWS_DEFAULT_REGION", "eu-west-1")]),
            "https://lake.s3.eu-west-1.amazonaws.com/dir/x",
        ),
        (
            "s3://lake",
            &in_region("cn-north-1"),
            with(&[("AWS_REGION", "eu-west-1")]),
            "https://lake.s3.cn-north-1.amazonaws.com.cn/dir/x",
        ),
        ("s3://my.lake", &none, with(&[]), "https://s3.us-east-1.amazonaws.com/my.lake/dir/x"),
        ("s3://lake", &path_style, with(&[]), "https://s3.us-east-1.amazonaws.com/lake/dir/x"),
        (
            "s3://lake",
            &at("http://127.0.0.1:8333"),
            with(&[("AWS_ENDPOINT_URL", "https://no")]),
            "http://127.0.0.1:8333/lake/dir/x",
        ),
        (
            "s3://lake",
            &BucketSettings { path_style: Some(false), ..at("https://s3.example.com") },
            with(&[]),
            "https://lake.s3.example.com/dir/x",
        ),
        (
            "s3://lake",
            &none,
            with(&[("AWS_ENDPOINT_URL", "https://a"), ("AWS_ENDPOINT_URL_S3", "https://b:9/")]),
            "https://b:9/lake/dir/x",
        ),
    ] {
        assert_eq!(request_url(url, settings, &environment), expected, "{settings:?}");
    }
    let (bucket, store) =
        open("s3://lake", &none, &with(&[("AWS_SESSION_TOKEN", "TOKEN")])).unwrap();
    bucket.put("x", "1", When::Absent).unwrap();
    let headers = store.last_request().headers;
    assert_eq!(
        (&headers["if-none-match"], &headers["x-amz-security-token"]),
        (&"*".parse().unwrap(), &"TOKEN".parse().unwrap())
    );
    let unwanted =
        ["x-amz-checksum-sha256", "x-amz-checksum-crc64nvme", "x-amz-server-side-encryption"];
    assert!(unwanted.iter().all(|name| !headers.contains_key(*name)), "{headers:?}");
}

#[test]
fn settings_of_s3_are_headers() {
    let kms =
        BucketSettings { kms_key: Some("alias/lake".to_owned()), ..BucketSettings::default() };
    let checksum = |checksum| BucketSettings { checksum, ..BucketSettings::default() };
    for (settings, header, value) in [
        (&kms, "x-amz-server-side-encryption", "aws:kms"),
        (&kms, "x-amz-server-side-encryption-aws-kms-key-id", "alias/lake"),
        (
            &checksum(ChecksumKind::Sha256),
            "x-amz-checksum-sha256",
            "a4ayc/80/OGda4BO/1o/V0etpOqiLx1JwB5S3beHW0s=",
        ),
        // CRC-64/NVME of "1", by the reference implementation of AWS.
        (&checksum(ChecksumKind::Crc64Nvme), "x-amz-checksum-crc64nvme", ""),
    ] {
        let (bucket, store) = open("s3://lake", settings, &AWS).unwrap();
        bucket.put("x", "1", When::Always).unwrap();
        let headers = store.last_request().headers;
        let found = headers[header].to_str().unwrap();
        assert!(found == value || value.is_empty() && found.len() == 12, "{header}: {found}");
    }
}

#[test]
fn requests_of_other_stores() {
    let none = BucketSettings::default();
    let account = [&AZURE[..], &[("AZURE_STORAGE_ACCOUNT_NAME", "acc")]].concat();
    let connection = [(
        "AZURE_STORAGE_CONNECTION_STRING",
        "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=U0VDUkVU;EndpointSuffix=core.chinacloudapi.cn",
    )];
    let google = [("GOOGLE_SKIP_SIGNATURE", "true")];
    for (url, settings, environment, expected) in [
        (
            "cos://lake-1250000000",
            &in_region("ap-singapore"),
            &COS[..],
            "https://lake-1250000000.cos.ap-singapore.myqcloud.com/dir/x",
        ),
        (
            "cos://lake-1250000000",
            &BucketSettings {
                endpoint: at("https://cos.accelerate.myqcloud.com").endpoint,
                ..in_region("ap-x")
            },
            &COS[..],
            "https://lake-1250000000.cos.accelerate.myqcloud.com/dir/x",
        ),
        ("az://c", &none, &account[..], "https://acc.blob.core.windows.net/c/dir/x"),
        ("az://c", &none, &connection[..], "https://acc.blob.core.chinacloudapi.cn/c/dir/x"),
        (
            "az://c",
            &at("http://127.0.0.1:10000"),
            &account[..],
            "http://127.0.0.1:10000/acc/c/dir/x",
        ),
        (
            "az://c",
            &at("http://127.0.0.1:10000/acc"),
            &account[..],
            "http://127.0.0.1:10000/acc/c/dir/x",
        ),
        (
            "abfss://c@acc.dfs.core.usgovcloudapi.net",
            &none,
            &AZURE[..],
            "https://acc.blob.core.usgovcloudapi.net/c/dir/x",
        ),
        ("gs://lake", &none, &google[..], "https://storage.googleapis.com/lake/dir%2Fx"),
        (
            "gs://lake",
            &at("http://127.0.0.1:4443"),
            &google[..],
            "http://127.0.0.1:4443/lake/dir%2Fx",
        ),
    ] {
        assert_eq!(request_url(url, settings, environment), expected);
    }
    let (bucket, store) = open("cos://lake-1250000000", &in_region("ap-singapore"), &COS).unwrap();
    bucket.put("x", "1", When::Absent).unwrap();
    let headers = store.last_request().headers;
    let signed = headers["authorization"].to_str().unwrap().to_owned();
    assert!(
        signed.contains("/ap-singapore/s3/aws4_request")
            && signed.contains("x-cos-forbid-overwrite"),
        "{signed}"
    );
    assert_eq!(headers["x-cos-forbid-overwrite"], "true");
    bucket.put("x", "2", When::Always).unwrap();
    assert!(!store.last_request().headers.contains_key("x-cos-forbid-overwrite"));
}

#[test]
fn what_a_store_does_not_support_is_refused() {
    let none = BucketSettings::default();
    let kms = BucketSettings { kms_key: Some("k".to_owned()), ..none.clone() };
    let region = in_region("ap-singapore");
    let kms_in_region = BucketSettings { region: region.region.clone(), ..kms.clone() };
    let path_style = BucketSettings { path_style: Some(true), ..region.clone() };
    let errors: String = [
        ("s3://lake", &none, &AWS[..1]),
        ("s3://lake", &none, &AWS[1..]),
        ("s3://lake", &none, &[AWS[0], AWS[1], ("AWS_ENDPOINT_URL", "http://10.0.0.1:9000")]),
        ("s3://lake", &none, &[("AWS_EC2_METADATA_DISABLED", "true")]),
        (
            "s3://lake",
            &none,
            &[
                ("AWS_PROFILE", "corp"),
                ("AWS_CONFIG_FILE", "/no/config"),
                ("AWS_SHARED_CREDENTIALS_FILE", "/no/credentials"),
            ],
        ),
        ("cos://lake-1250000000", &none, &COS),
        ("cos://lake-1250000000", &region, &COS[1..]),
        ("cos://lake-1250000000", &kms_in_region, &COS),
        ("cos://lake-1250000000", &path_style, &COS),
        ("az://c", &none, &AZURE),
        ("az://c", &kms, &AZURE),
        ("az://c", &none, &[("AZURE_STORAGE_CONNECTION_STRING", "hunter2")]),
        (
            "abfss://c@acc.dfs.core.windows.net",
            &none,
            &[("AZURE_STORAGE_ACCOUNT_KEY", "hunter2 is not base64")],
        ),
        ("gs://lake", &kms, &[]),
        ("gs://lake", &none, &[("GOOGLE_SERVICE_ACCOUNT", "/no/key.json")]),
        ("gs://lake", &none, &[("GOOGLE_SERVICE_ACCOUNT_KEY", "{\"private_key\": \"hunter2\"}")]),
    ]
    .map(|(url, settings, environment)| {
        format!("{}\n", open(url, settings, environment).unwrap_err())
    })
    .concat();
    assert!(!errors.contains("hunter2") && !errors.contains("SECRET\""), "{errors}");
    insta::assert_snapshot!(errors, @r#"
    there are no credentials for s3://lake: AWS_ACCESS_KEY_ID is set, but AWS_SECRET_ACCESS_KEY is not; set both, or none
    there are no credentials for s3://lake: AWS_SECRET_ACCESS_KEY is set, but AWS_ACCESS_KEY_ID is not; set both, or none
    s3://lake: AWS_ENDPOINT_URL is plain http:// to another machine, which would expose the data and the credentials; write https://10.0.0.1
    there are no credentials for s3://lake: AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, AWS_PROFILE, AWS_WEB_IDENTITY_TOKEN_FILE, AWS_CONTAINER_CREDENTIALS_RELATIVE_URI and AWS_CONTAINER_CREDENTIALS_FULL_URI are not set, and ~/.aws/credentials has no default profile, and AWS_EC2_METADATA_DISABLED is set; set one of them
    there are no credentials for s3://lake: the profile corp is not in /no/credentials or /no/config; correct AWS_PROFILE, or unset it
    cos://lake-1250000000: the region of the bucket is not known; set store.region, such as "ap-singapore", or TENCENTCLOUD_REGION
    there are no credentials for cos://lake-1250000000: TENCENTCLOUD_SECRET_ID and TENCENTCLOUD_SECRET_KEY are not both set; set both, and TENCENTCLOUD_TOKEN for temporary keys
    cos://lake-1250000000: store.kms_key is set, which cos:// does not support; remove it
    cos://lake-1250000000: store.path_style = true is set, which cos:// does not support; remove it
    az://c: the storage account is not known; set AZURE_STORAGE_ACCOUNT_NAME, or write abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/
    az://c: store.kms_key is set, which only s3:// supports; remove it, since other stores encrypt and check objects by themselves
    az://c: AZURE_STORAGE_CONNECTION_STRING is not a connection string; copy it from the portal again
    abfss://c@acc.dfs.core.windows.net: the credentials or settings cannot be used (Generic MicrosoftAzure error: Invalid Access Key: Invalid symbol 32, offset 7.); check the environment variables of its credentials (docs/object-stores.md)
    gs://lake: store.kms_key is set, which only s3:// supports; remove it, since other stores encrypt and check objects by themselves
    gs://lake: the credentials or settings cannot be used (Generic GCS error: GCP credential error: Unable to open service account file from /no/key.json: No such file or directory (os error 2)); check the environment variables of its credentials (docs/object-stores.md)
    gs://lake: the credentials or settings cannot be used (Generic GCS error: GCP credential error: Unable to decode service account file: missing field `private_key_id` at line 1 column 26); check the environment variables of its credentials (docs/object-stores.md)
    "#);
}

#[test]
fn a_machine_without_credentials_is_noticed_soon() {
    for (url, environment, host) in [
        ("s3://lake", &[][..], "169.254.169.254"),
        ("abfss://c@acc.dfs.core.windows.net", &[], "169.254.169.254"),
        ("gs://lake", &[], "169.254.169.254"),
    ] {
        for fault in [StoreFault::Lost, StoreFault::Status(404, "")] {
            let (bucket, store) = open(url, &BucketSettings::default(), environment).unwrap();
            store.script(&[fault]);
            let error = bucket.get("x").unwrap_err();
            assert!(matches!(error, BucketError::NoCredentials { .. }), "{error:?}");
            let text = error.to_string();
            assert!(
                text.contains("not set")
                    && text.contains("this machine has none (")
                    && text.contains(host),
                "{text}"
            );
        }
    }
}

#[test]
fn keys_of_a_pod_are_requested_once() {
    let directory = tempfile::tempdir().unwrap();
    let token = directory.path().join("token");
    std::fs::write(&token, "TOKEN").unwrap();
    let environment = [
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap()),
        ("AWS_ROLE_ARN", "arn:aws:iam::1:role/export"),
        ("AWS_REGION", "eu-west-1"),
    ];
    let issued = StoreFault::Page(
        "<AssumeRoleWithWebIdentityResponse><AssumeRoleWithWebIdentityResult><Credentials>\
         <SessionToken>SESSION</SessionToken><SecretAccessKey>SECRET</SecretAccessKey>\
         <Expiration>2999-01-01T00:00:00Z</Expiration><AccessKeyId>ASIA</AccessKeyId>\
         </Credentials></AssumeRoleWithWebIdentityResult></AssumeRoleWithWebIdentityResponse>"
            .to_owned(),
    );
    let (bucket, store) = open("s3://lake", &BucketSettings::default(), &environment).unwrap();
    store.script(&[StoreFault::Status(503, ""), issued, StoreFault::None]);
    bucket.put("x", "1", When::Always).unwrap();
    bucket.put("y", "1", When::Always).unwrap();
    let requests = store.requests.lock().unwrap();
    let hosts: Vec<&str> = requests.iter().map(|it| it.line.split('/').nth(2).unwrap()).collect();
    let (sts, lake) = ("sts.eu-west-1.amazonaws.com", "lake.s3.eu-west-1.amazonaws.com");
    assert_eq!(hosts, [sts, sts, lake, lake]);
    assert_eq!(requests[2].headers["x-amz-security-token"], "SESSION");
    drop(requests);

    let (bucket, store) = open("s3://lake", &BucketSettings::default(), &environment).unwrap();
    store.script(&[StoreFault::Status(403, "AccessDenied")]);
    let error = bucket.get("x").unwrap_err().to_string();
    assert!(
        error.contains("no credentials from sts.eu-west-1.amazonaws.com: status 403 AccessDenied"),
        "{error}"
    );
    std::fs::remove_file(&token).unwrap();
    let (bucket, store) = open("s3://lake", &BucketSettings::default(), &environment).unwrap();
    let error = bucket.get("x").unwrap_err();
    assert!(error.to_string().contains("check the environment variables and files"), "{error}");
    assert_eq!(store.requests.lock().unwrap().len(), 0);
}
