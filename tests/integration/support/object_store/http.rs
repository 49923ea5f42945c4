//! HTTP/1.1 messages as the servers and the proxy of these tests need them: the head as it was sent, the body as a whole.

use std::io::{self, BufRead, ErrorKind};

use percent_encoding::percent_decode_str;

/// The start line and the headers of a message.
#[derive(Debug, Clone)]
pub struct Head {
    /// All bytes up to the empty line, included.
    pub raw: Vec<u8>,
    /// The start line.
    pub start: String,
    pub headers: Vec<(String, String)>,
}

impl Head {
    /// Reads a head; `None` if the peer has closed the connection before it.
    pub fn read(reader: &mut impl BufRead) -> io::Result<Option<Head>> {
        let mut head = Head { raw: Vec::new(), start: String::new(), headers: Vec::new() };
        loop {
            let mut line = Vec::new();
            if reader.read_until(b'\n', &mut line)? == 0 {
                return if head.raw.is_empty() {
                    Ok(None)
                } else {
                    Err(ErrorKind::UnexpectedEof.into())
                };
            }
            head.raw.extend_from_slice(&line);
            let line = String::from_utf8(line).map_err(io::Error::other)?;
            let line = line.trim_end();
            if line.is_empty() {
                return Ok(Some(head));
            }
            match line.split_once(':') {
                Some((name, value)) if !head.start.is_empty() => {
                    head.headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
                }
                _ => line.clone_into(&mut head.start),
            }
        }
    }

    /// The value of a header, by its name in lowercase.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    /// Reads the body that follows this head of a request, in pieces of at most 16 KiB.
    pub fn read_body(
        &self,
        reader: &mut impl BufRead,
        mut piece: impl FnMut(&[u8]),
    ) -> io::Result<()> {
        if self.header("transfer-encoding").is_some_and(|value| value.contains("chunked")) {
            return read_chunks(reader, piece);
        }
        let length =
            self.header("content-length").map_or(Ok(0), str::parse).map_err(io::Error::other)?;
        read_pieces(reader, length, &mut piece)
    }
}

fn read_pieces(
    reader: &mut impl BufRead,
    mut length: usize,
    piece: &mut impl FnMut(&[u8]),
) -> io::Result<()> {
    let mut buffer = [0; 16 << 10];
    while length > 0 {
        let part = &mut buffer[..length.min(16 << 10)];
        reader.read_exact(part)?;
        piece(part);
        length -= part.len();
    }
    Ok(())
}

fn read_chunks(reader: &mut impl BufRead, mut piece: impl FnMut(&[u8])) -> io::Result<()> {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?;
        read_pieces(reader, length, &mut piece)?;
        reader.read_exact(&mut [0; 2])?;
        if length == 0 {
            return Ok(());
        }
    }
}

/// What a request of an object store does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    Put,
    Get,
    Head,
    Delete,
    DeleteMany,
    List,
    Copy,
    CreateUpload,
    UploadPart,
    CompleteUpload,
    AbortUpload,
    Other,
}

/// A request of an object store.
#[derive(Debug, Clone)]
pub struct Request {
    pub operation: Operation,
    /// The key, without the bucket; that of a list is its prefix.
    pub key: String,
    pub head: Head,
    pub body: Vec<u8>,
    query: Vec<(String, String)>,
}

impl Request {
    /// Interprets a request of S3 or of Azure whose path starts with so many components before the key.
    pub fn new(head: Head, body: Vec<u8>, components: usize) -> Request {
        let mut words = head.start.split(' ');
        let (method, target) = (words.next().unwrap(), words.next().unwrap());
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let pairs = query.split('&').filter(|pair| !pair.is_empty());
        let query: Vec<(String, String)> = pairs
            .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
            .map(|(name, value)| (decoded(name), decoded(&value.replace('+', " "))))
            .collect();
        let key = path.splitn(components + 2, '/').nth(components + 1).unwrap_or_default();
        let mut request = Request {
            operation: Operation::Other,
            key: decoded(key),
            head: head.clone(),
            body,
            query,
        };
        request.operation = request.operation_of(method);
        if request.operation == Operation::List {
            request.key = request.parameter("prefix").unwrap_or_default().to_owned();
        }
        request
    }

    /// The body as its head announces it.
    pub fn framed_body(&self) -> Vec<u8> {
        if self.head.header("transfer-encoding").is_none() {
            return self.body.clone();
        }
        let last: &[u8] = if self.body.is_empty() { b"" } else { b"0\r\n\r\n" };
        [format!("{:x}\r\n", self.body.len()).as_bytes(), &self.body, b"\r\n", last].concat()
    }

    /// The value of a parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn operation_of(&self, method: &str) -> Operation {
        let has = |name: &str| self.parameter(name).is_some();
        let has_header = |name: &str| self.head.header(name).is_some();
        match (method, self.parameter("comp").unwrap_or_default()) {
            ("PUT", "block") => Operation::UploadPart,
            ("PUT", "blocklist") => Operation::CompleteUpload,
            ("POST", "batch") => Operation::DeleteMany,
            ("GET", "list") => Operation::List,
            ("PUT", _) if has("partNumber") => Operation::UploadPart,
            ("PUT", _) if has_header("x-amz-copy-source") || has_header("x-ms-copy-source") => {
                Operation::Copy
            }
            ("PUT", "") if !has("restype") => Operation::Put,
            ("POST", _) if has("delete") => Operation::DeleteMany,
            ("POST", _) if has("uploads") => Operation::CreateUpload,
            ("POST", _) if has("uploadId") => Operation::CompleteUpload,
            ("DELETE", _) if has("uploadId") => Operation::AbortUpload,
            ("DELETE", _) => Operation::Delete,
            ("GET", _) if has("list-type") => Operation::List,
            ("GET", _) => Operation::Get,
            ("HEAD", _) => Operation::Head,
            _ => Operation::Other,
        }
    }
}

pub fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8().unwrap().into_owned()
}

/// Reads the response to a request: the head and the body, as they were sent.
pub fn read_response(reader: &mut impl BufRead, to: Operation) -> io::Result<(Head, Vec<u8>)> {
    let head = Head::read(reader)?.ok_or(ErrorKind::UnexpectedEof)?;
    let mut body = Vec::new();
    let status = head.start.split(' ').nth(1).unwrap_or_default();
    if status == "100" {
        return read_response(reader, to);
    }
    let has_body = to != Operation::Head && status != "204" && status != "304";
    match (head.header("content-length"), head.header("transfer-encoding")) {
        _ if !has_body => {}
        (Some(length), _) => {
            body.resize(length.parse().map_err(io::Error::other)?, 0);
            reader.read_exact(&mut body)?;
        }
        (None, Some(_)) => read_raw_chunks(reader, &mut body)?,
        (None, None) => drop(reader.read_to_end(&mut body)?),
    }
    Ok((head, body))
}

/// Reads chunks with their frames.
fn read_raw_chunks(reader: &mut impl BufRead, body: &mut Vec<u8>) -> io::Result<()> {
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let length = usize::from_str_radix(line.trim_end(), 16).map_err(io::Error::other)?;
        body.extend_from_slice(line.as_bytes());
        let start = body.len();
        body.resize(start + length + 2, 0);
        reader.read_exact(&mut body[start..])?;
        if length == 0 {
            return Ok(());
        }
    }
}
