//! A store of the protocol of S3 in this process, below the transport: without sockets, so that time can be paused.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Mutex;

use object_store::client::{HttpError, HttpErrorKind, HttpRequest, HttpResponse, HttpService};
use percent_encoding::percent_decode_str;
use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};

use crate::bucket::transport::ServiceCall;

/// How one request fails.
#[derive(Debug, Clone)]
pub enum StoreFault {
    None,
    Status(u16, &'static str),
    /// With a header.
    With(u16, &'static str, (&'static str, &'static str)),
    /// The request does not reach the store.
    Lost,
    /// The store executes the request, and the response is lost.
    Unanswered,
    /// Another client writes the object before the request arrives.
    Overtaken(&'static str),
    /// The page of a proxy, with status 200.
    Garbage,
    /// A body with status 200.
    Page(String),
    /// An error in the body of a success.
    Embedded(&'static str),
}

#[derive(Debug, Default)]
pub struct FakeStore {
    pub objects: Mutex<BTreeMap<String, Vec<u8>>>,
    /// For the next requests, one each; the last one repeats.
    pub faults: Mutex<VecDeque<StoreFault>>,
    pub requests: Mutex<Vec<SeenRequest>>,
}

/// A request that arrived.
#[derive(Debug, Clone)]
pub struct SeenRequest {
    /// Method and URL.
    pub line: String,
    pub headers: HeaderMap,
}

impl FakeStore {
    /// The request before.
    pub fn last_request(&self) -> SeenRequest {
        self.requests.lock().unwrap().last().unwrap().clone()
    }

    pub fn script(&self, faults: &[StoreFault]) {
        *self.faults.lock().unwrap() = faults.iter().cloned().collect();
    }

    fn next_fault(&self) -> StoreFault {
        let mut faults = self.faults.lock().unwrap();
        match faults.len() {
            0 => StoreFault::None,
            1 => faults[0].clone(),
            _ => faults.pop_front().unwrap(),
        }
    }

    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(axum::body::Body::new(body), usize::MAX).await.unwrap();
        let name = parts.uri.path().trim_start_matches("/lake").trim_start_matches('/');
        let name = percent_decode_str(name).decode_utf8_lossy().into_owned();
        let line = format!("{} {}", parts.method, parts.uri);
        let headers = parts.headers.clone();
        self.requests.lock().unwrap().push(SeenRequest { line, headers });
        let lost = || {
            Err(HttpError::new(
                HttpErrorKind::Request,
                std::io::Error::from(std::io::ErrorKind::ConnectionReset),
            ))
        };
        let fault = self.next_fault();
        let is_unanswered = matches!(fault, StoreFault::Unanswered);
        match fault {
            StoreFault::Status(status, code) => return Ok(error(status, code)),
            StoreFault::With(status, code, (name, value)) => {
                let mut response = error(status, code);
                response.headers_mut().insert(name, value.parse().unwrap());
                return Ok(response);
            }
            StoreFault::Lost => return lost(),
            StoreFault::Overtaken(content) => {
                self.objects.lock().unwrap().insert(name.clone(), content.into());
            }
            StoreFault::Garbage => return Ok(response(200, "<html>log in</html>")),
            StoreFault::Embedded(code) => {
                return Ok(response(
                    200,
                    &format!("  <?xml version=\"1.0\"?>\n<Error><Code>{code}</Code></Error>"),
                ));
            }
            StoreFault::Page(text) => return Ok(response(200, &text)),
            StoreFault::None | StoreFault::Unanswered => {}
        }
        let header = |name: &str| parts.headers.get(name).and_then(|it| it.to_str().ok());
        let query = percent_decode_str(parts.uri.query().unwrap_or_default()).decode_utf8_lossy();
        let result = if query.contains("list-type=2") {
            self.list(&query)
        } else if query.starts_with("delete") {
            self.delete(&String::from_utf8_lossy(&body))
        } else {
            self.execute(&parts.method, &name, &header, body.to_vec())
        };
        if is_unanswered { lost() } else { Ok(result) }
    }

    /// The first page of a list, which has everything.
    fn list(&self, query: &str) -> HttpResponse {
        let prefix = query.split('&').find_map(|pair| pair.strip_prefix("prefix="));
        let objects = self.objects.lock().unwrap();
        let below = objects.iter().filter(|(key, _)| key.starts_with(prefix.unwrap_or_default()));
        let contents: String = below
            .map(|(key, content)| {
                format!(
                    "<Contents><Key>{key}</Key><Size>{}</Size><LastModified>2026-11-26T00:00:00.000Z</LastModified><ETag>{}</ETag></Contents>",
                    content.len(),
                    etag(content)
                )
            })
            .collect();
        response(200, &format!("<ListBucketResult>{contents}</ListBucketResult>"))
    }

    fn delete(&self, request: &str) -> HttpResponse {
        let mut objects = self.objects.lock().unwrap();
        let keys = request.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next());
        let deleted: String = keys
            .map(|key| {
                objects.remove(key);
                format!("<Deleted><Key>{key}</Key></Deleted>")
            })
            .collect();
        response(200, &format!("<DeleteResult>{deleted}</DeleteResult>"))
    }

    fn execute<'h>(
        &self,
        method: &Method,
        name: &str,
        header: &impl Fn(&str) -> Option<&'h str>,
        body: Vec<u8>,
    ) -> HttpResponse {
        let mut objects = self.objects.lock().unwrap();
        let found = objects.get(name).cloned();
        if method == Method::PUT {
            if let Some(from) = header("x-amz-copy-source") {
                let from = percent_decode_str(from).decode_utf8_lossy();
                let from = from.trim_start_matches('/').trim_start_matches("lake/");
                let Some(content) = objects.get(from).cloned() else {
                    return error(404, "NoSuchKey");
                };
                objects.insert(name.to_owned(), content);
                return response(200, "<CopyObjectResult></CopyObjectResult>");
            }
            let expected = header("if-match");
            if header("if-none-match") == Some("*") && found.is_some()
                || header("x-cos-forbid-overwrite") == Some("true") && found.is_some()
                || expected.is_some() && expected != found.as_deref().map(etag).as_deref()
            {
                return error(412, "PreconditionFailed");
            }
            let mut response = response(200, "");
            response.headers_mut().insert("etag", etag(&body).parse().unwrap());
            objects.insert(name.to_owned(), body);
            return response;
        }
        if method == Method::DELETE {
            objects.remove(name);
            return response(204, "");
        }
        let Some(content) = found else { return error(404, "NoSuchKey") };
        if header("if-match").is_some_and(|it| it != etag(&content)) {
            return error(412, "PreconditionFailed");
        }
        let mut response = response(200, &String::from_utf8(content.clone()).unwrap());
        let headers = response.headers_mut();
        headers.insert("etag", etag(&content).parse().unwrap());
        headers.insert("content-length", content.len().into());
        // Required by some of the clients.
        headers.insert("last-modified", "Thu, 26 Nov 2026 00:00:00 GMT".parse().unwrap());
        response
    }
}

fn etag(content: &[u8]) -> String {
    format!("\"{:x}-{}\"", xxhash_rust::xxh3::xxh3_64(content), content.len())
}

fn response(status: u16, body: &str) -> HttpResponse {
    let mut response = HttpResponse::new(body.to_owned().into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

fn error(status: u16, code: &str) -> HttpResponse {
    if code.is_empty() {
        return response(status, "");
    }
    response(status, &format!("<Error><Code>{code}</Code><Message>as scripted.</Message></Error>"))
}

impl HttpService for FakeStore {
    fn call<'life0, 'async_trait>(&'life0 self, request: HttpRequest) -> ServiceCall<'async_trait>
    where
        'life0: 'async_trait,
        Self: 'async_trait,
    {
        Box::pin(self.send(request))
    }
}
