//! Keeps the time of those who wait in async code. Invariant: it runs beside the worker, and needs no timer of the program's
//! runtime, so that nobody waits for longer than he said, whatever the others' executors do.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{OnceLock, mpsc};
use std::task::Poll;
use std::thread;
use std::time::Duration;
use tokio::runtime::{Builder, Handle, Runtime};
use tokio::sync::oneshot;
use tokio::time::timeout;

/// The clock of one handle. Its thread starts with the first who waits.
#[derive(Default)]
pub(super) struct WaitClock(OnceLock<Option<Ticking>>);

struct Ticking {
    runtime: Handle,
    /// The thread ends when this is dropped.
    _alive: oneshot::Sender<()>,
}

impl WaitClock {
    /// The answer, if it comes within `wait`. `Some(None)` says that none will come.
    pub(super) async fn within<T: Send + 'static>(
        &self,
        wait: Duration,
        answer: oneshot::Receiver<T>,
    ) -> Option<Option<T>> {
        let Some(clock) = self.0.get_or_init(start) else { return Some(answer.await.ok()) };
        let (mut reply, told) = oneshot::channel();
        clock.runtime.spawn(async move {
            let mut answer = pin!(timeout(wait, answer));
            let answer = poll_fn(|context| match answer.as_mut().poll(context) {
                Poll::Ready(answer) => Poll::Ready(Some(answer.ok())),
                // Whoever answers is to know that nobody waits.
                Poll::Pending => reply.poll_closed(context).map(|()| None),
            });
            let Some(answer) = answer.await else { return };
            // This wakes the program's task by code of the program's, which may take any time: it runs neither here nor in the
            // worker.
            drop(
                thread::Builder::new()
                    .name("cekura-trace-waker".to_owned())
                    .spawn(move || reply.send(answer).is_ok()),
            );
        });
        told.await.ok().flatten().map(Result::ok)
    }
}

/// Does not wait until the thread runs. `None` where there is none to be had.
fn start() -> Option<Ticking> {
    let (alive, ended) = oneshot::channel::<()>();
    let (give, take) = mpsc::channel::<Runtime>();
    let body = move || {
        if let Ok(runtime) = take.recv() {
            // It is never sent.
            drop(runtime.block_on(ended));
        }
    };
    thread::Builder::new().name("cekura-trace-clock".to_owned()).spawn(body).ok()?;
    let runtime = Builder::new_current_thread().enable_time().build().ok()?;
    let handle = runtime.handle().clone();
    drop(give.send(runtime));
    Some(Ticking { runtime: handle, _alive: alive })
}
