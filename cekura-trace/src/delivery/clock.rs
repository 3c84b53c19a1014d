//! Keeps the time of those who wait in async code. Invariant: it runs beside the worker, and needs no timer of the program's
//! runtime, so that nobody waits for longer than he said.

use super::quiet;
use std::sync::OnceLock;
use std::time::Duration;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// The clock of one handle. Its thread starts with the first who waits.
#[derive(Default)]
pub(super) struct Clock(OnceLock<Option<Ticking>>);

struct Ticking {
    runtime: Handle,
    /// The thread ends when this is dropped.
    _alive: oneshot::Sender<()>,
}

impl Clock {
    /// The answer, if it comes within `wait`. `Some(None)` says that none will come.
    pub(super) async fn within<T: Send + 'static>(
        &self,
        wait: Duration,
        answer: oneshot::Receiver<T>,
    ) -> Option<Option<T>> {
        let Some(clock) = self.0.get_or_init(start) else { return Some(answer.await.ok()) };
        let (reply, told) = oneshot::channel();
        // In a task, so that what wakes the program's own runs neither here nor in the worker.
        clock.runtime.spawn(async move { reply.send(timeout(wait, answer).await.ok()) });
        told.await.ok().flatten().map(Result::ok)
    }
}

/// `None` where there is no thread to be had.
fn start() -> Option<Ticking> {
    let (alive, ended) = oneshot::channel::<()>();
    let (ready, started) = std::sync::mpsc::channel();
    let live = move |handle: Handle, runtime: &Runtime| {
        drop(ready.send(handle));
        // It is never sent.
        drop(runtime.block_on(ended));
    };
    quiet::start("cekura-trace-clock", || Ok(Handle::current()), live).ok()?;
    Some(Ticking { runtime: started.recv().ok()?, _alive: alive })
}
