//! Spans of otel-instrument, which wants a `Result` and identifiers as keys, and writes values as `{:?}`.

use super::{grpc, provider, tracer};
use opentelemetry::global;
use opentelemetry::trace::{Tracer, mark_span_as_active};
use otel_instrument::{instrument, tracer_name};
use worker::{Contender, INPUT, Pending, body, drive};

pub(crate) const CONTENDERS: [Contender; 1] = [Contender {
    name: "otel-instrument",
    start: |port| {
        let (provider, flush) = provider(grpc(port));
        global::set_tracer_provider(provider);
        flush
    },
    root: |work| scope("root", work),
    turn: |work| scope("turn", work),
    call: |tokens| llm(INPUT, tokens).unwrap_or_default(),
    call_async: |tokens, pending| drive(llm_async(INPUT, tokens, pending)).unwrap_or_default(),
    future: || size_of_val(&llm_async(INPUT, 0, 0)),
}];

tracer_name!("peers");

fn scope(name: &'static str, work: &mut dyn FnMut()) {
    let _guard = mark_span_as_active(tracer().start(name));
    work();
}

#[instrument(name = "llm", skip_all, fields(provider = "openai", operation = "chat", input = input, output_tokens = tokens))]
fn llm(input: &str, tokens: i64) -> Result<i64, ()> {
    Ok(body(input, tokens))
}

#[instrument(name = "llm", skip_all, fields(provider = "openai", operation = "chat", input = input, output_tokens = tokens))]
async fn llm_async(input: &str, tokens: i64, pending: u32) -> Result<i64, ()> {
    Pending(pending).await;
    Ok(body(input, tokens))
}
