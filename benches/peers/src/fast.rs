//! Spans of fastrace, by its macro and by hand, whose values are text.

use super::{NAME, grpc};
use fastrace::collector::Config;
use fastrace::future::FutureExt;
use fastrace::prelude::{LocalSpan, Span, SpanContext};
use fastrace_opentelemetry::OpenTelemetryReporter;
use opentelemetry::InstrumentationScope;
use opentelemetry_sdk::Resource;
use std::borrow::Cow;
use worker::{Contender, Flush, INPUT, PLAIN, Pending, body, drive, keys};

pub(crate) const CONTENDERS: [Contender; 3] = [
    Contender { name: "fastrace", start, ..MACRO },
    Contender {
        name: "fastrace-hand",
        start,
        call: |tokens| by_hand(INPUT, tokens),
        call_async: |tokens, pending| drive(by_hand_async(INPUT, tokens, pending)),
        future: || size_of_val(&by_hand_async(INPUT, 0, 0)),
        ..MACRO
    },
    Contender { name: "fastrace-off", root: |work| work(), ..MACRO },
];

const MACRO: Contender = Contender {
    root: |work| {
        let root = Span::root("root", SpanContext::random());
        let _guard = root.set_local_parent();
        work();
    },
    turn: |work| {
        let _span = LocalSpan::enter_with_local_parent("turn");
        work();
    },
    call: |tokens| llm(INPUT, tokens),
    call_async: |tokens, pending| drive(llm_async(INPUT, tokens, pending)),
    future: || size_of_val(&llm_async(INPUT, 0, 0)),
    ..PLAIN
};

fn start(port: u16) -> Option<Flush> {
    let resource = Cow::Owned(Resource::builder().build());
    let scope = InstrumentationScope::builder("peers").build();
    fastrace::set_reporter(OpenTelemetryReporter::new(grpc(port), resource, scope), Config::default());
    Some(Box::new(fastrace::flush))
}

#[fastrace::trace(name = "llm", properties = {
    "gen_ai.provider.name": "openai",
    "gen_ai.operation.name": "chat",
    "input.value": "{input}",
    "gen_ai.usage.output_tokens": "{tokens}",
})]
#[inline(never)]
fn llm(input: &str, tokens: i64) -> i64 {
    body(input, tokens)
}

#[fastrace::trace(name = "llm", properties = {
    "gen_ai.provider.name": "openai",
    "gen_ai.operation.name": "chat",
    "input.value": "{input}",
    "gen_ai.usage.output_tokens": "{tokens}",
})]
async fn llm_async(input: &str, tokens: i64, pending: u32) -> i64 {
    Pending(pending).await;
    body(input, tokens)
}

fn properties(input: &str, tokens: i64) -> [(&'static str, Cow<'static, str>); 4] {
    [
        (keys::PROVIDER, "openai".into()),
        (keys::OPERATION, "chat".into()),
        (keys::INPUT, input.to_owned().into()),
        (keys::TOKENS, tokens.to_string().into()),
    ]
}

#[inline(never)]
fn by_hand(input: &str, tokens: i64) -> i64 {
    let _span = LocalSpan::enter_with_local_parent(NAME).with_properties(|| properties(input, tokens));
    body(input, tokens)
}

async fn by_hand_async(input: &str, tokens: i64, pending: u32) -> i64 {
    let span = Span::enter_with_local_parent(NAME).with_properties(|| properties(input, tokens));
    let work = async move {
        Pending(pending).await;
        body(input, tokens)
    };
    work.in_span(span).await
}
