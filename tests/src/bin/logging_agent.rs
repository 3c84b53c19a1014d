//! A program that writes its log as `cekura::logs::json()` does, on standard output: one call, or as many at once as its second
//! argument says. The first one is where its spans go.

use cekura::{Cekura, Protocol};
use cekura_trace_tests::handles::{LONG, at};
use std::sync::Arc;
use tokio::task::yield_now;
use tracing::{info, info_span, warn};

#[cekura::tool_call]
fn book(day: &str) {
    let span = info_span!("slot", day, seats = 2, vip = true, who = %"Jane Doe", free = "a \"b\"\tc");
    let _inside = span.enter();
    info!(day = "wednesday", price = 4.5, note = "said \"yes\"\nand left", "booked");
    warn!(error = ?Err::<(), _>("full"), r#type = "late", turn = 9, "not\n\"booked\"");
}

#[cekura::turn]
fn turn(day: &str) {
    book(day);
    info!("{day} is done");
}

#[cekura::conversation(client = handle, call_id = "call-42")]
fn one(handle: &Cekura) {
    info!("hello");
    turn("tuesday");
}

/// Says in each line where it is written, from wherever the runtime has its task just now.
fn say(call: &str, place: &str) {
    info!(call, place, "here");
}

#[cekura::llm]
async fn answer(call: &str) {
    say(call, "llm");
    yield_now().await;
    say(call, "llm");
}

#[cekura::turn]
async fn talk(call: &str) {
    say(call, "turn");
    let own = call.to_owned();
    let aside = cekura::spawn(async move { answer(&own).await });
    answer(call).await;
    say(call, "turn");
    aside.await.unwrap();
}

#[cekura::conversation(client = handle, call_id = call)]
async fn many(handle: Arc<Cekura>, call: String) {
    for _ in 0..3 {
        say(&call, "conversation");
        talk(&call).await;
        yield_now().await;
    }
}

fn main() {
    tracing_subscriber::fmt().event_format(cekura::logs::json()).init();
    info!(port = 8080, "listening");
    let [url, calls] = std::env::args().skip(1).collect::<Vec<_>>().try_into().expect("two arguments");
    let handle = Arc::new(at(&url, Protocol::Grpc).build().unwrap());
    match calls.parse().unwrap() {
        1 => one(&handle),
        calls => {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(4).build().unwrap();
            runtime.block_on(async {
                let call = |number| tokio::spawn(many(handle.clone(), format!("call-{number}")));
                for call in (0..calls).map(call).collect::<Vec<_>>() {
                    call.await.unwrap();
                }
            });
        }
    }
    assert_eq!(handle.shutdown_blocking(LONG).lost(), 0);
}
