//! The secret key and the UserSigs made with it are nowhere to be found: not in what the program says at its most
//! talkative, whatever goes wrong, and not in any file it leaves.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::thread;

use crate::support::connect_proxy::ConnectProxy;
use crate::support::emulator::SECRET_VARIABLE;
use crate::support::tls::Authority;
use crate::support::{EmulatorServer, Output, QUICK_JOB, TestDir, settings_of};
use im_profiles::emulator::{Credentials, EMULATOR_ADMIN, EMULATOR_SDKAPPID};
use im_profiles::internals::{SecretKey, decode_usersig as decode, sign_usersig as sign};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use rustix::process::Signal;

/// A key that is not part of any other text.
const KEY: &str = "c0ffee5bd2850fff3ecb11d0d0cafe00c0ffee5bd2850fff3ecb11d0d0cafe42";

/// The base64 of the first bytes of a zlib stream: every UserSig starts with it.
const USERSIG_START: &str = "eJ";

/// Whether a text holds the key, or anything that is a UserSig: by the program's own reader of them, and by its look,
/// a part of one included.
fn secret_in(text: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(text);
    let encoded_key = utf8_percent_encode(KEY, NON_ALPHANUMERIC).to_string();
    if text.contains(KEY) || text.contains(&encoded_key) || text.contains(&KEY[..32]) {
        return Some("the secret key".to_owned());
    }
    let is_of_one = |c: char| c.is_ascii_alphanumeric() || "*-_+/=%".contains(c);
    text.match_indices(USERSIG_START).find_map(|(start, _)| {
        let candidate: String = text[start..].chars().take_while(|c| is_of_one(*c)).collect();
        let plain = candidate.replace("%2A", "*").replace("%2D", "-").replace("%5F", "_");
        (decode(&plain).is_ok() || candidate.len() >= 40).then_some(candidate)
    })
}

fn files_below(directory: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}

/// That no stream and no file of the directory, but for the ones that hold a secret by their purpose, has a secret in it.
#[track_caller]
fn assert_secretless(directory: &TestDir, output: &Output) {
    for (name, text) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
        if let Some(secret) = secret_in(text.as_bytes()) {
            panic!("{name} holds {secret}\n{output}");
        }
    }
    assert!(!output.stderr.contains("panicked"), "{output}");
    let files = files_below(directory.root());
    assert!(!files.is_empty());
    for file in files.iter().filter(|file| !file.ends_with("im.key")) {
        let name = file.display();
        assert!(!name.to_string().contains(KEY), "{name}");
        if let Some(secret) = secret_in(&fs::read(file).unwrap()) {
            panic!("{name} holds {secret}\n{output}");
        }
    }
}

/// Where the run finds its secret.
#[derive(Clone, Copy, Debug)]
enum Source {
    KeyEnv,
    KeyFile,
    UserSigEnv,
}

fn usersig(key: &str) -> String {
    let now = jiff::Timestamp::now().as_second().unsigned_abs();
    let key = SecretKey::new(key.to_owned());
    sign(&key, EMULATOR_SDKAPPID, EMULATOR_ADMIN, now, 86_400).as_str().to_owned()
}

/// A directory with a job and its list, and the secret where `source` says.
fn directory_with(source: Source, key: &str) -> TestDir {
    let accounts = (0..300).map(|number| format!("user{number}"));
    let directory = TestDir::with_job(QUICK_JOB, accounts);
    let directory = directory.env("RUST_BACKTRACE", "full");
    match source {
        Source::KeyEnv => directory.env(SECRET_VARIABLE, key),
        Source::KeyFile => {
            directory.write("im.key", format!("{key}\n"));
            directory
        }
        Source::UserSigEnv => directory.env("IM_USERSIG", &usersig(key)),
    }
}

/// The program at its most talkative, as text and as JSON.
const TALKATIVE: [&[&str]; 2] =
    [&["-vv"], &["-vv", "--json", "--log-format", "json", "--progress", "plain"]];

/// Runs the job against an address, talkative in this way.
#[track_caller]
fn run(
    talkative: &[&str],
    (source, key): (Source, &str),
    base_url: &str,
    keys: &[&str],
    code: i32,
) -> Output {
    let secret = match source {
        Source::KeyEnv => format!("api.secret_key_env={SECRET_VARIABLE}"),
        Source::KeyFile => "api.secret_key_file=im.key".to_owned(),
        Source::UserSigEnv => "api.usersig_env=IM_USERSIG".to_owned(),
    };
    let base_url = format!("api.base_url={base_url}");
    let sdkappid = format!("api.sdkappid={EMULATOR_SDKAPPID}");
    let metrics = "metrics={ textfile = 'im.prom', listen = '127.0.0.1:0' }";
    let service = [&*base_url, &*sdkappid, &*secret, metrics, "retry.outage_patience=40ms"];
    let overrides = [&service, keys].concat().into_iter().flat_map(|key| ["--set", key]);
    let is_json = talkative.contains(&"json");
    let directory = directory_with(source, key).env("RUST_LOG", if is_json { "trace" } else { "" });
    let output = directory.export(&talkative.iter().copied().chain(overrides).collect::<Vec<_>>());
    assert_secretless(&directory, &output);
    assert!(directory.path("im.prom").is_file(), "{output}");
    output.expect_code(code)
}

/// An emulator of an app whose key is [`KEY`] and that does this.
fn server(settings: &str) -> EmulatorServer {
    let settings = settings_of(&format!("rate.portrait_get = 0\n{settings}"));
    let secret_key = SecretKey::new(KEY.to_owned());
    EmulatorServer::start_with(settings, Credentials { secret_key, ..Credentials::built_in() })
}

/// Checks that no output contains a secret when an emulator with these settings is called.
#[track_caller]
fn kept_with(settings: &str, keys: &[&str], code: i32) {
    for talkative in TALKATIVE {
        let server = server(settings);
        run(talkative, (Source::KeyEnv, KEY), &server.base_url, keys, code);
        assert!(server.emulator.stats().portrait_get().calls() > 0, "nothing was called");
    }
}

#[test]
fn secret_is_hidden_after_a_success() {
    for source in [Source::KeyEnv, Source::KeyFile, Source::UserSigEnv] {
        let server = server("");
        for talkative in TALKATIVE {
            run(talkative, (source, KEY), &server.base_url, &[], 0);
        }
        assert_eq!(server.emulator.stats().responses_with_code(0), 6, "calls of two runs");
    }
}

#[test]
fn key_file_may_have_a_byte_order_mark_and_a_windows_line_end() {
    let server = server("");
    let key = format!("\u{feff}{KEY}\r");
    run(TALKATIVE[0], (Source::KeyFile, &key), &server.base_url, &[], 0);
}

#[test]
fn key_file_that_every_user_can_read_is_reported() {
    const WARNING: &str = "every user of this machine can read";
    let server = server("");
    let directory = directory_with(Source::KeyFile, KEY);
    let service = [
        format!("api.base_url={}", server.base_url),
        format!("api.sdkappid={EMULATOR_SDKAPPID}"),
        "api.secret_key_file=im.key".to_owned(),
    ];
    let overrides: Vec<&str> = service.iter().flat_map(|key| ["--set", key]).collect();
    for (mode, is_reported) in [(0o644, true), (0o604, true), (0o640, false), (0o600, false)] {
        fs::set_permissions(directory.path("im.key"), fs::Permissions::from_mode(mode)).unwrap();
        for command in ["check", "preview", "export"] {
            let arguments = [&[command, "job.toml"], &overrides[..]].concat();
            let output = directory.run(&arguments).expect_code(0);
            assert_eq!(
                output.stderr.contains(WARNING) || output.stdout.contains(WARNING),
                is_reported,
                "{command} {mode:o}\n{output}"
            );
        }
    }
}

#[test]
fn secret_is_hidden_when_calls_are_retried() {
    for fault in [
        "reset",
        "http_error",
        "truncated",
        "garbage",
        "oversized",
        "invalid_utf8",
        "throttle",
        "http_429",
    ] {
        let settings =
            format!("faults.{fault} = {{ rate = 1.0, limit = 1 }}\nfaults.retry_after_seconds = 0");
        kept_with(&settings, &[], 0);
    }
    kept_with("faults.codes = [{ code = 60008, rate = 1.0, limit = 2 }]", &[], 0);
    kept_with("faults.poison.accounts = ['user7']\nfaults.unknown.accounts = ['user8']", &[], 0);
    kept_with("faults.hang = { rate = 1.0, limit = 1 }", &["api.timeout=50ms"], 0);
}

#[test]
fn secret_is_hidden_in_an_outage() {
    for fault in ["reset", "http_error", "truncated", "garbage"] {
        kept_with(&format!("faults.{fault}.rate = 1.0"), &[], 75);
    }
    kept_with("faults.hang.rate = 1.0", &["api.timeout=50ms"], 75);
    kept_with("faults.throttle.rate = 1.0", &[], 75);
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    let nobody = format!("http://127.0.0.1:{port}");
    // Who expects TLS of a server without it gets no connection either.
    let server = server("");
    let https = server.base_url.replace("http://", "https://");
    for (talkative, base_url) in
        TALKATIVE.into_iter().flat_map(|how| [(how, &nobody), (how, &https)])
    {
        run(talkative, (Source::KeyEnv, KEY), base_url, &[], 75);
    }
}

/// The password of a proxy, percent-encoded in its URL, and what it may turn into.
const PROXY_PASSWORD: &str = "Hunter2-of-the-pr%6Fxy";
/// `user:Hunter2-of-the-proxy` in base64.
const PROXY_FORMS: [&str; 4] =
    ["Hunter2", "of-the-pr", "dXNlcjpIdW50ZXIyLW9mLXRoZS1wcm94eQ", "Basic dXNl"];

/// Checks that no output contains the password of the proxy or another secret when calls use this proxy variable.
#[track_caller]
fn kept_with_proxy(value: &str, code: i32) {
    for talkative in TALKATIVE {
        // Not in the directory that is searched: its base64 may look like a UserSig.
        let elsewhere = TestDir::new();
        let authority = elsewhere.write("authority.pem", Authority::new().pem);
        let directory = directory_with(Source::KeyEnv, KEY)
            .env("HTTPS_PROXY", value)
            .env("SSL_CERT_FILE", authority.to_str().unwrap())
            .env("RUST_LOG", if talkative.contains(&"json") { "trace" } else { "" });
        let keys = [
            "api.emulator=false".to_owned(),
            "api.base_url=https://service.example".to_owned(),
            format!("api.sdkappid={EMULATOR_SDKAPPID}"),
            format!("api.secret_key_env={SECRET_VARIABLE}"),
            "api.calls_per_second=100".to_owned(),
            "retry.outage_patience=40ms".to_owned(),
        ];
        let overrides = keys.iter().flat_map(|key| ["--set", key]);
        let arguments: Vec<&str> = talkative.iter().copied().chain(overrides).collect();
        let output = directory.export(&arguments).expect_code(code);
        assert_secretless(&directory, &output);
        let files = files_below(directory.root()).into_iter().map(|file| fs::read(file).unwrap());
        let texts =
            files.chain([output.stdout.clone().into_bytes(), output.stderr.clone().into_bytes()]);
        for text in texts.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()) {
            for form in PROXY_FORMS {
                assert!(!text.contains(form), "{form:?} is in {text}\n{output}");
            }
        }
    }
}

#[test]
fn proxy_password_is_hidden() {
    let with_password = |port: u16| format!("http://user:{PROXY_PASSWORD}@127.0.0.1:{port}");
    for refusal in ["407 Proxy Authentication Required", "403 Forbidden"] {
        let proxy = ConnectProxy::start(1, Some(refusal));
        kept_with_proxy(&with_password(proxy.port), 75);
        // The credentials did reach the proxy.
        assert!(proxy.heads().iter().all(|head| head.contains(PROXY_FORMS[2])), "{refusal}");
        assert!(!proxy.heads().is_empty(), "{refusal}");
    }
    let nobody = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
    kept_with_proxy(&with_password(nobody), 75);
    for invalid in ["htp://user:{}@127.0.0.1:3128", "http://user:{}@127.0.0.1 ", "http://user:{}@"]
    {
        kept_with_proxy(&invalid.replace("{}", PROXY_PASSWORD), 2);
    }
}

#[test]
fn secret_is_hidden_when_the_service_refuses() {
    kept_with("faults.redirect.rate = 1.0", &[], 4);
    kept_with("faults.http_error.rate = 1.0\nfaults.http_statuses = [403]", &[], 4);
    for code in [40009, 60002, 60010, 70001, 70003, 70009] {
        kept_with(&format!("faults.codes = [{{ code = {code}, rate = 1.0 }}]"), &[], 4);
    }
    kept_with("", &["api.identifier=joe"], 4);
    kept_with("faults.permanent.rate = 0.5", &["retry.max_attempts=2"], 3);
}

#[test]
fn secret_is_hidden_when_a_usersig_is_renewed_or_fails() {
    kept_with("faults.usersig_expired_calls = 1", &[], 0);
    for source in [Source::KeyEnv, Source::KeyFile, Source::UserSigEnv] {
        let wrong =
            KEY.replace("c0ffee5bd2850fff3ecb11d0d0cafe42", "c0ffee5bd2850fff3ecb11d0d0cafe43");
        let server = server("");
        for talkative in TALKATIVE {
            run(talkative, (source, &wrong), &server.base_url, &[], 4);
        }
        assert_eq!(server.emulator.stats().responses_with_code(0), 0);
    }
}

/// A gateway that repeats the request, with its URL, in every text of its response.
fn serve_echo(top_level_code: i64) -> String {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            thread::spawn(move || echo(stream.unwrap(), top_level_code));
        }
    });
    base_url
}

/// Answers calls on a connection until its end.
fn echo(stream: TcpStream, top_level_code: i64) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut stream = stream;
    loop {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            (reader.read_until(b'\n', &mut head).ok()? > 0).then_some(())?;
        }
        let head = String::from_utf8(head).ok()?;
        let length = head
            .lines()
            .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length?];
        reader.read_exact(&mut body).ok()?;
        let url = head.split(' ').nth(1)?;
        let encoded = utf8_percent_encode(url, NON_ALPHANUMERIC);
        let reported = format!("refused: {url} {encoded}\nerror: forged \u{1b}[31m");
        let asked: serde_json::Value = serde_json::from_slice(&body).ok()?;
        let items: Vec<serde_json::Value> = asked["To_Account"]
            .as_array()?
            .iter()
            .enumerate()
            .map(|(index, account)| {
                let code = if index % 50 == 1 { 40601 } else { 0 };
                serde_json::json!({ "To_Account": account, "ResultCode": code, "ResultInfo": reported, "ProfileItem": [] })
            })
            .collect();
        let status = if top_level_code == 0 { "OK" } else { "FAIL" };
        let answer = serde_json::json!({
            "ActionStatus": status, "ErrorCode": top_level_code, "ErrorInfo": reported, "UserProfileItem": items,
        });
        let answer = answer.to_string();
        write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{answer}", answer.len())
            .ok()?;
    }
}

#[test]
fn secret_is_hidden_when_a_gateway_repeats_the_url() {
    for (code, exit_code) in [(0, 0), (70009, 4), (60010, 4), (60008, 75), (40001, 4)] {
        let base_url = serve_echo(code);
        let keys = ["limits.max_failed=100%"];
        for (talkative, source) in TALKATIVE.into_iter().zip([Source::KeyEnv, Source::UserSigEnv]) {
            let output = run(talkative, (source, KEY), &base_url, &keys, exit_code);
            assert!(!output.stderr.contains('\u{1b}'), "the terminal is the gateway's\n{output}");
            assert!(!output.stderr.contains("\nerror: forged"), "{output}");
        }
    }
}

/// In the middle of its first call a run is looked at from outside and stopped.
#[test]
fn secret_is_hidden_when_a_run_is_stopped() {
    let service = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let base_url = format!("api.base_url=http://{}", service.local_addr().unwrap());
    let directory = directory_with(Source::KeyEnv, KEY);
    let secret = format!("api.secret_key_env={SECRET_VARIABLE}");
    let keys = [
        &*base_url,
        "api.sdkappid=14",
        &*secret,
        "api.timeout=100ms",
        "metrics={ textfile = 'im.prom', listen = '127.0.0.1:0' }",
    ];
    let keys = keys.iter().flat_map(|key| ["--set", key]);
    let mut run = directory.start_export(&["-vv"].into_iter().chain(keys).collect::<Vec<_>>(), &[]);
    let line = run.wait_for_stderr("serving metrics");
    let address = line.split_once("http://").unwrap().1.split_once("/metrics").unwrap().0;
    let (mut call, _) = service.accept().unwrap();
    let mut head = [0; 1024];
    let received = call.read(&mut head).unwrap();
    assert!(secret_in(&head[..received]).is_some(), "the call carries the UserSig");
    let command_line = fs::read(format!("/proc/{}/cmdline", run.id())).unwrap();
    assert!(command_line.starts_with(env!("CARGO_BIN_EXE_im-profiles").as_bytes()));
    assert_eq!(secret_in(&command_line), None);

    let mut scrape = TcpStream::connect(address).unwrap();
    scrape.write_all(b"GET /metrics HTTP/1.1\r\n\r\n").unwrap();
    let mut page = String::new();
    scrape.read_to_string(&mut page).unwrap();
    assert!(page.contains("\nim_profiles_run_info{"), "{page}");
    assert_eq!(secret_in(page.as_bytes()), None);

    run.signal(Signal::TERM);
    let output = run.end().expect_code(143);
    assert_secretless(&directory, &output);
    assert!(directory.path("im.prom").is_file());
}

#[test]
fn search_finds_secrets() {
    let sig = usersig(KEY);
    let encoded = utf8_percent_encode(&sig, NON_ALPHANUMERIC);
    for text in [
        KEY,
        &KEY[..40],
        &sig,
        &sig[..60],
        &format!("?usersig={sig}&random=1"),
        &encoded.to_string(),
    ] {
        assert!(secret_in(format!("x {text} y").as_bytes()).is_some(), "{text}");
    }
    assert_eq!(secret_in(b"eJ and no more of it, Tag_Profile_IM_Nick"), None);
}
