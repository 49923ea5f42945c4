//! A store in the memory of the test process that speaks the part of the S3 protocol that the program uses.
//!
//! Each request is carried out under one lock, so conditions hold against any race. `s3s-fs` checks a condition and
//! writes the object in two steps, so two creations of one key can both succeed; it also brings 28 packages.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::http::{Head, Operation, Request, decoded};
use super::s3_uploads::Upload;
use super::s3_xml::{error, escaped, listing, texts_of};

/// An object.
#[derive(Debug, Clone)]
pub struct Object {
    pub bytes: Arc<[u8]>,
    pub etag: String,
    pub modified: Timestamp,
    /// `x-amz-…` of the request that wrote it.
    pub headers: BTreeMap<String, String>,
}

impl Object {
    pub fn new(bytes: Arc<[u8]>, headers: BTreeMap<String, String>) -> Object {
        let digest = Sha256::digest(&bytes);
        let etag: String = digest[..16].iter().map(|byte| format!("{byte:02x}")).collect();
        Object { bytes, etag: format!("\"{etag}\""), modified: Timestamp::now(), headers }
    }
}

/// How a store differs from S3.
#[derive(Debug, Clone, Copy, Default)]
pub struct Habits {
    /// It overwrites and deletes whatever the conditions of a request say.
    pub ignores_conditions: bool,
    /// Its address has the bucket in it, so paths are keys.
    pub is_virtual_hosted: bool,
}

/// What clients must send.
#[derive(Debug, Clone, Default)]
pub struct Access {
    pub key_id: String,
    pub session_token: Option<String>,
}

#[derive(Debug)]
struct Shared {
    habits: Habits,
    access: Access,
    content: Mutex<Content>,
}

#[derive(Debug, Default)]
pub struct Content {
    pub objects: BTreeMap<String, Object>,
    pub uploads: BTreeMap<String, Upload>,
    pub uploads_created: u64,
}

/// A running server; its threads end with the process.
#[derive(Debug)]
pub struct MemoryS3 {
    address: SocketAddr,
    shared: Arc<Shared>,
}

impl MemoryS3 {
    /// Serves an empty bucket of any name on a free port.
    pub fn start(habits: Habits, access: Access) -> MemoryS3 {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { habits, access, content: Mutex::default() });
        let served = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, shared) = (client.unwrap(), Arc::clone(&served));
                thread::spawn(move || drop(shared.serve(&client)));
            }
        });
        MemoryS3 { address, shared }
    }

    /// The address that clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Components of a path before the key.
    pub fn components(&self) -> usize {
        usize::from(!self.shared.habits.is_virtual_hosted)
    }

    /// The session token that clients must send.
    pub fn session_token(&self) -> Option<String> {
        self.shared.access.session_token.clone()
    }

    /// The objects by key.
    pub fn objects(&self) -> BTreeMap<String, Object> {
        self.shared.content.lock().unwrap().objects.clone()
    }

    /// Keys of the multipart uploads that were neither completed nor aborted.
    pub fn open_uploads(&self) -> Vec<String> {
        let content = self.shared.content.lock().unwrap();
        content.uploads.values().map(|upload| upload.key.clone()).collect()
    }
}

/// A response.
pub struct Reply {
    status: &'static str,
    headers: String,
    body: Vec<u8>,
    /// That of the object for a HEAD, which has no body.
    length: usize,
}

impl Reply {
    pub fn new(status: &'static str, headers: String, body: impl Into<Vec<u8>>) -> Reply {
        let body = body.into();
        Reply { status, headers, length: body.len(), body }
    }

    pub fn xml(body: String) -> Reply {
        Reply::new("200 OK", String::new(), body)
    }
}

impl Shared {
    fn serve(&self, mut client: &TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let mut reader = BufReader::new(client);
        while let Some(head) = Head::read(&mut reader)? {
            let mut body = Vec::new();
            head.read_body(&mut reader, |piece| body.extend_from_slice(piece))?;
            let request = Request::new(head, body, usize::from(!self.habits.is_virtual_hosted));
            let Reply { status, headers, body, length } = self.reply_to(&request);
            let head = format!("HTTP/1.1 {status}\r\nContent-Length: {length}\r\n{headers}\r\n");
            client.write_all(&[head.as_bytes(), &body].concat())?;
        }
        Ok(())
    }

    fn reply_to(&self, request: &Request) -> Reply {
        let authorization = request.head.header("authorization").unwrap_or_default();
        if !authorization.contains(&format!("Credential={}/", self.access.key_id)) {
            return refused("403 Forbidden", "InvalidAccessKeyId");
        }
        if request.head.header("x-amz-security-token") != self.access.session_token.as_deref() {
            return refused("403 Forbidden", "InvalidToken");
        }
        let digest = BASE64.encode(Sha256::digest(&request.body));
        if request.head.header("x-amz-checksum-sha256").is_some_and(|sent| sent != digest) {
            return refused("400 Bad Request", "BadDigest");
        }
        let mut content = self.content.lock().unwrap();
        let violated = !self.habits.ignores_conditions && !content.allows(request);
        match request.operation {
            Operation::Get | Operation::Head => content.read(request),
            _ if violated => refused("412 Precondition Failed", "PreconditionFailed"),
            _ => content.carry_out(request),
        }
    }
}

pub fn refused(status: &'static str, code: &str) -> Reply {
    Reply::new(status, String::new(), error(code))
}

impl Content {
    /// Whether the conditions of a request hold for the object at its key.
    fn allows(&self, request: &Request) -> bool {
        let etag = self.objects.get(&request.key).map(|object| object.etag.as_str());
        let holds = |sent: &str| {
            etag.is_some_and(|etag| sent == "*" || sent.trim_matches('"') == etag.trim_matches('"'))
        };
        request.head.header("if-match").is_none_or(holds)
            && !request.head.header("if-none-match").is_some_and(holds)
    }

    fn read(&self, request: &Request) -> Reply {
        let Some(object) = self.objects.get(&request.key) else {
            return refused_read(request, "404 Not Found", "NoSuchKey");
        };
        if !self.allows(request) {
            return refused_read(request, "412 Precondition Failed", "PreconditionFailed");
        }
        let length = object.bytes.len();
        let mut headers = format!(
            "ETag: {}\r\nLast-Modified: {}\r\nAccept-Ranges: bytes\r\n",
            object.etag,
            object.modified.strftime("%a, %d %b %Y %H:%M:%S GMT"),
        );
        headers.extend(object.headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")));
        let mut reply = match request.head.header("range").map(|range| range_of(range, length)) {
            None => Reply::new("200 OK", headers, &object.bytes[..]),
            Some(None) => refused_read(request, "416 Range Not Satisfiable", "InvalidRange"),
            Some(Some((start, end))) => {
                headers += &format!("Content-Range: bytes {start}-{}/{length}\r\n", end - 1);
                Reply::new("206 Partial Content", headers, &object.bytes[start..end])
            }
        };
        if request.operation == Operation::Head {
            reply.body.clear();
        }
        reply
    }

    fn carry_out(&mut self, request: &Request) -> Reply {
        let source = request.head.header("x-amz-copy-source").map(|source| {
            let source = decoded(source);
            let key = source.trim_start_matches('/').split_once('/').unwrap().1;
            self.objects.get(key).map(|object| Arc::clone(&object.bytes))
        });
        let bytes: Arc<[u8]> = match source {
            Some(None) => return refused("404 Not Found", "NoSuchKey"),
            Some(Some(bytes)) => bytes,
            None => request.body.as_slice().into(),
        };
        let key = &request.key;
        match request.operation {
            Operation::Put | Operation::Copy => {
                let etag = self.insert(key, Object::new(bytes, kept_headers(request)));
                let body = if request.operation == Operation::Copy {
                    format!("<CopyObjectResult><ETag>{}</ETag></CopyObjectResult>", escaped(&etag))
                } else {
                    String::new()
                };
                Reply::new("200 OK", format!("ETag: {etag}\r\n"), body)
            }
            Operation::Delete => {
                self.objects.remove(key);
                Reply::new("204 No Content", String::new(), "")
            }
            Operation::DeleteMany => {
                let keys = texts_of(&String::from_utf8_lossy(&request.body), "Key");
                keys.iter().for_each(|key| drop(self.objects.remove(key)));
                let deleted: String = keys
                    .iter()
                    .map(|key| format!("<Deleted><Key>{}</Key></Deleted>", escaped(key)))
                    .collect();
                Reply::xml(format!("<DeleteResult>{deleted}</DeleteResult>"))
            }
            Operation::List => Reply::xml(listing(&self.objects, request)),
            _ => self.change_upload(request, bytes),
        }
    }

    pub fn insert(&mut self, key: &str, object: Object) -> String {
        let etag = object.etag.clone();
        self.objects.insert(key.to_owned(), object);
        etag
    }
}

/// An error; that of a HEAD has no body.
fn refused_read(request: &Request, status: &'static str, code: &str) -> Reply {
    let body = if request.operation == Operation::Head { String::new() } else { error(code) };
    Reply::new(status, String::new(), body)
}

/// What the store keeps with an object for the assertions of tests.
pub fn kept_headers(request: &Request) -> BTreeMap<String, String> {
    let secret =
        ["x-amz-security-token", "x-amz-copy-source", "x-amz-date", "x-amz-content-sha256"];
    let headers = request.head.headers.iter();
    headers
        .filter(|(name, _)| name.starts_with("x-amz-") && !secret.contains(&name.as_str()))
        .cloned()
        .collect()
}

/// The bytes that `bytes=…` selects.
fn range_of(range: &str, length: usize) -> Option<(usize, usize)> {
    let (start, end) = range.strip_prefix("bytes=")?.split_once('-')?;
    let (start, end) = match (start.parse::<usize>(), end.parse::<usize>()) {
        (Ok(start), Ok(last)) => (start, length.min(last + 1)),
        (Ok(start), Err(_)) => (start, length),
        (Err(_), Ok(count)) => (length.saturating_sub(count), length),
        (Err(_), Err(_)) => return None,
    };
    (start < end).then_some((start, end))
}
