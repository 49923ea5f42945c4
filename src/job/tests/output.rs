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
