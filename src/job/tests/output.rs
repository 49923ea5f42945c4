//! `[output]`.

use super::*;

#[test]
fn output_refused() {
    let path = "\"out/dt={date}\"";
    let gzip = "format = \"parquet\"\ncompression = \"gzip\"";
    let csv = |compression: &str| format!("format = \"csv\"\ncompression = \"{compression}\"");
    insta::assert_snapshot!(errors_after(&[
        ("path = \"out/dt={date}\"\n", ""),
        (path, "\"\""),
        (path, "\"-\""),
        (path, "\"/\""),
        (path, "\"..\""),
        (path, "\".\""),
        (path, "\"../out/./\""),
        (path, "\"out/dt={date:%Y}\""),
        (path, "\"~\""),
        (path, "\"s3://bucket/dt={date}\""),
        (path, "\"s3:///exports\""),
        (path, "\"s3://bucket/exports/../other\""),
        (path, "\"hdfs://host/exports\""),
        (path, "\"s3:/bucket/exports\""),
        (path, "\" abfss+x://user:secret@host/\""),
        (path, "\"file:///exports\""),
        (path, "\"account={date}\""),
        (path, "\"out/NICK=1/users\""),
        (path, "\"out/dt={date}/points={date}\""),
        ("format = \"parquet\"", "format = \"parket\""),
        (gzip, "format = \"parquet\"\ncompression = \"lz4\""),
        (gzip, &csv("snappy")),
        (gzip, &csv("gz")),
        ("accounts_per_part = 1_000", "accounts_per_part = 0"),
        ("accounts_per_part = 1_000", "accounts_per_part = 1_050"),
        ("accounts_per_part = 1_000", "accounts_per_part = 10_000_100"),
        ("if_exists = \"fail\"", "if_exists = \"append\""),
    ]), @r#"
    jobs/n.toml:27: output.path: is missing; write the directory to publish
    jobs/n.toml:28: output.path: is empty; write the directory to publish
    jobs/n.toml:28: output.path: is "-", but a snapshot is a directory; write the directory to publish
    jobs/n.toml:28: output.path: does not end with a directory name; write the directory to publish, such as "../exports/nightly"
    jobs/n.toml:28: output.path: does not end with a directory name; write the directory to publish, such as "../exports/nightly"
    jobs/n.toml:28: output.path: does not end with a directory name; write the directory to publish, such as "../exports/nightly"
    jobs/n.toml:28: output.path: does not end with a directory name; write the directory to publish, such as "../exports/nightly"
    jobs/n.toml:28: output.path: contains "{date:%Y}"; the only placeholder is {date}
    jobs/n.toml:28: output.path: starts with "~", which only a shell expands; write the full path
    jobs/n.toml:28: output.path: has no name between the bucket and the first partition; write one, such as "s3://lake/profiles/dt={date}"
    jobs/n.toml:28: output.path: has no bucket; write s3://BUCKET/PREFIX
    jobs/n.toml:28: output.path: has the component ..; write the key without it
    jobs/n.toml:28: output.path: is a URL (hdfs://...) of a kind that is not supported; write a local path, or a URL that starts with s3://, gs://, az://, abfss:// or cos://
    jobs/n.toml:28: output.path: starts with s3:/, which is not a URL; write s3://
    jobs/n.toml:28: output.path: is a URL (abfss+x://...) of a kind that is not supported; write a local path, or a URL that starts with s3://, gs://, az://, abfss:// or cos://
    jobs/n.toml:28: output.path: is a file:// URL; write the path without file://
    jobs/n.toml:28: output.path: has the partition "account={date}", but the first column of every table is account; write another key
    jobs/n.toml:19: columns.0.name: is "nick", which is also the key of the partition "NICK=1" in output.path (case is ignored); write another name
    jobs/n.toml:24: columns.1.name: is "points", which is also the key of the partition "points={date}" in output.path (case is ignored); write another name
    jobs/n.toml:29: output.format: is "parket"; did you mean parquet?
    jobs/n.toml:30: output.compression: is "lz4"; write one of: zstd, snappy, gzip, none
    jobs/n.toml:30: output.compression: is "snappy", which csv does not support; write one of: none, gzip, zstd
    jobs/n.toml:30: output.compression: is "gz"; write one of: none, gzip, zstd
    jobs/n.toml:31: output.accounts_per_part: is 0, which is out of range; write a whole number from 100 to 10000000
    jobs/n.toml:31: output.accounts_per_part: is 1050, which would leave the last call of each part partly empty; write a multiple of 100, such as 1000 or 1100
    jobs/n.toml:31: output.accounts_per_part: is 10000100, which is out of range; write a whole number from 100 to 10000000
    jobs/n.toml:32: output.if_exists: is "append"; write one of: replace, fail
    "#);
}

#[test]
fn table_root_ends_before_the_first_partition() {
    for (path, root) in [
        ("out", "jobs/out"),
        ("out/users", "jobs/out/users"),
        ("out/users/", "jobs/out/users"),
        ("../out/dt={date}", "jobs/../out"),
        ("out/app=im/dt={date}/users", "jobs/out"),
        ("out/users-{date}", "jobs/out"),
        ("/exports/a=b", "/exports"),
        ("dt={date}", "jobs"),
        ("out/=x", "jobs/out/=x"),
    ] {
        let job = load(FULL, &[&format!("output.path={path}")]).unwrap();
        assert_eq!(job.output.table_root, Path::new(root), "{path}");
        assert!(job.output.path.starts_with(&job.output.table_root), "{path}");
    }
}

#[test]
fn output_may_be_in_an_object_store() {
    let load = |path: &str| {
        load(FULL, &[&format!("output.path={path}"), "output.scratch=open parts"]).unwrap()
    };
    let job = load("s3://lake/profiles/app=im/dt={date}/");
    assert_eq!(job.output.path, Path::new("s3://lake/profiles/app=im/dt=2026-11-22"));
    assert_eq!(job.output.table_root, Path::new("s3://lake/profiles"));
    assert_eq!(job.output.bucket.unwrap().scratch, Path::new("jobs/open parts"));
    let dated_path = job.dated_output.unwrap();
    assert_eq!(dated_path.directory(), Path::new("s3://lake/profiles/app=im"));
    let others = dated_path.others(vec!["dt=2026-11-21".to_owned()]);
    assert_eq!(others, [Path::new("s3://lake/profiles/app=im/dt=2026-11-21/")]);
    assert_eq!(load("exports").output.bucket, None);
}

#[test]
fn urls_are_refused_wherever_a_path_is_written() {
    for key in ["accounts.path", "output.path", "metrics.textfile", "api.secret_key_file"] {
        for url in ["https://user:hunter2@host/x.prom", "ftp://b/list.csv"] {
            let error = load(FULL, &[&format!("{key}={url}")]).unwrap_err();
            assert!(error.starts_with(&format!("--set {key}")), "{error}");
            assert!(error.contains("not supported") && !error.contains("hunter2"), "{error}");
        }
    }
    for key in ["metrics.textfile", "api.secret_key_file"] {
        let error = load(FULL, &[&format!("{key}=s3://bucket/x.prom")]).unwrap_err();
        assert!(error.contains("is a URL (s3://...)"), "{error}");
    }
    for path in ["x:/y", "://x", "1s3://x", "a b://x"] {
        load(FULL, &[&format!("output.path={path}")]).unwrap();
    }
    let error = Job::load(Path::new("https://user:hunter2@host/n.toml"), &[], date(2026, 11, 22));
    assert_eq!(
        error.unwrap_err().to_string(),
        "https://...: is a URL, which is not supported yet; give the path of a .toml file"
    );
}
