//! One call in which a card's number comes up in every way that a program can record it, and one that is open when the first ends.
//! It is redacted if the first argument says so. After a flush it waits for a line on standard input.

use cekura::opentelemetry::trace::{Span as _, Status, TraceContextExt, Tracer};
use cekura::opentelemetry::{Array, Context, KeyValue, Value, global};
use cekura::{Cekura, Entry, Mode, Redact, current, current_conversation, spans};
use cekura_trace_tests::api::KEY;
use cekura_trace_tests::handles::{LONG, quick};
use futures::StreamExt;
use futures::executor::block_on;
use futures::stream::{self, Stream};
use serde::Serialize;
use serde_json::json;
use std::fmt;
use std::io::BufRead;
use std::panic::catch_unwind;
use std::time::Duration;
use tracing_subscriber::prelude::*;

const CARD: &str = "4111 1111 1111 1111";
const NUMBER: i64 = 4_111_111_111_111_111;

#[derive(Serialize)]
struct Payment {
    pan: u64,
    text: String,
    more: Vec<Option<(&'static str, String)>>,
}

struct Shown;

impl fmt::Debug for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Shown({CARD})")
    }
}

fn payment() -> Payment {
    let inner = json!({ "card": "4111-1111-1111-1111" }).to_string();
    Payment {
        pan: 4_111_111_111_111_111,
        text: format!("it is {CARD}"),
        more: vec![None, Some(("a", inner))],
    }
}

#[cekura::tool_call(debug(shown))]
fn pay(payment: &Payment, shown: Shown, number: i64, text: String) -> Result<Payment, String> {
    drop((shown, text));
    if number > 0 { Ok(self::payment()) } else { Err(format!("declined: {} {CARD}", payment.pan)) }
}

#[cekura::stt]
fn listen() -> String {
    "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1".to_owned()
}

#[cekura::llm(output = |token| token)]
fn answer(question: &str) -> impl Stream<Item = String> + use<> {
    drop(question.to_owned());
    stream::iter(["You said 4111 ", "1111 11", "11 1111."]).map(str::to_owned)
}

#[cekura::span]
fn fails() {
    panic!("no {CARD}");
}

fn through_the_api() {
    Context::map_current(|context| {
        let span = context.span();
        span.set_attribute(KeyValue::new("db.query.text", CARD));
        span.set_attribute(KeyValue::new("db.key", NUMBER));
        span.set_attribute(KeyValue::new("db.float", 4_111_111_111_111_111.0));
        span.set_attribute(KeyValue::new("db.keys", Value::Array(Array::String(vec![CARD.into()]))));
        span.set_attribute(KeyValue::new("db.numbers", Value::Array(Array::I64(vec![1, NUMBER]))));
        span.add_event(
            format!("seen {CARD}"),
            vec![KeyValue::new("pan", NUMBER), KeyValue::new("text", CARD)],
        );
        span.add_link(span.span_context().clone(), vec![KeyValue::new("pan", CARD)]);
        span.record_error(&std::io::Error::other(CARD));
        span.set_status(Status::error(CARD));
    });
    let mut of_host = global::tracer("shop").start(format!("GET /cards/{CARD}"));
    of_host.set_attribute(KeyValue::new("url.full", "https://shop.example/?pan=4111111111111111&x=1"));
    of_host.update_name(format!("GET /{CARD}"));
    of_host.end();
}

#[cekura::turn]
fn turn() {
    listen();
    block_on(answer(CARD).count());
    drop(pay(&payment(), Shown, NUMBER, CARD.to_owned()));
    drop(pay(&payment(), Shown, 0, CARD.to_owned()));
    drop(catch_unwind(fails));
    cekura::record("customer.pan", CARD);
    cekura::record("customer.number", NUMBER);
    current().record_json("customer.json", &payment());
    current().fail(CARD);
    through_the_api();
    tracing::info!(pan = NUMBER, text = CARD, "charging {CARD}\nand more of {CARD}");
    let by_hand = spans::tool_call("pay").arguments(&json!({ "pan": CARD })).input("who", CARD).start();
    by_hand.end();
    let call = current_conversation().unwrap_or_default();
    call.user(format!("my card is {CARD}"));
    call.entry(Entry::tool_call("call-1", "pay", json!({ "pan": NUMBER, "text": CARD })));
    call.entry(Entry::tool_result("call-1", "pay", payment()));
    call.metadata(json!({ "pan": CARD, "number": NUMBER, "inner": { "text": payment() } }));
    call.ended(format!("paid with {CARD}"));
}

#[cekura::conversation(client = handle, call_id = "call-1", observe, record("caller.pan" = CARD))]
fn conversation(handle: &Cekura, said: &str) {
    drop(said.to_owned());
    turn();
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [redacts, backend, api, spool] = arguments.try_into().expect("four arguments");
    // What the program prints itself is not looked at.
    std::panic::set_hook(Box::new(|_| {}));
    tracing_subscriber::registry().with(cekura::logs::capture()).init();
    let handle = Cekura::builder().variables(|_| None).mode(Mode::CloudAndLocal).timings(quick());
    let handle = handle.api_key(KEY).agent(5).otel_endpoint(backend).api_url(api).spool(spool).set_global();
    let handle = if redacts == "redact" { handle.redact(Redact::standard()) } else { handle };
    let handle = handle.build().unwrap();
    let open =
        spans::conversation().client(&handle).call_id("call-2").observe().record("caller.pan", CARD).start();
    let mut stt = spans::stt().parent(&open).start();
    stt.transcript(CARD);
    stt.end();
    conversation(&handle, CARD);
    println!("{}", handle.flush_blocking(Duration::from_secs(2)));
    std::io::stdin().lock().read_line(&mut String::new()).unwrap();
    open.end();
    println!("{}", handle.shutdown_blocking(LONG));
}
