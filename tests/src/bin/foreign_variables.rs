//! A program that sends one trace among variables that are not meant for this crate. Its arguments say what to
//! run, and name a protocol and a URL.

use cekura::{Cekura, Protocol};
use cekura_trace_tests::handles::{LONG, at, converse};
use opentelemetry::trace::{
    SpanContext, SpanId, TraceContextExt, TraceFlags, TraceState, Tracer, TracerProvider,
};
use opentelemetry::{KeyValue, global};
use opentelemetry_sdk::trace::SdkTracerProvider;

fn main() {
    let [run, protocol, url] = std::env::args().skip(1).collect::<Vec<_>>().try_into().unwrap();
    let protocol = if protocol == "grpc" { Protocol::Grpc } else { Protocol::Http };
    let builder = at(&url, protocol).api_key("canary").agent(7);
    if run == "handle" {
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
