//! Multipart uploads of the store in memory: their objects appear once they are completed.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::http::{Operation, Request};
use super::memory_s3::{Content, Object, Reply, kept_headers, refused};
use super::s3_xml::{escaped, texts_of};

/// A multipart upload.
#[derive(Debug)]
pub struct Upload {
    pub key: String,
    pub headers: BTreeMap<String, String>,
    pub parts: BTreeMap<u32, Arc<[u8]>>,
}

impl Content {
    /// A step of a multipart upload.
    pub fn change_upload(&mut self, request: &Request, bytes: Arc<[u8]>) -> Reply {
        if request.operation == Operation::CreateUpload {
            self.uploads_created += 1;
            let id = format!("upload-{}", self.uploads_created);
            let body = format!(
                "<InitiateMultipartUploadResult><UploadId>{id}</UploadId></InitiateMultipartUploadResult>"
            );
            let (key, headers) = (request.key.clone(), kept_headers(request));
            self.uploads.insert(id, Upload { key, headers, parts: BTreeMap::new() });
            return Reply::xml(body);
        }
        let id = request.parameter("uploadId").unwrap_or_default();
        let Some(upload) = self.uploads.get_mut(id).filter(|upload| upload.key == request.key)
        else {
            return refused("404 Not Found", "NoSuchUpload");
        };
        match request.operation {
            Operation::UploadPart => {
                let etag = Object::new(Arc::clone(&bytes), BTreeMap::new()).etag;
                upload
                    .parts
                    .insert(request.parameter("partNumber").unwrap().parse().unwrap(), bytes);
                let body =
                    format!("<CopyPartResult><ETag>{}</ETag></CopyPartResult>", escaped(&etag));
                Reply::new("200 OK", format!("ETag: {etag}\r\n"), body)
            }
            Operation::CompleteUpload => {
                let numbers = texts_of(&String::from_utf8_lossy(&request.body), "PartNumber");
                let parts = numbers.iter().map(|number| upload.parts.get(&number.parse().unwrap()));
                let Some(parts) =
                    parts.collect::<Option<Vec<_>>>().filter(|parts| !parts.is_empty())
                else {
                    return refused("400 Bad Request", "InvalidPart");
                };
                let (count, bytes) =
                    (parts.len(), parts.into_iter().flat_map(|part| part.iter().copied()));
                let mut object = Object::new(bytes.collect(), upload.headers.clone());
                object.etag = format!("{}-{count}\"", object.etag.trim_end_matches('"'));
                self.uploads.remove(id);
                let etag = escaped(&self.insert(&request.key, object));
                Reply::xml(format!(
                    "<CompleteMultipartUploadResult><ETag>{etag}</ETag></CompleteMultipartUploadResult>"
                ))
            }
            Operation::AbortUpload => {
                self.uploads.remove(id);
                Reply::new("204 No Content", String::new(), "")
            }
            _ => refused("501 Not Implemented", "NotImplemented"),
        }
    }
}
