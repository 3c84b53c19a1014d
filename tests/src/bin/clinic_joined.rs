//! A clinic's service: takes calls and bookings over HTTP, and sends its traces to its own backend.

use axum::extract::{Path, State};
use axum::routing::{get, post};
use axum::{Router, serve};
use cekura_trace_tests::clinic::{Database, Model, WithoutHealthChecks, resource, stopped};
use cekura_trace_tests::host::CountingIds;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::error::Error;
use std::time::Duration;
use tokio::net::TcpListener;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

#[derive(Clone)]
struct Clinic {
    database: Database,
    model: Model,
}

#[tracing::instrument]
async fn health() -> &'static str {
    "well"
}

#[tracing::instrument(name = "GET /slots", skip_all, fields(otel.kind = "server"))]
async fn slots(State(clinic): State<Clinic>) -> String {
    clinic.database.free_time().await
}

#[tracing::instrument(name = "POST /calls", skip_all, fields(otel.kind = "server"))]
async fn call(State(clinic): State<Clinic>, Path(id): Path<String>, heard: String) -> String {
    clinic.answer(&id, &heard).await
}

impl Clinic {
    #[cekura::conversation(call_id = id)]
    async fn answer(&self, id: &str, heard: &str) -> String {
        tracing::info!(id, "the phone rings");
        let time = self.find_time(heard).await;
        self.think(&time).await
    }

    #[cekura::tool_call]
    async fn find_time(&self, wish: &str) -> String {
        tracing::info!(wish, "looking for a time");
        self.database.free_time().await
    }

    #[cekura::llm(provider = "openai", model = "gpt-4o")]
    async fn think(&self, prompt: &str) -> String {
        self.model.complete(prompt).await
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let cekura = cekura::Cekura::builder().build()?;
    let provider = SdkTracerProvider::builder()
        .with_resource(resource())
        .with_sampler(WithoutHealthChecks)
        .with_id_generator(CountingIds::default())
        .with_span_processor(cekura.processor())
        .with_batch_exporter(SpanExporter::builder().with_tonic().build()?)
        .build();
    cekura.attach(&provider)?;
    let tracing = tracing_opentelemetry::layer().with_tracer(provider.tracer("clinic"));
    tracing_subscriber::registry().with(tracing).init();

    let clinic = Clinic { database: Database, model: Model(provider.tracer("http client")) };
    let routes = Router::new()
        .route("/health", get(health))
        .route("/slots", get(slots))
        .route("/calls/{id}", post(call))
        .with_state(clinic);
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    println!("{}", listener.local_addr()?);
    serve(listener, routes).with_graceful_shutdown(stopped()).await?;
    cekura.shutdown(Duration::from_secs(5)).await;
    provider.shutdown()?;
    Ok(())
}
