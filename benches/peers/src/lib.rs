//! A contender that traces with another library and sends to a port of this machine with opentelemetry's own
//! exporter.

mod fast;
pub mod hand;
mod instrument;
mod subscriber;

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{SpanExporter, WithExportConfig};
use opentelemetry_sdk::trace::{BatchSpanProcessor, SdkTracer, SdkTracerProvider};
use std::sync::OnceLock;
use worker::{Contender, Flush};

pub fn contenders() -> Vec<Contender> {
    [&hand::CONTENDERS[..], &subscriber::CONTENDERS, &fast::CONTENDERS, &instrument::CONTENDERS].concat()
}

const NAME: &str = "llm";

static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// The tracer of the provider that was started.
fn tracer() -> &'static SdkTracer {
    TRACER.get().expect("a provider that was started")
}

/// Opentelemetry's default pipeline.
fn provider(exporter: SpanExporter) -> (SdkTracerProvider, Option<Flush>) {
    let processor = BatchSpanProcessor::builder(exporter).build();
    let provider = SdkTracerProvider::builder().with_span_processor(processor).build();
    TRACER.set(provider.tracer("peers")).expect("one provider");
    let flushed = provider.clone();
    (provider, Some(Box::new(move || flushed.force_flush().expect("a receiver"))))
}

fn grpc(port: u16) -> SpanExporter {
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.worker_threads(1).enable_all().build().expect("a runtime");
    let entered = runtime.enter();
    let builder = SpanExporter::builder().with_tonic().with_endpoint(format!("http://127.0.0.1:{port}"));
    let exporter = builder.build().expect("an exporter");
    drop(entered);
    // It runs for as long as the process.
    std::mem::forget(runtime);
    exporter
}

fn http(port: u16) -> SpanExporter {
    let builder =
        SpanExporter::builder().with_http().with_endpoint(format!("http://127.0.0.1:{port}/v1/traces"));
    builder.build().expect("an exporter")
}
