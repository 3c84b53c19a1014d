//! Starts a thread with a small runtime of its own. Invariant: the program's telemetry sees nothing
//! of it.
//!
//! It works beside any runtime of the program or none, and outlives it.

use super::error::Error;
use opentelemetry::Context;
use std::cell::RefCell;
use std::sync::mpsc;
use std::thread;
use tokio::runtime::{self, Runtime};
use tracing::Dispatch;
use tracing::dispatcher::{self, DefaultGuard};
use tracing::subscriber::NoSubscriber;

thread_local! {
    static SILENCE: RefCell<Option<DefaultGuard>> = const { RefCell::new(None) };
}

/// Starts a thread that prepares, inside its runtime, and then lives until it has nothing left to do.
///
/// # Errors
///
/// When there is no thread to be had, or what `prepare` says.
pub(crate) fn start<T>(
    name: &str,
    prepare: impl FnOnce() -> Result<T, Error> + Send + 'static,
    live: impl FnOnce(T, &Runtime) + Send + 'static,
) -> Result<(), Error> {
    let (ready, started) = mpsc::sync_channel(1);
    let body = move || {
        let _quiet = Context::enter_telemetry_suppressed_scope();
        silence();
        let mut runtime = runtime::Builder::new_current_thread();
        // Names are looked up on other threads.
        let runtime = runtime.enable_all().on_thread_start(silence).on_thread_unpark(silence);
        let prepared = runtime.build().map_err(Error::start).and_then(|runtime| {
            let inside = runtime.enter();
            let prepared = prepare()?;
            drop(inside);
            Ok((prepared, runtime))
        });
        let (prepared, runtime) = match prepared {
            Ok(prepared) => prepared,
            Err(error) => return drop(ready.send(Err(error))),
        };
        drop(ready.send(Ok(())));
        live(prepared, &runtime);
        // A name lookup that hangs must not hold the thread.
        runtime.shutdown_background();
    };
    thread::Builder::new().name(name.to_owned()).spawn(body).map_err(Error::start)?;
    started.recv().map_err(Error::start)?
}

/// Keeps events of this thread's HTTP stack from the process's subscriber, once there is one: a subscriber that turned them
/// into spans would make a request of each request.
///
/// Where there is none, no dispatcher is set either, not even one that hears nothing: `tracing` writes to `log` only until
/// the first is set. So this is called again whenever the thread has slept, and now and then while it is busy.
pub(super) fn silence() {
    if dispatcher::get_default(|current| !current.is::<NoSubscriber>()) {
        SILENCE.set(Some(dispatcher::set_default(&Dispatch::new(NoSubscriber::new()))));
    }
}
