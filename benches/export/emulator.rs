//! Runs the emulator in a separate process on the core of the service.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::bench::Bench;

/// An emulator that runs until this value is dropped.
pub struct Emulator {
    child: Child,
    /// Its URL.
    pub base_url: String,
}

/// Calls of `portrait_get` as the emulator saw them.
pub struct CallStats {
    pub calls: u64,
    /// Peak number of arrivals in a second.
    pub peak_calls_per_second: u64,
}

impl Emulator {
    /// Starts one with these settings (TOML).
    pub fn start(bench: &Bench, settings: &str) -> Emulator {
        let file = bench.directory().join("emulator.toml");
        fs::write(&file, settings).unwrap();
        let mut child = Command::new(&bench.binary)
            .args(["emulate", "--quiet", "--listen", "127.0.0.1:0", "--faults"])
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut base_url = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut base_url).unwrap();
        let base_url = base_url.trim_end().to_owned();
        assert!(base_url.starts_with("http://"), "the emulator did not start");
        Emulator { child, base_url }
    }

    /// Its statistics so far.
    pub fn stats(&self) -> CallStats {
        let address = self.base_url.strip_prefix("http://").unwrap();
        let mut stream = TcpStream::connect(address).unwrap();
        write!(stream, "GET /__stats HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n")
            .unwrap();
        let mut response = String::new();
        stream.read_to_string(&mut response).unwrap();
        let (_, body) = response.split_once("\r\n\r\n").unwrap();
        let stats: Value = serde_json::from_str(body).unwrap();
        let number = |key| stats["commands"]["portrait_get"][key].as_u64().unwrap();
        CallStats { calls: number("calls"), peak_calls_per_second: number("peak_calls_per_second") }
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        // It may have exited already.
        let _ = kill_process(Pid::from_child(&self.child), Signal::TERM);
        let _ = self.child.wait();
    }
}
