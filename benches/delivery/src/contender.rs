//! The set-ups that are compared, by name: each is a way to record conversations.

use opentelemetry::KeyValue;
use opentelemetry::trace::{
    Span as _, TraceContextExt as _, Tracer as _, TracerProvider as _, mark_span_as_active,
};
use opentelemetry_otlp::{Protocol, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SdkTracer, SdkTracerProvider, SpanData, SpanExporter,
};
use std::hint::black_box;
use std::mem::replace;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

const PROMPT: &str = "please summarise the call for the agent.";
const PATIENCE: Duration = Duration::from_secs(60);

/// What became of the spans so far.
pub struct Fate {
    pub delivered: u64,
    /// Lost and said to be.
    pub dropped: u64,
}

pub trait Contender {
    /// Records a conversation: a root, and so many spans in it with four attributes each.
    fn conversation(&self, spans: u64);

    /// Opens a conversation that stays open; each call of what comes back records one more span in it.
    fn open(&self) -> Box<dyn FnMut() + '_>;

    fn fate(&self) -> Fate;

    /// Waits until everything has its fate.
    fn flush(&self);

    /// How many spans may wait without any being dropped.
    fn room(&self) -> u64;
}

pub fn contender(name: &str, protocol: &str, port: &str) -> Box<dyn Contender> {
    match name {
        "cekura" => Box::new(Cekura::new(protocol, port, false, false)),
        "cekura_sampled" => Box::new(Cekura::new(protocol, port, true, false)),
        "cekura_gzip" => Box::new(Cekura::new(protocol, port, false, true)),
        "cekura_sampled_gzip" => Box::new(Cekura::new(protocol, port, true, true)),
        "stock" => Box::new(Stock::new(protocol, port, 2048)),
        "stock_64k" => Box::new(Stock::new(protocol, port, 65_536)),
        other => panic!(
            "{other} is none of cekura, cekura_sampled, cekura_gzip, cekura_sampled_gzip, stock, stock_64k"
        ),
    }
}

#[inline(never)]
fn body(prompt: &str, tokens: i64) -> i64 {
    black_box(prompt.len() as i64 + tokens)
}

/// This crate, as it is used.
struct Cekura(cekura::Cekura);

impl Cekura {
    fn new(protocol: &str, port: &str, is_sampled: bool, is_compressed: bool) -> Self {
        let protocol = if protocol == "grpc" { cekura::Protocol::Grpc } else { cekura::Protocol::Http };
        let compression = if is_compressed { cekura::Compression::Gzip } else { cekura::Compression::None };
        let mut builder = cekura::Cekura::builder().service_name("bench").protocol(protocol);
        builder = builder.compression(compression);
        if is_sampled {
            // As `CEKURA_SAMPLE=0.1`.
            builder = builder.sampling(cekura::Sampling::keep(0.1).errors().interrupted());
        }
        Self(builder.otel_endpoint(format!("http://127.0.0.1:{port}")).install().expect("a valid set-up"))
    }
}

#[cekura::conversation(skip_all)]
fn conversation(spans: u64) {
    for number in 0..spans {
        black_box(llm(black_box(PROMPT), number as i64));
    }
}

#[cekura::conversation(skip_all)]
async fn open_conversation() {
    for number in 0.. {
        black_box(llm(black_box(PROMPT), number));
        Once(false).await;
    }
}

/// Pending once, then ready.
struct Once(bool);

impl Future for Once {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        if replace(&mut self.0, true) { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[cekura::span(
    name = "llm",
    skip_all,
    skip_output,
    record(
        "gen_ai.provider.name" = "openai",
        "gen_ai.operation.name" = "chat",
        "input.value" = prompt,
        "gen_ai.usage.output_tokens" = tokens
    )
)]
#[inline(never)]
fn llm(prompt: &str, tokens: i64) -> i64 {
    body(prompt, tokens)
}

impl Contender for Cekura {
    fn conversation(&self, spans: u64) {
        conversation(spans);
    }

    fn open(&self) -> Box<dyn FnMut() + '_> {
        let mut conversation = Box::pin(open_conversation());
        let mut task = Context::from_waker(Waker::noop());
        Box::new(move || assert!(conversation.as_mut().poll(&mut task).is_pending()))
    }

    fn fate(&self) -> Fate {
        let ledger = self.0.ledger();
        Fate { delivered: ledger.delivered, dropped: ledger.lost() }
    }

    fn flush(&self) {
        self.0.flush_blocking(PATIENCE);
    }

    fn room(&self) -> u64 {
        // 32 MiB, of which spans get seven eighths, at less than 256 bytes for one of these.
        100_000
    }
}

/// OpenTelemetry by hand: the SDK's batch processor and its exporter.
struct Stock {
    provider: SdkTracerProvider,
    tracer: SdkTracer,
    tally: Arc<Tally>,
    queue: usize,
    /// Where tonic runs.
    _runtime: tokio::runtime::Runtime,
}

#[derive(Debug, Default)]
struct Tally {
    sent: AtomicU64,
    failed: AtomicU64,
}

/// The exporter, and how often it succeeded: nothing else of the stock pipeline says.
#[derive(Debug)]
struct Counted {
    inner: opentelemetry_otlp::SpanExporter,
    tally: Arc<Tally>,
}

impl SpanExporter for Counted {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        let count = batch.len() as u64;
        let result = self.inner.export(batch).await;
        if result.is_ok() { &self.tally.sent } else { &self.tally.failed }.fetch_add(count, Relaxed);
        result
    }

    fn shutdown_with_timeout(&self, timeout: Duration) -> OTelSdkResult {
        self.inner.shutdown_with_timeout(timeout)
    }

    fn set_resource(&mut self, resource: &Resource) {
        self.inner.set_resource(resource);
    }
}

impl Stock {
    fn new(protocol: &str, port: &str, queue: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
        let runtime = runtime.expect("a runtime");
        let inner = if protocol == "grpc" {
            let _inside = runtime.enter();
            let builder = opentelemetry_otlp::SpanExporter::builder().with_tonic();
            builder.with_endpoint(format!("http://127.0.0.1:{port}")).build()
        } else {
            let builder =
                opentelemetry_otlp::SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
            builder.with_endpoint(format!("http://127.0.0.1:{port}/v1/traces")).build()
        };
        let tally = Arc::<Tally>::default();
        let exporter = Counted { inner: inner.expect("an exporter"), tally: tally.clone() };
        let settings = BatchConfigBuilder::default().with_max_queue_size(queue).build();
        let processor = BatchSpanProcessor::builder(exporter).with_batch_config(settings).build();
        let provider = SdkTracerProvider::builder()
            .with_span_processor(processor)
            .with_resource(Resource::builder().with_service_name("bench").build())
            .build();
        let tracer = provider.tracer("bench");
        Self { provider, tracer, tally, queue, _runtime: runtime }
    }

    #[inline(never)]
    fn llm(&self, prompt: &str, tokens: i64) -> i64 {
        let mut span = self.tracer.start("llm");
        span.set_attribute(KeyValue::new("gen_ai.provider.name", "openai"));
        span.set_attribute(KeyValue::new("gen_ai.operation.name", "chat"));
        span.set_attribute(KeyValue::new("input.value", prompt.to_owned()));
        span.set_attribute(KeyValue::new("gen_ai.usage.output_tokens", tokens));
        let _current = mark_span_as_active(span);
        body(prompt, tokens)
    }
}

impl Contender for Stock {
    fn conversation(&self, spans: u64) {
        let _current = mark_span_as_active(self.tracer.start("conversation"));
        for number in 0..spans {
            black_box(self.llm(black_box(PROMPT), number as i64));
        }
    }

    fn open(&self) -> Box<dyn FnMut() + '_> {
        let conversation = opentelemetry::Context::new().with_span(self.tracer.start("conversation"));
        let mut number = 0;
        Box::new(move || {
            let _current = conversation.clone().attach();
            number += 1;
            black_box(self.llm(black_box(PROMPT), number));
        })
    }

    fn fate(&self) -> Fate {
        let [delivered, dropped] = [&self.tally.sent, &self.tally.failed].map(|count| count.load(Relaxed));
        Fate { delivered, dropped }
    }

    fn flush(&self) {
        // It fails where an export has failed, which the tally says.
        drop(self.provider.force_flush());
    }

    fn room(&self) -> u64 {
        self.queue as u64 * 3 / 4
    }
}
