//! A program that sends one trace among variables that are not meant for this crate, or asks the doctor. Its arguments
//! say what to run, and name a protocol and a URL.

use cekura::{Cekura, Protocol, Timings};
use cekura_trace_tests::handles::{LONG, at, converse, quick};
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt, TraceFlags, TraceState, Tracer, TracerProvider,
};
use opentelemetry::{KeyValue, global};
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::time::{Duration, Instant};

fn main() {
    let [run, protocol, url] = std::env::args().skip(1).collect::<Vec<_>>().try_into().unwrap();
    let protocol = if protocol == "grpc" { Protocol::Grpc } else { Protocol::Http };
    let builder = at(&url, protocol).api_key("canary").agent(7);
    if run == "doctor" {
        let timings = Timings { diagnosis: Duration::from_secs(2), ..quick() };
        let spool = std::env::temp_dir().join("cekura-doctor-spool");
        let started = Instant::now();
        println!("{}", builder.timings(timings).spool(spool).doctor());
        println!("after {} ms", started.elapsed().as_millis());
    } else if run == "handle" {
        let handle = builder.build().unwrap();
        converse(&handle, 3);
        assert_eq!(handle.shutdown_blocking(LONG).to_string(), "4 accepted, 4 delivered");
    } else if run == "global" {
        let handle = builder.set_global().build().unwrap();
        call(&handle);
        assert_eq!(handle.shutdown_blocking(LONG).to_string(), "2 accepted, 2 delivered");
    } else {
        let provider =
            SdkTracerProvider::builder().with_batch_exporter(builder.span_exporter().unwrap()).build();
        provider.tracer("program").in_span("work", |_| {});
        provider.shutdown().unwrap();
    }
}

/// A call with a span of plain OpenTelemetry.
#[cekura::conversation(client = handle, skip_all)]
fn call(handle: &Cekura) {
    global::tracer("program").in_span("query", |context| {
        let span = context.span();
        for number in 0..3 {
            span.set_attribute(KeyValue::new(format!("attribute {number}"), "a value of some length"));
            span.add_event(format!("event {number}"), vec![KeyValue::new("one", 1), KeyValue::new("two", 2)]);
            let linked = SpanContext::new(
                1.into(),
                SpanId::from(number + 1),
                TraceFlags::SAMPLED,
                true,
                TraceState::NONE,
            );
            span.add_link(linked, vec![KeyValue::new("one", 1), KeyValue::new("two", 2)]);
        }
    });
}
