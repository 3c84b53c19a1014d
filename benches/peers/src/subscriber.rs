//! Spans of `#[tracing::instrument]` that tracing-opentelemetry makes.

use super::{grpc, provider, tracer};
use opentelemetry_sdk::trace::SdkTracer;
use tracing_opentelemetry::OpenTelemetryLayer;
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::{Registry, layer::SubscriberExt};
use worker::{Contender, Flush, INPUT, PLAIN, Pending, body, drive};

pub(crate) const CONTENDERS: [Contender; 3] = [
    Contender { name: "tracing", start: |port| start(port, |layer| layer), ..INSTRUMENT },
    Contender {
        name: "tracing-lean",
        start: |port| {
            start(port, |layer| {
                let layer = layer.with_location(false).with_threads(false).with_target(false);
                layer.with_level(false).with_tracked_inactivity(false)
            })
        },
        ..INSTRUMENT
    },
    Contender { name: "tracing-off", ..INSTRUMENT },
];

const INSTRUMENT: Contender = Contender {
    root: |work| tracing::info_span!("root").in_scope(work),
    turn: |work| tracing::info_span!("turn").in_scope(work),
    call: |tokens| llm(INPUT, tokens),
    call_async: |tokens, pending| drive(llm_async(INPUT, tokens, pending)),
    future: || size_of_val(&llm_async(INPUT, 0, 0)),
    ..PLAIN
};

type Layer = OpenTelemetryLayer<Registry, SdkTracer>;

fn start(port: u16, set_up: fn(Layer) -> Layer) -> Option<Flush> {
    let (_, flush) = provider(grpc(port));
    let layer = set_up(tracing_opentelemetry::layer().with_tracer(tracer().clone()));
    // Without it the spans of the exporter's own HTTP/2 are exported too.
    let subscriber = tracing_subscriber::registry().with(layer).with(LevelFilter::INFO);
    tracing::subscriber::set_global_default(subscriber).expect("one subscriber");
    flush
}

#[tracing::instrument(name = "llm", skip_all, fields(
    gen_ai.provider.name = "openai",
    gen_ai.operation.name = "chat",
    input.value = input,
    gen_ai.usage.output_tokens = tokens,
))]
#[inline(never)]
fn llm(input: &str, tokens: i64) -> i64 {
    body(input, tokens)
}

#[tracing::instrument(name = "llm", skip_all, fields(
    gen_ai.provider.name = "openai",
    gen_ai.operation.name = "chat",
    input.value = input,
    gen_ai.usage.output_tokens = tokens,
))]
async fn llm_async(input: &str, tokens: i64, pending: u32) -> i64 {
    Pending(pending).await;
    body(input, tokens)
}
