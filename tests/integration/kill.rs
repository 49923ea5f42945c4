//! Promise 3 under `kill -9` at random moments, and under a service that goes away and comes back.
//!
//! An export of many small parts is killed when the service has seen its n-th call, when a part is committed, at once,
//! or while it publishes, all drawn from a seeded generator, and run again until it publishes; over and over until it
//! has been killed often enough. More kills: `IM_PROFILES_TEST_KILLS=5000 cargo test --test integration kill::` (each of the tests
//! kills so often), with other moments: `IM_PROFILES_TEST_SEED=7`.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt;

use crate::support::emulator::SECRET_VARIABLE;
use crate::support::scenario::{JOB, accounts};
use crate::support::stops::{WORK_DIRECTORY, with_faults};
use crate::support::{EmulatorServer, Found, Known, TestDir, wait_until};
use rustix::process::Signal;

/// 24 parts of two chunks each, the last one short.
const ACCOUNTS: usize = 4_730;
const PARTS: usize = 24;
const KILLS: u64 = 50;
/// Calls of an undisturbed run, roughly; more kills after the last call would only wait for the end of the run.
const CALLS: u64 = 60;

const ACCOUNT_FAULTS: &str = "
unknown = { rate = 0.02 }
permanent = { rate = 0.005, codes = [40601] }
poison = { rate = 0.0005 }
";

pub fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// An export against a server that outlives its runs.
struct Scene {
    directory: TestDir,
    server: EmulatorServer,
    overrides: Vec<String>,
    known: Known,
}

impl Scene {
    fn new(format: &str, account_faults: &str, call_faults: &str) -> Scene {
        let faults = format!("{account_faults}{call_faults}");
        let server = EmulatorServer::start(with_faults(&faults));
        let output = format!("accounts_per_part = 200, format = \"{format}\"");
        let job = JOB.replace("accounts_per_part = 600", &output)
            + &format!("\n[emulator.faults]{account_faults}");
        let directory =
            TestDir::with_job(&job, accounts(ACCOUNTS)).env(SECRET_VARIABLE, server.secret_key());
        let known = Known::of_directory(&directory, &[]);
        Scene { overrides: server.overrides(), directory, server, known }
    }

    fn arguments(&self) -> Vec<&str> {
        self.overrides.iter().map(String::as_str).collect()
    }

    /// What is published; the output path is free afterwards.
    fn take_published(&self, about: &str) -> Found {
        let found = self.directory.found();
        self.known.ensure_is(&self.directory.snapshot("out"), about);
        assert!(!self.directory.path(WORK_DIRECTORY).exists(), "{about}");
        fs::remove_dir_all(self.directory.path("out")).unwrap();
        found
    }
}

/// When a run is killed.
#[derive(Debug, Clone, Copy)]
enum RequestTime {
    /// As soon as it is started.
    AtOnce,
    /// When the service has seen so many of its calls.
    Calls(u64),
    /// When so many more parts are committed.
    Parts(u64),
    /// When the snapshot is being put together.
    Publishing,
}

impl RequestTime {
    fn draw(random: &mut fastrand::Rng) -> RequestTime {
        match random.u32(..20) {
            0 => RequestTime::AtOnce,
            1..=12 => RequestTime::Calls(random.u64(1..CALLS)),
            13..=17 => RequestTime::Parts(random.u64(1..10)),
            _ => RequestTime::Publishing,
        }
    }
}

/// Starts the export and kills it at a moment; `false` when it has published before.
fn was_killed(scene: &Scene, moment: RequestTime) -> bool {
    let calls_before = scene.server.calls();
    let parts_before = scene.directory.committed_parts();
    let mut run = scene.directory.start_export(&scene.arguments(), &[]);
    let sidecar =
        scene.directory.path(WORK_DIRECTORY).join("snapshot/._failed_accounts~tsv.unpublished");
    wait_until("the end of the run", || {
        let has_come = match moment {
            RequestTime::AtOnce => true,
            RequestTime::Calls(calls) => scene.server.calls() >= calls_before + calls,
            RequestTime::Parts(parts) => scene.directory.committed_parts() >= parts_before + parts,
            RequestTime::Publishing => sidecar.exists(),
        };
        has_come || run.has_ended()
    });
    run.kill();
    let (output, status) = run.end_with_status();
    if status.signal() == Some(Signal::KILL.as_raw()) {
        return true;
    }
    output.expect_code(0);
    false
}

/// Kills exports, each until it publishes, and hands what was published to `ensure`.
fn kill_and_run_again(scene: &Scene, seed: u64, ensure: impl Fn(Found, &str)) {
    let kills = variable("IM_PROFILES_TEST_KILLS", KILLS);
    let mut random = fastrand::Rng::with_seed(variable("IM_PROFILES_TEST_SEED", seed));
    let mut killed = 0;
    let mut moments = Vec::new();
    let mut most_kills = 0;
    while killed < kills || !moments.is_empty() {
        let moment = RequestTime::draw(&mut random);
        moments.push(moment);
        let committed: BTreeMap<String, Vec<u8>> = scene.directory.unpublished_parts();
        let has_published = if was_killed(scene, moment) {
            killed += 1;
            scene.directory.found() != Found::Nothing
        } else {
            true
        };
        let about = format!("killed at {moments:?}");
        if !has_published {
            let entries = scene.directory.committed_parts();
            let parts = scene.directory.unpublished_parts();
            assert!(parts.len() as u64 >= entries, "{about}: a committed part is gone");
            assert!(
                committed
                    .iter()
                    .all(|(name, bytes)| parts.get(name).is_none_or(|part| part == bytes))
            );
            continue;
        }
        // It may have been killed between the exchange and the end of its clean-up.
        if scene.directory.path(WORK_DIRECTORY).exists() {
            scene.directory.export(&scene.arguments()).expect_code(0);
        }
        ensure(scene.take_published(&about), &about);
        most_kills = most_kills.max(moments.len());
        moments.clear();
    }
    assert!(most_kills > 3, "no export was killed more than a few times");
}

fn ensure_bytes_are_those_of_an_undisturbed_run(format: &str, seed: u64) {
    let scene = Scene::new(format, ACCOUNT_FAULTS, "");
    for category in ["not_found", "rejected"] {
        assert!(scene.known.failing(category) > 0, "no account ends as {category}");
    }
    assert!(scene.known.rows_and_rejected_values().1 > 0);
    scene.directory.export(&scene.arguments()).expect_code(0);
    let undisturbed = scene.take_published("undisturbed");
    let Found::Complete { parts, .. } = &undisturbed else { panic!("nothing was published") };
    assert_eq!(parts.len(), PARTS);
    kill_and_run_again(&scene, seed, |found, about| found.ensure_is(&undisturbed, about));
}

#[test]
fn killed_exports_produce_the_same_parquet_files() {
    ensure_bytes_are_those_of_an_undisturbed_run("parquet", 1);
}

#[test]
fn killed_exports_produce_the_same_csv_files() {
    ensure_bytes_are_those_of_an_undisturbed_run("csv", 2);
}

/// How often an account was asked before a kill is not known afterwards, so rows may come late in one run and not in
/// another; every account is there, once, with its values.
#[test]
fn killed_exports_under_transient_faults_lose_no_account() {
    let passing = "
transient = { rate = 0.05 }
reset = { rate = 0.1 }
truncated = { rate = 0.05 }
";
    let scene = Scene::new("parquet", ACCOUNT_FAULTS, passing);
    kill_and_run_again(&scene, 3, |found, about| {
        let Found::Complete { parts, .. } = found else { panic!("{about}: nothing is there") };
        assert_eq!(parts.len(), PARTS, "{about}");
    });
}

/// The service is gone three times under one running export, and comes back at the same place.
#[test]
fn export_survives_a_restart_of_the_service() {
    let latency = "latency_ms = 5\n";
    let Scene { directory, mut server, overrides, known } =
        Scene::new("parquet", ACCOUNT_FAULTS, latency);
    let mut arguments: Vec<&str> = overrides.iter().map(String::as_str).collect();
    arguments.extend(["--json", "--set", "api.max_in_flight=4"]);
    let mut run = directory.start_export(&arguments, &[]);
    for _ in 0..3 {
        wait_until("a few calls", || server.calls() >= 8);
        assert!(!run.has_ended());
        let port = server.port();
        drop(server);
        run.wait_for_stderr("service unreachable");
        server = EmulatorServer::start_on(port, with_faults(&format!("{ACCOUNT_FAULTS}{latency}")));
        run.wait_for_stderr("service reachable again");
    }
    let output = run.end().expect_code(0);
    let calls = &output.summary()["calls"];
    assert!(calls["failed"].as_u64().unwrap() > 0, "{output}");
    known.ensure_is(&directory.snapshot("out"), &output.to_string());
    drop(server);
}
