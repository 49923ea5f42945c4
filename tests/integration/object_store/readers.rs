//! Readers of other projects read published prefixes through SeaweedFS, and one follows the manifest while snapshots are replaced.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};

use super::scripts::{end, start};
use crate::support::object_store::Kind;
use crate::support::object_store::scene::Scene;
use crate::support::object_store::servers::seaweedfs;

#[test]
fn duckdb_and_pyarrow_read_the_rows() {
    if seaweedfs().is_none() {
        return;
    }
    let scene = Scene::new(Kind::SeaweedFs, 900);
    scene.export(&[]).expect_code(0);
    scene.published("");
    let Some(reader) = start(&scene.bucket, "read.py", &[]) else { return };
    let (rows, _) = end(reader);
    let found: BTreeMap<String, Vec<Vec<Option<String>>>> = serde_json::from_value(rows).unwrap();
    assert_eq!(found.len(), 5);
    let expected = scene.known.rows();
    for (reader, rows) in found {
        assert!(rows == expected, "{reader} reads {} rows", rows.len());
    }
}

#[test]
fn a_reader_that_follows_the_manifest_always_finds_one_complete_snapshot() {
    if seaweedfs().is_none() {
        return;
    }
    let scene = Scene::new(Kind::SeaweedFs, 900);
    let Some(mut follower) = start(&scene.bucket, "follow.py", &["3"]) else { return };
    let mut lines = BufReader::new(follower.stdout.take().unwrap()).lines();
    for _ in 0..6 {
        scene.export(&[]).expect_code(0);
        assert_eq!(lines.next().unwrap().unwrap(), scene.manifest().unwrap()["run"]["id"]);
    }
    drop(follower.stdin.take());
    let report = lines.next().unwrap().unwrap();
    assert!(follower.wait().unwrap().success(), "{report}");
    scene.published("");
}
