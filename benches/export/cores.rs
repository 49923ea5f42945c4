//! Two cores: one for the service, one for the measured process.

use std::io;
use std::process::{Child, Command};

use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

/// Assignment of cores.
#[derive(Debug, Clone, Copy)]
pub struct Cores {
    service: CpuSet,
    measured: CpuSet,
}

impl Cores {
    /// Selects the first two cores that this process may use, and pins it to the core of the service, because it only serves
    /// during a measurement. A single core is shared.
    pub fn take() -> Cores {
        let allowed = sched_getaffinity(None).unwrap();
        let mut cores = (0..CpuSet::MAX_CPU).filter(|&core| allowed.is_set(core)).map(only);
        let service = cores.next().unwrap();
        let measured = cores.next().unwrap_or_else(|| {
            println!("There is only one core: the service and the measured process share it.\n");
            service
        });
        sched_setaffinity(None, &service).unwrap();
        Cores { service, measured }
    }

    /// Starts a process on the measured core.
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
