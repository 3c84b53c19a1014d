//! What a small service works with, each part making spans of its own as real libraries do: a database client
//! through `tracing`, an HTTP client through OpenTelemetry.

use opentelemetry::trace::{Link, SpanKind, TraceContextExt, TraceId, TraceState, Tracer};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SamplingDecision, SamplingResult, SdkTracer, ShouldSample};
use std::io::Read;
use tokio::task::yield_now;

/// A database of free times.
#[derive(Clone, Debug, Default)]
pub struct Database;

impl Database {
    /// Asks for the first free time.
    #[tracing::instrument(name = "SELECT slots", skip_all, fields(otel.kind = "client", db.system.name = "sqlite"))]
    pub async fn free_time(&self) -> String {
        yield_now().await;
        Self::read_row()
    }

    #[tracing::instrument]
    fn read_row() -> String {
        "14:00".to_owned()
    }
}

/// A client of a model behind HTTP.
#[derive(Clone, Debug)]
pub struct Model(pub SdkTracer);

impl Model {
    /// Asks the model.
    pub async fn complete(&self, prompt: &str) -> String {
        let span = self.0.span_builder("POST /v1/chat").with_kind(SpanKind::Client);
        let span =
            span.with_attributes([KeyValue::new("server.address", "models.example.com")]).start(&self.0);
        let request = Context::current_with_span(span);
        yield_now().await;
        request.span().set_attribute(KeyValue::new("http.response.status_code", 200));
        format!("We have {prompt}.")
    }
}

/// Leaves out what a health check does.
#[derive(Clone, Debug)]
pub struct WithoutHealthChecks;

impl ShouldSample for WithoutHealthChecks {
    fn should_sample(
        &self,
        parent: Option<&Context>,
        _: TraceId,
        name: &str,
        _: &SpanKind,
        _: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        let parent = parent.filter(|parent| parent.has_active_span());
        let is_left_out =
            parent.map_or(name == "health", |parent| !parent.span().span_context().is_sampled());
        let decision = if is_left_out { SamplingDecision::Drop } else { SamplingDecision::RecordAndSample };
        SamplingResult { decision, attributes: Vec::new(), trace_state: TraceState::NONE }
    }
}

/// Who the spans come from.
pub fn resource() -> Resource {
    Resource::builder_empty()
        .with_service_name("clinic")
        .with_attribute(KeyValue::new("team", "voice"))
        .build()
}

/// Ends when the standard input does.
pub async fn stopped() {
    let stopped = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    stopped.await.unwrap().unwrap();
}
