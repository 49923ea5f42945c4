//! A proxy before a store that fails the requests that a test selects, counts all of them, and limits the bandwidth.
//!
//! It sends what it received, so signatures over the `Host` of the client stay valid.

use std::collections::BTreeMap;
use std::io::{self, BufReader, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use glob::Pattern;
use rustix::net::sockopt::set_socket_linger;

use super::faults::{Fault, Release, Rule};
use super::http::{Head, Operation, Request, read_response};
use super::s3_xml::error;
use crate::support::{HANGS_AFTER, wait_until};

/// Bytes per second that pass, as a bucket of tokens of a tenth of a second.
#[derive(Debug)]
struct Bandwidth {
    bytes_per_second: f64,
    tokens: f64,
    filled: Instant,
}

#[derive(Debug, Default)]
struct State {
    rules: Vec<Rule>,
    counts: BTreeMap<(Operation, String), u64>,
    requests: u64,
    faults: u64,
    /// Requests by a rule that holds them, whether or not they wait already.
    selected_to_hold: u64,
    held: u64,
    release: Option<Release>,
    bandwidth: Option<Bandwidth>,
}

/// A running proxy; its threads end with the process.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    components: usize,
    state: Mutex<State>,
    released: Condvar,
    held: Condvar,
}

impl FaultProxy {
    /// Starts a proxy on a free port before a server whose paths start with so many components before the key.
    pub fn start(upstream: SocketAddr, components: usize) -> FaultProxy {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Shared {
            upstream,
            components,
            state: Mutex::default(),
            released: Condvar::new(),
            held: Condvar::new(),
        };
        let shared = Arc::new(shared);
        let served = Arc::clone(&shared);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, shared) = (client.unwrap(), Arc::clone(&served));
                // A connection that a process closes, or one that the proxy breaks, ends in an error.
                thread::spawn(move || drop(shared.serve(&client)));
            }
        });
        FaultProxy { address, shared }
    }

    /// The address that clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Fails requests by one more rule; the first rule that applies counts.
    pub fn inject(&self, rule: Rule) {
        self.shared.state.lock().unwrap().rules.push(rule);
    }

    /// Removes all rules.
    pub fn heal(&self) {
        self.shared.state.lock().unwrap().rules.clear();
    }

    /// Limits the bytes of bodies per second, in both directions together.
    pub fn limit_bandwidth(&self, bytes_per_second: u32) {
        let bytes_per_second = f64::from(bytes_per_second);
        let bandwidth = Bandwidth { bytes_per_second, tokens: 0.0, filled: Instant::now() };
        self.shared.state.lock().unwrap().bandwidth = Some(bandwidth);
    }

    /// Number of requests of a kind whose key matches.
    pub fn count(&self, operation: Operation, pattern: &str) -> u64 {
        let pattern = Pattern::new(pattern).unwrap();
        let state = self.shared.state.lock().unwrap();
        let counts = state.counts.iter();
        counts
            .filter(|((known, key), _)| *known == operation && pattern.matches(key))
            .map(|(_, count)| count)
            .sum()
    }

    /// Number of all requests.
    pub fn requests(&self) -> u64 {
        self.shared.state.lock().unwrap().requests
    }

    /// Number of requests that failed by a rule.
    pub fn faults(&self) -> u64 {
        self.shared.state.lock().unwrap().faults
    }

    /// Whether a request is held.
    pub fn is_holding(&self) -> bool {
        self.shared.state.lock().unwrap().held > 0
    }

    /// Waits until a request is held or something is over, without keeping a processor busy.
    pub fn wait_for_hold(&self, mut is_over: impl FnMut() -> bool) {
        let mut state = self.shared.state.lock().unwrap();
        let started = Instant::now();
        while state.held == 0 && !is_over() {
            assert!(started.elapsed() < HANGS_AFTER, "timeout while waiting for a held request");
            (state, _) = self.shared.held.wait_timeout(state, Duration::from_millis(10)).unwrap();
        }
    }

    /// Removes the rules that hold requests, and ends the wait of all held ones.
    pub fn release(&self, release: Release) {
        let mut state = self.shared.state.lock().unwrap();
        state.rules.retain(|rule| !rule.fault.holds());
        state.release = Some(release);
        self.shared.released.notify_all();
        drop(state);
        wait_until("the end of the held requests", || {
            self.shared.state.lock().unwrap().selected_to_hold == 0
        });
        self.shared.state.lock().unwrap().release = None;
    }
}

impl Shared {
    /// Passes the requests of a connection on until either side closes it.
    fn serve(&self, client: &TcpStream) -> io::Result<()> {
        client.set_nodelay(true)?;
        let mut reader = BufReader::new(client);
        while let Some(head) = Head::read(&mut reader)? {
            if head.header("expect").is_some() {
                (&*client).write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
            }
            let mut body = Vec::new();
            head.read_body(&mut reader, |piece| {
                self.wait_for_tokens(piece.len());
                body.extend_from_slice(piece);
            })?;
            let request = Request::new(head, body, self.components);
            match self.fault_of(&request) {
                None => self.forward(&request, client)?,
                Some(fault) => self.fail(fault, &request, client)?,
            }
        }
        Ok(())
    }

    /// Counts a request, and selects its fault.
    fn fault_of(&self, request: &Request) -> Option<Fault> {
        let mut state = self.state.lock().unwrap();
        state.requests += 1;
        *state.counts.entry((request.operation, request.key.clone())).or_default() += 1;
        let fault =
            state.rules.iter_mut().find_map(|rule| rule.applies(request).then_some(rule.fault));
        state.faults += u64::from(fault.is_some());
        state.selected_to_hold += u64::from(fault.is_some_and(Fault::holds));
        fault
    }

    fn fail(&self, fault: Fault, request: &Request, client: &TcpStream) -> io::Result<()> {
        match fault {
            Fault::Reply { status, code, retry_after } => {
                let body = match request.operation {
                    Operation::Head => String::new(),
                    _ => error(code),
                };
                reply(client, status, retry_after, &body)
            }
            Fault::Reset => {
                set_socket_linger(client, Some(Duration::ZERO))?;
                Err(io::ErrorKind::ConnectionReset.into())
            }
            Fault::DropResponse => {
                self.response_to(request)?;
                client.shutdown(Shutdown::Both)
            }
            Fault::TruncateResponse => {
                let (head, body) = self.response_to(request)?;
                (&*client).write_all(&[&head.raw, &body[..body.len() / 2]].concat())?;
                client.shutdown(Shutdown::Both)
            }
            Fault::Hold | Fault::HoldResponse => {
                let result = self.hold_and_release(fault, request, client);
                self.state.lock().unwrap().selected_to_hold -= 1;
                result
            }
        }
    }

    fn hold_and_release(
        &self,
        fault: Fault,
        request: &Request,
        client: &TcpStream,
    ) -> io::Result<()> {
        let response = match fault {
            Fault::HoldResponse => Some(self.response_to(request)?),
            _ => None,
        };
        match (self.hold(), response) {
            (Release::Forward, None) => self.forward(request, client),
            (Release::Forward, Some(response)) => self.send(&response, client),
            (Release::Discard, _) => client.shutdown(Shutdown::Both),
        }
    }

    /// Waits for the test.
    fn hold(&self) -> Release {
        let mut state = self.state.lock().unwrap();
        state.held += 1;
        self.held.notify_all();
        loop {
            if let Some(release) = state.release {
                state.held -= 1;
                return release;
            }
            state = self.released.wait(state).unwrap();
        }
    }

    fn forward(&self, request: &Request, client: &TcpStream) -> io::Result<()> {
        self.send(&self.response_to(request)?, client)
    }

    fn response_to(&self, request: &Request) -> io::Result<(Head, Vec<u8>)> {
        let mut server = TcpStream::connect(self.upstream)?;
        server.write_all(&[&request.head.raw[..], &request.framed_body()].concat())?;
        read_response(&mut BufReader::new(server), request.operation)
    }

    fn send(&self, (head, body): &(Head, Vec<u8>), mut client: &TcpStream) -> io::Result<()> {
        client.write_all(&head.raw)?;
        for piece in body.chunks(16 << 10) {
            self.wait_for_tokens(piece.len());
            client.write_all(piece)?;
        }
        let is_framed =
            head.header("content-length").or(head.header("transfer-encoding")).is_some();
        if !is_framed && !body.is_empty() {
            client.shutdown(Shutdown::Both)?;
        }
        Ok(())
    }

    fn wait_for_tokens(&self, bytes: usize) {
        loop {
            let mut state = self.state.lock().unwrap();
            let Some(bandwidth) = state.bandwidth.as_mut() else { return };
            let now = Instant::now();
            let gained = (now - bandwidth.filled).as_secs_f64() * bandwidth.bytes_per_second;
            bandwidth.filled = now;
            bandwidth.tokens = (bandwidth.tokens + gained).min(bandwidth.bytes_per_second / 10.0);
            if bandwidth.tokens >= 0.0 {
                bandwidth.tokens -= bytes as f64;
                return;
            }
            drop(state);
            thread::sleep(Duration::from_millis(5));
        }
    }
}

fn reply(
    mut client: &TcpStream,
    status: &str,
    retry_after: Option<u32>,
    body: &str,
) -> io::Result<()> {
    let length = body.len();
    let retry_after =
        retry_after.map_or(String::new(), |seconds| format!("Retry-After: {seconds}\r\n"));
    write!(
        client,
        "HTTP/1.1 {status}\r\nContent-Type: application/xml\r\nContent-Length: {length}\r\n{retry_after}\r\n{body}"
    )
}
