//! `tracing` spans and events through `cekura::layer()`, beside annotated functions: where they stand, what they say, how they end.

#[path = "tracing_layer/ends.rs"]
mod ends;
#[path = "tracing_layer/events.rs"]
mod events;
#[path = "tracing_layer/fields.rs"]
mod fields;
#[path = "tracing_layer/nested.rs"]
mod nested;
#[path = "tracing_layer/threads.rs"]
mod threads;

use cekura::testing::{Trace, capture};
use tracing::subscriber::{DefaultGuard, set_default, with_default};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

/// What a function leaves under a subscriber with the layer alone.
fn captured(run: impl FnOnce()) -> Trace {
    with_default(Registry::default().with(cekura::layer()), || capture(run))
}

/// The same subscriber on this thread, for tests that are async.
fn listening() -> DefaultGuard {
    set_default(Registry::default().with(cekura::layer()))
}

#[cekura::conversation(call_id = "call-1", skip_all)]
fn call<R>(body: impl FnOnce() -> R) -> R {
    body()
}

#[cekura::conversation(call_id = "call-1", skip_all)]
async fn call_async<R>(body: impl Future<Output = R>) -> R {
    body.await
}

#[cekura::turn(skip_all)]
fn turn<R>(body: impl FnOnce() -> R) -> R {
    body()
}

#[cekura::span(name = "stage", skip_all)]
fn stage<R>(body: impl FnOnce() -> R) -> R {
    body()
}
