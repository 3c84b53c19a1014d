//! What redaction finds in a corpus, and that a personal value is nowhere where anything leaves the process.
//!
//! `redact/make.py` has made the corpus.

use cekura::{CallLog, Cekura, Protocol, Redact, Update, spans};
use cekura_trace_tests::api::{self, Api};
use cekura_trace_tests::backend::{Backend, Reply, text};
use cekura_trace_tests::handles::{LONG, converse, observing, to};
use cekura_trace_tests::spools::Spool;
use futures::executor::block_on;
use opentelemetry_proto::tonic::common::v1::any_value::Value as Any;
use prost::Message;
use serde_json::json;
use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const PERSONAL: &str = include_str!("redact/personal.txt");
const HARMLESS: &str = include_str!("redact/harmless.txt");

/// Each text as it arrives at a backend.
fn arrived<'a>(redact: Redact, texts: impl Iterator<Item = &'a str>) -> Vec<String> {
    let backend = Backend::new();
    let handle = to(&backend, Protocol::Grpc).redact(redact).build().unwrap();
    let call = spans::conversation().client(&handle).start();
    let mut count = 0;
    for one in texts {
        spans::span("said").record("number", count).input("line", one).parent(&call).start().end();
        count += 1;
    }
    call.end();
    assert_eq!(handle.shutdown_blocking(LONG).lost(), 0);
    let mut lines = BTreeMap::new();
    for span in backend.spans().iter().filter(|span| span.name == "said") {
        let number =
            span.attributes.iter().find(|one| one.key == "number").and_then(|one| one.value.as_ref());
        let Some(Any::IntValue(number)) = number.and_then(|value| value.value.clone()) else {
            panic!("no number")
        };
        lines.insert(number, text(&span.attributes, "input.line").unwrap().to_owned());
    }
    assert_eq!(lines.len(), count);
    lines.into_values().collect()
}

#[test]
fn of_each_kind_nearly_all_is_found() {
    let lines: Vec<Vec<&str>> = PERSONAL.lines().map(|line| line.splitn(3, '\t').collect()).collect();
    let plain: Vec<String> = lines.iter().map(|line| line[2].replace(['⟦', '⟧'], "")).collect();
    let arrived = arrived(Redact::standard(), plain.iter().map(String::as_str));
    let mut kinds = BTreeMap::<&str, [u32; 2]>::new();
    for (line, arrived) in lines.iter().zip(&arrived) {
        let (before, rest) = line[2].split_once('⟦').unwrap();
        let (value, behind) = rest.split_once('⟧').unwrap();
        let is_gone = !arrived.contains(value) && arrived.starts_with(before) && arrived.ends_with(behind);
        // No part of it may stay beside a mark.
        let is_whole = arrived.matches('[').count() == line[2].matches('[').count() + 1
            && arrived.len() <= before.len() + "[phone]".len() + behind.len();
        let count = kinds.entry(line[0]).or_default();
        count[0] += 1;
        count[1] += u32::from(is_gone && is_whole);
        if !(is_gone && is_whole) {
            println!("missed {}: {} -> {arrived}", line[0], line[2]);
        }
    }
    for (kind, [all, found]) in &kinds {
        let recall = f64::from(*found) / f64::from(*all);
        println!("recall {kind}: {found} of {all}, {:.1} %", 100.0 * recall);
        assert!(*all >= 100 && recall >= 0.97, "{kind}");
    }
    assert_eq!(kinds.len(), 6);
}

#[test]
fn of_three_thousand_harmless_lines_nearly_none_is_changed() {
    let arrived = arrived(Redact::standard(), HARMLESS.lines());
    let wrong: Vec<_> = HARMLESS.lines().zip(&arrived).filter(|(line, arrived)| line != arrived).collect();
    let share = 100.0 * f64::from(u32::try_from(wrong.len()).unwrap()) / 3_000.0;
    println!("wrong: {} of {}, {share:.2} %: {wrong:?}", wrong.len(), arrived.len());
    assert!(arrived.len() == 3_000 && share <= 0.1);
}

/// The card's number in every form in which it may be written.
fn has_card(bytes: &[u8]) -> bool {
    const NUMBER: u64 = 4_111_111_111_111_111;
    let mut varint = Vec::new();
    prost::encoding::encode_varint(NUMBER, &mut varint);
    let float = 4_111_111_111_111_111_f64.to_le_bytes();
    let fixed = NUMBER.to_le_bytes();
    let has = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
    let digits: Vec<u8> = bytes.iter().copied().filter(|byte| !b" -".contains(byte)).collect();
    has(&varint) || has(&float) || has(&fixed) || digits.windows(12).any(|window| window == b"411111111111")
}

/// Where the card's number is after a call in which it comes up everywhere.
fn places_of_card(redacts: &str) -> BTreeMap<&'static str, bool> {
    let accepts = Arc::new(AtomicBool::new(false));
    let (of_spans, of_logs) = (accepts.clone(), accepts.clone());
    let backend = Backend::scripted(move |_, _| {
        if of_spans.load(Ordering::Relaxed) { Reply::Accept } else { Reply::fail(503, 14) }
    });
    let api = Api::scripted(move |seen, _| match seen.method.as_str() {
        _ if !of_logs.load(Ordering::Relaxed) => api::Reply::Body(503, String::new()),
        "POST" => api::Reply::stored(1),
        _ => api::Reply::json(200, &json!({ "results": [] })),
    });
    let temporary = env!("CARGO_TARGET_TMPDIR");
    let folder = PathBuf::from(temporary).join("redact").join(redacts);
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    let spool = Spool::new(temporary, &format!("redact-{redacts}"));
    let mut command = Command::new(env!("CARGO_BIN_EXE_redacting_agent"));
    command.args([redacts, &backend.url(), &api.url()]).arg(&spool.0).current_dir(&folder);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap());
    let mut said = String::new();
    lines.read_line(&mut said).unwrap();
    // Spans, the start of the call that is open, and call logs.
    spool.await_some(".spans");
    let files = spool.files("");
    let spooled = files.iter().any(|file| has_card(&fs::read(file).unwrap_or_default()));
    accepts.store(true, Ordering::Relaxed);
    child.stdin.take().unwrap().write_all(b"\n").unwrap();
    lines.read_to_string(&mut said).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{said}");
    let pages = pages_in(&folder.join("cekura-traces"));
    assert!(pages.len() >= 2 && backend.spans().len() >= 11, "{said} {pages:?}");
    let posts: Vec<_> = api.seen().into_iter().filter(|seen| seen.method == "POST").collect();
    assert!(posts.len() >= 2, "{said}");
    let redacted = backend
        .spans()
        .iter()
        .filter(|span| span.attributes.iter().any(|one| one.key == "cekura.redacted"))
        .count();
    assert_eq!(redacted > 8, redacts == "redact", "{redacted}");
    BTreeMap::from([
        ("spool", spooled),
        ("page", pages.iter().any(|page| has_card(&fs::read(page).unwrap()))),
        ("stderr", has_card(&output.stderr)),
        ("stdout", has_card(said.as_bytes())),
        ("wire", backend.seen().iter().any(|seen| has_card(&seen.message.encode_to_vec()))),
        ("call logs", posts.iter().any(|seen| has_card(seen.body.to_string().as_bytes()))),
    ])
}

/// The pages of calls.
fn pages_in(folder: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
    files.filter(|path| path.extension().is_some_and(|ending| ending == "html")).collect()
}

#[test]
fn a_card_that_comes_up_everywhere_is_nowhere() {
    let places = places_of_card("redact");
    assert!(places.values().all(|is_there| !is_there), "{places:?}");
}

#[test]
fn without_redaction_it_would_be_everywhere() {
    let places = places_of_card("plain");
    let there: Vec<_> = places.iter().filter(|(_, is_there)| **is_there).map(|(place, _)| *place).collect();
    assert!(["call logs", "page", "spool", "wire"].iter().all(|place| there.contains(place)), "{places:?}");
}

#[test]
fn a_closure_that_panics_costs_only_its_value() {
    let redact = Redact::standard().with(|_, text| if text == "bad" { panic!("foreign") } else { None });
    assert_eq!(arrived(redact, ["bad", "good", "a@b.io"].into_iter()), ["[redacted]", "good", "[email]"]);
}

#[test]
fn what_code_posts_and_changes_is_redacted_but_for_what_is_needed_to_find_it() {
    let backend = Backend::new();
    let api = Api::scripted(|seen, _| match seen.method.as_str() {
        "GET" => api::Reply::json(200, &json!({ "results": [{ "id": 12, "call_id": "call-2" }] })),
        _ => api::Reply::stored(12),
    });
    let handle = observing(&backend, &api).redact(Redact::standard().key("name")).build().unwrap();
    let log = CallLog::new("+14155550100")
        .customer_number("+14155550101")
        .metadata(json!({ "name": "Jane", "n": 3 }));
    handle.observe_blocking(log.feedback("write to jane@example.com")).unwrap();
    let posted = api.seen().pop().unwrap().body;
    assert_eq!(posted["call_id"], "+14155550100");
    assert_eq!(posted["customer_number"], "[phone]");
    assert_eq!(posted["metadata"], json!({ "name": "[redacted]", "n": 3 }));
    assert_eq!(posted["feedback"], "write to [email]");
    let update = Update::new().metadata(json!({ "name": "Jane", "card": 4_111_111_111_111_111_u64 }));
    block_on(handle.update("call-2", update)).unwrap();
    let changes = api.seen().pop().unwrap().body;
    assert_eq!(changes, json!({ "metadata": { "name": "[redacted]", "card": "[card]" } }));
    handle.shutdown_blocking(LONG);
}

#[test]
fn the_variable_asks_for_what_is_standard_and_refuses_what_is_not() {
    let backend = Backend::new();
    let with = |value: &'static str| {
        to(&backend, Protocol::Http)
            .variables(move |name| (name == "CEKURA_REDACT").then(|| value.to_owned()))
    };
    let handle = with("standard").build().unwrap();
    let call = spans::conversation().client(&handle).record("mail", "a@b.io").start();
    call.end();
    handle.shutdown_blocking(LONG);
    assert_eq!(text(&backend.spans()[0].attributes, "mail"), Some("[email]"));
    assert_eq!(with("strict").build().unwrap_err().to_string(), "CEKURA_REDACT must be `standard`");
    let bad = to(&backend, Protocol::Http).redact(Redact::standard().pattern("canary", "(canary")).build();
    let error = bad.unwrap_err().to_string();
    assert_eq!(error, ".redact(…) has a pattern that is no regular expression, or is too large");
    let exporter = to(&backend, Protocol::Http).redact(Redact::standard()).span_exporter();
    assert!(exporter.unwrap_err().to_string().starts_with(".redact(…) does not reach an exporter"));
}

#[test]
fn metrics_see_what_a_key_takes_away() {
    let backend = Backend::new();
    let builder = to(&backend, Protocol::Grpc).redact(Redact::standard().key("tenant"));
    let handle = builder.metric_label("tenant", ["acme"]).build().unwrap();
    spans::conversation().client(&handle).record("tenant", "acme").start().end();
    handle.shutdown_blocking(LONG);
    assert!(handle.metrics().openmetrics().contains("tenant=\"acme\""));
    assert_eq!(text(&backend.spans()[0].attributes, "tenant"), Some("[redacted]"));
}

#[test]
fn a_handle_without_redaction_changes_nothing() {
    let backend = Backend::new();
    let handle: Cekura = to(&backend, Protocol::Grpc).build().unwrap();
    converse(&handle, 1);
    spans::conversation().client(&handle).record("mail", "a@b.io").start().end();
    handle.shutdown_blocking(LONG);
    let mails: Vec<_> =
        backend.spans().iter().filter_map(|span| text(&span.attributes, "mail").map(str::to_owned)).collect();
    assert_eq!(mails, ["a@b.io"]);
}
