//! `kill -9` at random requests to the store, with the scratch directory lost each time.
//!
//! The proxy holds the n-th request of a run, before or after the store carries it out, and the run is killed meanwhile. More kills:
//! `IM_PROFILES_TEST_KILLS=1000 cargo test --test integration object_store::kill`; at other requests: `IM_PROFILES_TEST_SEED=7`.

use crate::kill::variable;
use crate::support::Found;
use crate::support::object_store::Kind;
use crate::support::object_store::faults::{Fault, Release, Rule};
use crate::support::object_store::scene::Scene;
use crate::support::object_store::servers::{azurite, seaweedfs};

/// 12 parts of two chunks each, the last one short.
const ACCOUNTS: usize = 2_330;
const PARTS: usize = 12;
const KILLS: u64 = 100;
/// Each takes a second against a real store.
const KILLS_OF_SERVERS: u64 = 30;

fn kill_and_run_again(kind: Kind, kills: u64) {
    let scene = Scene::new(kind, ACCOUNTS);
    scene.export(&[]).expect_code(0);
    let undisturbed = scene.published("undisturbed");
    let Found::Complete { parts, .. } = &undisturbed else { panic!("nothing was published") };
    assert_eq!(parts.len(), PARTS);
    let requests = scene.bucket.proxy.requests();
    scene.clear();
    let mut random = fastrand::Rng::with_seed(variable("IM_PROFILES_TEST_SEED", 1));
    let kills = variable("IM_PROFILES_TEST_KILLS", kills);
    let (mut killed, mut most_kills, mut history) = (0, 0, Vec::new());
    while killed < kills || !history.is_empty() {
        let fault = if random.bool() { Fault::Hold } else { Fault::HoldResponse };
        // A request that was on its way arrives after the process has ended, or never.
        let release = if random.bool() { Release::Forward } else { Release::Discard };
        // A resumed run makes more requests than an undisturbed one, since it verifies what is there.
        let skip = random.u64(..requests * 3 / 2);
        history.push((fault, release, skip));
        if scene.kill_at(Rule::new(fault).skip(skip), release) {
            killed += 1;
            continue;
        }
        let about = format!("{kind:?}, killed at {history:?}");
        scene.published(&about).ensure_is(&undisturbed, &about);
        most_kills = most_kills.max(history.len());
        history.clear();
        scene.clear();
    }
    assert!(most_kills > 3, "no export was killed more than a few times");
}

#[test]
fn killed_exports_to_the_store_in_memory_publish_the_same_parts() {
    kill_and_run_again(Kind::Memory, KILLS);
}

#[test]
fn killed_exports_to_seaweedfs_publish_the_same_parts() {
    if seaweedfs().is_some() {
        kill_and_run_again(Kind::SeaweedFs, KILLS_OF_SERVERS);
    }
}

#[test]
fn killed_exports_to_azurite_publish_the_same_parts() {
    if azurite().is_some() {
        kill_and_run_again(Kind::Azurite, KILLS_OF_SERVERS);
    }
}
