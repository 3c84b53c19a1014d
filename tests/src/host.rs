//! A tracer provider as a program has one before this library comes, with an exporter that keeps what it gets.

use crate::backend::Backend;
use crate::handles::{LONG, to};
use cekura::{Cekura, Protocol};
use opentelemetry::trace::{SpanId, Status, TraceContextExt, TraceId, Tracer, TracerProvider};
use opentelemetry::{KeyValue, Value};
use opentelemetry_proto::tonic::trace::v1::Span;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    IdGenerator, Sampler, SdkTracer, SdkTracerProvider, SpanData, SpanExporter, TracerProviderBuilder,
};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

/// What a program's own exporter got.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    spans: Arc<Mutex<Vec<SpanData>>>,
    resource: Arc<Mutex<Vec<(String, String)>>>,
}

impl SpanExporter for Kept {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.spans.lock().unwrap().extend(batch);
        Ok(())
    }

    fn set_resource(&mut self, resource: &Resource) {
        let pairs = resource.iter().map(|(key, value)| (key.to_string(), value.to_string()));
        *self.resource.lock().unwrap() = pairs.collect();
    }
}

impl Kept {
    /// A tracer provider that exports here.
    pub fn provider(&self) -> SdkTracerProvider {
        provider(self).build()
    }

    /// All spans, in the order they ended.
    pub fn spans(&self) -> Vec<SpanData> {
        self.spans.lock().unwrap().clone()
    }

    /// Their names, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.spans().iter().map(|span| span.name.to_string()).collect();
        names.sort();
        names
    }

    /// The only span of a name.
    pub fn span(&self, name: &str) -> SpanData {
        let mut named = self.spans();
        named.retain(|span| span.name == name);
        assert_eq!(named.len(), 1, "spans called {name}");
        named.remove(0)
    }

    /// Forgets what it got until now.
    pub fn clear(&self) {
        self.spans.lock().unwrap().clear();
    }
}

/// The only value of a key, which must not be there twice.
pub fn value<'a>(span: &'a SpanData, key: &str) -> Option<&'a Value> {
    let mut values = span.attributes.iter().filter(|attribute| attribute.key.as_str() == key);
    let value = values.next();
    assert!(values.next().is_none(), "{key} is there twice");
    value.map(|attribute| &attribute.value)
}

/// A program's tracer provider, whatever the environment says.
pub fn provider(exported: &Kept) -> TracerProviderBuilder {
    SdkTracerProvider::builder()
        .with_simple_exporter(exported.clone())
        .with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOn)))
        .with_resource(Resource::builder_empty().with_service_name("host").build())
}

/// Ids that count up, so that a test sees whose they are.
#[derive(Debug, Default)]
pub struct CountingIds(AtomicU64);

impl IdGenerator for CountingIds {
    fn new_trace_id(&self) -> TraceId {
        TraceId::from(u128::from(self.0.fetch_add(1, Ordering::Relaxed) + 1))
    }

    fn new_span_id(&self) -> SpanId {
        SpanId::from(self.0.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

/// A handle beside a program's tracer provider.
pub struct Beside {
    /// This library's backend.
    pub backend: Backend,
    /// Sends there.
    pub handle: Cekura,
    /// What the program's own exporter got.
    pub exported: Kept,
    /// The program's.
    pub provider: SdkTracerProvider,
    /// Of its database client.
    pub tracer: SdkTracer,
}

impl Beside {
    /// With the processor, unattached.
    pub fn new(build: impl FnOnce(TracerProviderBuilder) -> TracerProviderBuilder) -> Self {
        let backend = Backend::new();
        let handle = to(&backend, Protocol::Grpc).build().unwrap();
        let exported = Kept::default();
        let processor = handle.processor();
        let provider = build(provider(&exported)).with_span_processor(processor).build();
        let tracer = provider.tracer("database");
        Self { backend, handle, exported, provider, tracer }
    }

    /// All spans that this library's backend has after a flush.
    pub fn delivered(&self) -> Vec<Span> {
        let report = self.handle.flush_blocking(LONG);
        assert_eq!(report.pending, 0, "{report}");
        self.backend.spans()
    }
}

/// The only span of a name.
pub fn named<'a>(spans: &'a [Span], name: &str) -> &'a Span {
    let mut named = spans.iter().filter(|span| span.name == name);
    let span = named.next().unwrap_or_else(|| panic!("no span {name}"));
    assert!(named.next().is_none(), "two spans {name}");
    span
}

/// The name of the parent of the only span of a name; `None` where it is not among them.
pub fn parent<'a>(spans: &'a [Span], name: &str) -> Option<&'a str> {
    let id = &named(spans, name).parent_span_id;
    spans.iter().find(|span| span.span_id == *id).map(|span| &*span.name)
}

/// Names of spans, sorted.
pub fn names(spans: &[Span]) -> Vec<&str> {
    let mut names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    names.sort_unstable();
    names
}

/// A call whose turn asks a database, in a span of the program's, which asks a model.
#[cekura::conversation(client = handle, call_id = "call-1", skip_all)]
pub fn call(handle: &Cekura, tracer: &SdkTracer) {
    turn(tracer);
}

/// A turn of it.
#[cekura::turn(skip_all)]
pub fn turn(tracer: &SdkTracer) {
    tracer.in_span("query", |context| {
        context.span().set_attribute(KeyValue::new("db.system", "postgres"));
        context.span().add_event("row", vec![KeyValue::new("at", 1)]);
        context.span().set_status(Status::Ok);
        ask("why?");
    });
}

/// The model.
#[cekura::llm(provider = "openai", model = "gpt-4o")]
pub fn ask(question: &str) -> String {
    question.to_owned()
}
