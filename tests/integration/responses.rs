//! How responses are judged, by the built binary against responses written by hand: from the API page, from what is known of
//! the service, and from what a service that is partly broken could send.

use std::collections::BTreeMap;

use crate::support::scripted::{Response, ScriptedServer, item_of};
use crate::support::{Output, TestDir};

/// Enough for two chunks.
fn accounts() -> Vec<String> {
    (0..150).map(|n| format!("user{n:03}")).collect()
}

/// What became of the accounts that have no row: category, code and text.
type Failures = BTreeMap<String, (String, Option<i64>, String)>;

/// Exports against a script; gives back the accounts with rows, and those without.
fn export(server: &ScriptedServer, directory: &TestDir) -> (Vec<String>, Failures, Output) {
    let output = directory.export(&["--json"]).expect_code(0);
    let snapshot = directory.snapshot("out");
    let rows = snapshot.table().rows.into_iter().map(|row| row[0].clone().unwrap());
    let failures = snapshot
        .failed()
        .into_iter()
        .map(|failed| (failed.account, (failed.category, failed.error_code, failed.error_info)));
    let (mut rows, failures): (Vec<String>, Failures) = (rows.collect(), failures.collect());
    rows.sort();
    assert_eq!(rows.len() + failures.len(), accounts().len(), "{output}");
    assert!(server.requests().iter().all(|accounts| accounts.len() <= 100));
    (rows, failures, output)
}

/// A server that gives every account its item, but for `user007`, of which `odd` decides.
fn server_with_odd_items(
    odd: impl Fn(&str) -> String + Send + Sync + 'static,
    more: &'static str,
) -> ScriptedServer {
    ScriptedServer::start(move |_, accounts| {
        let item = |account: &String| match account.as_str() {
            "user007" => odd(account),
            _ => item_of(account),
        };
        let items: Vec<String> =
            accounts.iter().map(item).filter(|item| !item.is_empty()).collect();
        let has_odd = accounts.iter().any(|account| account == "user007");
        Response::of_items(&items, if has_odd { more } else { "" })
    })
}

#[test]
fn account_without_evidence_of_success_is_retried_and_reported() {
    let failed = r#""Fail_Account":["user007"],"#;
    let with_code = |code: &'static str| {
        move |account: &str| {
            format!(
                r#"{{"To_Account":"{account}","ProfileItem":[],"ResultCode":{code},"ResultInfo":"odd"}}"#
            )
        }
    };
    let servers = [
        server_with_odd_items(|_| String::new(), failed),
        server_with_odd_items(|account| format!(r#"{{"To_Account":"{account}"}}"#), failed),
        server_with_odd_items(|account| format!(r#"{{"To_Account":"{account}"}}"#), ""),
        server_with_odd_items(
            |account| format!(r#"{{"To_Account":"{account}","ResultCode":0}}"#),
            failed,
        ),
        server_with_odd_items(item_of, failed),
        server_with_odd_items(with_code("null"), failed),
        server_with_odd_items(with_code("null"), ""),
        server_with_odd_items(with_code("\"failed\""), ""),
        server_with_odd_items(with_code("true"), failed),
        server_with_odd_items(with_code("false"), ""),
        server_with_odd_items(
            |account| format!("{},{}", item_of(account), with_code_of(account, 40006)),
            "",
        ),
    ];
    for (number, server) in servers.iter().enumerate() {
        let (rows, failures, output) = export(server, &server.directory(accounts()));
        assert_eq!(rows.len(), 149, "server {number}");
        let (category, code, info) = &failures["user007"];
        assert_eq!((category.as_str(), *code), ("internal_error", None), "server {number}");
        assert!(
            info.starts_with("the re") || info.starts_with("the Re"),
            "server {number}: {info}"
        );
        assert_eq!(server.requests_for("user007"), 3, "server {number}: {output}");
        assert_eq!(server.requests_for("user008"), 1, "server {number}");
    }
}

fn with_code_of(account: &str, code: i64) -> String {
    format!(r#"{{"To_Account":"{account}","ResultCode":{code},"ResultInfo":"code {code}"}}"#)
}

#[test]
fn documented_partial_failure_is_transient_for_one_account() {
    // Code 40006 in the first response alone.
    let server = ScriptedServer::start(|number, accounts| {
        let item = |account: &String| match (number, account.as_str()) {
            (0, "user007") => with_code_of(account, 40006),
            _ => item_of(account),
        };
        let items: Vec<String> = accounts.iter().map(item).collect();
        Response::of_items(&items, if number == 0 { r#""Fail_Account":["user007"],"# } else { "" })
    });
    let (rows, failures, _) = export(&server, &server.directory(accounts()));
    assert_eq!((rows, failures.len()), (accounts(), 0));
}

#[test]
fn code_of_one_account_does_not_affect_others() {
    for code in [40007, 40009, 40004, 70016] {
        let server = server_with_odd_items(move |account| with_code_of(account, code), "");
        let (rows, failures, _) = export(&server, &server.directory(accounts()));
        assert_eq!(rows.len(), 149, "{code}");
        let expected = ("rejected".to_owned(), Some(code), format!("code {code}"));
        assert_eq!(failures["user007"], expected);
    }
    // No account has a row: then it is about all of them.
    let server = ScriptedServer::start(|_, accounts| {
        let items: Vec<String> =
            accounts.iter().map(|account| with_code_of(account, 40009)).collect();
        Response::of_items(&items, "")
    });
    let output = server.directory(accounts()).export(&[]).expect_code(4);
    assert!(output.error().contains("40009"), "{output}");
}

#[test]
fn markers_mean_not_found_only_with_that_code() {
    // 3 and 5 do not exist; 7 fails until the second request for it, under a marker as well.
    for names_failed in [false, true] {
        for marker in ["@TLS#NOT_FOUND", "@TLS#ERROR", ""] {
            let server = ScriptedServer::start(move |number, accounts| {
                let mut failed = Vec::new();
                let items: Vec<String> = accounts
                    .iter()
                    .map(|account| match account.as_str() {
                        "user003" | "user005" => {
                            failed.push(account.clone());
                            with_code_of(marker, 70107)
                        }
                        "user007" if number < 3 => {
                            failed.push(account.clone());
                            with_code_of(marker, 40006)
                        }
                        _ => item_of(account),
                    })
                    .collect();
                let failed = serde_json::to_string(&failed).unwrap();
                let more = if names_failed {
                    format!(r#""Fail_Account":{failed},"#)
                } else {
                    String::new()
                };
                Response::of_items(&items, &more)
            });
            let (rows, failures, _) = export(&server, &server.directory(accounts()));
            assert_eq!(rows.len(), 148, "{marker:?}: {failures:?}");
            let not_found = ("not_found".to_owned(), Some(70107), "code 70107".to_owned());
            assert_eq!(failures["user003"], not_found, "{marker:?}");
            assert_eq!(failures["user005"], not_found, "{marker:?}");
        }
    }
}

#[test]
fn missing_account_is_not_reported_as_not_found() {
    // One account does not exist. Its marker is repeated while another account is left out: as many markers as missing ones.
    let server = ScriptedServer::start(|number, accounts| {
        let mut items = Vec::new();
        for account in accounts {
            match account.as_str() {
                "user003" => items.push(with_code_of("@TLS#NOT_FOUND", 40003)),
                "user004" if number == 0 => items.push(with_code_of("@TLS#NOT_FOUND", 40003)),
                _ => items.push(item_of(account)),
            }
        }
        let failed = accounts.iter().any(|account| account == "user003");
        Response::of_items(&items, if failed { r#""Fail_Account":["user003"],"# } else { "" })
    });
    let (rows, failures, _) = export(&server, &server.directory(accounts()));
    assert_eq!(rows.len(), 149);
    assert_eq!(failures.keys().collect::<Vec<_>>(), ["user003"]);
}

#[test]
fn body_with_a_byte_order_mark_is_read() {
    let server = ScriptedServer::start(|_, accounts| {
        let items: Vec<String> = accounts.iter().map(|account| item_of(account)).collect();
        let Response { body, .. } = Response::of_items(&items, "");
        Response::ok([b"\xef\xbb\xbf".as_slice(), &body].concat())
    });
    assert_eq!(export(&server, &server.directory(accounts())).0, accounts());
}

#[test]
fn unusable_response_shows_the_error_info() {
    for (body, shown) in [
        (
            r#"{"ActionStatus":"FAIL","ErrorCode":0,"ErrorInfo":"try later"}"#,
            "ActionStatus of the response is not OK, and no error code says why (the service says: try later)",
        ),
        (
            r#"{"ActionStatus":"OK","ErrorCode":"none","ErrorInfo":"try later"}"#,
            "ErrorCode of the response is not a number (none) (the service says: try later)",
        ),
        (r#"["maintenance"]"#, "the response is JSON, but not a response of portrait_get"),
    ] {
        let server = ScriptedServer::start(move |_, _| Response::ok(body));
        let directory = server.directory(accounts());
        let output = directory.export(&[]).expect_code(75);
        assert!(output.error().contains(shown), "{output}");
        assert!(!output.error().contains("is not JSON"), "{output}");
        assert!(!directory.path("out").exists());
    }
}

#[test]
fn invalid_utf8_value_is_finally_published_and_reported() {
    let server = ScriptedServer::start(|_, accounts| {
        let items: Vec<String> = accounts.iter().map(|account| item_of(account)).collect();
        let Response { body, .. } = Response::of_items(&items, "");
        let at = body.windows(15).position(|bytes| bytes == b"nick of user007");
        let mut body = body.clone();
        if let Some(at) = at {
            body[at] = 0xE9;
        }
        Response::ok(body)
    });
    let directory = server.directory(accounts());
    let (rows, ..) = export(&server, &directory);
    assert_eq!(rows, accounts());
    assert_eq!(server.requests_for("user007"), 3);
    assert_eq!(server.requests_for("user006"), 1);
    let rejected = directory.snapshot("out").rejected();
    let of_values: Vec<(&str, &str, &str)> = rejected
        .iter()
        .map(|value| (value.account.as_str(), value.expected_type.as_str(), value.value.as_str()))
        .collect();
    assert_eq!(of_values, [("user007", "UTF-8", "\u{fffd}ick of user007")]);
}

#[test]
fn value_that_becomes_valid_utf8_is_published_without_report() {
    let server = ScriptedServer::start(|number, accounts| {
        let items: Vec<String> = accounts.iter().map(|account| item_of(account)).collect();
        let Response { mut body, .. } = Response::of_items(&items, "");
        if number == 0 {
            let at = body.windows(7).position(|bytes| bytes == b"nick of").unwrap();
            body[at] = 0xE9;
        }
        Response::ok(body)
    });
    let directory = server.directory(accounts());
    let (rows, ..) = export(&server, &directory);
    assert_eq!(rows, accounts());
    assert!(directory.snapshot("out").rejected().is_empty());
}

#[test]
fn http_refusal_is_confirmed_before_it_stops_a_run() {
    for status in ["400 Bad Request", "403 Forbidden", "404 Not Found"] {
        let server = ScriptedServer::start(move |number, accounts| {
            let items: Vec<String> = accounts.iter().map(|account| item_of(account)).collect();
            let mut response = Response::of_items(&items, "");
            if number == 0 {
                response.status = status;
            }
            response
        });
        assert_eq!(export(&server, &server.directory(accounts())).0, accounts(), "{status}");
        let refusing = ScriptedServer::start(move |_, _| Response {
            status,
            headers: Vec::new(),
            body: b"nope".to_vec(),
        });
        let output = refusing.directory(accounts()).export(&[]).expect_code(4);
        assert!(output.error().contains(&status[..3]), "{output}");
        assert!(refusing.requests().len() >= 3, "{status}: {:?}", refusing.requests().len());
    }
}
