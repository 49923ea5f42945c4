//! The client against servers with scripted responses.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use bytes::Bytes;

use super::body::BODY_CAP_BYTES;
use super::*;
use crate::api::signer::SigSource;
use crate::api::usersig::SecretKey;

/// Sends each response on a connection of its own; returns the requests.
fn serve(responses: Vec<Vec<u8>>) -> (String, JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let base_url = format!("http://{}", listener.local_addr().unwrap());
    let server = thread::spawn(move || {
        let respond = |response: Vec<u8>| {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = Vec::new();
            let mut buffer = [0; 4096];
            while !request.ends_with(b"{}") {
                let count = stream.read(&mut buffer).unwrap();
                request.extend_from_slice(&buffer[..count]);
            }
            // The client may have read enough and disconnected.
            let _ = stream.write_all(&response);
            String::from_utf8(request).unwrap()
        };
        responses.into_iter().map(respond).collect()
    });
    (base_url, server)
}

fn response(head: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut response =
        format!("HTTP/1.1 {head}Content-Length: {length}\r\nConnection: close\r\n\r\n")
            .into_bytes();
    response.extend_from_slice(body);
    response
}

fn dead_base_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn settings(identifier: &str) -> ClientSettings<'_> {
    ClientSettings { sdkappid: 7, identifier, timeout: Duration::from_secs(30), max_in_flight: 64 }
}

pub fn client(base_url: String, backup_base_url: Option<String>) -> Client {
    let sig = SigSource::Ready(UserSig::new("secret*sig-_".to_owned()));
    let signer = Signer::new(sig, 7, "ad min/张".to_owned(), || 0);
    let endpoint = Endpoint { base_url, backup_base_url };
    Client::new(endpoint, signer, settings("ad min/张")).unwrap()
}

fn fetch(client: &Client) -> CallResult {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(client.fetch("{}".to_owned(), 99, ()))
}

fn call(client: &Client) -> Result<Bytes, CallFailure> {
    fetch(client).body.map(|body| Bytes::copy_from_slice(&body))
}

#[test]
fn the_request_matches_the_documentation_and_escapes_everything() {
    let (base_url, server) = serve(vec![response("200 OK\r\n", b"{\"a\":1}")]);
    assert_eq!(call(&client(base_url, None)).unwrap(), "{\"a\":1}");
    let request = server.join().unwrap().remove(0);
    let line = request.lines().next().unwrap();
    assert_eq!(
        line,
        "POST /v4/profile/portrait_get?sdkappid=7&identifier=ad%20min%2F%E5%BC%A0&usersig=secret*sig-_&contenttype=json&random=99 HTTP/1.1"
    );
    assert!(request.contains("content-type: application/json"), "{request}");
    assert!(request.contains("accept-encoding: gzip"), "{request}");
}

#[test]
fn the_backup_host_is_used_when_the_first_is_unreachable() {
    let ok = response("200 OK\r\n", b"{}");
    let (backup, server) = serve(vec![ok.clone(), ok]);
    let client = client(dead_base_url(), Some(backup));
    let failure = call(&client).unwrap_err();
    assert!(matches!(failure, CallFailure::Transport(TransportFailure::Connection(_))));
    assert!(call(&client).is_ok());
    assert!(call(&client).is_ok());
    assert_eq!(server.join().unwrap().len(), 2);
}

#[test]
fn a_failed_connection_does_not_show_the_url() {
    let client = client(dead_base_url(), None);
    let failure = call(&client).unwrap_err();
    let shown = format!("{failure} {failure:?}");
    assert!(!shown.contains("usersig") && !shown.contains("secret*sig"), "{shown}");
    assert!(shown.contains("refused"), "{shown}");
}

#[test]
fn redirects_are_not_followed_and_statuses_are_reported() {
    for (status, head) in
        [(302, "302 Found\r\nLocation: http://127.0.0.1:1/\r\n"), (502, "502 Bad Gateway\r\n")]
    {
        let (base_url, _server) = serve(vec![response(head, b"")]);
        let failure = call(&client(base_url, None)).unwrap_err();
        assert_eq!(failure, TransportFailure::Status(status).into());
    }
}

#[test]
fn retry_after_is_read_whatever_the_status() {
    for status in ["429 Too Many Requests", "503 Service Unavailable", "200 OK"] {
        let head = format!("{status}\r\nRetry-After: 7\r\n");
        let (base_url, _server) = serve(vec![response(&head, b"{}")]);
        let retry_after = fetch(&client(base_url, None)).retry_after;
        assert_eq!(retry_after, Some(Duration::from_secs(7)), "{status}");
    }
}

#[test]
fn the_departure_is_dropped_exactly_when_the_request_is_sent() {
    let (base_url, server) = serve(vec![response("200 OK\r\n", b"{}")]);
    let client = client(base_url, None);
    let departure = Arc::new(());
    let call = client.fetch("{}".to_owned(), 99, Arc::clone(&departure));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(Arc::strong_count(&departure), 2);
    runtime.block_on(call).body.unwrap();
    assert_eq!(Arc::strong_count(&departure), 1);
    let request = server.join().unwrap().remove(0);
    assert!(request.contains("content-length: 2"), "{request}");
}

#[test]
fn gzip_is_decoded_up_to_the_size_limit() {
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        response("200 OK\r\nContent-Encoding: gzip\r\n", &encoder.finish().unwrap())
    };
    let (base_url, _server) = serve(vec![gzip(b"{\"a\":2}")]);
    assert_eq!(call(&client(base_url, None)).unwrap(), "{\"a\":2}");
    let (base_url, _server) = serve(vec![gzip(&vec![b' '; BODY_CAP_BYTES + 1])]);
    let failure = call(&client(base_url, None)).unwrap_err();
    assert_eq!(failure, TransportFailure::TooLarge(BODY_CAP_BYTES).into());
}

#[test]
fn secrets_given_to_a_client_are_not_printed() {
    let signer =
        Signer::new(SigSource::Key(SecretKey::new("hunter2".to_owned())), 7, "a".to_owned(), || 0);
    let endpoint = Endpoint { base_url: dead_base_url(), backup_base_url: None };
    let client = Client::new(endpoint, signer, settings("a")).unwrap();
    let sig = UserSig::new("secret*sig-_".to_owned());
    client.call_url(&sig, SigGeneration::default()).unwrap();
    let shown = format!("{client:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("secret*sig"), "{shown}");
}
