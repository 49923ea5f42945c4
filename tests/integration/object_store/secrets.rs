//! The secrets of the store are nowhere to be found: not in what the program prints at its most talkative, whatever fails, and
//! not in any file or object that it writes.

use std::fs;
use std::path::Path;

use crate::support::Output;
use crate::support::object_store::faults::{Fault, INTERNAL_ERROR, Rule};
use crate::support::object_store::http::Operation;
use crate::support::object_store::memory_s3::{Access, Habits, MemoryS3};
use crate::support::object_store::scene::Scene;
use crate::support::object_store::servers::{KEY_ID, SECRET, account_key};
use crate::support::object_store::{Bucket, Kind, kinds};

const TOKEN: &str = "FwoGZXIvYXdzEBYaDtheSessi0nTokenOfTheTestsThatNoTextMayContain//////////";

/// The secrets, and parts of them that would be as good.
fn secrets() -> Vec<String> {
    let key = account_key();
    [SECRET, TOKEN, &key, &key[..24], &SECRET[..16], &TOKEN[..24]].map(str::to_owned).to_vec()
}

#[track_caller]
fn ensure_secretless(scene: &Scene, output: &Output) {
    let mut texts = vec![
        ("stdout".to_owned(), output.stdout.clone().into_bytes()),
        ("stderr".to_owned(), output.stderr.clone().into_bytes()),
    ];
    texts.extend(scene.bucket.objects());
    texts.extend(files_below(scene.directory.root()));
    for (name, text) in texts {
        let text = format!("{name}\n{}", String::from_utf8_lossy(&text));
        for secret in secrets() {
            assert!(!text.contains(&secret), "{name} contains {secret}\n{output}");
        }
        // A signature, or the parameters of a shared access signature.
        for mark in ["Signature=", "AWS4-HMAC", "SharedKey ", "&sig=", "?sig="] {
            assert!(!text.contains(mark), "{name} contains {mark}\n{output}");
        }
    }
    assert!(!output.stderr.contains("panicked"), "{output}");
}

fn files_below(directory: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    let files = entries.flat_map(|path| {
        if path.is_dir() {
            files_below(&path)
        } else {
            vec![(path.display().to_string(), fs::read(&path).unwrap())]
        }
    });
    files.collect()
}

/// Every fault, with all log lines of all libraries.
#[test]
fn no_secret_is_in_any_output() {
    let denied =
        Fault::Reply { status: "403 Forbidden", code: "SignatureDoesNotMatch", retry_after: None };
    for kind in kinds() {
        for fault in [
            None,
            Some(denied),
            Some(INTERNAL_ERROR),
            Some(Fault::Reset),
            Some(Fault::TruncateResponse),
        ] {
            let mut scene = Scene::new(kind, 300);
            if kind == Kind::Memory {
                let access =
                    Access { key_id: KEY_ID.to_owned(), session_token: Some(TOKEN.to_owned()) };
                scene = Scene::of(Bucket::of(MemoryS3::start(Habits::default(), access)), 300);
            }
            if let Some(fault) = fault {
                scene.bucket.proxy.inject(Rule::new(fault).skip(3));
            }
            scene.directory =
                scene.directory.env("RUST_LOG", "trace").env("RUST_BACKTRACE", "full");
            let arguments = ["-vvv", "--json", "--set", "retry.outage_patience=100ms"];
            let output = scene.export(&arguments);
            assert_eq!(output.code == Some(0), fault.is_none(), "{kind:?}: {fault:?}\n{output}");
            scene.bucket.proxy.heal();
            ensure_secretless(&scene, &output);
            for command in ["plan", "check"] {
                let arguments = scene.arguments(&[]);
                let output =
                    scene.directory.run(&[&[command, "job.toml", "-v"], &arguments[..]].concat());
                ensure_secretless(&scene, &output);
            }
        }
    }
}

/// A store that sends back what it received.
#[test]
fn errors_of_the_store_do_not_carry_secrets() {
    let scene = Scene::new(Kind::Memory, 300);
    let echo = Fault::Reply { status: "400 Bad Request", code: SECRET, retry_after: None };
    scene.bucket.proxy.inject(Rule::new(echo).on(Operation::Put));
    let output = scene.export(&["-v"]);
    assert_ne!(output.code, Some(0), "{output}");
    ensure_secretless(&scene, &output);
}

/// Each request has a shared access signature in its URL.
#[test]
fn a_shared_access_signature_is_in_no_output() {
    for fault in [None, Some(INTERNAL_ERROR), Some(Fault::Reset), Some(Fault::DropResponse)] {
        let mut scene = Scene::new(Kind::Memory, 300);
        let section = scene.bucket.section();
        let endpoint = section.split('"').find(|text| text.starts_with("http")).unwrap().to_owned();
        if let Some(fault) = fault {
            scene.bucket.proxy.inject(Rule::new(fault));
        }
        let token = format!(
            "sv=2024-11-04&ss=b&srt=sco&sp=rwdlac&se=2099-01-01T00%3A00%3A00Z&sig={SECRET}%3D"
        );
        scene.directory = (scene.directory)
            .env("AZURE_STORAGE_ACCOUNT_NAME", "profilestest")
            .env("AZURE_STORAGE_SAS_TOKEN", &token)
            .env("RUST_LOG", "trace");
        let job = fs::read_to_string(scene.directory.path("job.toml")).unwrap();
        let job =
            job.replace(&section, &format!("[store]\nendpoint = \"{endpoint}/profilestest\"\n"));
        scene.directory.write("job.toml", job.replace("s3://", "az://"));
        let arguments = ["-v", "--set", "retry.outage_patience=100ms"];
        let output = scene.export(&arguments);
        // The store in memory speaks another protocol.
        assert_ne!(output.code, Some(0), "{output}");
        assert!(scene.bucket.proxy.requests() > 0, "{output}");
        ensure_secretless(&scene, &output);
    }
}

#[test]
fn secrets_in_the_job_are_refused_without_being_printed() {
    let scene = Scene::new(Kind::Memory, 300);
    let secret = SECRET;
    for (key, value) in [
        ("output.path", format!("s3://{KEY_ID}:{secret}@lake/profiles")),
        ("output.path", format!("az://lake/profiles?sv=2021&sig={secret}")),
        ("store.endpoint", format!("http://{KEY_ID}:{secret}@127.0.0.1:9000")),
        ("store.secret_access_key", secret.to_owned()),
    ] {
        let set = format!("{key}={value}");
        let output = scene.export(&["--set", &set]).expect_code(2);
        let stderr = output.stderr.replace(&set, "");
        assert!(!stderr.contains(secret), "{output}");
        assert_eq!(scene.bucket.proxy.requests(), 0, "{output}");
    }
}
