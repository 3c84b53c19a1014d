//! Starts a thread with a small runtime of its own. Invariant: the program's telemetry sees nothing
//! of it.
//!
//! It works beside any runtime of the program or none, and outlives it.

use super::error::Error;
use super::own_events;
use opentelemetry::Context;
use std::sync::mpsc;
use std::thread;
use tokio::runtime::{self, Runtime};

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
        own_events::silence();
        let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(Error::start);
        let prepared = runtime.and_then(|runtime| {
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
