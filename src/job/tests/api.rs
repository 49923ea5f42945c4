//! `[api]`.

use std::time::Duration;

use super::*;
use crate::job::{SecretSource, Target};

#[test]
fn emulator_uses_the_named_app_and_no_secret() {
    let job = load(FULL, &["api.emulator=true"]).unwrap();
    assert_eq!(job.api.target, Target::Emulator);
    assert_eq!((job.api.sdkappid, job.api.identifier.as_str()), (1_400_000_001, "admin"));
    assert_eq!(job.api.secret, SecretSource::EmulatorKey);
}

#[test]
fn secret_comes_from_a_file_or_a_usersig_variable() {
    let secret = |line: &str| {
        let text = full_with("secret_key_env = \"IM_SECRET_KEY\"", line);
        load(&text, &[]).unwrap().api.secret
    };
    assert_eq!(secret("secret_key_file = \"key\""), SecretSource::KeyFile("jobs/key".into()));
    assert_eq!(secret("secret_key_file = \"/run/k\""), SecretSource::KeyFile("/run/k".into()));
    assert_eq!(secret("usersig_env = \"SIG\""), SecretSource::UserSigEnv("SIG".to_owned()));
}

#[test]
fn local_target_needs_no_rate_limit_and_no_minimum_timeout() {
    let quick = ["api.calls_per_second=0", "api.timeout=50ms"];
    for target in ["api.emulator=true", "api.base_url=http://127.0.0.1:8080"] {
        let job = load(FULL, &[target, quick[0], quick[1]]).unwrap();
        assert_eq!((job.api.calls_per_second, job.api.timeout), (0, Duration::from_millis(50)));
    }
    for override_ in quick {
        assert!(
            load(FULL, &["api.base_url=https://im.example", override_]).is_err(),
            "{override_}"
        );
    }
}

#[test]
fn api_refused() {
    insta::assert_snapshot!(errors_after(&[
        ("region = \"china\"\n", ""),
        ("region = \"china\"\n", "emulator = false\n"),
        ("region = \"china\"", "region = \"china\"\nbase_url = \"https://im.example\""),
        ("region = \"china\"", "region = \"china\"\nemulator = true"),
        ("region = \"china\"", "region = \"mars\""),
        ("region = \"china\"", "base_url = \"http://im.example\""),
        ("region = \"china\"", "base_url = \"https://im.example?usersig=hunter2\""),
        ("region = \"china\"", "emulator = \"yes\""),
        ("sdkappid = 1400000001\n", ""),
        ("sdkappid = 1400000001", "sdkappid = 0"),
        ("sdkappid = 1400000001", "sdkappid = -7"),
        ("sdkappid = 1400000001", "sdkappid = \"1400000001\""),
        ("identifier = \"admin\"", "identifier = \"\""),
        ("identifier = \"admin\"", "identifier = \"管理员\""),
        ("identifier = \"admin\"", "identifier = \"an-administrator-with-a-long-name\""),
        ("calls_per_second = 100", "calls_per_second = 0"),
        ("calls_per_second = 100", "calls_per_second = -1"),
        ("calls_per_second = 100", "calls_per_second = 10_001"),
        ("calls_per_second = 100", "calls_per_second = 9_000_000_000"),
        ("calls_per_second = 100", "calls_per_second = 99.5"),
        ("max_in_flight = 8", "max_in_flight = 0"),
        ("max_in_flight = 8", "max_in_flight = 4097"),
        ("timeout = \"5s\"", "timeout = \"3s\""),
        ("timeout = \"5s\"", "timeout = \"6m\""),
    ]), @r#"
    jobs/n.toml:8: api.region: is missing; write one of: region = "singapore" (or another), base_url = "https://...", emulator = true
    jobs/n.toml:8: api.region: is missing; write one of: region = "singapore" (or another), base_url = "https://...", emulator = true
    jobs/n.toml:10: api.base_url: is set together with api.region, but only one of them is allowed; remove one
    jobs/n.toml:9: api.region: is set together with api.emulator, but only one of them is allowed; remove one
    jobs/n.toml:9: api.region: "mars" is not a region; use one of china, singapore, seoul, tokyo, frankfurt, silicon-valley, jakarta, mumbai, saudi-arabia, or base_url for any other host
    jobs/n.toml:9: api.base_url: plain http:// is only allowed to a loopback address, since the URL contains the UserSig; use https://im.example
    jobs/n.toml:9: api.base_url: "im.example" is not a base URL: it has a query or a fragment; write scheme and host, such as https://console.tim.qq.com
    jobs/n.toml:9: api.emulator: is the text "yes"; write true or false
    jobs/n.toml:8: api.sdkappid: is missing; write the SDKAppID that the console shows for the app
    jobs/n.toml:10: api.sdkappid: is not a positive number; write the SDKAppID that the console shows for the app
    jobs/n.toml:10: api.sdkappid: is not a positive number; write the SDKAppID that the console shows for the app
    jobs/n.toml:10: api.sdkappid: is the text "1400000001"; write a whole number without quotes
    jobs/n.toml:11: api.identifier: is empty; write the account of an app administrator, such as "administrator"
    jobs/n.toml:11: api.identifier: is "管理员", but an account has at most 32 bytes of printable ASCII; write the account of an app administrator, such as "administrator"
    jobs/n.toml:11: api.identifier: is "an-administrator-with-a-long-name", but an account has at most 32 bytes of printable ASCII; write the account of an app administrator, such as "administrator"
    jobs/n.toml:13: api.calls_per_second: is 0 (no limit), which is only allowed with the emulator or a loopback base_url, because the service rejects calls above the app's limit; write a number from 1 to 10000
    jobs/n.toml:13: api.calls_per_second: is -1, which is out of range; write a whole number from 1 to 10000
    jobs/n.toml:13: api.calls_per_second: is 10001, which is out of range; write a whole number from 1 to 10000
    jobs/n.toml:13: api.calls_per_second: is 9000000000, which is out of range; write a whole number from 1 to 10000
    jobs/n.toml:13: api.calls_per_second: is the number 99.5; write a whole number without quotes
    jobs/n.toml:14: api.max_in_flight: is 0, which is out of range; write a whole number from 1 to 4096
    jobs/n.toml:14: api.max_in_flight: is 4097, which is out of range; write a whole number from 1 to 4096
    jobs/n.toml:15: api.timeout: is "3s", but the service itself takes up to 3s to respond or to report a timeout; write a longer duration, such as "10s"
    jobs/n.toml:15: api.timeout: is "6m", which is out of range; write a duration from 1ms to 5m
    "#);
}

#[test]
fn secrets_refused_without_repeating_them() {
    let line = "secret_key_env = \"IM_SECRET_KEY\"";
    let pasted_key = format!("secret_key_env = \"{}\"", "a5bd2850fff3ecb1".repeat(4));
    let pasted_key_file = format!("secret_key_file = \"{}\"", "a5bd2850fff3ecb1".repeat(4));
    let pasted_usersig = format!("usersig_env = \"eJw{}\"", "hunter2".repeat(20));
    let text = errors_after(&[
        (line, ""),
        (line, &format!("{line}\nsecret_key_file = \"hunter2\"")),
        (line, "usersig_env = \"A\"\nsecret_key_file = \"hunter2\""),
        (line, "secret_key = \"hunter2\""),
        (line, "SecretKey = \"hunter2\""),
        (line, "usersig = \"hunter2\""),
        (line, "usersig.value = \"hunter2\""),
        (line, "secret_keys = \"hunter2\""),
        ("name = \"n\"", "name = \"n\"\nsecret = \"hunter2\""),
        (line, "secret_key_env = \"hunter2 \""),
        (line, "secret_key_env = \"2hunter2\""),
        (line, "secret_key_env = \"\""),
        (line, "secret_key_env = [\"hunter2\"]"),
        (line, "secret_key_env = 2222222"),
        (line, &pasted_key),
        (line, &pasted_key_file),
        (line, "secret_key_file = \"\""),
        (line, "secret_key_file = \"~/hunter2\""),
        (line, &pasted_usersig),
    ]);
    for secret in ["hunter2", "a5bd2850", "2222222"] {
        assert!(!text.contains(secret), "{text}");
    }
    insta::assert_snapshot!(text, @r#"
    jobs/n.toml:8: api.secret_key_env: is missing; write the name of the environment variable that holds the secret key, or set secret_key_file or usersig_env instead
    jobs/n.toml:13: api.secret_key_file: is set together with api.secret_key_env, but only one of them is allowed; remove one
    jobs/n.toml:12: api.usersig_env: is set together with api.secret_key_file, but only one of them is allowed; remove one
    jobs/n.toml:12: api.secret_key: a secret must not be written in a job file or on a command line; move it to an environment variable or a file, and name that with secret_key_env, secret_key_file or usersig_env
    jobs/n.toml:12: api.SecretKey: a secret must not be written in a job file or on a command line; move it to an environment variable or a file, and name that with secret_key_env, secret_key_file or usersig_env
    jobs/n.toml:12: api.usersig: a secret must not be written in a job file or on a command line; move it to an environment variable or a file, and name that with secret_key_env, secret_key_file or usersig_env
    jobs/n.toml:12: api.usersig: a secret must not be written in a job file or on a command line; move it to an environment variable or a file, and name that with secret_key_env, secret_key_file or usersig_env
    jobs/n.toml:12: api.secret_keys: is not a known key; did you mean secret_key_env?
    jobs/n.toml:2: secret: a secret must not be written in a job file or on a command line; move it to an environment variable or a file, and name that with secret_key_env, secret_key_file or usersig_env
    jobs/n.toml:12: api.secret_key_env: is not a valid name of an environment variable; use letters, digits and _, such as IM_SECRET_KEY
    jobs/n.toml:12: api.secret_key_env: is not a valid name of an environment variable; use letters, digits and _, such as IM_SECRET_KEY
    jobs/n.toml:12: api.secret_key_env: is not a valid name of an environment variable; use letters, digits and _, such as IM_SECRET_KEY
    jobs/n.toml:12: api.secret_key_env: is not valid; write text in quotes
    jobs/n.toml:12: api.secret_key_env: is not valid; write text in quotes
    jobs/n.toml:12: api.secret_key_env: looks like the secret itself; write the name of the variable or file that holds it
    jobs/n.toml:12: api.secret_key_file: looks like the secret itself; write the name of the variable or file that holds it
    jobs/n.toml:12: api.secret_key_file: is empty; write the path of the file that holds the secret key
    jobs/n.toml:12: api.secret_key_file: starts with "~", which only a shell expands; write the full path
    jobs/n.toml:12: api.usersig_env: looks like the secret itself; write the name of the variable or file that holds it
    "#);
}
