//! Which process holds a lease, and whether it is gone, as far as this machine can tell.

use std::fs;

use jiff::Timestamp;
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};

use crate::util::hex::hex;
use crate::util::timestamp::rfc3339_seconds;

/// A process, as a lease names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessIdentity {
    /// Distinguishes the files of this process from those of any other one.
    pub attempt: String,
    pub process: i32,
    /// When the process started, in clock ticks after the start of the machine.
    started_ticks: Option<u64>,
    pub host: String,
    /// Of this start of the machine.
    boot_id: Option<String>,
    /// In which `process` counts: that of a container.
    pid_namespace: Option<String>,
    /// RFC 3339.
    since: String,
}

/// Whether the process of a lease is running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HolderState {
    Alive,
    Gone,
    /// On another machine, in another container, or unknown.
    Elsewhere,
}

impl ProcessIdentity {
    pub fn of_this_process() -> ProcessIdentity {
        let process = std::process::id().cast_signed();
        let boot_id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok();
        let namespace = fs::read_link("/proc/self/ns/pid").ok();
        ProcessIdentity {
            attempt: hex(&fastrand::u32(..).to_be_bytes()),
            process,
            started_ticks: started_ticks(process),
            host: rustix::system::uname().nodename().to_string_lossy().into_owned(),
            boot_id: boot_id.map(|id| id.trim().to_owned()),
            pid_namespace: namespace.map(|link| link.to_string_lossy().into_owned()),
            since: rfc3339_seconds(Timestamp::now()),
        }
    }

    /// Whether the process that `self` names runs, seen from the one that `here` names.
    pub fn state(&self, here: &ProcessIdentity) -> HolderState {
        let place = |of: &ProcessIdentity| {
            Some((of.host.clone(), of.boot_id.clone()?, of.pid_namespace.clone()?))
        };
        if place(self).is_none() || place(self) != place(here) {
            return HolderState::Elsewhere;
        }
        let runs = Pid::from_raw(self.process)
            .is_some_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH));
        let is_same =
            self.started_ticks.is_none() || started_ticks(self.process) == self.started_ticks;
        if runs && is_same { HolderState::Alive } else { HolderState::Gone }
    }

    /// For messages.
    pub fn text(&self) -> String {
        format!("process {} on {} since {}", self.process, self.host, self.since)
    }
}

/// Field 22 of `/proc/PID/stat`; the second one may contain spaces and ends with the last parenthesis.
fn started_ticks(process: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    stat.rsplit_once(") ")?.1.split(' ').nth(19)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_of_this_machine_is_known_to_run_or_to_be_gone() {
        let here = ProcessIdentity::of_this_process();
        assert_eq!(here.state(&here), HolderState::Alive);
        let reused = ProcessIdentity { started_ticks: Some(1), ..here.clone() };
        assert_eq!(reused.state(&here), HolderState::Gone);
        let gone = ProcessIdentity { process: i32::MAX, ..here.clone() };
        assert_eq!(gone.state(&here), HolderState::Gone);
    }

    #[test]
    fn a_process_of_another_machine_or_container_is_not_known() {
        let here = ProcessIdentity::of_this_process();
        for elsewhere in [
            ProcessIdentity { host: "pod-7".to_owned(), ..here.clone() },
            ProcessIdentity { boot_id: Some("earlier".to_owned()), ..here.clone() },
            ProcessIdentity { pid_namespace: Some("pid:[1]".to_owned()), ..here.clone() },
            ProcessIdentity { boot_id: None, ..here.clone() },
        ] {
            assert_eq!(elsewhere.state(&here), HolderState::Elsewhere, "{elsewhere:?}");
        }
    }
}
