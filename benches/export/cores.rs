//! Two cores: one for the service, one for what is measured.

use std::io;
use std::process::{Child, Command};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Which core is whose.
#[derive(Debug, Clone, Copy)]
pub struct Cores {
    service: CpuSet,
    measured: CpuSet,
}

impl Cores {
    /// The first two cores this process may use; pins it to that of the service, for it has nothing to do in the
    /// meantime but to serve. With one core everything shares it.
    pub fn take() -> Cores {
        let allowed = sched_getaffinity(None).unwrap();
        let mut cores = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core)).map(only);
        let service = cores.next().unwrap();
        let measured = cores.next().unwrap_or_else(|| {
            println!("There is one core only: the service and what is measured share it.\n");
            service
        });
        sched_setaffinity(None, &service).unwrap();
        Cores { service, measured }
    }

    /// Starts a process on the core of what is measured.
    pub fn spawn_measured(self, command: &mut Command) -> io::Result<Child> {
        // A child inherits the cores of the thread that starts it.
        sched_setaffinity(None, &self.measured)?;
        let child = command.spawn();
        sched_setaffinity(None, &self.service)?;
        child
    }
}

fn only(core: usize) -> CpuSet {
    let mut set = CpuSet::new();
    set.set(core);
    set
}
