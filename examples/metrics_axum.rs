//! An axum service that serves the metrics of its calls at a route of its own, beside its other routes.

use axum::Router;
use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::{get, post};
use cekura::Metrics;
use std::time::Duration;
use tokio::net::TcpListener;

#[cekura::conversation]
async fn answer_call() -> &'static str {
    think("When do you open?").await
}

#[cekura::llm(provider = "openai", model = "gpt-4o")]
async fn think(question: &str) -> &'static str {
    tokio::time::sleep(Duration::from_millis(60)).await;
    if question.contains("open") { "At eight o'clock." } else { "Pardon?" }
}

/// What Prometheus scrapes. Let nobody else reach it: put it behind what guards your other inner routes.
async fn metrics(State(metrics): State<Metrics>) -> impl IntoResponse {
    ([(CONTENT_TYPE, Metrics::CONTENT_TYPE)], metrics.openmetrics())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cekura = cekura::Cekura::builder().local_without_key().install()?;
    let router = Router::new().route("/calls", post(answer_call)).route("/metrics", get(metrics));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let server = axum::serve(listener, router.with_state(cekura.metrics()));
    tokio::spawn(async move { server.await });

    // A service would run from here on; this one takes three calls and is scraped once.
    // `async-openai` has this client built without a TLS provider. An error means that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::new();
    for _ in 0..3 {
        client.post(format!("http://{address}/calls")).send().await?.error_for_status()?;
    }
    cekura.flush(Duration::from_secs(5)).await;
    let scraped = client.get(format!("http://{address}/metrics")).send().await?.text().await?;
    for line in scraped.lines().filter(|line| line.starts_with("llm_duration_seconds")) {
        println!("{line}");
    }
    cekura.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
