//! The contenders of `parts.sh`: a span of some kind, with redaction and without. Their names are the span's, and `redact`.

use cekura::{Builder, Cekura, Redact};
use ours::SPAN;
use std::time::Duration;
use worker::{Contender, Flush, body};

fn main() {
    worker::serve(&CONTENDERS, None);
}

const CONTENDERS: [Contender; 10] = [
    of("span", none, SPAN),
    of("span redact", redact, SPAN),
    of("llm", none, LLM),
    of("llm redact", redact, LLM),
    of("personal", none, PERSONAL),
    of("personal redact", redact, PERSONAL),
    of("chat", none, CHAT),
    of("chat redact", redact, CHAT),
    of("numbers", none, NUMBERS),
    of("numbers redact", redact, NUMBERS),
];

const fn of(name: &'static str, start: fn(u16) -> Option<Flush>, span: Contender) -> Contender {
    Contender { name, start, ..span }
}

const LLM: Contender = Contender { call: |tokens| llm(PROMPT, tokens), ..SPAN };
const PERSONAL: Contender = Contender { call: |tokens| llm(PERSONAL_PROMPT, tokens), ..SPAN };
const CHAT: Contender = Contender { call: |tokens| chat(&[PROMPT; 10], tokens), ..SPAN };
/// Full of numbers.
const NUMBERS: Contender = Contender { call: |tokens| chat(&[NUMBERS_PROMPT; 10], tokens), ..SPAN };

/// 100 bytes.
const PROMPT: &str =
    "I would like an appointment next Tuesday afternoon, if there is anything free before four o'clock...";
const PERSONAL_PROMPT: &str =
    "Please call me back at +1 415 555 0134, or write to anna.miller@example.com if the line is busy now.";
const NUMBERS_PROMPT: &str =
    "Order 4711 of 2026-11-30 10:15: 2 x 49.90 EUR for room 12, gate B7; it is version 1.4.2, as of page 3.";

fn none(port: u16) -> Option<Flush> {
    start(port, |builder| builder)
}

fn redact(port: u16) -> Option<Flush> {
    start(port, |builder| builder.redact(Redact::standard()))
}

fn start(port: u16, with: fn(Builder) -> Builder) -> Option<Flush> {
    let builder = Cekura::builder().otel_endpoint(format!("http://127.0.0.1:{port}"));
    let cekura = with(builder).install().expect("a valid set-up");
    Some(Box::new(move || drop(cekura.flush_blocking(Duration::from_secs(30)))))
}

#[cekura::llm(provider = "openai", model = "gpt-4o", output_tokens = |tokens| *tokens)]
#[inline(never)]
fn llm(prompt: &str, tokens: i64) -> i64 {
    body(prompt, tokens)
}

#[cekura::llm(provider = "openai", model = "gpt-4o", output_tokens = |tokens| *tokens)]
#[inline(never)]
fn chat(messages: &[&str], tokens: i64) -> i64 {
    body(messages[0], tokens)
}
