//! A program whose handle is missing where its functions run. Its argument says how. It prints what the library tells its
//! `tracing` subscriber, and what `doctor()` says of the handle.

use cekura::{Builder, Cekura};
use cekura_trace_tests::events;

#[cekura::llm(provider = "openai", record("asked" = { println!("an argument was looked at"); 1 }))]
fn ask(question: &str) -> usize {
    question.len()
}

#[cekura::tool_call]
async fn look_up(name: &str) -> usize {
    name.len()
}

#[cekura::conversation(client = handle, skip_all)]
fn named(handle: &Cekura) -> usize {
    ask("inside")
}

#[cekura::conversation]
fn unnamed() -> usize {
    ask("inside")
}

fn builder() -> Builder {
    Cekura::builder().api_key("a-key-of-some-length").agent(7).otel_endpoint("http://127.0.0.1:9")
}

fn lets_go() {
    let _kept_until_the_end_of_this_function = builder().install().unwrap();
}

fn main() {
    events::listen();
    match std::env::args().nth(1).unwrap().as_str() {
        "never" => {}
        "by hand" => cekura::spans::llm().provider("openai").start().end(),
        // Off is the setting CEKURA_TRACER_ENABLED.
        "dropped at once" | "off" => drop(builder().install().unwrap()),
        "let go by a function" => lets_go(),
        "built" => std::mem::forget(builder().build().unwrap()),
        "built, for a conversation" => {
            std::mem::forget(builder().build().unwrap());
            unnamed();
        }
        "built and named" => drop(named(&builder().build().unwrap())),
        "installed" => std::mem::forget(builder().install().unwrap()),
        "used, then dropped" => {
            let handle = builder().install().unwrap();
            unnamed();
            drop(handle);
        }
        "none, but a capture" => drop(cekura::testing::capture(unnamed)),
        other => panic!("no such program: {other}"),
    }
    for _ in 0..3 {
        ask("where is my order?");
        unnamed();
        let _ = futures::executor::block_on(look_up("4712"));
        std::thread::spawn(|| ask("and mine?")).join().unwrap();
    }
    for heard in events::heard("an annotated function") {
        println!("{} {}: {}", heard.level, heard.target, heard.text);
    }
    for problem in builder().otel_endpoint("http://127.0.0.1:9").doctor().problems() {
        if problem.starts_with("handle") {
            println!("{problem}");
        }
    }
}
