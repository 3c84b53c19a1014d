//! A program among variables that are not meant for this crate: what to run, a protocol and a URL come in as arguments,
//! one trace goes out. This file does not know which variables there are.

use cekura::Protocol;
use cekura_trace_tests::handles::{LONG, at, converse};
use opentelemetry::trace::{Tracer, TracerProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;

fn main() {
    let [run, protocol, url] = std::env::args().skip(1).collect::<Vec<_>>().try_into().unwrap();
    let protocol = if protocol == "grpc" { Protocol::Grpc } else { Protocol::Http };
    let builder = at(&url, protocol).api_key("canary").agent(7);
    if run == "handle" {
        let handle = builder.build().unwrap();
        converse(&handle, 3);
        assert_eq!(handle.shutdown_blocking(LONG).to_string(), "4 accepted, 4 delivered");
    } else {
        let provider =
            SdkTracerProvider::builder().with_batch_exporter(builder.span_exporter().unwrap()).build();
        provider.tracer("program").in_span("work", |_| {});
        provider.shutdown().unwrap();
    }
}
