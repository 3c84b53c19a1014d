//! Spans that lost their conversation: each is a root of its own, and one warning for its place in the code says what to
//! write. This binary has a handle that is the process's default, as a program has.

use cekura::{Cekura, Protocol};
use cekura_trace_tests::backend::{Backend, text};
use cekura_trace_tests::calls::{call, look_up};
use cekura_trace_tests::events::{heard, listen};
use cekura_trace_tests::handles::{LONG, to};
use cekura_trace_tests::tree::tree;
use std::sync::{Barrier, LazyLock};
use std::thread;
use tracing::Level;

static BACKEND: LazyLock<Backend> = LazyLock::new(Backend::new);
static HANDLE: LazyLock<Cekura> = LazyLock::new(|| {
    listen();
    to(&BACKEND, Protocol::Grpc).install().unwrap()
});

#[tokio::test]
async fn a_task_that_leaves_its_conversation_behind_is_a_trace_of_its_own() {
    LazyLock::force(&HANDLE);
    call("call-1".to_owned(), async {
        tokio::spawn(async { look_up("a task").await }).await.unwrap();
        thread::spawn(|| think("a thread")).join().unwrap();
        cekura::spawn(async { look_up("a carried task").await }).await.unwrap();
    })
    .await;
    HANDLE.flush(LONG).await;
    let ours = ["call-1", "a task", "a thread", "a carried task"];
    let mut spans = BACKEND.spans();
    spans.retain(|span| {
        let of = text(&span.attributes, "of").or(text(&span.attributes, "call_id"));
        of.is_some_and(|of| ours.contains(&of))
    });
    let lost = "tool_call\n  look_up_now\nllm\n";
    assert_eq!(tree(&spans), format!("conversation\n  tool_call\n    look_up_now\n{lost}"));
    let mut traces: Vec<_> = spans.iter().map(|span| &span.trace_id).collect();
    traces.sort();
    traces.dedup();
    assert_eq!(traces.len(), 3);
}

#[cekura::llm(skip_all, record("of" = id))]
fn think(id: &str) {}

#[test]
fn the_warning_says_where_and_what_to_write() {
    #[cekura::stt]
    fn transcribe() {}
    LazyLock::force(&HANDLE);
    transcribe();
    let told = heard("transcribe");
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].level, told[0].target.as_str()), (Level::WARN, "cekura"));
    let here = format!("at={}:{}:", file!(), line!() - 7);
    let parts =
        ["function=\"transcribe\"", &here, "`stt` span", "replace the runtime's spawn by cekura::spawn"];
    for part in parts.into_iter().chain(["cekura::context::carry(…)", "#[cekura::conversation]"]) {
        assert!(told[0].text.contains(part), "{part}: {told:?}");
    }
}

#[test]
fn of_spans_by_hand_it_names_the_place_too() {
    LazyLock::force(&HANDLE);
    for _ in 0..3 {
        cekura::spans::s2s().start().end();
    }
    cekura::spans::s2s().start().end();
    let told = heard("spans::s2s");
    let here = line!() - 2;
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0].text.contains(&format!("{}:{}:", file!(), here - 2)), "{told:?}");
    assert!(told[1].text.contains(&format!("{}:{here}:", file!())), "{told:?}");
}

#[test]
fn it_is_said_once_for_each_place_whoever_comes_first() {
    macro_rules! tools {
        ($($tool:ident)*) => { $(#[cekura::tool_call] fn $tool() {})* };
    }
    tools!(find_slot book_slot cancel_slot);
    LazyLock::force(&HANDLE);
    let all_at_once = Barrier::new(8);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                all_at_once.wait();
                for _ in 0..100 {
                    find_slot();
                    book_slot();
                    cancel_slot();
                }
            });
        }
    });
    for tool in ["find_slot", "book_slot", "cancel_slot"] {
        assert_eq!(heard(&format!("function={tool:?}")).len(), 1, "{tool}");
    }
}
