//! The runtime behind calls of many threads: one thread moves the bytes of all connections, so that they are shared; those who ask
//! wait on their own.
//!
//! Owns that thread. It ends with the last who may call.

use std::time::Duration;
use tokio::runtime::{Builder, Handle};
use tokio::sync::oneshot;

/// A runtime that runs.
#[derive(Debug)]
pub(super) struct Network {
    handle: Handle,
    /// The thread ends when this is dropped.
    _running: oneshot::Sender<()>,
}

impl Network {
    /// Starts the thread.
    pub(super) fn start() -> Result<Self, String> {
        let failed = |e: std::io::Error| format!("cannot start a runtime for calls to AWS: {e}");
        let runtime = Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let (handle, (running, ended)) = (runtime.handle().clone(), oneshot::channel());
        let run = move || {
            let _ = runtime.block_on(ended);
        };
        std::thread::Builder::new().name("s3".into()).spawn(run).map_err(failed)?;
        Ok(Network { handle, _running: running })
    }

    /// Waits for an answer.
    pub(super) fn wait<T>(&self, call: impl Future<Output = T>) -> T {
        self.handle.block_on(call)
    }

    /// Waits at most so long.
    pub(super) fn wait_at_most<T>(&self, limit: Duration, call: impl Future<Output = T>) -> Option<T> {
        self.handle.block_on(async { tokio::time::timeout(limit, call).await.ok() })
    }

    /// Lets time pass.
    pub(super) fn pause(&self, time: Duration) {
        // A timer is made inside the runtime that runs it.
        self.handle.block_on(async { tokio::time::sleep(time).await });
    }
}
