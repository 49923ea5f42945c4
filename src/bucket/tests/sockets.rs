//! Faults of connections, with real sockets and short time limits.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::mpsc;
use std::thread;

use super::*;
use crate::bucket::network::{StoreNetwork, Timeouts};
use crate::util::exit_code::{ExitCode, HasExitCode};

/// What the server does with one connection, after it has read the request.
#[derive(Debug, Clone, Copy)]
enum Reaction {
    Respond(&'static str),
    /// The text, and then nothing more on the open connection.
    Hang(&'static str),
    /// The text, and the end of the connection.
    Close(&'static str),
}

const OK: &str =
    "HTTP/1.1 200 OK\r\netag: \"1\"\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello";

/// Reads a request; returns its first line.
fn read_request(stream: &mut TcpStream) -> String {
    let mut request = Vec::new();
    let mut byte = [0];
    while !request.ends_with(b"\r\n\r\n") && stream.read(&mut byte).unwrap_or(0) > 0 {
        request.extend(byte);
    }
    let head = String::from_utf8(request).unwrap().to_ascii_lowercase();
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = vec![0; length.unwrap_or(0)];
    stream.read_exact(&mut body).unwrap();
    let range = head.lines().find(|line| line.starts_with("range:")).unwrap_or_default();
    format!("{} {range}", head.lines().next().unwrap_or_default())
}

/// A server that reacts to one connection after the other; the last reaction repeats. It reports each request.
fn serve(reactions: &'static [Reaction]) -> (String, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    let (sender, requests) = mpsc::channel();
    thread::spawn(move || {
        let mut held = Vec::new();
        for index in 0.. {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = sender.send(read_request(&mut stream));
            match reactions[index.min(reactions.len() - 1)] {
                Reaction::Respond(text) => stream.write_all(text.as_bytes()).unwrap(),
                Reaction::Hang(text) => {
                    stream.write_all(text.as_bytes()).unwrap();
                    held.push(stream);
                }
                Reaction::Close(text) => {
                    stream.write_all(text.as_bytes()).unwrap();
                    let _ = stream.shutdown(Shutdown::Both);
                }
            }
        }
    });
    (endpoint, requests)
}

fn bucket_at(endpoint: &str, patience: Duration) -> Bucket {
    let timeouts = Timeouts { connect: Duration::from_secs(5), inactivity: Duration::from_secs(1) };
    let parts = Parts {
        network: Arc::new(StoreNetwork::new(timeouts).unwrap()),
        driver: Driver::shared().unwrap(),
    };
    let settings =
        BucketSettings { endpoint: Some(endpoint.to_owned()), ..BucketSettings::default() };
    let patience = Patience {
        outage_patience: patience,
        initial_backoff: Duration::from_millis(1),
        max_backoff: Duration::from_millis(5),
    };
    Bucket::assemble(&parse("s3://lake/x"), &settings, patience, &environment(), parts).unwrap()
}

const LONG: Duration = Duration::from_secs(60);

#[test]
fn broken_and_silent_connections_are_retried() {
    const CUT_HEAD: Reaction = Reaction::Close("HTTP/1.1 200 OK\r\netag: \"1\"\r\ncont");
    const CUT_BODY: Reaction =
        Reaction::Close("HTTP/1.1 200 OK\r\netag: \"1\"\r\ncontent-length: 5\r\n\r\nhe");
    const SILENT_BODY: Reaction =
        Reaction::Hang("HTTP/1.1 200 OK\r\netag: \"1\"\r\ncontent-length: 5\r\n\r\nhe");
    const NOT_HTTP: Reaction = Reaction::Close("SSH-2.0-OpenSSH_9\r\n");
    const CUT_ERROR: Reaction =
        Reaction::Close("HTTP/1.1 403 Forbidden\r\ncontent-length: 500\r\n\r\n<Error>");
    const REACTIONS: &[Reaction] = &[
        Reaction::Close(""),
        Reaction::Hang(""),
        CUT_HEAD,
        CUT_BODY,
        SILENT_BODY,
        NOT_HTTP,
        CUT_ERROR,
        Reaction::Respond(OK),
    ];
    let (endpoint, requests) = serve(REACTIONS);
    let bucket = bucket_at(&endpoint, LONG);
    assert_eq!(bucket.get("x").unwrap().unwrap().content, "hello");
    assert_eq!(bucket.state().retries, REACTIONS.len() as u64 - 1);
    assert_eq!(requests.try_iter().count(), REACTIONS.len());
}

#[test]
fn a_read_resumes_where_the_response_broke_off() {
    const CUT: Reaction =
        Reaction::Close("HTTP/1.1 200 OK\r\netag: \"1\"\r\ncontent-length: 11\r\n\r\nhello ");
    const SILENT: Reaction = Reaction::Hang(
        "HTTP/1.1 206 Partial Content\r\netag: \"1\"\r\ncontent-length: 5\r\ncontent-range: bytes 6-10/11\r\n\r\nwor",
    );
    const REST: Reaction = Reaction::Respond(
        "HTTP/1.1 206 Partial Content\r\netag: \"1\"\r\ncontent-length: 2\r\ncontent-range: bytes 9-10/11\r\nconnection: close\r\n\r\nld",
    );
    let (endpoint, requests) = serve(&[CUT, SILENT, REST]);
    let bucket = bucket_at(&endpoint, LONG);
    let version = Version { etag: Some("\"1\"".to_owned()), generation: None };
    let mut text = String::new();
    bucket.read("x", &version).unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello world");
    let ranges: Vec<String> =
        requests.try_iter().map(|it| it.replace("get /lake/x http/1.1 ", "")).collect();
    assert_eq!(ranges, ["", "range: bytes=6-", "range: bytes=9-"]);
}

#[test]
fn a_replaced_object_is_not_read_on() {
    const CUT: Reaction =
        Reaction::Close("HTTP/1.1 200 OK\r\netag: \"1\"\r\ncontent-length: 11\r\n\r\nhello ");
    const GONE: Reaction = Reaction::Respond(
        "HTTP/1.1 412 Precondition Failed\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
    );
    let (endpoint, _requests) = serve(&[CUT, GONE]);
    let bucket = bucket_at(&endpoint, LONG);
    let version = Version { etag: Some("\"1\"".to_owned()), generation: None };
    let mut text = String::new();
    let error = bucket.read("x", &version).unwrap().read_to_string(&mut text).unwrap_err();
    let error = error.into_inner().unwrap().downcast::<BucketError>().unwrap();
    assert_eq!(
        error.to_string(),
        "s3://lake/x was replaced or removed while it was read; run the same command again when nothing writes it"
    );
}

#[test]
fn a_store_that_is_not_there_ends_with_75() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let error = bucket_at(&endpoint, Duration::from_millis(20)).get("x").unwrap_err();
    assert_eq!(error.exit_code(), ExitCode::TryAgainLater);
    assert!(error.to_string().contains("cannot connect: connection refused"), "{error}");
}
