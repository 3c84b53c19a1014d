//! What is too large for a call log: the rest is posted, and the call log says that something is missing.

use cekura::{Cekura, Conversation, Entry, current_conversation, spans};
use cekura_trace_tests::api::Api;
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, observing};
use serde_json::{Value, json};
use tracing::subscriber::with_default;
use tracing_subscriber::prelude::*;

const FIVE_MB: usize = 5_000_000;
/// What a call log may hold of notes, and as much of what spans say.
const NOTES: usize = 4 << 20;
const LOGS: usize = 1_000_000;
/// Names of fields, ids and times.
const BESIDE: usize = 64 << 10;

#[cekura::conversation(client = handle, call_id = "call-1", observe, skip_all)]
fn call(handle: &Cekura, body: impl FnOnce(&Conversation)) {
    body(&current_conversation().unwrap());
}

/// The body of the call log, and its bytes.
fn posted(body: impl FnOnce(&Conversation)) -> (Value, usize) {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    call(&handle, body);
    handle.shutdown_blocking(LONG);
    let body = api.posted();
    let bytes = body.to_string().len();
    (body, bytes)
}

fn contents(body: &Value) -> Vec<&str> {
    let entries = body["transcript_json"].as_array().into_iter().flatten();
    entries.filter_map(|entry| entry["content"].as_str()).collect()
}

#[test]
fn metadata_of_5_mb_cost_no_other_and_the_call_log_says_so() {
    let (body, _) = posted(|call| {
        call.metadata(json!({ "before": 1 }));
        call.metadata(json!({ "large": "x".repeat(FIVE_MB), "with it": 1 }));
        call.metadata(json!({ "after": 1 }));
        call.user("hello");
    });
    assert_eq!(body["metadata"], json!({ "before": 1, "after": 1, "call_log_truncated": true }));
    assert_eq!(contents(&body), ["hello"]);
}

#[test]
fn a_transcript_entry_of_5_mb_costs_no_other_and_the_call_log_says_so() {
    let large = || "word ".repeat(FIVE_MB / 5);
    let (body, _) = posted(|call| {
        call.user("hello");
        call.agent(large());
        call.entry(Entry::tool_call("1", "find", json!({ "text": large() })));
        call.entry(Entry::tool_result("1", "find", large()));
        call.ended(large());
        call.agent("good morning");
    });
    assert_eq!(contents(&body), ["hello", "good morning"]);
    assert_eq!(body["metadata"], json!({ "call_log_truncated": true }));
    assert_eq!(body.get("call_ended_reason"), None);
}

#[test]
fn metadata_of_5_mb_that_come_while_it_is_held_leave_their_mark_too() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    let mut kept = None;
    call(&handle, |call| kept = Some((call.clone(), call.hold())));
    let (call, hold) = kept.unwrap();
    call.metadata(json!({ "large": "x".repeat(FIVE_MB) }));
    call.metadata(json!({ "after": 1 }));
    hold.release();
    handle.shutdown_blocking(LONG);
    assert_eq!(api.posted()["metadata"], json!({ "after": 1, "call_log_truncated": true }));
}

#[test]
fn a_call_log_that_lacks_nothing_does_not_say_so() {
    let (body, _) = posted(|call| {
        call.metadata(json!({ "large": "x".repeat(NOTES / 2) }));
        call.metadata("no object");
        call.agent("y".repeat(NOTES / 4));
    });
    assert_eq!(body["metadata"].as_object().unwrap().keys().collect::<Vec<_>>(), ["large"]);
    assert_eq!(contents(&body)[0].len(), NOTES / 4);
}

#[test]
fn what_is_noted_is_counted_as_it_is_written() {
    // One byte takes six.
    let (body, bytes) = posted(|call| (0..100).for_each(|_| call.agent("\u{1}".repeat(50_000))));
    assert!((NOTES - 400_000..NOTES + BESIDE).contains(&bytes), "{bytes}");
    assert_eq!(body["metadata"]["call_log_truncated"], true);
    let (body, bytes) = posted(|call| {
        (0..100).for_each(|at| call.metadata(json!({ format!("{at}"): "\"".repeat(50_000) })));
    });
    assert!((NOTES - 400_000..NOTES + BESIDE).contains(&bytes), "{bytes}");
    assert_eq!(body["metadata"]["call_log_truncated"], true);
}

#[test]
fn what_spans_say_is_counted_as_it_is_written() {
    let text = "\"\n".repeat(15_000);
    let (body, bytes) = posted(|_| {
        for _ in 0..200 {
            let mut heard = spans::stt().start();
            heard.transcript(&text);
            heard.end();
        }
    });
    assert!((NOTES - 400_000..NOTES + BESIDE).contains(&bytes), "{bytes}");
    assert_eq!(body["metadata"]["call_log_truncated"], true);
}

#[test]
fn with_notes_spans_and_log_lines_a_call_log_has_less_than_10_mb() {
    let text = "a word, ".repeat(3_900);
    let (body, bytes) = with_default(tracing_subscriber::registry().with(cekura::logs::capture()), || {
        posted(|call| {
            for at in 0..200 {
                spans::turn().start().in_scope(|| {
                    let mut heard = spans::stt().start();
                    heard.transcript(&text);
                    heard.end();
                    call.entry(Entry::tool_result("1", "find", &text));
                });
                (0..5).for_each(|_| tracing::info!(at, "{}", &text[..2_000]));
            }
        })
    });
    assert!((NOTES + NOTES + LOGS - 400_000..10_000_000).contains(&bytes), "{bytes}");
    assert!(body["logs"].to_string().len() <= LOGS);
    assert_eq!(body["metadata"]["call_log_truncated"], true);
}

#[test]
fn a_log_line_of_5_mb_is_cut_wherever_it_is_long() {
    const NAME: &str = match str::from_utf8(&[b'n'; 5_000]) {
        Ok(name) => name,
        Err(_) => "",
    };
    let long = "x".repeat(FIVE_MB);
    let (body, _) = with_default(tracing_subscriber::registry().with(cekura::logs::capture()), || {
        posted(|_| {
            tracing::info!("{long}");
            tracing::info!(long, "as a text");
            tracing::info!(?long, "as Debug");
            tracing::info!(target: NAME, "by its target");
            tracing::info!(a = %long, b = %long, c = %long, d = %long, e = %long, "as many fields");
            tracing::info!({ NAME } = 1, { NAME } = "text", "by a name");
        })
    });
    let lines = body["logs"].as_array().unwrap();
    assert_eq!(lines.len(), 6);
    for line in lines {
        let bytes = line.to_string().len();
        assert!(bytes <= 4 << 10, "{bytes} bytes: {}", line["message"]);
    }
    assert_eq!(lines[1]["message"], "as a text");
    assert!(lines[1]["raw"]["long"].as_str().unwrap().starts_with("xxx"));
}
