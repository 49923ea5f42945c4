//! `usersig`: what is signed is what the service takes, and what is explained is never repeated.

use std::io::Write;

use crate::support::{Output, QUICK_JOB, TestDir};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use im_profiles::emulator::EMULATOR_SECRET_KEY;
use im_profiles::internals::{SecretKey, decode_usersig as decode, sign_usersig as sign};
use serde_json::Value;

const KEY: &str = "5bd2850fff3ecb11d7c805251c51ee463a25727bddc2385f3fa8bfee1bb93b5e";
const SDKAPPID: u64 = 1_400_000_000;

fn directory() -> TestDir {
    TestDir::with_job(QUICK_JOB, ["a"]).env("KEY", KEY).env("OTHER_KEY", "some-other-key")
}

fn key() -> SecretKey {
    SecretKey::new(KEY.to_owned())
}

fn inspect(sig: impl AsRef<[u8]>, more: &[&str]) -> Output {
    directory().run_with_input(&[&["usersig", "--inspect"], more].concat(), sig.as_ref())
}

/// Of a time long ago, so that it has expired whenever the test runs.
fn expired() -> String {
    sign(&key(), SDKAPPID, "administrator", 1_700_000_000, 86_400).as_str().to_owned()
}

fn signed(arguments: &[&str]) -> Output {
    directory().run(&[&["usersig"], arguments].concat())
}

#[test]
fn flags_name_the_app_the_account_and_the_key() {
    let flags = [
        "--sdkappid",
        "1400000000",
        "--identifier",
        "bob",
        "--secret-key-env",
        "KEY",
        "--expire",
        "12h",
    ];
    let output = signed(&flags).expect_code(0);
    assert_eq!((output.stdout.lines().count(), output.stderr.as_str()), (1, ""));
    let claims = decode(output.stdout.trim_end()).unwrap();
    assert_eq!(
        (claims.identifier.as_str(), claims.sdkappid, claims.expire),
        ("bob", SDKAPPID, 43_200)
    );
    assert!(claims.is_signed_by(&key()));
    let output = signed(&["--sdkappid", "7", "--secret-key-env", "KEY"]).expect_code(0);
    let claims = decode(output.stdout.trim_end()).unwrap();
    assert_eq!((claims.identifier.as_str(), claims.expire), ("administrator", 86_400));
}

#[test]
fn job_provides_app_account_and_key() {
    let emulated = signed(&["job.toml"]).expect_code(0);
    let claims = decode(emulated.stdout.trim_end()).unwrap();
    assert!(claims.is_signed_by(&SecretKey::new(EMULATOR_SECRET_KEY.to_owned())));
    let overrides = [
        "job.toml",
        "--set",
        "api.base_url=http://127.0.0.1:1",
        "--set",
        "api.sdkappid=42",
        "--set",
        "api.identifier=eve",
        "--set",
        "api.secret_key_env=KEY",
        "--expire",
        "30d",
    ];
    let output = signed(&overrides).expect_code(0);
    let claims = decode(output.stdout.trim_end()).unwrap();
    assert_eq!(
        (claims.identifier.as_str(), claims.sdkappid, claims.expire),
        ("eve", 42, 30 * 86_400)
    );
    assert!(claims.is_signed_by(&key()));
    let explained = inspect(&output.stdout, &overrides[..9]).expect_code(0);
    assert!(explained.stdout.contains("key         matches\n"), "{explained}");
}

#[test]
fn invalid_input_is_refused_with_a_fix() {
    for (arguments, message) in [
        (&[][..], "give --sdkappid and --secret-key-env"),
        (&["--sdkappid", "7"][..], "--secret-key-env"),
        (&["--sdkappid", "0", "--secret-key-env", "KEY"][..], "--sdkappid is 0"),
        (
            &["--sdkappid", "7", "--secret-key-env", "NONE"][..],
            "NONE, which --secret-key-env names, is not set",
        ),
        (
            &["--sdkappid", "7", "--secret-key-env", "KEY", "--identifier", ""][..],
            "an account has 1 to 32",
        ),
        (&["job.toml", "--expire", "181d"][..], "from 1m to 180d"),
        (&["job.toml", "--expire", "10"][..], "from 1m to 180d"),
        (&["job.toml", "--sdkappid", "7"][..], "cannot be used with"),
        (&["job.toml", "--json"][..], "--inspect"),
        (&["none.toml"][..], "the file does not exist"),
    ] {
        let output = signed(arguments).expect_code(2).expect_stderr(&[message]);
        assert_eq!(output.stdout, "");
    }
    let sig_alone = [
        "job.toml",
        "--set",
        "api.base_url=http://127.0.0.1:1",
        "--set",
        "api.sdkappid=1",
        "--set",
        "api.usersig_env=KEY",
    ];
    signed(&sig_alone).expect_code(2).expect_stderr(&["no key", "api.secret_key_env"]);
}

#[test]
fn expired_usersig_is_explained_and_refused() {
    let output = inspect(expired() + "\n", &["--secret-key-env", "KEY"]).expect_code(4);
    for line in [
        "identifier  administrator\n",
        "sdkappid    1400000000\n",
        "signed      2023-11-14T22:13:20Z, ",
        "expires     2023-11-15T22:13:20Z, ",
        "key         matches\n",
    ] {
        assert!(output.stdout.contains(line), "{line}\n{output}");
    }
    assert!(output.error().contains("it has expired; sign another one"), "{output}");
    let output =
        inspect(expired(), &["--json", "--secret-key-env", "OTHER_KEY", "--sdkappid", "7"])
            .expect_code(4);
    let explained: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(explained["key_matches"], false);
    assert_eq!(
        (&explained["sdkappid_matches"], &explained["identifier_matches"]),
        (&false.into(), &Value::Null)
    );
    assert_eq!(
        (&explained["is_expired"], &explained["expires_at"]),
        (&true.into(), &"2023-11-15T22:13:20Z".into())
    );
    assert!(explained["expires_in_seconds"].as_i64().unwrap() < 0);
}

#[test]
fn usersig_of_another_key_is_reported_while_valid() {
    let sig = signed(&["--sdkappid", "7", "--secret-key-env", "KEY"]).expect_code(0).stdout;
    inspect(&sig, &[]).expect_code(0);
    let output = inspect(&sig, &["--secret-key-env", "OTHER_KEY"]).expect_code(4);
    assert!(output.stdout.contains("key         does not match\n"), "{output}");
    assert!(output.error().contains("was not signed with the key"), "{output}");
}

fn packed(bytes: &[u8]) -> String {
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::best());
    zlib.write_all(bytes).unwrap();
    let base64 = STANDARD.encode(zlib.finish().unwrap());
    base64.replace('+', "*").replace('/', "-").replace('=', "_")
}

#[test]
fn undecodable_usersig_is_refused_with_a_reason() {
    let sig = expired();
    let bomb = packed(&vec![b' '; 32 << 20]);
    assert!(bomb.len() < 64 * 1024, "{}", bomb.len());
    let old_version = br#"{"TLS.ver":"1.0","TLS.sig":""}"#;
    let no_compression = STANDARD.encode(br#"{"TLS.ver":"2.0","TLS.sig":""}"#);
    for (input, reason) in [
        (b"not base64!".to_vec(), "base64"),
        (sig.as_bytes()[..100].to_vec(), "zlib"),
        (sig.as_bytes()[..101].to_vec(), "cut off"),
        (sig.repeat(2).into_bytes(), "base64"),
        (no_compression.into_bytes(), "zlib"),
        (packed(b"{}").into_bytes(), "claims"),
        (packed(b"[]").into_bytes(), "claims"),
        (packed(old_version).into_bytes(), "version 2.0"),
        (bomb.into_bytes(), "larger than 64 KiB"),
        (vec![b'A'; 10 << 20], "larger than 64 KiB"),
        (vec![0xff, 0xfe, 0x00], "base64"),
    ] {
        let output = inspect(&input, &[]).expect_code(4);
        assert!(
            output.error().contains("the service would refuse the UserSig (70003)"),
            "{output}"
        );
        assert!(output.error().contains(reason), "{reason}\n{output}");
        assert_eq!((output.stdout.as_str(), output.stderr.lines().count()), ("", 1), "{output}");
    }
}

#[test]
fn empty_standard_input_is_bad_usage() {
    for input in ["", " \n\t"] {
        let output = inspect(input, &[]).expect_code(2);
        assert!(output.error().contains("is empty"), "{output}");
    }
}

/// A UserSig of the official algorithm with any claims in it.
fn with_claims(change: impl FnOnce(&mut Value)) -> String {
    let now = jiff::Timestamp::now().as_second();
    let mut claims = serde_json::json!({
        "TLS.ver": "2.0",
        "TLS.identifier": "administrator",
        "TLS.sdkappid": SDKAPPID,
        "TLS.time": now,
        "TLS.expire": 86_400,
        "TLS.sig": STANDARD.encode([7; 32]),
    });
    change(&mut claims);
    packed(claims.to_string().as_bytes())
}

type ClaimsChange = fn(&mut Value);

/// Without a key to compare with, what the claims say is judged all the same.
#[test]
fn invalid_claims_are_refused_without_a_key() {
    inspect(with_claims(|_| ()), &[]).expect_code(0);
    let changes: [(ClaimsChange, &str); 5] = [
        (
            |claims| claims["TLS.sig"] = "not base64!".into(),
            "has a signature (TLS.sig) that is not",
        ),
        (|claims| claims["TLS.expire"] = 0.into(), "has expired"),
        (|claims| claims["TLS.sdkappid"] = 0.into(), "names no app"),
        (|claims| claims["TLS.identifier"] = "".into(), "names no account"),
        (|claims| claims["TLS.identifier"] = "x".repeat(33).into(), "of more than 32 bytes"),
    ];
    for (change, reason) in changes {
        let sig = with_claims(|claims| {
            change(claims);
            // Of an hour ago, so that a lifetime of 0 is over.
            claims["TLS.time"] = (claims["TLS.time"].as_i64().unwrap() - 3_600).into();
        });
        let output = inspect(&sig, &[]).expect_code(4);
        assert!(output.error().contains(reason), "{reason}\n{output}");
        assert!(output.stdout.contains("identifier  "), "it is explained too\n{output}");
    }
    let output = inspect(with_claims(|claims| claims["TLS.sig"] = "!".into()), &["--json"]);
    let explained: Value = serde_json::from_str(&output.expect_code(4).stdout).unwrap();
    assert_eq!(explained["signature_is_base64"], false);
}

#[test]
fn usersig_of_another_app_or_account_is_refused() {
    let job = [
        "job.toml",
        "--set",
        "api.base_url=http://127.0.0.1:1",
        "--set",
        "api.sdkappid=1400000000",
        "--set",
        "api.identifier=administrator",
        "--set",
        "api.secret_key_env=KEY",
    ];
    let now = u64::try_from(jiff::Timestamp::now().as_second()).unwrap();
    let signed_for =
        |sdkappid, identifier| sign(&key(), sdkappid, identifier, now, 86_400).as_str().to_owned();
    inspect(signed_for(SDKAPPID, "administrator"), &job).expect_code(0);
    for (sig, reason) in [
        (signed_for(SDKAPPID + 1, "administrator"), "is for another app;"),
        (signed_for(SDKAPPID, "Administrator"), "is for another account;"),
        (signed_for(7, "bob"), "is for another app, is for another account;"),
    ] {
        let output = inspect(&sig, &job).expect_code(4);
        assert!(output.error().contains(reason), "{reason}\n{output}");
        assert!(output.stdout.contains("which is not the one expected"), "{output}");
    }
}

#[test]
fn neither_key_nor_usersig_is_printed() {
    let sig = expired();
    let mac = decode(&sig).map(|_| sig[40..120].to_owned()).unwrap();
    for output in [
        inspect(&sig, &["--secret-key-env", "KEY"]),
        inspect(&sig, &["--secret-key-env", "KEY", "--json", "-vv"]),
        inspect(&sig[..150], &[]),
        // Given where they do not belong.
        signed(&[&sig]),
        signed(&["--inspect", &sig]),
        signed(&["--sdkappid", "7", "--secret-key-env", KEY]),
        signed(&["--sdkappid", "7", &format!("--secret-key={KEY}")]),
        signed(&["--sdkappid", "7", "--secret-key", KEY]),
    ] {
        let all = format!("{}{}", output.stdout, output.stderr);
        for secret in [KEY, sig.as_str(), mac.as_str()] {
            assert!(!all.contains(secret), "{output}");
        }
        assert!(output.code == Some(2) || output.code == Some(4), "{output}");
    }
}
