//! An export to a bucket, with a scratch directory that is lost whenever the process ends.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use rustix::process::Signal;
use serde_json::Value;
use sha2::{Digest, Sha256};
use std::os::unix::process::ExitStatusExt;

use super::faults::{Release, Rule};
use super::{Bucket, Kind};
use crate::support::emulator::SECRET_VARIABLE;
use crate::support::scenario::{JOB, accounts};
use crate::support::stops::with_faults;
use crate::support::{EmulatorServer, Found, Known, Output, Running, TestDir};

/// Where the snapshot is published, below the prefix of the bucket.
pub const OUTPUT: &str = "profiles/dt=2026-11-22";
/// The work prefix of that output.
pub const WORK: &str = ".profiles.partial/dt=2026-11-22";

/// Accounts that end in every way.
const ACCOUNT_FAULTS: &str = "
unknown = { rate = 0.05 }
permanent = { rate = 0.02, codes = [40601] }
poison = { rate = 0.001 }
";

/// A job, its list, the service and the bucket.
#[derive(Debug)]
pub struct Scene {
    pub bucket: Bucket,
    pub directory: TestDir,
    pub server: EmulatorServer,
    pub known: Known,
    overrides: Vec<String>,
}

impl Scene {
    /// An export of so many accounts in parts of 200.
    pub fn new(kind: Kind, count: usize) -> Scene {
        Scene::of(Bucket::new(kind), count)
    }

    /// An export to this bucket.
    pub fn of(bucket: Bucket, count: usize) -> Scene {
        let server = EmulatorServer::start(with_faults(ACCOUNT_FAULTS));
        let output = format!(
            "output = {{ path = \"{}\", scratch = \"scratch\", accounts_per_part = 200 }}",
            bucket.url(OUTPUT)
        );
        // Without a limit, a resumed run does not wait for the end of the second in which the earlier one made its calls.
        let job = JOB.replace("calls_per_second = 10_000", "calls_per_second = 0");
        let job = job.replace("output = { path = \"out\", accounts_per_part = 600 }", &output)
            + &format!("\n[emulator.faults]{ACCOUNT_FAULTS}\n{}", bucket.section());
        assert!(job.contains(&output));
        let directory = TestDir::with_job(&job, accounts(count));
        let directory = bucket.credentials_in(directory).env(SECRET_VARIABLE, server.secret_key());
        fs::create_dir(directory.path("scratch")).unwrap();
        let known = Known::of_directory(&directory, &[]);
        Scene { overrides: server.overrides(), bucket, directory, server, known }
    }

    /// The arguments that point the job to the service, and more.
    pub fn arguments<'a>(&'a self, more: &[&'a str]) -> Vec<&'a str> {
        self.overrides.iter().map(String::as_str).chain(more.iter().copied()).collect()
    }

    /// Exports with an empty scratch directory.
    pub fn export(&self, more: &[&str]) -> Output {
        self.empty_scratch();
        self.directory.export(&self.arguments(more))
    }

    /// Starts an export with an empty scratch directory.
    pub fn start(&self, more: &[&str]) -> Running {
        self.empty_scratch();
        self.directory.start_export(&self.arguments(more), &[])
    }

    /// What a pod loses when it ends.
    pub fn empty_scratch(&self) {
        fs::remove_dir_all(self.directory.path("scratch")).unwrap();
        fs::create_dir(self.directory.path("scratch")).unwrap();
    }

    /// Exports until a request waits by this rule, then kills the process. `false` if it has published before.
    pub fn kill_at(&self, rule: Rule, release: Release) -> bool {
        self.bucket.proxy.inject(rule);
        let mut run = self.start(&[]);
        self.wait_until_held(&mut run);
        run.kill();
        self.bucket.proxy.release(release);
        let (output, status) = run.end_with_status();
        if status.signal() == Some(Signal::KILL.as_raw()) {
            return true;
        }
        output.expect_code(0);
        false
    }

    /// Waits until a request is held, or the run has ended.
    pub fn wait_until_held(&self, run: &mut Running) {
        self.bucket.proxy.wait_for_hold(|| run.has_ended());
    }

    /// Replaces the account list.
    pub fn set_accounts(&mut self, accounts: impl IntoIterator<Item = String>) {
        self.directory.accounts("accounts.txt", accounts);
        self.known = Known::of_directory(&self.directory, &[]);
    }

    /// The parts of the same export to a local directory.
    pub fn local_parts(&self) -> BTreeMap<String, Vec<u8>> {
        self.export(&["--set", "output.path=local"]).expect_code(0);
        self.directory.snapshot("local").part_bytes()
    }

    /// The keys below the work prefix.
    pub fn work(&self) -> BTreeSet<String> {
        let keys = self.bucket.keys().into_iter();
        keys.filter_map(|key| key.strip_prefix(WORK)?.strip_prefix('/').map(str::to_owned))
            .collect()
    }

    /// The staged names of the parts that the journal names.
    pub fn committed_parts(&self) -> Vec<String> {
        let entries = self.work().into_iter().filter(|key| key.starts_with("journal/"));
        let texts = entries.filter_map(|key| self.bucket.get(&format!("{WORK}/{key}")));
        let values = texts.map(|text| serde_json::from_slice::<Value>(&text).unwrap());
        let parts = values.filter(|entry| entry["entry"] == "part");
        parts
            .map(|entry| entry["file"].as_str().unwrap().replace('.', "~"))
            .map(|name| format!("snapshot/.{name}.unpublished"))
            .collect()
    }

    /// The manifest of the published snapshot.
    pub fn manifest(&self) -> Option<Value> {
        self.bucket
            .get(&format!("{OUTPUT}/_manifest.json"))
            .map(|text| serde_json::from_slice(&text).unwrap())
    }

    /// What is published, with part files named as in a local snapshot; fails the test unless it is complete and nothing
    /// else is left in the bucket.
    #[track_caller]
    pub fn published(&self, about: &str) -> Found {
        let found = self.published_beside_work(about);
        assert_eq!(self.work(), BTreeSet::new(), "{about}: the work prefix");
        let below = |key: &String| key.starts_with("profiles/");
        assert!(self.bucket.keys().iter().all(below), "{about}: {:?}", self.bucket.keys());
        found
    }

    /// [`Scene::published`] while the work prefix is in use.
    #[track_caller]
    fn published_beside_work(&self, about: &str) -> Found {
        let Some(mut manifest) = self.manifest() else {
            let keys = self.bucket.keys_with(OUTPUT);
            let keys: Vec<_> =
                keys.iter().filter(|key| !key.starts_with(".profiles.partial/")).collect();
            assert!(keys.is_empty(), "{about}: without a manifest: {keys:?}");
            return Found::Nothing;
        };
        let copy = TestDir::new();
        for (name, bytes) in self.parts_of_manifest(about) {
            copy.write(&format!("out/{name}"), bytes);
        }
        let mut names = BTreeSet::new();
        for part in manifest["parts"].as_array_mut().unwrap() {
            let name = part["file"].as_str().unwrap().to_owned();
            part["file"] = plain_name(&name).into();
            names.insert(name);
        }
        copy.write("out/_manifest.json", manifest.to_string());
        for key in self.bucket.keys() {
            let Some(name) = key.strip_prefix(&format!("{OUTPUT}/")) else { continue };
            if name.starts_with("part-") {
                assert!(names.contains(name), "{about}: no manifest names {name}");
            } else if !name.starts_with("_symlink_format_manifest/") && name != "_manifest.json" {
                copy.write(&format!("out/{name}"), self.bucket.get(&key).unwrap());
            }
        }
        self.known.ensure_is(&copy.snapshot("out"), about);
        copy.found()
    }

    /// The parts that the manifest names, with the names of a local snapshot; fails the test unless each has its digest.
    #[track_caller]
    pub fn parts_of_manifest(&self, about: &str) -> BTreeMap<String, Vec<u8>> {
        let manifest = self.manifest().unwrap_or_else(|| panic!("{about}: no manifest"));
        let part = |part: &Value| {
            let name = part["file"].as_str().unwrap();
            let bytes = self.bucket.get(&format!("{OUTPUT}/{name}"));
            let bytes = bytes.unwrap_or_else(|| panic!("{about}: {name} is missing"));
            let digest: String =
                Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(part["sha256"], digest, "{about}: {name}");
            (plain_name(name), bytes)
        };
        manifest["parts"].as_array().unwrap().iter().map(part).collect()
    }

    /// Deletes everything of this test.
    pub fn clear(&self) {
        self.bucket.keys().iter().for_each(|key| self.bucket.delete(key));
    }
}

/// The name of `part-00000-RUN-ATTEMPT.parquet` in a local snapshot.
fn plain_name(name: &str) -> String {
    format!("{}{}", &name[..10], &name[name.find('.').unwrap()..])
}
