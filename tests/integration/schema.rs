//! The schema of the job file: it is the program's own, takes every job there is, and refuses what the program refuses.

use std::fs;
use std::path::{Path, PathBuf};

use crate::support::TestDir;
use boon::{Compiler, SchemaIndex, Schemas};
use im_profiles::job::Job;
use jiff::civil::date;
use serde_json::Value;

const COMMITTED: &str = include_str!("../../jobs/job.schema.json");

fn jobs_directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("jobs")
}

/// The job of the README, and every job of `jobs/`.
fn jobs() -> Vec<(String, String)> {
    let readme = include_str!("../../README.md");
    let block = readme.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    let mut jobs = vec![("README.md".to_owned(), block.to_owned())];
    for entry in fs::read_dir(jobs_directory()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "toml") {
            jobs.push((path.display().to_string(), fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(jobs.len() >= 4, "{jobs:?}");
    jobs
}

struct Validator {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Validator {
    fn new() -> Validator {
        let mut schemas = Schemas::new();
        let mut compiler = Compiler::new();
        compiler.add_resource("job.schema.json", serde_json::from_str(COMMITTED).unwrap()).unwrap();
        let index = compiler.compile("job.schema.json", &mut schemas).unwrap();
        Validator { schemas, index }
    }

    fn check(&self, job: &str) -> Result<(), String> {
        let table: toml::Table = job.parse().unwrap();
        let value = serde_json::to_value(table).unwrap();
        self.schemas.validate(&value, self.index).map_err(|error| error.to_string())
    }
}

fn loads(job: &str, overrides: &[String]) -> Result<Job, String> {
    Job::from_text(Path::new("job.toml"), job, overrides, date(2026, 11, 22))
        .map_err(|error| error.to_string())
}

#[test]
fn committed_schema_is_up_to_date() {
    let output = TestDir::new().run(&["schema"]).expect_code(0);
    assert_eq!(output.stderr, "");
    assert!(
        output.stdout == COMMITTED,
        "jobs/job.schema.json is not up to date: im-profiles schema > jobs/job.schema.json"
    );
    assert!(COMMITTED.contains("\"$schema\": \"https://json-schema.org/draft/2020-12/schema\""));
}

#[test]
fn every_job_names_the_schema_and_matches_it() {
    let validator = Validator::new();
    for (name, job) in jobs() {
        assert_eq!(job.lines().next(), Some("#:schema ./job.schema.json"), "{name}");
        assert_eq!(validator.check(&job), Ok(()), "{name}");
    }
    assert!(jobs_directory().join("job.schema.json").is_file());
}

#[test]
fn schema_and_program_refuse_the_same_jobs() {
    let validator = Validator::new();
    let nightly = fs::read_to_string(jobs_directory().join("nightly.toml")).unwrap();
    for (right, wrong) in [
        ("name = \"nightly-profiles\"", "nam = \"nightly-profiles\""),
        ("name = \"nightly-profiles\"", ""),
        ("name = \"nightly-profiles\"", "name = \"\""),
        ("format = \"csv\"", "format = \"xlsx\""),
        ("format = \"parquet\"", "format = \"orc\""),
        ("compression = \"zstd\"", "compression = \"lz4\""),
        ("if_exists = \"replace\"", "if_exists = \"append\""),
        ("region = \"singapore\"", "region = \"mars\""),
        ("region = \"singapore\"", ""),
        ("type = \"string\"", "type = \"int\""),
        ("tag = \"Tag_Profile_IM_Nick\"", "tag = \"Tag_Profile_IM_Nik\""),
        ("tag = \"Tag_Profile_IM_Nick\"", ""),
        ("calls_per_second = 100", "calls_per_secnod = 100"),
        ("calls_per_second = 100", "calls_per_second = -1"),
        ("calls_per_second = 100", "calls_per_second = 10001"),
        ("calls_per_second = 100", "calls_per_second = \"100\""),
        ("max_in_flight = 64", "max_in_flight = 0"),
        ("timeout = \"10s\"", "timeout = 10"),
        ("accounts_per_part = 250_000", "accounts_per_part = 250_050"),
        ("max_attempts = 6", "max_attempts = 101"),
        ("max_failed = \"1%\"", "max_failed = \"1 percent\""),
        ("max_failed = \"1%\"", "max_failed = -1"),
        ("max_invalid = \"1%\"", "max_invalid = \"101 %%\""),
        ("max_not_found = \"off\"", "max_not_found = \"none\""),
        ("max_shrink = \"50%\"", "max_shrink = false"),
        ("allow_empty = false", "allow_empty = \"yes\""),
        ("[limits]", "[emulator.faults]\nreset = { rate = 1.5 }\n[limits]"),
        ("[limits]", "[emulator.faults]\nrest = { rate = 0.5 }\n[limits]"),
        ("[limits]", "[emulator.rate]\nwindow = \"weekly\"\n[limits]"),
        ("[limits]", "[emulator.open_questions]\nunknown = \"ignored\"\n[limits]"),
    ] {
        let job = nightly.replacen(right, wrong, 1);
        assert_ne!(job, nightly, "{right}");
        assert!(loads(&job, &[]).is_err(), "the program takes {wrong:?} for {right:?}");
        assert!(validator.check(&job).is_err(), "the schema takes {wrong:?} for {right:?}");
    }
}

#[test]
fn program_accepts_every_enum_value_of_the_schema() {
    let nightly = fs::read_to_string(jobs_directory().join("nightly.toml")).unwrap();
    let schema: Value = serde_json::from_str(COMMITTED).unwrap();
    let mut words = 0;
    for (definition, property, key) in [
        ("ApiFile", "region", "api.region"),
        ("OutputFile", "format", "output.format"),
        ("OutputFile", "compression", "output.compression"),
        ("OutputFile", "if_exists", "output.if_exists"),
    ] {
        for word in schema["$defs"][definition]["properties"][property]["enum"].as_array().unwrap()
        {
            // `snappy` is for parquet, every other compression for both.
            let set = format!("{key}={}", word.as_str().unwrap());
            loads(&nightly, std::slice::from_ref(&set))
                .unwrap_or_else(|error| panic!("{set}: {error}"));
            words += 1;
        }
    }
    for (definition, overrides) in [
        ("ListFormat", vec!["accounts.format="]),
        ("ColumnType", vec!["columns.0.tag=Tag_Profile_Custom_X", "columns.0.type="]),
    ] {
        for word in schema["$defs"][definition]["oneOf"].as_array().unwrap() {
            let word = word["const"].as_str().unwrap();
            let mut sets: Vec<String> = overrides.iter().map(|set| (*set).to_owned()).collect();
            sets.last_mut().unwrap().push_str(word);
            let job = if word == "txt" {
                nightly.replacen("column = \"account\"", "", 1)
            } else {
                nightly.clone()
            };
            loads(&job, &sets).unwrap_or_else(|error| panic!("{sets:?}: {error}"));
            words += 1;
        }
    }
    assert_eq!(words, 9 + 2 + 5 + 2 + 4 + 6);
}

#[test]
fn every_key_has_a_description_and_unknown_keys_are_refused() {
    let schema: Value = serde_json::from_str(COMMITTED).unwrap();
    let definitions = schema["$defs"].as_object().unwrap();
    let mut keys = 0;
    for (name, definition) in definitions.iter().chain([(&"the job".to_owned(), &schema)]) {
        let Some(properties) = definition["properties"].as_object() else { continue };
        assert_eq!(definition["additionalProperties"], false, "{name}");
        for (key, property) in properties {
            let description = property["description"].as_str().unwrap_or_default();
            assert!(description.len() >= 5, "{name}.{key}: {property}");
            assert!(
                !description.contains("[`"),
                "{name}.{key} links where nothing can be followed"
            );
            keys += 1;
        }
    }
    assert!(keys > 80, "{keys}");
}
