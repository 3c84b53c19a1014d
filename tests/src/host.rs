//! A program's own OpenTelemetry: spans that its tracer provider makes come in and are kept. This file does not know
//! Cekura.

use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracerProvider, SpanData, SpanExporter};
use std::sync::{Arc, Mutex};

/// The spans that a tracer provider has exported.
#[derive(Clone, Debug, Default)]
pub struct Kept(Arc<Mutex<Vec<SpanData>>>);

impl Kept {
    /// A tracer provider that exports here.
    pub fn provider(&self) -> SdkTracerProvider {
        SdkTracerProvider::builder().with_simple_exporter(self.clone()).build()
    }

    /// All spans, by end.
    pub fn spans(&self) -> Vec<SpanData> {
        self.0.lock().unwrap().clone()
    }

    /// The only span of a name.
    pub fn span(&self, name: &str) -> SpanData {
        let mut spans = self.spans();
        spans.retain(|span| span.name == name);
        assert_eq!(spans.len(), 1, "spans named {name} among {:?}", self.names());
        spans.remove(0)
    }

    /// Names of all spans, sorted.
    pub fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = self.spans().iter().map(|span| span.name.to_string()).collect();
        names.sort();
        names
    }
}

impl SpanExporter for Kept {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        self.0.lock().unwrap().extend(batch);
        Ok(())
    }
}
