//! `code.function.name`: which function a span stands for.

use cekura::testing::capture;
use futures::Stream;
use futures::stream;

mod inner {
    #[cekura::llm(model = "gpt-4o")]
    pub(super) fn ask() {}

    pub(super) struct Agent;

    impl Agent {
        #[cekura::llm(model = "gpt-4o")]
        pub(super) async fn answer(&self) {}
    }
}

#[cekura::tool_call(name = "find-slot")]
fn r#where() {}

#[cekura::span]
fn items() -> impl Stream<Item = u8> {
    stream::empty()
}

#[test]
fn every_span_says_which_function_it_is() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let trace = capture(|| {
        inner::ask();
        runtime.block_on(inner::Agent.answer());
        r#where();
        drop(items());
        cekura::spans::llm().start().end();
    });
    let places: Vec<_> = trace.spans().iter().map(|span| span.text("code.function.name")).collect();
    let here = "arguments::arguments::places";
    let place = |name: &str| format!("{here}::{name}");
    assert_eq!(
        places,
        [
            Some(&*place("inner::ask")),
            Some(&*place("inner::answer")),
            Some(&*place("where")),
            Some(&*place("items")),
            None, // By hand there is no function.
        ]
    );
}

#[test]
fn who_records_it_himself_is_believed() {
    #[cekura::span(record("code.function.name" = "Agent::ask"))]
    fn ask() {}
    let trace = capture(ask);
    assert_eq!(trace.spans()[0].text("code.function.name"), Some("Agent::ask"));
}
