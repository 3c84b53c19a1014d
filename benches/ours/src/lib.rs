//! A contender that traces with this crate's public attributes and sends to a port of this machine.

use cekura::{CaptureContent, Protocol};
use std::time::Duration;
use worker::{Contender, Flush, INPUT, PLAIN, Pending, body, drive};

pub const CONTENDERS: [Contender; 8] = [
    PLAIN,
    Contender {
        name: "cekura-grpc",
        start: |port| start(port, Protocol::Grpc, CaptureContent::Full),
        ..SPAN
    },
    Contender {
        name: "cekura-http",
        start: |port| start(port, Protocol::Http, CaptureContent::Full),
        ..SPAN
    },
    Contender { name: "cekura-off", start: |_| None, ..SPAN },
    Contender { name: "cekura-llm", start: |port| start(port, Protocol::Grpc, CaptureContent::Full), ..LLM },
    Contender {
        name: "cekura-llm-metadata",
        start: |port| start(port, Protocol::Grpc, CaptureContent::Metadata),
        ..LLM
    },
    Contender {
        name: "cekura-tool",
        start: |port| start(port, Protocol::Grpc, CaptureContent::Full),
        ..TOOL
    },
    Contender {
        name: "cekura-tool-metadata",
        start: |port| start(port, Protocol::Grpc, CaptureContent::Metadata),
        ..TOOL
    },
];

/// A span with four span attributes.
pub const SPAN: Contender = Contender {
    call: |tokens| span(INPUT, tokens),
    call_async: |tokens, pending| drive(span_async(INPUT, tokens, pending)),
    future: || size_of_val(&span_async(INPUT, 0, 0)),
    root: conversation,
    turn,
    ..PLAIN
};

const LLM: Contender = Contender {
    call: |tokens| llm(INPUT, tokens),
    call_async: |tokens, pending| drive(llm_async(INPUT, tokens, pending)),
    future: || size_of_val(&llm_async(INPUT, 0, 0)),
    ..SPAN
};

const TOOL: Contender = Contender {
    call: |tokens| tool(INPUT, tokens),
    call_async: |tokens, pending| drive(tool_async(INPUT, tokens, pending)),
    future: || size_of_val(&tool_async(INPUT, 0, 0)),
    ..SPAN
};

fn start(port: u16, protocol: Protocol, capture: CaptureContent) -> Option<Flush> {
    let builder = cekura::Cekura::builder().otel_endpoint(format!("http://127.0.0.1:{port}"));
    let cekura = builder.protocol(protocol).capture(capture).install().expect("a valid set-up");
    Some(Box::new(move || drop(cekura.flush_blocking(Duration::from_secs(30)))))
}

#[cekura::conversation(skip_all)]
fn conversation(work: &mut dyn FnMut()) {
    work();
}

#[cekura::turn(skip_all)]
fn turn(work: &mut dyn FnMut()) {
    work();
}

#[cekura::span(
    name = "llm",
    skip_all,
    skip_output,
    record(
        "gen_ai.provider.name" = "openai",
        "gen_ai.operation.name" = "chat",
        "input.value" = input,
        "gen_ai.usage.output_tokens" = tokens
    )
)]
#[inline(never)]
pub fn span(input: &str, tokens: i64) -> i64 {
    body(input, tokens)
}

#[cekura::span(
    name = "llm",
    skip_all,
    skip_output,
    record(
        "gen_ai.provider.name" = "openai",
        "gen_ai.operation.name" = "chat",
        "input.value" = input,
        "gen_ai.usage.output_tokens" = tokens
    )
)]
async fn span_async(input: &str, tokens: i64, pending: u32) -> i64 {
    Pending(pending).await;
    body(input, tokens)
}

#[cekura::llm(provider = "openai", model = "gpt-4o", output_tokens = |tokens| *tokens)]
#[inline(never)]
fn llm(prompt: &str, tokens: i64) -> i64 {
    body(prompt, tokens)
}

#[cekura::llm(provider = "openai", model = "gpt-4o", output_tokens = |tokens| *tokens)]
async fn llm_async(prompt: &str, tokens: i64, _pending: u32) -> i64 {
    Pending(_pending).await;
    body(prompt, tokens)
}

#[cekura::tool_call]
#[inline(never)]
fn tool(query: &str, limit: i64) -> i64 {
    body(query, limit)
}

#[cekura::tool_call]
async fn tool_async(query: &str, limit: i64, _pending: u32) -> i64 {
    Pending(_pending).await;
    body(query, limit)
}
