//! Rows 20 to 22, 26 and 38: more than a backend takes, more than memory holds, everything at once, and odd values.

use super::{Case, each, ids};
use cekura::{Cekura, Protocol, Timings, spans};
use cekura_trace_tests::backend::{Backend, Reply};
use cekura_trace_tests::handles::{LONG, PROTOCOLS, adds_up, quick, to};
use cekura_trace_tests::host::{named, names};
use opentelemetry::KeyValue;
use opentelemetry::trace::{TraceContextExt, Tracer, TracerProvider};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::collections::HashMap;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;
use tokio::sync::Barrier;

#[test]
fn row_20_a_hundred_thousand_spans_into_a_slow_server() {
    each(|case| {
        let backend = Backend::scripted(|_, _| {
            thread::sleep(Duration::from_millis(20));
            Reply::Accept
        });
        let program = case.program_with(&backend.url(), |builder| {
            // Some 300 bytes each, more than the 28 MiB that spans have by default.
            if case.is_stock { builder } else { builder.timings(quick()).memory_limit(48 << 20) }
        });
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..2500).for_each(|_| program.call(&["word"; 9])));
            }
        });
        let said = program.flush(LONG);
        assert_eq!(program.made().len(), 100_000);
        case.settle("20 100,000 spans", &program, &backend, &said, &[]);
    });
}

#[test]
fn row_20_above_the_memory_limit_the_ledger_is_exact() {
    for protocol in PROTOCOLS {
        let case = Case { protocol, is_stock: false };
        let backend = Backend::scripted(|_, _| {
            thread::sleep(Duration::from_millis(20));
            Reply::Accept
        });
        // What the backend has taken is never tried again.
        let patient = Timings { attempt: LONG, ..quick() };
        let program =
            case.program_with(&backend.url(), |builder| builder.timings(patient).memory_limit(1 << 20));
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..500).for_each(|_| program.call(&["word"; 9])));
            }
        });
        let said = program.flush(LONG);
        let mut calls = HashMap::<_, u32>::new();
        backend.spans().into_iter().for_each(|span| *calls.entry(span.trace_id).or_default() += 1);
        let whole = calls.values().filter(|spans| **spans == 10).count();
        println!("row 20 above the limit | {protocol:?} | ours | {whole} of {} calls are whole", calls.len());
        let full = program.ledger().unwrap().dropped["queue_full"];
        case.settle("20 above the limit", &program, &backend, &said, &[("queue_full", full)]);
    }
}

#[test]
fn row_21_a_hundred_values_of_5_mb_stay_below_the_memory_limit() {
    for protocol in ["grpc", "http"] {
        let peak = |pipeline: &str| {
            let backend = Backend::scripted(|_, _| Reply::Silence);
            let output = Command::new(env!("CARGO_BIN_EXE_one_program"))
                .args([pipeline, protocol, &backend.url(), "memory"])
                .output()
                .unwrap();
            let said = String::from_utf8(output.stdout).unwrap();
            let (kibibytes, report) = said.trim().split_once(' ').unwrap();
            let peak = kibibytes.parse::<u64>().unwrap() >> 10;
            println!("row 21 100 × 5 MB | {protocol} | {pipeline} | {peak} MiB | {report}");
            peak
        };
        let (ours, stock) = (peak("ours"), peak("stock"));
        // The limit is 32 MiB; a request that is being made of records holds a batch twice.
        assert!(ours < 110, "{ours} MiB");
        assert!(stock > 450, "{stock} MiB: this test could not fail");
    }
}

#[test]
fn row_22_a_thousand_conversations_that_finish_at_once() {
    const CALLS: usize = 1000;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap();
    for protocol in PROTOCOLS {
        let backend = Backend::new();
        let handle = Arc::new(to(&backend, protocol).timings(Timings::default()).build().unwrap());
        let (start, finished) = (Arc::new(Barrier::new(CALLS)), Arc::new(Barrier::new(CALLS)));
        runtime.block_on(async {
            let tasks = (0..CALLS).map(|number| {
                let (handle, start, finished) = (handle.clone(), start.clone(), finished.clone());
                tokio::spawn(async move {
                    let call = spans::conversation().call_id(number.to_string()).client(&*handle).start();
                    call.in_scope(|| spans::turn().start().end());
                    start.wait().await;
                    call.finish().await;
                    finished.wait().await;
                })
            });
            for task in tasks.collect::<Vec<_>>() {
                task.await.unwrap();
            }
        });
        // What `finish` waited for has arrived, before any flush.
        assert_eq!(ids(&backend).len(), 2 * CALLS);
        assert!(backend.seen().len() < 100, "{} requests", backend.seen().len());
        assert_eq!(handle.flush_blocking(LONG).to_string(), "2000 accepted, 2000 delivered");
        println!(
            "row 22 1,000 at once | {protocol:?} | ours | 2000 of 2000 | {} requests",
            backend.seen().len()
        );
        stock_finishes(protocol, CALLS);
    }
}

fn stock_finishes(protocol: Protocol, calls: usize) {
    let backend = Backend::new();
    let exporter = to(&backend, protocol).timings(Timings::default()).span_exporter().unwrap();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    let start = std::sync::Barrier::new(calls);
    let errors: usize = thread::scope(|scope| {
        let threads: Vec<_> = std::iter::repeat_with(|| {
            scope.spawn(|| {
                let tracer = provider.tracer("program");
                start.wait();
                tracer.in_span("conversation", |_| tracer.in_span("turn", |_| {}));
                usize::from(provider.force_flush().is_err())
            })
        })
        .take(calls)
        .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let (arrived, requests) = (ids(&backend).len(), backend.seen().len());
    println!(
        "row 22 1,000 at once | {protocol:?} | stock | {arrived} of 2000 | {requests} requests, {errors} flushes failed"
    );
}

#[cekura::conversation(client = handle, skip_all)]
fn odd(handle: &Cekura) {
    cekura::record("twice", 1);
    cekura::record("number", f64::NAN);
    cekura::record("text", "a\0b");
    cekura::record("twice", 2);
    for number in 0..10_000 {
        cekura::record(format!("key {number}").leak(), number);
    }
}

/// All values of a key.
fn values(span: &Span, key: &str) -> Vec<Value> {
    let found = span.attributes.iter().filter(|attribute| attribute.key == key);
    found.map(|attribute| attribute.value.clone().unwrap().value.unwrap()).collect()
}

#[test]
fn row_38_keys_twice_nan_nul_and_ten_thousand_attributes() {
    for protocol in PROTOCOLS {
        let backend = Backend::new();
        let handle = to(&backend, protocol).build().unwrap();
        odd(&handle);
        let report = handle.flush_blocking(LONG);
        assert!(adds_up(&report) && report.delivered == 1, "{report}");
        let spans = backend.spans();
        assert_eq!(names(&spans), ["conversation"]);
        assert_eq!(values(&spans[0], "twice"), [Value::IntValue(2)]);
        assert_eq!(values(&spans[0], "text"), [Value::StringValue("a\0b".to_owned())]);
        assert!(matches!(*values(&spans[0], "number"), [Value::DoubleValue(number)] if number.is_nan()));
        let many = spans[0].attributes.iter().filter(|attribute| attribute.key.starts_with("key ")).count();
        assert_eq!(many, 10_000);
        println!("row 38 odd values | {protocol:?} | ours | 10,000 of 10,000 attributes, the last of two");
        stock_odd(protocol);
    }
}

fn stock_odd(protocol: Protocol) {
    let backend = Backend::new();
    let exporter = to(&backend, protocol).span_exporter().unwrap();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    provider.tracer("program").in_span("conversation", |context| {
        context.span().set_attribute(KeyValue::new("twice", 1));
        context.span().set_attribute(KeyValue::new("twice", 2));
        for number in 0..10_000 {
            context.span().set_attribute(KeyValue::new(format!("key {number}"), number));
        }
    });
    let said = provider.force_flush();
    let spans = backend.spans();
    let many = spans[0].attributes.iter().filter(|attribute| attribute.key.starts_with("key ")).count();
    let twice = values(&spans[0], "twice").len();
    println!(
        "row 38 odd values | {protocol:?} | stock | {many} of 10,000 attributes, {twice} of two | {said:?}"
    );
}

/// Neither of its two ways to be recorded works.
struct Broken;

impl serde::Serialize for Broken {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("as the test says")
    }
}

struct Unprintable;

impl std::fmt::Debug for Unprintable {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("as the test says")
    }
}

#[cekura::span]
fn broken(before: u8, value: &Broken) -> u8 {
    let _ = value;
    before + 1
}

#[cekura::span]
fn unprintable(before: u8, value: &Unprintable) -> u8 {
    let _ = value;
    before + 1
}

#[cekura::conversation(client = handle, skip_all)]
fn with_broken_values(handle: &Cekura) -> u8 {
    unprintable(broken(1, &Broken), &Unprintable)
}

#[test]
fn row_26_values_that_panic_when_they_are_recorded() {
    for protocol in PROTOCOLS {
        let backend = Backend::new();
        let handle = to(&backend, protocol).build().unwrap();
        assert_eq!(with_broken_values(&handle), 3);
        assert_eq!(handle.flush_blocking(LONG).to_string(), "3 accepted, 3 delivered");
        let spans = backend.spans();
        for (name, before) in [("broken", 1), ("unprintable", 2)] {
            let span = named(&spans, name);
            assert_eq!(values(span, "input.before"), [Value::IntValue(before)]);
            assert_eq!(values(span, "output"), [Value::IntValue(before + 1)]);
        }
        println!(
            "row 26 panics in values | {protocol:?} | ours | 3 of 3, what was recorded before and after is there"
        );
    }
}
