//! SeaweedFS and Azurite on free loopback ports, one of each for the whole test process, with their data in temporary
//! directories.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::thread;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit, Mac};
use jiff::Timestamp;
use object_store::ObjectStoreExt;
use object_store::path::Path as ObjectPath;
use sha2::Sha256;

use super::{Kind, client};
use crate::support::wait_until;

/// The program `weed` of SeaweedFS.
const WEED: &str = "IM_PROFILES_TEST_WEED";
/// `azurite/dist/src/blob/main.js` of Azurite.
const AZURITE: &str = "IM_PROFILES_TEST_AZURITE";
/// A Python with the packages of `.ci/object-store-requirements.txt`.
const PYTHON: &str = "IM_PROFILES_TEST_STORE_PYTHON";
/// Set by CI, where a missing server fails the tests.
const REQUIRED: &str = "IM_PROFILES_TEST_STORES_REQUIRED";

/// Credentials that every server accepts; the secret is not part of any other text.
pub const KEY_ID: &str = "AKIATESTOFPROFILES";
pub const SECRET: &str = "s3cretOfThePr0filesTestsThatN0TextMayC0ntain";
/// The storage account of Azurite.
pub const ACCOUNT: &str = "profilestest";
/// The bucket or the container.
pub const BUCKET: &str = "lake";

/// The key of the storage account.
pub fn account_key() -> String {
    BASE64.encode(SECRET)
}

/// A server that has been started; it ends with the test process.
#[derive(Debug)]
struct Server {
    address: SocketAddr,
    /// While it is open, the shell lets the server run.
    _shell: Child,
}

/// The address of SeaweedFS; `None` where it is not installed.
pub fn seaweedfs() -> Option<SocketAddr> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER
        .get_or_init(|| Some(start_seaweedfs(&installed(WEED)?)))
        .as_ref()
        .map(|server| server.address)
}

/// The address of Azurite; `None` where it is not installed.
pub fn azurite() -> Option<SocketAddr> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    SERVER
        .get_or_init(|| Some(start_azurite(&installed(AZURITE)?)))
        .as_ref()
        .map(|server| server.address)
}

/// The Python of the readers; `None` where it is not installed.
pub fn store_python() -> Option<PathBuf> {
    installed(PYTHON)
}

fn installed(variable: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map(PathBuf::from);
    match &path {
        Some(path) => {
            assert!(path.is_file(), "{variable} names {}, which is missing", path.display())
        }
        None => assert!(
            std::env::var_os(REQUIRED).is_none(),
            "{variable} is not set, but {REQUIRED} is"
        ),
    }
    path
}

fn start_seaweedfs(weed: &Path) -> Server {
    let data = data_directory();
    let identity = serde_json::json!({ "identities": [{
        "name": "test",
        "credentials": [{ "accessKey": KEY_ID, "secretKey": SECRET }],
        "actions": ["Admin", "Read", "Write", "List", "Tagging"],
    }] });
    fs::write(data.join("s3.json"), identity.to_string()).unwrap();
    let server = start(&data, "SeaweedFS", 8, |ports| {
        let mut arguments: Vec<OsString> = vec![weed.into()];
        let words = "server -s3 -dir=. -s3.config=s3.json -ip=127.0.0.1 -ip.bind=127.0.0.1 -iam=false -s3.iam=false \
             -s3.port.iceberg=0 -s3.port.lance=0 -s3.localSocket=s3.sock -filer.localSocket=filer.sock \
             -master.telemetry=false -master.volumeSizeLimitMB=64 -volume.max=0";
        arguments.extend(words.split_whitespace().map(OsString::from));
        let names = [
            "s3",
            "s3.grpc",
            "master",
            "master.grpc",
            "volume",
            "volume.grpc",
            "filer",
            "filer.grpc",
        ];
        for (name, port) in names.iter().zip(ports) {
            let (server, kind) =
                name.split_once('.').map_or((*name, ""), |(server, _)| (server, ".grpc"));
            arguments.push(format!("-{server}.port{kind}={port}").into());
        }
        arguments
    });
    // 403: the gateway has its identities.
    wait_until("SeaweedFS", || response(server.address, &probe(server.address)).contains(" 403 "));
    // Creates the bucket.
    let (client, key) =
        (client(Kind::SeaweedFs, server.address, None), ObjectPath::from("created"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(client.put(&key, "".into())).unwrap();
    runtime.block_on(client.delete(&key)).unwrap();
    server
}

fn start_azurite(script: &Path) -> Server {
    let server = start(&data_directory(), "Azurite", 1, |ports| {
        let mut arguments: Vec<OsString> = vec!["node".into(), script.into()];
        let words = format!(
            "--blobHost 127.0.0.1 --blobPort {} --inMemoryPersistence --skipApiVersionCheck --silent --disableTelemetry",
            ports[0]
        );
        arguments.extend(words.split_whitespace().map(OsString::from));
        arguments
    });
    wait_until("Azurite", || response(server.address, &probe(server.address)).contains(" 400 "));
    let created = response(server.address, &create_container(server.address));
    assert!(created.contains(" 201 "), "{created}");
    server
}

/// A request that every server refuses once it is ready.
fn probe(address: SocketAddr) -> String {
    format!("GET / HTTP/1.0\r\nHost: {address}\r\n\r\n")
}

/// A signed request that creates the container.
fn create_container(address: SocketAddr) -> String {
    let date = Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
    let text = format!(
        "PUT\n\n\n\n\n\n\n\n\n\n\n\nx-ms-date:{date}\nx-ms-version:2021-08-06\n/{ACCOUNT}/{ACCOUNT}/{BUCKET}\nrestype:container"
    );
    let mut signature = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    signature.update(text.as_bytes());
    let signature = BASE64.encode(signature.finalize().into_bytes());
    format!(
        "PUT /{ACCOUNT}/{BUCKET}?restype=container HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: 0\r\n\
         x-ms-date: {date}\r\nx-ms-version: 2021-08-06\r\nAuthorization: SharedKey {ACCOUNT}:{signature}\r\n\r\n"
    )
}

/// A connection to a server that may not listen yet.
fn connect(address: SocketAddr) -> Option<TcpStream> {
    // Leaves the processor to the server.
    thread::sleep(Duration::from_millis(10));
    let stream = TcpStream::connect(address).ok()?;
    // While nothing listens on a port of the ephemeral range, a connection can be one to itself.
    (stream.local_addr().ok()? != address).then_some(stream)
}

/// The response to a request, empty if the server does not listen.
fn response(address: SocketAddr, request: &str) -> String {
    let mut text = String::new();
    if let Some(mut stream) = connect(address) {
        drop(stream.write_all(request.as_bytes()));
        drop(stream.read_to_string(&mut text));
    }
    text
}

/// A directory that the shell of the server removes.
fn data_directory() -> PathBuf {
    tempfile::Builder::new().prefix("im-profiles-store-").tempdir().unwrap().keep()
}

/// Starts a server on free ports, the first of which clients connect to.
fn start(
    data: &Path,
    name: &str,
    ports: usize,
    arguments: impl Fn(&[u16]) -> Vec<OsString>,
) -> Server {
    for _ in 0..5 {
        // All are bound at once, so that they differ. Another process may take one before the server does.
        let listeners: Vec<TcpListener> =
            (0..ports).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
        let ports: Vec<u16> =
            listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
        drop(listeners);
        let mut shell = spawn(data, arguments(&ports));
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ports[0]));
        let mut is_running = false;
        wait_until(name, || {
            is_running = connect(address).is_some();
            is_running || shell.try_wait().unwrap().is_some()
        });
        if is_running {
            return Server { address, _shell: shell };
        }
    }
    panic!("{name} does not start: {}", last_lines(&data.join("log")));
}

/// Starts a server below a shell that kills it and removes its data once its standard input closes: with the test
/// process, however that ends.
fn spawn(data: &Path, command: Vec<OsString>) -> Child {
    let script = "exec 3<&0; \"$@\" 3<&- & server=$!; \
        (read -r _ <&3; kill -9 $server; sleep 1; rm -rf \"$DATA\") & exec 3<&-; wait $server";
    let log = File::create(data.join("log")).unwrap();
    let mut shell = Command::new("sh");
    shell.args(["-c", script, "sh"]).args(command).current_dir(data).env("DATA", data);
    shell.env("AZURITE_ACCOUNTS", format!("{ACCOUNT}:{}", account_key()));
    shell.stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap()
}

fn last_lines(log: &Path) -> String {
    let lines: Vec<String> =
        BufReader::new(File::open(log).unwrap()).lines().map_while(Result::ok).collect();
    lines[lines.len().saturating_sub(20)..].join("\n")
}
