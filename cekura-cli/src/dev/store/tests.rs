//! How much is kept, and for how long.

use super::calls::{self, Posted};
use super::{FILE, LIMITS, Limits, Store, retention, shown};
use crate::dev::facts;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::span::Event;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span, Status};
use rusqlite::Connection;
use std::path::PathBuf;
use std::time::Duration;
use std::{env, fs, process};

const WIDE: Limits = Limits { calls: 10_000, bytes: 1 << 30 };

/// A folder until the end of a test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        Self(env::temp_dir().join(format!("cekura-store-{name}-{}", process::id())))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A call of one span, of a time long ago, with a text.
fn conversation(trace: u128, text: &str) -> Vec<ResourceSpans> {
    let texts =
        [("call_id", "a-call"), ("output", text), ("input.prompt", text), ("gen_ai.request.model", "gpt-4o")];
    let mut attributes: Vec<_> =
        texts.map(|(key, text)| facts::attribute(key, Value::StringValue(text.to_owned()))).into();
    attributes.push(facts::attribute("gen_ai.usage.input_tokens", Value::IntValue(77)));
    let event = Event { name: text.to_owned(), time_unix_nano: 1_000, ..Event::default() };
    let status = Status { code: 2, message: text.to_owned() };
    let span = |id: u64, name: &str| Span {
        trace_id: trace.to_be_bytes().to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        name: name.to_owned(),
        start_time_unix_nano: 1_000,
        end_time_unix_nano: 2_000,
        attributes: attributes.clone(),
        events: vec![event.clone()],
        status: Some(status.clone()),
        ..Span::default()
    };
    let spans = vec![span(1, "conversation"), span(2, "llm")];
    vec![ResourceSpans {
        scope_spans: vec![ScopeSpans { spans, ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    }]
}

async fn add(store: &Store, trace: u128, text: &str) -> i64 {
    let batches = facts::batches(conversation(trace, text)).unwrap();
    store.write(move |to| calls::add(to, &batches[0])).await.unwrap()
}

async fn ids(store: &Store) -> Vec<i64> {
    let read = |from: &Connection| {
        from.prepare("SELECT id FROM calls ORDER BY id")?.query_map([], |row| row.get(0))?.collect()
    };
    store.read(read).await.unwrap()
}

/// Spans of a call as parent, id and name, each of them interrupted.
fn interrupted(trace: u128, spans: &[(u64, u64, &str)]) -> Vec<ResourceSpans> {
    let span = |(parent, id, name): &(u64, u64, &str)| Span {
        trace_id: trace.to_be_bytes().to_vec(),
        span_id: id.to_be_bytes().to_vec(),
        parent_span_id: parent.to_be_bytes().to_vec(),
        name: (*name).to_owned(),
        attributes: vec![facts::attribute("cekura.interrupted", Value::BoolValue(true))],
        ..Span::default()
    };
    let spans = spans.iter().map(span).collect();
    vec![ResourceSpans {
        scope_spans: vec![ScopeSpans { spans, ..ScopeSpans::default() }],
        ..ResourceSpans::default()
    }]
}

/// Each time that the caller cuts in counts once, as on the page of the call, in whatever order its spans come.
#[tokio::test]
async fn an_interruption_counts_once() {
    type Requests<'a> = &'a [&'a [(u64, u64, &'a str)]];
    let folder = Folder::new("interrupted");
    let store = Store::open(&folder.0, WIDE).unwrap();
    let calls: &[(Requests<'_>, i64)] = &[
        (&[&[(2, 3, "llm")], &[(1, 2, "turn")]], 1),
        (&[&[(1, 2, "turn")], &[(2, 3, "llm"), (2, 4, "tts")]], 1),
        (&[&[(2, 3, "tts"), (1, 2, "turn")], &[(1, 4, "turn"), (4, 5, "llm")], &[(0, 1, "conversation")]], 2),
        (&[&[(1, 3, "llm"), (3, 4, "tool_call"), (4, 5, "search")]], 1),
        (&[&[(1, 3, "llm")], &[(1, 4, "tts")]], 2),
        (&[&[(0, 1, "conversation"), (1, 3, "llm")]], 1),
    ];
    for (trace, (requests, _)) in (1..).zip(calls) {
        for spans in *requests {
            let batches = facts::batches(interrupted(trace, spans)).unwrap();
            store.write(move |to| calls::add(to, &batches[0])).await.unwrap();
        }
    }
    add(&store, 99, "nothing was interrupted").await;
    let wanted = shown::Wanted { interrupted: true, ..shown::Wanted::default() };
    let seen = store.read(move |from| shown::search(from, &wanted, 100)).await.unwrap();
    let counts: Vec<_> = seen.iter().rev().map(|call| call.interrupted).collect();
    assert_eq!(counts, calls.iter().map(|(_, count)| *count).collect::<Vec<_>>());
}

#[tokio::test]
async fn above_a_number_the_oldest_calls_go() {
    let folder = Folder::new("number");
    let store = Store::open(&folder.0, Limits { calls: 3, ..WIDE }).unwrap();
    for trace in 1..=5 {
        add(&store, trace, "x").await;
    }
    assert_eq!(ids(&store).await, [3, 4, 5]);
    // A change of an old one does not make it new.
    add(&store, 3, "y").await;
    add(&store, 6, "x").await;
    assert_eq!(ids(&store).await, [4, 5, 6]);
}

#[tokio::test(flavor = "multi_thread")]
async fn above_a_number_the_oldest_calls_go_under_load_too() {
    let folder = Folder::new("load");
    let store = Store::open(&folder.0, Limits { calls: 20, ..WIDE }).unwrap();
    let writers = (0..8).map(|writer| {
        let store = store.clone();
        tokio::spawn(async move {
            for call in 1..=100 {
                add(&store, writer * 1000 + call, "x").await;
                let kept = ids(&store).await;
                assert!(kept.len() <= 20 && kept.windows(2).all(|pair| pair[1] == pair[0] + 1), "{kept:?}");
            }
        })
    });
    for writer in writers.collect::<Vec<_>>() {
        writer.await.unwrap();
    }
    assert_eq!(ids(&store).await, (781..=800).collect::<Vec<_>>());
    assert_eq!((LIMITS.calls, LIMITS.bytes), (10_000, 2 << 30));
}

#[tokio::test]
async fn above_a_size_the_oldest_calls_go_with_all_that_they_have() {
    let folder = Folder::new("size");
    let limits = Limits { bytes: 2 << 20, ..WIDE };
    let store = Store::open(&folder.0, limits).unwrap();
    for trace in 1..=100 {
        add(&store, trace, &"word ".repeat(2_000)).await;
    }
    let kept = ids(&store).await;
    assert!(kept.last() == Some(&100) && kept.len() > 5 && kept.len() < 50, "{kept:?}");
    assert!(kept.windows(2).all(|pair| pair[1] == pair[0] + 1), "{kept:?}");
    let count = |table: &'static str| {
        store.read(move |from| {
            from.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get::<_, i64>(0))
        })
    };
    assert_eq!(count("batches").await.unwrap(), i64::try_from(kept.len()).unwrap());
    assert!(store.read(calls::used).await.unwrap() <= limits.bytes);
    // The newest stays, however large.
    let newest = add(&store, 101, &"word ".repeat(1 << 17)).await;
    assert_eq!(ids(&store).await, [newest]);
}

#[tokio::test]
async fn content_goes_and_spans_stay() {
    let folder = Folder::new("content");
    let store = Store::open(&folder.0, WIDE).unwrap();
    let id = add(&store, 1, "my secret words").await;
    let mut posted = Posted {
        call_id: "a-call".to_owned(),
        trace: Some(1_u128.to_be_bytes().to_vec()),
        log: r#"{"call_id":"a-call","transcript_json":[{"role":"user","content":"my secret words"}],"metadata":{"a":"secret"}}"#
            .to_owned(),
        words: "my secret words".to_owned(),
        began: None,
        recording: None,
    };
    assert_eq!(store.write(move |to| calls::post(to, &mut posted)).await.unwrap(), id);
    let search = || {
        let wanted = shown::Wanted { words: "secret".to_owned(), ..shown::Wanted::default() };
        store.read(move |from| shown::search(from, &wanted, 10).map(|found| found.len()))
    };
    let years = Duration::from_secs(100 * 365 * 24 * 60 * 60);
    assert_eq!((retention::forget(&store, years).await.unwrap(), search().await.unwrap()), (0, 1));
    let age = Duration::from_secs(7 * 24 * 60 * 60);
    assert_eq!((retention::forget(&store, age).await.unwrap(), search().await.unwrap()), (1, 0));
    assert_eq!(retention::forget(&store, age).await.unwrap(), 0, "it is done");
    let (call, log, batches) = store
        .read(move |from| Ok((shown::one(from, id)?, shown::log(from, id)?, shown::batches(from, id)?)))
        .await
        .unwrap();
    let call = call.unwrap();
    assert_eq!((call.spans, call.input, call.failed, call.is_over), (2, 154, 2, true));
    assert_eq!(log.as_deref(), Some(r#"{"call_id":"a-call"}"#));
    let kept = batches.concat();
    let has = |text: &str| kept.windows(text.len()).any(|part| part == text.as_bytes());
    assert!(has("gpt-4o") && has("gen_ai.usage.input_tokens") && has("a-call") && has("conversation"));
    for file in ["", "-wal"] {
        let bytes = fs::read(folder.0.join(format!("{FILE}{file}"))).unwrap();
        assert!(!bytes.windows(6).any(|part| part == b"secret"), "{FILE}{file}");
    }
    // What comes later is looked at again.
    add(&store, 1, "another secret").await;
    assert_eq!(retention::forget(&store, age).await.unwrap(), 1);
}
