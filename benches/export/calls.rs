//! Calls of `portrait_get` at minimum cost: hyper on a keep-alive connection, requests from a template.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use im_profiles::emulator::{EMULATOR_ADMIN, EMULATOR_SDKAPPID, EMULATOR_SECRET_KEY};
use im_profiles::internals::PORTRAIT_GET_PATH;
use im_profiles::internals::{SecretKey, UserSig, sign_usersig as sign};
use im_profiles::internals::{request_body, tag_list};
use tokio::net::TcpStream;

/// Accounts per call.
pub const ACCOUNTS_PER_CALL: u64 = 100;

const DIGITS: usize = 9;

/// A UserSig that the emulator accepts for an hour.
pub fn usersig() -> UserSig {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let key = SecretKey::new(EMULATOR_SECRET_KEY.to_owned());
    sign(&key, EMULATOR_SDKAPPID, EMULATOR_ADMIN, now, 3600)
}

/// The calls of an export, taken one at a time by the next free connection.
pub struct Calls {
    path: String,
    /// The body of a call; the digits of its ids are replaced for each call.
    body: Vec<u8>,
    /// Offsets of the digits of each id.
    digits_at: Vec<usize>,
    next: AtomicU64,
    count: u64,
}

impl Calls {
    /// Prepares the calls for `accounts`, a multiple of 100.
    pub fn new(accounts: u64, tags: &[String]) -> Calls {
        let zeros = format!("user_{:0DIGITS$}", 0);
        let names = (0..ACCOUNTS_PER_CALL).map(|_| zeros.as_str());
        let body = request_body(names, &tag_list(tags.iter().map(String::as_str)));
        let digits_at = body.match_indices(&zeros).map(|(at, _)| at + zeros.len() - DIGITS);
        Calls {
            path: format!(
                "/{PORTRAIT_GET_PATH}?sdkappid={EMULATOR_SDKAPPID}&identifier={EMULATOR_ADMIN}\
                 &usersig={}&contenttype=json&random=",
                usersig().as_str()
            ),
            digits_at: digits_at.collect(),
            body: body.into_bytes(),
            next: AtomicU64::new(0),
            count: accounts / ACCOUNTS_PER_CALL,
        }
    }

    /// Path and body of the next call.
    pub fn take(&self) -> Option<(String, Bytes)> {
        let call = self.next.fetch_add(1, Ordering::Relaxed);
        if call >= self.count {
            return None;
        }
        let mut body = self.body.clone();
        for (account, &at) in (call * ACCOUNTS_PER_CALL..).zip(&self.digits_at) {
            let mut number = account;
            for digit in body[at..at + DIGITS].iter_mut().rev() {
                *digit = b'0' + (number % 10) as u8;
                number /= 10;
            }
        }
        Some((format!("{}{call}", self.path), Bytes::from(body)))
    }
}

/// A connection that makes calls sequentially.
pub struct Line {
    sender: SendRequest<Full<Bytes>>,
    address: String,
}

impl Line {
    /// Connects to the service.
    pub async fn open(base_url: &str) -> Line {
        let address = base_url.strip_prefix("http://").unwrap().to_owned();
        let stream = TcpStream::connect(&address).await.unwrap();
        stream.set_nodelay(true).unwrap();
        let (sender, connection) = handshake(TokioIo::new(stream)).await.unwrap();
        tokio::spawn(connection);
        Line { sender, address }
    }

    /// Makes a call and returns before its body is read.
    pub async fn call(&mut self, path: &str, body: Bytes) -> Response<Incoming> {
        let request = Request::post(path)
            .header("host", &self.address)
            .header("content-type", "application/json")
            .body(Full::new(body))
            .unwrap();
        self.sender.ready().await.unwrap();
        let response = self.sender.send_request(request).await.unwrap();
        assert_eq!(response.status(), StatusCode::OK);
        response
    }

    /// Makes a call and reads the whole body.
    pub async fn call_and_read(&mut self, path: &str, body: Bytes) -> Bytes {
        self.call(path, body).await.into_body().collect().await.unwrap().to_bytes()
    }
}
