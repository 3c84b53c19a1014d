//! Thousands of calls that end in every possible way, beside a host's tracer provider. Invariant: nothing of
//! them stays open.

use super::{Cekura, Host};
use crate::recording::context::carry;
use opentelemetry::Context;
use opentelemetry::global::BoxedTracer;
use opentelemetry::trace::{FutureExt, Tracer, TracerProvider};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracer, SdkTracerProvider, Span};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::task::{Poll, Waker};
use std::thread;
use std::time::Duration;

/// Without the message that `panic!` prints.
fn fall() -> i64 {
    resume_unwind(Box::new("on purpose"))
}

fn handle() -> Cekura {
    let nobody = "http://127.0.0.1:9";
    Cekura::builder().variables(|_| None).otel_endpoint(nobody).memory_limit(1 << 20).build().unwrap()
}

#[crate::conversation(crate = crate, client = handle, skip_all)]
fn within<R>(handle: &Cekura, body: impl FnOnce() -> R) -> R {
    body()
}

#[crate::conversation(crate = crate, client = handle, trace_id_from = "CA1", skip_all)]
fn of_carrier(handle: &Cekura, body: impl FnOnce()) {
    body();
}

#[crate::conversation(crate = crate, client = handle, skip_all)]
async fn call(handle: &Cekura, tracer: &SdkTracer) {
    tracer.in_span("query", |_| answer());
    speak().await;
}

#[crate::turn(crate = crate, record("falls" = fall()))]
fn answer() {}

#[crate::tts(crate = crate)]
async fn speak() -> usize {
    let mut was_polled = false;
    std::future::poll_fn(move |_| {
        if std::mem::replace(&mut was_polled, true) { Poll::Ready(1) } else { Poll::Pending }
    })
    .await
}

#[crate::tool_call(crate = crate, skip_all)]
fn look_up(is_broken: bool) -> impl Future<Output = ()> {
    if is_broken {
        fall();
    }
    std::future::ready(())
}

/// Polls a future so often, then drops it.
fn poll(future: impl Future, times: usize) {
    let mut future = pin!(future);
    for _ in 0..times {
        if future.as_mut().poll(&mut std::task::Context::from_waker(Waker::noop())).is_ready() {
            return;
        }
    }
}

/// One call; what it left open ends later, elsewhere.
fn one(kind: usize, handle: &Cekura, other: &Cekura, tracer: &SdkTracer) -> Option<Span> {
    let fallen = |body: &mut dyn FnMut()| drop(catch_unwind(AssertUnwindSafe(body)));
    match kind {
        0..3 => poll(call(handle, tracer), kind),
        3 => within(handle, || drop(look_up(false))),
        4 => fallen(&mut || within(handle, || drop(look_up(true)))),
        5 => fallen(&mut || within(handle, || tracer.in_span("query", |_| _ = fall()))),
        6 => within(handle, || within(other, answer)),
        7 => return Some(within(handle, || tracer.start("query"))),
        8 => of_carrier(handle, || of_carrier(handle, answer)),
        9 => within(handle, || {
            let _suppressed = Context::enter_telemetry_suppressed_scope();
            tracer.in_span("query", |_| answer());
        }),
        10 => {
            let carried = within(handle, || carry(()));
            carried.in_scope(|()| answer());
        }
        11 => {
            let context = within(handle, Context::current);
            poll(speak().with_context(context), 1);
        }
        _ => fallen(&mut || poll(call(handle, tracer).with_context(within(handle, Context::current)), 3)),
    }
    None
}

#[test]
fn of_ten_thousand_calls_that_end_in_every_way_none_is_left_open() {
    const KINDS: usize = 13;
    for is_attached in [false, true] {
        let (handle, other) = (self::handle(), self::handle());
        let provider = SdkTracerProvider::builder()
            .with_span_processor(handle.processor())
            .with_span_processor(other.processor())
            .with_sampler(Sampler::TraceIdRatioBased(0.5))
            .with_resource(Resource::builder_empty().build())
            .build();
        let running = handle.running.as_ref().unwrap();
        if is_attached {
            drop(running.destination.host.set(Host(BoxedTracer::new(Box::new(provider.tracer("cekura"))))));
        }
        let tracer = provider.tracer("database");
        let calls = |from: usize| {
            (from..from + 1250).filter_map(|n| one(n % KINDS, &handle, &other, &tracer)).collect::<Vec<_>>()
        };
        let open = thread::scope(|scope| {
            let workers: Vec<_> = (0..4).map(|from| scope.spawn(move || calls(from))).collect();
            workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect::<Vec<_>>()
        });
        assert!(!running.destination.calls.is_empty(), "some of the host's spans are open");
        drop(open);
        assert!(running.destination.calls.is_empty());
        assert!(other.running.as_ref().unwrap().destination.calls.is_empty());
        let report = handle.shutdown_blocking(Duration::ZERO);
        assert_eq!(report.accepted, report.lost() + report.pending);
        assert!(report.accepted > 10_000, "{report}");
        drop(other.shutdown_blocking(Duration::ZERO));
    }
}
