//! The agent traced by tracing, over gRPC or HTTP as the environment says.

use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::SpanExporter;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::error::Error;
use tracing_subscriber::layer::SubscriberExt;

#[path = "../../agent.rs"]
mod agent;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let is_http = std::env::var("OTEL_EXPORTER_OTLP_PROTOCOL").is_ok_and(|protocol| protocol.starts_with("http"));
    let exporter = match is_http {
        true => SpanExporter::builder().with_http().build()?,
        false => SpanExporter::builder().with_tonic().build()?,
    };
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("agent"));
    tracing::subscriber::set_global_default(tracing_subscriber::registry().with(layer))?;
    let spoken = agent::call("call-42", &[b"where is my order"]).await;
    println!("{spoken:?}");
    provider.shutdown()?;
    Ok(())
}
