//! `--set`.

use super::*;

#[test]
fn errors_name_the_override_instead_of_the_line() {
    let refused = |overrides: &[&str]| load(FULL, overrides).unwrap_err();
    insta::assert_snapshot!(refused(&["api.calls_per_second=0"]), @"--set api.calls_per_second=0: api.calls_per_second: is 0 (no limit), which is only allowed with the emulator or a loopback base_url, because the service rejects calls above the app's limit; write a number from 1 to 10000");
    insta::assert_snapshot!(refused(&["retry.max_attempts=5", "retry.max_attempts=0"]), @"--set retry.max_attempts=0: retry.max_attempts: is 0, which is out of range; write a whole number from 1 to 100");
    insta::assert_snapshot!(refused(&["columns.1.name=nick"]), @r#"--set columns.1.name=nick: columns.1.name: is "nick", which columns.0 already uses (case is ignored); write another name"#);
    insta::assert_snapshot!(refused(&["columns.2.name=new"]), @r#"--set columns.2.name=new: columns.2.tag: is missing; write a profile tag, such as "Tag_Profile_IM_Nick""#);
    insta::assert_snapshot!(refused(&["columns.9.name=new"]), @r#"--set columns.9.name=new: columns.9.name: "9" is not a valid index into a list of length 2; write a number from 0 to 2"#);
    insta::assert_snapshot!(refused(&["retry.max_attempts=5", "retry={ max_attempts = 0 }"]), @"--set retry={ max_attempts = 0 }: retry.max_attempts: is 0, which is out of range; write a whole number from 1 to 100");
    insta::assert_snapshot!(refused(&["limits={ max_fail = 1 }"]), @"--set limits={ max_fail = 1 }: limits.max_fail: is not a known key; did you mean max_failed?");
    insta::assert_snapshot!(refused(&["name.first=x"]), @r#"--set name.first=x: name.first: "first" cannot be set, because the key before it is a single value; shorten the key path"#);
    insta::assert_snapshot!(refused(&["api.secret_key=hunter2"]), @"--set api.secret_key=(not shown): api.secret_key: a secret must not be written in a job file or on a command line; move it to an environment variable or a file, and name that with secret_key_env, secret_key_file or usersig_env");
    insta::assert_snapshot!(refused(&["api.secret_key_env=hunter 2"]), @"--set api.secret_key_env=(not shown): api.secret_key_env: is not a valid name of an environment variable; use letters, digits and _, such as IM_SECRET_KEY");
    insta::assert_snapshot!(refused(&["api.base_url=http://im.example/?usersig=hunter2"]), @r#"--set api.base_url=(not shown): api.base_url: "im.example" is not a base URL: it has a query or a fragment; write scheme and host, such as https://console.tim.qq.com"#);
    insta::assert_snapshot!(refused(&["hunter2"]), @r#"--set (not shown): has no "="; write key.path=value, such as api.calls_per_second=50"#);
    insta::assert_snapshot!(refused(&["name=a\u{1b}b"]), @r#"--set name="a\u{1b}b": name: contains the control character \u{1b}; write the text on one line without it"#);
}

#[test]
fn of_several_overrides_of_one_table_the_wrong_one_is_named() {
    let without_retry = FULL.split_once("[retry]").unwrap().0;
    let refused = |overrides: &[&str]| load(without_retry, overrides).unwrap_err();
    let later = ["retry.max_attempts=0", "retry.initial_backoff=1s"];
    insta::assert_snapshot!(refused(&later), @"--set retry.max_attempts=0: retry.max_attempts: is 0, which is out of range; write a whole number from 1 to 100");
    let beside = ["columns.2.name=new", "columns.0.name=other"];
    insta::assert_snapshot!(refused(&beside), @r#"--set columns.2.name=new: columns.2.tag: is missing; write a profile tag, such as "Tag_Profile_IM_Nick""#);
}

#[test]
fn an_override_can_correct_the_file() {
    let broken = full_with("calls_per_second = 100", "calls_per_second = 0");
    assert_eq!(load(&broken, &["api.calls_per_second=50"]).unwrap().api.calls_per_second, 50);
}
