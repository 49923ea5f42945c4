//! Counts of calls, responses and faults.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use super::faults::InjectedFault;
use super::rate::CallMeter;
use super::service_command::ServiceCommand;

/// Maximum of distinct codes that are counted, since the settings can name any number of them.
const MAX_CODES: usize = 1_000;

/// Counts since the start.
#[derive(Debug, Default)]
pub struct Stats {
    meters: [CallMeter; ServiceCommand::ALL.len()],
    requested_accounts: u64,
    codes: BTreeMap<i64, u64>,
    faults: BTreeMap<&'static str, u64>,
}

impl Stats {
    pub fn record_call(&mut self, command: ServiceCommand, since_start: Duration) {
        self.meters[command as usize].record(since_start);
    }

    pub fn record_requested_accounts(&mut self, accounts: usize) {
        self.requested_accounts += accounts as u64;
    }

    pub fn record_response(&mut self, code: i64) {
        if self.codes.len() < MAX_CODES || self.codes.contains_key(&code) {
            *self.codes.entry(code).or_default() += 1;
        }
    }

    pub fn record_fault(&mut self, fault: InjectedFault) {
        *self.faults.entry(fault.key()).or_default() += 1;
    }

    /// Calls of `portrait_get`, refused ones too.
    pub fn portrait_get(&self) -> &CallMeter {
        &self.meters[ServiceCommand::PortraitGet as usize]
    }

    /// Accounts in well-formed calls of `portrait_get`.
    pub fn requested_accounts(&self) -> u64 {
        self.requested_accounts
    }

    /// Responses of all commands with this top-level code.
    pub fn responses_with_code(&self, code: i64) -> u64 {
        self.codes.get(&code).copied().unwrap_or(0)
    }

    /// Calls that met a fault, by its key in the settings; an outage window counts as `reset`.
    pub fn fault_count(&self, key: &str) -> u64 {
        self.faults.get(key).copied().unwrap_or(0)
    }

    /// All counts as one line of JSON.
    pub fn to_json(&self) -> String {
        let commands: serde_json::Map<String, serde_json::Value> = ServiceCommand::ALL
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
            "accounts": self.requested_accounts,
            "codes": self.codes,
            "faults": self.faults,
        })
        .to_string()
    }
}
