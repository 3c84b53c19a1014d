//! Rows 23 to 25 and 34: futures that nobody awaits to their end, any runtime or none, another tracer provider.

use super::{each, ids};
use cekura::{CallLog, Cekura, FlushReport, spans};
use cekura_trace_tests::api::Api;
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, PROTOCOLS, converse, observing, to};
use cekura_trace_tests::host::Kept;
use opentelemetry::global;
use opentelemetry::trace::Tracer;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::{LocalSet, spawn_blocking, spawn_local};

/// Polls a future so often, a while apart, and drops it; false when it was over before.
fn polled<T>(times: usize, future: impl Future<Output = T>) -> bool {
    let mut future = pin!(future);
    (0..times).all(|_| {
        let poll = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        thread::sleep(Duration::from_millis(20));
        poll.is_pending()
    })
}

#[test]
fn row_23_futures_dropped_at_each_await_point_lose_nothing() {
    for protocol in PROTOCOLS {
        for times in 0..4 {
            let (backend, api) = (Backend::new(), Api::new());
            let handle = observing(&backend, &api).protocol(protocol).build().unwrap();
            converse(&handle, 1);
            polled(times, handle.flush(LONG));
            polled(times, spans::conversation().call_id("call-1").client(&handle).start().finish());
            polled(times, handle.observe(CallLog::new("call-2").deadline(Duration::ZERO)));
            assert_eq!(handle.flush_blocking(LONG).to_string(), "3 accepted, 3 delivered", "{times}");
            converse(&handle, 1);
            polled(times, handle.shutdown(LONG));
            drop(handle);
            assert_eq!(backend.spans().len(), 5, "{times}");
            // A future that was never polled has not asked for anything.
            assert_eq!(api.seen().len(), usize::from(times > 0), "{times}");
        }
    }
}

/// Runs on every runtime that a program may have, and says on which.
fn everywhere(run: impl Fn(&str) + Clone + Send + Sync + 'static) {
    let many = |workers| Builder::new_multi_thread().worker_threads(workers).enable_all().build().unwrap();
    let single = || Builder::new_current_thread().enable_all().build().unwrap();
    let on = |runtime: Runtime, name: &'static str| {
        let run = run.clone();
        runtime.block_on(async move { run(name) });
    };
    let spawned = |runtime: Runtime, name: &'static str| {
        let run = run.clone();
        runtime.block_on(runtime.spawn(async move { run(name) })).unwrap();
    };
    on(many(4), "tokio::main");
    spawned(many(4), "a task");
    spawned(many(1), "a task on the only worker");
    on(single(), "current_thread");
    spawned(single(), "a task on current_thread");
    on(Builder::new_current_thread().build().unwrap(), "no timers or sockets");
    let (local, blocking) = (run.clone(), run.clone());
    LocalSet::new()
        .block_on(&single(), async { spawn_local(async move { local("LocalSet") }).await.unwrap() });
    single().block_on(async { spawn_blocking(move || blocking("spawn_blocking")).await.unwrap() });
    futures::executor::block_on(async { run("another executor") });
    run("no runtime");
}

#[test]
fn row_24_every_runtime_over_both_protocols() {
    each(|case| {
        everywhere(move |name| {
            let backend = Backend::new();
            let program = case.program(&backend.url());
            program.calls(2);
            let said = program.flush(LONG);
            case.settle(&format!("24 {name}"), &program, &backend, &said, &[]);
        });
    });
}

#[test]
fn row_24_every_runtime_awaits_a_flush_over_both_protocols() {
    for protocol in PROTOCOLS {
        everywhere(move |name| {
            let backend = Backend::new();
            let handle = to(&backend, protocol).build().unwrap();
            converse(&handle, 3);
            let report = wherever(handle.flush(LONG));
            assert_eq!(report.to_string(), "4 accepted, 4 delivered", "{name}");
            assert_eq!(wherever(handle.shutdown(LONG)), report, "{name}");
        });
    }
}

/// Awaits on this thread, whose runtime may be at a standstill meanwhile.
fn wherever(report: impl Future<Output = FlushReport>) -> FlushReport {
    let mut report = pin!(report);
    let limit = std::time::Instant::now() + LONG;
    loop {
        if let Poll::Ready(report) = report.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return report;
        }
        assert!(std::time::Instant::now() < limit);
        thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn row_25_the_programs_runtime_is_shut_down_first() {
    each(|case| {
        let backend = Backend::new();
        let runtime = Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let program = runtime.block_on(async {
            let program = case.program(&backend.url());
            program.calls(2);
            program
        });
        drop(runtime);
        program.calls(2);
        let said = program.flush(LONG);
        case.settle("25 runtime first", &program, &backend, &said, &[]);
    });
}

#[test]
fn row_34_the_program_replaces_the_global_tracer_provider() {
    let backend = Backend::new();
    let handle = to(&backend, PROTOCOLS[0]).set_global().build().unwrap();
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                global::set_tracer_provider(Kept::default().provider());
                thread::sleep(Duration::from_millis(1));
            }
        });
        for _ in 0..500 {
            with_a_span_of_the_programs(&handle);
        }
        is_over.store(true, Ordering::Relaxed);
    });
    let report = handle.flush_blocking(LONG);
    assert!(report.dropped.is_empty() && report.accepted == report.delivered, "{report}");
    let (roots, all) = (backend.names().iter().filter(|name| *name == "conversation").count(), ids(&backend));
    assert!(roots == 500 && all.len() as u64 == report.accepted, "{roots}: {report}");
    converse(&handle, 1);
    assert_eq!(handle.flush_blocking(LONG).delivered, report.delivered + 2);
    println!("row 34 global provider | ours | {report}");
    stock_is_replaced();
}

/// A hundred spans before another tracer provider takes the place of the one that exports here, and a hundred after.
fn stock_is_replaced() {
    let backend = Backend::new();
    let exporter = to(&backend, PROTOCOLS[0]).span_exporter().unwrap();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    for next in [provider, Kept::default().provider()] {
        global::set_tracer_provider(next);
        (0..100).for_each(|_| global::tracer("program").in_span("query", |_| {}));
    }
    println!("row 34 global provider | stock | {} of 200", ids(&backend).len());
}

#[cekura::conversation(client = handle, skip_all)]
fn with_a_span_of_the_programs(handle: &Cekura) {
    global::tracer("program").in_span("query", |_| {});
}
