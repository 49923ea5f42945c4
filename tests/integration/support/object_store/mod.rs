//! Object stores for the tests: one in memory, SeaweedFS and Azurite, each behind a proxy that fails requests.

pub mod faults;
pub mod http;
pub mod memory_s3;
pub mod proxy;
mod s3_uploads;
mod s3_xml;
pub mod scene;
pub mod servers;

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::TryStreamExt;
use object_store::aws::AmazonS3Builder;
use object_store::azure::MicrosoftAzureBuilder;
use object_store::path::Path as ObjectPath;
use object_store::{Error, ObjectStore, ObjectStoreExt};
use tokio::runtime::Runtime;

use super::TestDir;
use memory_s3::{Access, Habits, MemoryS3};
use proxy::FaultProxy;
use servers::{ACCOUNT, BUCKET, KEY_ID, SECRET, account_key, azurite, seaweedfs};

/// The stores that tests run against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// In the test process.
    Memory,
    SeaweedFs,
    Azurite,
}

/// Every kind that can be started on this machine.
pub fn kinds() -> Vec<Kind> {
    let mut kinds = vec![Kind::Memory];
    kinds.extend(seaweedfs().map(|_| Kind::SeaweedFs));
    kinds.extend(azurite().map(|_| Kind::Azurite));
    kinds
}

/// A prefix of a bucket that belongs to one test. The program connects to `proxy`, the test to the server.
#[derive(Debug)]
pub struct Bucket {
    pub kind: Kind,
    pub proxy: FaultProxy,
    /// The server, if it is in this process.
    pub memory: Option<MemoryS3>,
    /// Starts and ends without a slash.
    pub prefix: String,
    client: Box<dyn ObjectStore>,
    runtime: Runtime,
}

impl Bucket {
    /// An empty prefix in a store of this kind.
    pub fn new(kind: Kind) -> Bucket {
        let access = Access { key_id: KEY_ID.to_owned(), session_token: None };
        let memory = (kind == Kind::Memory).then(|| MemoryS3::start(Habits::default(), access));
        Bucket::with_server(kind, memory)
    }

    /// A bucket of a server in this process.
    pub fn of(memory: MemoryS3) -> Bucket {
        Bucket::with_server(Kind::Memory, Some(memory))
    }

    fn with_server(kind: Kind, memory: Option<MemoryS3>) -> Bucket {
        static PREFIXES: AtomicU64 = AtomicU64::new(0);
        let server = match kind {
            Kind::Memory => memory.as_ref().map(MemoryS3::address),
            Kind::SeaweedFs => seaweedfs(),
            Kind::Azurite => azurite(),
        };
        let server = server.expect("the store is installed");
        let components = match kind {
            Kind::Azurite => 2,
            _ => memory.as_ref().map_or(1, MemoryS3::components),
        };
        Bucket {
            kind,
            proxy: FaultProxy::start(server, components),
            prefix: format!("test-{}", PREFIXES.fetch_add(1, Ordering::Relaxed)),
            client: client(kind, server, memory.as_ref()),
            memory,
            runtime: tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap(),
        }
    }

    /// The URL of a key below the prefix.
    pub fn url(&self, key: &str) -> String {
        let scheme = if self.kind == Kind::Azurite { "az" } else { "s3" };
        format!("{scheme}://{BUCKET}/{}/{key}", self.prefix)
    }

    /// The environment variables with the credentials.
    pub fn environment(&self) -> Vec<(&'static str, String)> {
        if self.kind == Kind::Azurite {
            let name = ("AZURE_STORAGE_ACCOUNT_NAME", ACCOUNT.to_owned());
            return vec![name, ("AZURE_STORAGE_ACCOUNT_KEY", account_key())];
        }
        let mut variables = vec![
            ("AWS_ACCESS_KEY_ID", KEY_ID.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
        ];
        let token = self.memory.as_ref().and_then(MemoryS3::session_token);
        variables.extend(token.map(|token| ("AWS_SESSION_TOKEN", token)));
        variables
    }

    /// A directory with these credentials.
    pub fn credentials_in(&self, directory: TestDir) -> TestDir {
        self.environment()
            .iter()
            .fold(directory, |directory, (name, value)| directory.env(name, value))
    }

    /// The section `[store]` of a job that connects to the proxy.
    pub fn section(&self) -> String {
        let endpoint = endpoint(self.kind, self.proxy.address());
        match self.kind {
            Kind::Azurite => format!("[store]\nendpoint = \"{endpoint}\"\n"),
            _ => format!(
                "[store]\nregion = \"us-east-1\"\nendpoint = \"{endpoint}\"\npath_style = true\n"
            ),
        }
    }

    /// The keys below the prefix, without it.
    pub fn keys(&self) -> BTreeSet<String> {
        let prefix = ObjectPath::from(self.prefix.as_str());
        let listed = self.client.list(Some(&prefix)).try_collect::<Vec<_>>();
        let listed = self.runtime.block_on(listed).unwrap().into_iter();
        listed.map(|object| object.location.as_ref()[self.prefix.len() + 1..].to_owned()).collect()
    }

    /// The keys below the prefix that contain a text.
    pub fn keys_with(&self, text: &str) -> BTreeSet<String> {
        self.keys().into_iter().filter(|key| key.contains(text)).collect()
    }

    /// The content of an object; `None` if there is none.
    pub fn get(&self, key: &str) -> Option<Vec<u8>> {
        let read = async { self.client.get(&self.path(key)).await?.bytes().await };
        match self.runtime.block_on(read) {
            Ok(bytes) => Some(bytes.to_vec()),
            Err(Error::NotFound { .. }) => None,
            Err(error) => panic!("{error}"),
        }
    }

    /// All objects below the prefix.
    pub fn objects(&self) -> BTreeMap<String, Vec<u8>> {
        let read = |key: String| self.get(&key).map(|content| (key, content));
        self.keys().into_iter().filter_map(read).collect()
    }

    /// Creates or overwrites an object.
    pub fn put(&self, key: &str, content: impl Into<Vec<u8>>) {
        let content: Vec<u8> = content.into();
        self.runtime.block_on(self.client.put(&self.path(key), content.into())).unwrap();
    }

    /// Deletes an object, if it exists.
    pub fn delete(&self, key: &str) {
        match self.runtime.block_on(self.client.delete(&self.path(key))) {
            Ok(()) | Err(Error::NotFound { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }

    /// Changes one byte in the middle of an object.
    pub fn damage(&self, key: &str) {
        let mut content = self.get(key).unwrap_or_else(|| panic!("{key} does not exist"));
        let middle = content.len() / 2;
        content[middle] ^= 1;
        self.put(key, content);
    }

    fn path(&self, key: &str) -> ObjectPath {
        // `from` would encode characters such as `~`.
        ObjectPath::parse(format!("{}/{key}", self.prefix)).unwrap()
    }
}

/// The URL under which a store of this kind is at an address.
pub fn endpoint(kind: Kind, address: SocketAddr) -> String {
    match kind {
        Kind::Azurite => format!("http://{address}/{ACCOUNT}"),
        _ => format!("http://{address}"),
    }
}

/// A client that connects to a server without the proxy.
pub fn client(kind: Kind, server: SocketAddr, memory: Option<&MemoryS3>) -> Box<dyn ObjectStore> {
    let endpoint = endpoint(kind, server);
    if kind == Kind::Azurite {
        let builder =
            MicrosoftAzureBuilder::new().with_account(ACCOUNT).with_access_key(account_key());
        let builder =
            builder.with_container_name(BUCKET).with_endpoint(endpoint).with_allow_http(true);
        return Box::new(builder.build().unwrap());
    }
    let builder = AmazonS3Builder::new()
        .with_access_key_id(KEY_ID)
        .with_secret_access_key(SECRET)
        .with_region("us-east-1")
        .with_endpoint(endpoint)
        .with_allow_http(true)
        .with_bucket_name(BUCKET)
        .with_virtual_hosted_style_request(memory.is_some_and(|memory| memory.components() == 0));
    let builder = match memory.and_then(MemoryS3::session_token) {
        Some(token) => builder.with_token(token),
        None => builder,
    };
    Box::new(builder.build().unwrap())
}
