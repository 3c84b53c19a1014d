//! Spans written by hand with opentelemetry's API and made by its SDK.

use super::{NAME, grpc, http, provider, tracer};
use opentelemetry::global::{self, BoxedTracer};
use opentelemetry::trace::{FutureExt, Span, TraceContextExt, Tracer, mark_span_as_active};
use opentelemetry::{Context, KeyValue};
use std::sync::LazyLock;
use worker::{Contender, INPUT, PLAIN, Pending, body, drive, keys};

pub const CONTENDERS: [Contender; 3] = [
    Contender { name: "otel-grpc", start: |port| provider(grpc(port)).1, ..HAND },
    Contender { name: "otel-http", start: |port| provider(http(port)).1, ..HAND },
    Contender {
        name: "otel-off",
        root: |work| scope(&*OFF, "root", work),
        turn: |work| scope(&*OFF, "turn", work),
        call: |tokens| call(&*OFF, INPUT, tokens),
        call_async: |tokens, pending| drive(call_async(&*OFF, INPUT, tokens, pending)),
        future: || size_of_val(&call_async(&*OFF, INPUT, 0, 0)),
        ..PLAIN
    },
];

const HAND: Contender = Contender {
    root: |work| scope(tracer(), "root", work),
    turn: |work| scope(tracer(), "turn", work),
    call: |tokens| call(tracer(), INPUT, tokens),
    call_async: |tokens, pending| drive(call_async(tracer(), INPUT, tokens, pending)),
    future: || size_of_val(&call_async(tracer(), INPUT, 0, 0)),
    ..PLAIN
};

/// The tracer of a process that has set no provider.
static OFF: LazyLock<BoxedTracer> = LazyLock::new(|| global::tracer("peers"));

fn scope<T: Tracer>(tracer: &T, name: &'static str, work: &mut dyn FnMut())
where
    T::Span: Send + Sync + 'static,
{
    let _guard = mark_span_as_active(tracer.start(name));
    work();
}

/// A root span that is the current one where its context is attached.
pub fn root() -> Context {
    Context::current_with_span(tracer().start("root"))
}

fn open<T: Tracer>(tracer: &T, input: &str, tokens: i64) -> T::Span {
    let mut span = tracer.start(NAME);
    span.set_attribute(KeyValue::new(keys::PROVIDER, "openai"));
    span.set_attribute(KeyValue::new(keys::OPERATION, "chat"));
    span.set_attribute(KeyValue::new(keys::INPUT, input.to_owned()));
    span.set_attribute(KeyValue::new(keys::TOKENS, tokens));
    span
}

#[inline(never)]
fn call<T: Tracer>(tracer: &T, input: &str, tokens: i64) -> i64
where
    T::Span: Send + Sync + 'static,
{
    let _guard = mark_span_as_active(open(tracer, input, tokens));
    body(input, tokens)
}

async fn call_async<T: Tracer>(tracer: &T, input: &str, tokens: i64, pending: u32) -> i64
where
    T::Span: Send + Sync + 'static,
{
    let span = open(tracer, input, tokens);
    let work = async move {
        Pending(pending).await;
        body(input, tokens)
    };
    work.with_context(Context::current_with_span(span)).await
}
