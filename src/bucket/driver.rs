//! The background thread that makes the requests of all buckets.

use std::future::Future;
use std::sync::{OnceLock, mpsc};
use std::thread;

use tokio::runtime::{Handle, Runtime};

use crate::util::disk_error::SystemError;
use crate::util::runtime::runtime;

/// Runs tasks on a single-threaded runtime in a thread of its own, so that callers may block wherever they are.
#[derive(Debug, Clone)]
pub struct Driver {
    handle: Handle,
}

static SHARED: OnceLock<Driver> = OnceLock::new();

impl Driver {
    /// The driver of this process, which is started by the first call.
    pub fn shared() -> Result<Driver, SystemError> {
        if let Some(driver) = SHARED.get() {
            return Ok(driver.clone());
        }
        let driver = Driver::on(runtime()?)?;
        Ok(SHARED.get_or_init(|| driver).clone())
    }

    /// A driver on a runtime of its own.
    pub fn on(runtime: Runtime) -> Result<Driver, SystemError> {
        let driver = Driver { handle: runtime.handle().clone() };
        thread::Builder::new()
            .name("object-store".to_owned())
            .spawn(move || runtime.block_on(std::future::pending::<()>()))
            .map_err(SystemError::on("start the thread of the object store"))?;
        Ok(driver)
    }

    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        drop(self.handle.spawn(task));
    }

    /// Runs a task and blocks until it ends; `None` if it panics.
    pub fn run<T: Send + 'static>(
        &self,
        task: impl Future<Output = T> + Send + 'static,
    ) -> Option<T> {
        let (sender, receiver) = mpsc::sync_channel(1);
        self.spawn(async move {
            // A caller that is gone needs no result.
            let _ = sender.send(task.await);
        });
        receiver.recv().ok()
    }
}
