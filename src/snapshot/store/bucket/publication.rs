//! Publishes a snapshot in a bucket. Every step can be repeated: once the plan is stored, any later run completes it.
//!
//! plan → remove `_SUCCESS` → copy the parts → write `_manifest.json`, the commit → copy the sidecar files → write the
//! symlink manifest → remove the files of the previous snapshot → write `_SUCCESS`

use std::collections::HashSet;

use serde::{Deserialize, Serialize};
use tracing::{info, warn};

use super::access::{not_found, on};
use super::{BucketStore, trial};
use crate::bucket::{Put, Version, When};
use crate::snapshot::layout::{
    FAILED_ACCOUNTS_FILE, MANIFEST_FILE, REJECTED_VALUES_FILE, REPORT_FILE, SUCCESS_MARKER,
    is_uploaded_part, staged_file,
};
use crate::snapshot::manifest::Manifest;
use crate::snapshot::publish::Publication;
use crate::snapshot::store::{ReplaceError, Store};
use crate::snapshot::unfinished_run::UnfinishedRun;
use crate::util::disk_error::{DiskError, RemoteError};
use crate::util::exit_code::ExitCode;
use crate::util::failpoint;

/// The list of the parts for readers that take one, such as Athena, Trino, Hive and BigQuery.
const SYMLINK_MANIFEST: &str = "_symlink_format_manifest/manifest";

/// The sidecar files with names that readers know, so that they are overwritten: after the commit.
const SIDECARS: [&str; 3] = [FAILED_ACCOUNTS_FILE, REJECTED_VALUES_FILE, REPORT_FILE];

/// How the names of plans start.
const PLAN_PREFIX: &str = "publish-";

/// What a run publishes, and over which manifest.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct PublicationPlan {
    run_id: String,
    /// The names of the parts.
    parts: Vec<String>,
    /// The version of the manifest that is replaced; `None` if there is none.
    replaced: Option<Version>,
}

/// The first characters of a run's id, which are part of names.
pub fn short(run_id: &str) -> &str {
    run_id.get(..8).unwrap_or(run_id)
}

fn plan_key(run_id: &str) -> String {
    format!("{PLAN_PREFIX}{}.json", short(run_id))
}

/// Whether a key of the work prefix is that of a plan.
pub fn is_plan(key: &str) -> bool {
    key.starts_with(PLAN_PREFIX) && key.ends_with(".json")
}

/// The keys of the plans in the work prefix: one, unless it was tampered with.
fn plan_keys(store: &BucketStore) -> Result<Vec<String>, DiskError> {
    let mut keys = store.own_keys()?;
    keys.retain(|key| is_plan(key));
    Ok(keys)
}

/// Whether a stopped run has started to publish.
pub fn is_started(store: &BucketStore) -> Result<bool, DiskError> {
    Ok(!plan_keys(store)?.is_empty())
}

/// Publishes the staged snapshot.
pub fn publish(store: &BucketStore, publication: &Publication<'_>) -> Result<(), ReplaceError> {
    let manifest = publication.manifest;
    let previous = on(store.bucket.get(&store.output_key(MANIFEST_FILE)))?;
    let plan = PublicationPlan {
        run_id: manifest.run.id.clone(),
        parts: manifest.parts.iter().map(|part| part.file.clone()).collect(),
        replaced: previous.map(|previous| previous.version),
    };
    hit(store, "publish:plan")?;
    let key = store.work_key(&plan_key(&plan.run_id));
    // A plain struct always serializes.
    let content = serde_json::to_vec_pretty(&plan).unwrap_or_default();
    match on(store.bucket.put(&key, content, When::Absent))? {
        Put::Stored(_) => {}
        Put::Refused => return Err(store.taken_over().into()),
    }
    hit(store, "publish:planned")?;
    execute(store, &plan)
}

/// Completes what a stopped run has started to publish. Its work prefix stays.
pub fn roll_forward(store: &BucketStore) -> Result<(), DiskError> {
    let keys = plan_keys(store)?;
    if keys.is_empty() {
        return complete_without_plan(store);
    }
    for key in keys {
        let Some(object) = on(store.bucket.get(&store.work_key(&key)))? else { continue };
        let plan: Option<PublicationPlan> = serde_json::from_slice(&object.content).ok();
        // A plan from outside must not name anything else.
        let is_plan = |plan: &PublicationPlan| plan.parts.iter().all(|name| is_uploaded_part(name));
        let Some(plan) = plan.filter(is_plan) else {
            warn!(key, "removed a plan to publish that is damaged");
            store.delete([key])?;
            continue;
        };
        if let Some(missing) = first_missing(store, &plan)? {
            // The run cannot publish them; resuming it names what is missing.
            warn!(missing, "a part of the run that was publishing is missing");
            store.delete([key])?;
            continue;
        }
        run_plan(store, &plan)?;
    }
    Ok(())
}

/// Completes a plan.
fn run_plan(store: &BucketStore, plan: &PublicationPlan) -> Result<(), DiskError> {
    info!(stopped_run_id = plan.run_id, "completing the publication of a stopped run");
    match execute(store, plan) {
        Ok(()) => Ok(()),
        Err(ReplaceError::Disk(error)) => Err(error),
        Err(error) => {
            let error = RemoteError::with_code(error.to_string(), ExitCode::BadUsage);
            Err(DiskError::remote(error))
        }
    }
}

/// Completes a publication whose manifest is written and whose plan was removed by somebody.
fn complete_without_plan(store: &BucketStore) -> Result<(), DiskError> {
    let Ok(Some(run)) = UnfinishedRun::read(store) else { return Ok(()) };
    let Ok(Some(manifest)) = store.manifest() else { return Ok(()) };
    let is_published = manifest.run.id == run.checkpoint.header.run_id;
    let staged = store.work_key(&staged_file(REPORT_FILE));
    let is_complete = || Ok(on(store.bucket.head(&store.output_key(SUCCESS_MARKER)))?.is_some());
    if !is_published || is_complete()? || on(store.bucket.head(&staged))?.is_none() {
        return Ok(());
    }
    let parts = manifest.parts.into_iter().map(|part| part.file).collect();
    run_plan(store, &PublicationPlan { run_id: manifest.run.id, parts, replaced: None })
}

/// The first file of an unpublished plan that neither the work prefix nor the output path has.
fn first_missing(store: &BucketStore, plan: &PublicationPlan) -> Result<Option<String>, DiskError> {
    if published_run(store)?.as_deref() == Some(&*plan.run_id) {
        return Ok(None);
    }
    let names: Vec<&str> =
        plan.parts.iter().map(String::as_str).chain(SIDECARS).chain([MANIFEST_FILE]).collect();
    let keys: Vec<String> = names.iter().map(|name| store.work_key(&staged_file(name))).collect();
    let found = on(store.bucket.head_all(&keys))?;
    let missing = names.iter().zip(found).find(|(_, found)| found.is_none());
    Ok(missing.map(|(name, _)| (*name).to_owned()))
}

fn published_run(store: &BucketStore) -> Result<Option<String>, DiskError> {
    let object = on(store.bucket.get(&store.output_key(MANIFEST_FILE)))?;
    Ok(object.and_then(|object| run_of(&object.content)))
}

/// The id of the run that wrote a manifest.
fn run_of(manifest: &[u8]) -> Option<String> {
    serde_json::from_slice::<Manifest>(manifest).ok().map(|manifest| manifest.run.id)
}

fn execute(store: &BucketStore, plan: &PublicationPlan) -> Result<(), ReplaceError> {
    if published_run(store)?.as_deref() != Some(&*plan.run_id) {
        on(store.bucket.delete_all(vec![store.output_key(SUCCESS_MARKER)]))?;
        hit(store, "publish:unmarked")?;
        copy(store, plan.parts.iter().map(String::as_str))?;
        hit(store, "publish:copied")?;
        commit(store, plan)?;
        hit(store, "publish:committed")?;
    }
    copy(store, SIDECARS.into_iter())?;
    hit(store, "publish:sidecars")?;
    put(store, SYMLINK_MANIFEST, symlink_manifest(store, plan))?;
    hit(store, "publish:symlinks")?;
    remove_other_parts(store, plan)?;
    hit(store, "publish:replaced")?;
    put(store, SUCCESS_MARKER, String::new())?;
    Ok(hit(store, "publish:marked")?)
}

/// Removes the parts of the previous snapshot, and those of publications that were never completed.
fn remove_other_parts(store: &BucketStore, plan: &PublicationPlan) -> Result<(), DiskError> {
    let prefix = store.output_key("");
    let prefix = format!("{}/", prefix.trim_end_matches('/'));
    let published: HashSet<&str> = plan.parts.iter().map(String::as_str).collect();
    let is_other = |name: &str| {
        (is_uploaded_part(name) || name.starts_with(trial::PREFIX)) && !published.contains(name)
    };
    let objects = on(store.bucket.list(store.output.key()))?;
    let keys = objects.into_iter().map(|object| object.key);
    let other = keys.filter(|key| key.strip_prefix(&prefix).is_some_and(is_other)).collect();
    on(store.bucket.delete_all(other))
}

/// Copies staged files to their published names.
fn copy<'n>(store: &BucketStore, names: impl Iterator<Item = &'n str>) -> Result<(), DiskError> {
    let copies: Vec<(String, String)> =
        names.map(|name| (store.work_key(&staged_file(name)), store.output_key(name))).collect();
    on(store.bucket.copy_all(&copies))
}

/// Writes the manifest over the one that the plan replaces, and over no other.
fn commit(store: &BucketStore, plan: &PublicationPlan) -> Result<(), ReplaceError> {
    let staged = store.work_key(&staged_file(MANIFEST_FILE));
    let Some(manifest) = on(store.bucket.get(&staged))? else {
        return Err(not_found(&store.root.join(staged_file(MANIFEST_FILE))).into());
    };
    let run = run_of(&manifest.content);
    if run.as_deref() != Some(&*plan.run_id) {
        return Err(store.taken_over().into());
    }
    let when = plan.replaced.clone().map_or(When::Absent, When::Unchanged);
    match on(store.bucket.put(&store.output_key(MANIFEST_FILE), manifest.content, when))? {
        Put::Stored(_) => Ok(()),
        Put::Refused => Err(ReplaceError::OtherRunPublished(store.output_path.clone())),
    }
}

fn symlink_manifest(store: &BucketStore, plan: &PublicationPlan) -> String {
    plan.parts.iter().map(|name| format!("{}\n", store.output.join(name))).collect()
}

fn put(store: &BucketStore, name: &str, content: String) -> Result<(), DiskError> {
    on(store.bucket.put(&store.output_key(name), content, When::Always)).map(drop)
}

/// Verifies between two steps that no other run has taken over.
fn hit(store: &BucketStore, name: &'static str) -> Result<(), DiskError> {
    failpoint::hit(name).map_err(DiskError::on("publish", &store.output_path))?;
    store.ensure_held()
}
