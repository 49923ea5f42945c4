//! What has been called and answered: an exact meter of arrivals, and counts of codes and faults.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::command::Command;
use super::faults::Fault;
use super::rate::Meter;

/// Most different codes that are counted; the settings could name any number of them.
const MAX_CODES: usize = 1_000;

/// Counts since the start.
#[derive(Debug, Default)]
pub struct Stats {
    meters: [Meter; Command::ALL.len()],
    accounts: u64,
    codes: BTreeMap<i64, u64>,
    faults: BTreeMap<&'static str, u64>,
}

impl Stats {
    pub(super) fn arrive(&mut self, command: Command, since_start: Duration) {
        self.meters[command as usize].arrive(since_start);
    }

    pub(super) fn ask(&mut self, accounts: usize) {
        self.accounts += accounts as u64;
    }

    pub(super) fn answer(&mut self, code: i64) {
        if self.codes.len() < MAX_CODES || self.codes.contains_key(&code) {
            *self.codes.entry(code).or_default() += 1;
        }
    }

    pub(super) fn meet(&mut self, fault: Fault) {
        let name = match fault {
            Fault::Hang => "hang",
            Fault::Reset => "reset",
            Fault::HttpError(_) => "http_error",
            Fault::Http429 => "http_429",
            Fault::Code(_) => "code",
            Fault::Redirect => "redirect",
            Fault::Garbage => "garbage",
            Fault::Oversized => "oversized",
            Fault::Truncated => "truncated",
            Fault::InvalidUtf8 => "invalid_utf8",
            Fault::FailWithCodeZero => "fail_with_code_zero",
        };
        *self.faults.entry(name).or_default() += 1;
    }

    /// Calls of `portrait_get`, refused ones too.
    pub fn portrait_get(&self) -> &Meter {
        &self.meters[Command::PortraitGet as usize]
    }

    /// Accounts that well-formed calls of `portrait_get` asked for.
    pub fn accounts(&self) -> u64 {
        self.accounts
    }

    /// Answers with this top-level code, over all commands.
    pub fn answers_with(&self, code: i64) -> u64 {
        self.codes.get(&code).copied().unwrap_or(0)
    }

    /// Calls that met a fault, by its key in the settings; a reset by an outage counts as `reset`.
    pub fn faults(&self, key: &str) -> u64 {
        self.faults.get(key).copied().unwrap_or(0)
    }

    /// All of it as one line of JSON.
    pub fn to_json(&self) -> String {
        let commands: serde_json::Map<String, serde_json::Value> = Command::ALL
            .into_iter()
            .zip(&self.meters)
            .map(|(command, meter)| {
                let counts =
                    json!({ "calls": meter.calls(), "peak_calls_per_second": meter.peak_calls_per_second() });
                (command.name().to_owned(), counts)
            })
            .collect();
        json!({
            "commands": commands,
            "accounts": self.accounts,
            "codes": self.codes,
            "faults": self.faults,
        })
        .to_string()
    }
}
