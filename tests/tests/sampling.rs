//! Sampling: which calls are sent, that none is sent in part, and what becomes of the others.

#[path = "sampling/limits.rs"]
mod limits;
#[path = "sampling/processes.rs"]
mod processes;

use cekura::opentelemetry::trace::TraceId;
use cekura::spans::{Guard, Stage};
use cekura::{
    Builder, CallLog, Cekura, Consent, FlushReport, Protocol, Sampling, Timings, current_conversation, spans,
};
use cekura_trace_tests::api::{Api, KEY, Reply};
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, PROTOCOLS, SHORT, adds_up, quick, reasons, to};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, HashSet};
use std::thread;
use std::time::{Duration, Instant};

/// The acknowledged spans, by their traces.
fn traces(backend: &Backend) -> HashMap<Vec<u8>, Vec<Span>> {
    let mut traces = HashMap::<_, Vec<Span>>::new();
    for span in backend.spans() {
        traces.entry(span.trace_id.clone()).or_default().push(span);
    }
    traces
}

fn number(span: &Span, key: &str) -> Option<f64> {
    let found = span.attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::DoubleValue(number) => Some(*number),
        _ => None,
    }
}

/// The rates that its spans carry.
fn rates(spans: &[Span]) -> Vec<f64> {
    spans.iter().map(|span| number(span, "cekura.sample_rate").expect("a span without a rate")).collect()
}

fn sampling(backend: &Backend, sampling: Sampling) -> Builder {
    to(backend, Protocol::Http).sampling(sampling)
}

/// The trace that a carrier's id gives: always the same one, so that it is always sent or never.
fn trace_of(sid: &str) -> Vec<u8> {
    Sha256::digest(sid)[..16].to_vec()
}

fn sid(number: usize) -> String {
    format!("CA{number:030x}")
}

/// What goes wrong in a call.
#[derive(Clone, Copy, PartialEq)]
enum Fault {
    Error,
    Interruption,
    Score,
    Wait,
}

/// A call of two turns: three spans.
fn call(handle: &Cekura, sid: &str, fault: Option<Fault>) {
    let call = spans::conversation().client(handle).trace_id_from(sid).start();
    for number in 1..=2 {
        let mut turn = spans::turn().parent(&call).start();
        let fault = fault.filter(|_| number == 1);
        let began = Instant::now();
        let waited = if fault == Some(Fault::Wait) { 1_300 } else { 700 };
        turn.user_stopped_at(began);
        turn.first_audio_at(began + Duration::from_millis(waited));
        if fault == Some(Fault::Error) {
            turn.fail("no slot");
        }
        if fault == Some(Fault::Interruption) { turn.interrupt() } else { turn.end() }
    }
    call.score("sentiment", if fault == Some(Fault::Score) { 0.2 } else { 0.8 });
    call.end();
}

fn every() -> Sampling {
    let slow = Duration::from_millis(1200);
    Sampling::keep(0.10).errors().interrupted().slower_than(slow).score_below("sentiment", 0.3)
}

#[test]
fn of_ten_thousand_calls_all_bad_ones_arrive_whole_and_a_tenth_of_the_rest() {
    const FAULTS: [Fault; 4] = [Fault::Error, Fault::Interruption, Fault::Score, Fault::Wait];
    let backend = Backend::new();
    let handle = sampling(&backend, every()).build().unwrap();
    let fault = |number: usize| (number % 20 == 7).then(|| FAULTS[number / 20 % 4]);
    for number in 0..10_000 {
        call(&handle, &sid(number), fault(number));
        if number % 1_000 == 0 {
            // So that the queue is not what is tested.
            handle.flush_blocking(LONG);
        }
    }
    let metrics = handle.metrics();
    let report = handle.shutdown_blocking(LONG);
    let traces = traces(&backend);
    assert!(traces.values().all(|spans| spans.len() == 3), "a call arrived in part");
    let (mut bad, mut good) = (0, 0);
    for number in 0..10_000 {
        let spans = traces.get(&trace_of(&sid(number)));
        if fault(number).is_some() {
            assert!(spans.is_some(), "call {number} is missing");
            bad += 1;
        } else if let Some(spans) = spans {
            assert_eq!(rates(spans), [0.1; 3]);
            good += 1;
        }
    }
    assert_eq!((bad, traces.len()), (500, 500 + good));
    assert!((855..=1_045).contains(&good), "{good} of 9,500");
    let sent = 3 * traces.len() as u64;
    assert_eq!((report.accepted, report.delivered, report.held), (30_000, sent, 0));
    assert_eq!(reasons(&report), [("sampled_out", 30_000 - sent)]);
    assert!(adds_up(&report));
    let text = metrics.openmetrics();
    let calls = text.lines().filter_map(|line| line.strip_prefix("voice_calls_total{")?.split_once("} "));
    let calls = calls.map(|(_, value)| value.split(' ').next().unwrap().parse::<u64>().unwrap());
    assert_eq!(calls.sum::<u64>(), 10_000, "metrics see all calls");
}

/// Calls are counted by their roots: each stands for as many as its rate says.
#[test]
fn the_rates_of_roots_count_all_calls() {
    let backend = Backend::new();
    let handle = sampling(&backend, Sampling::keep(0.5).errors()).build().unwrap();
    for number in 0..2_000 {
        call(&handle, &sid(number), (number % 4 == 0).then_some(Fault::Error));
    }
    handle.shutdown_blocking(LONG);
    let spans = backend.spans();
    let roots: Vec<_> = spans.iter().filter(|span| span.parent_span_id.is_empty()).collect();
    let calls: f64 = roots.iter().map(|root| 1.0 / number(root, "cekura.sample_rate").unwrap()).sum();
    assert!((1_900.0..=2_100.0).contains(&calls), "{calls}");
    let failed = |root: &&&Span| {
        spans.iter().any(|span| {
            span.trace_id == root.trace_id && span.status.as_ref().is_some_and(|status| status.code == 2)
        })
    };
    let bad: f64 =
        roots.iter().filter(failed).map(|root| 1.0 / number(root, "cekura.sample_rate").unwrap()).sum();
    assert!((bad - 500.0).abs() < f64::EPSILON, "{bad}");
}

#[test]
fn an_error_in_turn_100_keeps_turn_1() {
    for protocol in PROTOCOLS {
        let backend = Backend::new();
        let handle = to(&backend, protocol).sampling(Sampling::keep(0.0).errors()).build().unwrap();
        let call = spans::conversation().client(&handle).start();
        for number in 1..=120 {
            let mut turn = spans::turn().parent(&call).number(number).start();
            if number == 100 {
                turn.fail("the model is away");
            }
            turn.end();
            if number % 30 == 0 {
                let report = handle.flush_blocking(LONG);
                let held = if number < 100 { number } else { 0 };
                assert_eq!((report.held, report.pending), (held, held), "after turn {number}");
                assert_eq!(backend.spans().len() as u64, number - held);
            }
        }
        call.end();
        let report = handle.shutdown_blocking(LONG);
        assert_eq!((report.delivered, report.lost()), (121, 0));
        assert!(rates(&backend.spans()).iter().all(|rate| (rate - 1.0).abs() < f64::EPSILON));
        let mut numbers: Vec<_> = backend
            .spans()
            .into_iter()
            .filter_map(|span| {
                let found = span.attributes.into_iter().find(|attribute| attribute.key == "turn.number")?;
                match found.value?.value? {
                    Value::IntValue(number) => Some(number),
                    _ => None,
                }
            })
            .collect();
        numbers.sort_unstable();
        assert_eq!(numbers, (1..=120).collect::<Vec<_>>());
    }
}

#[test]
fn a_flush_does_not_wait_for_held_calls_and_says_how_much_is_held() {
    let backend = Backend::new();
    let handle = sampling(&backend, Sampling::keep(0.0).errors()).build().unwrap();
    let held = spans::conversation().client(&handle).start();
    for _ in 0..4 {
        spans::turn().parent(&held).start().end();
    }
    let mut other = spans::conversation().client(&handle).start();
    other.fail("busy");
    other.end();
    let began = Instant::now();
    let report = handle.flush_blocking(LONG);
    assert!(began.elapsed() < LONG / 2, "it waited");
    assert_eq!((report.accepted, report.delivered, report.pending, report.held), (5, 1, 4, 4));
    assert!(adds_up(&report) && report.to_string().ends_with("4 pending (4 of them held)"), "{report}");
    assert_eq!(handle.ledger(), report);
    held.end();
    let report = handle.flush_blocking(LONG);
    assert_eq!((report.pending, report.held, reasons(&report)), (0, 0, vec![("sampled_out", 5)]));
}

/// An open span of a call that is over.
fn outliving(handle: &Cekura, change: impl FnOnce(&mut Guard<Stage>)) -> Guard<Stage> {
    let call = spans::conversation().client(handle).start();
    let late = spans::span("late").parent(&call).start();
    let mut early = spans::span("early").parent(&call).start();
    change(&mut early);
    early.end();
    call.end();
    late
}

fn soon() -> Timings {
    Timings { late: Duration::from_millis(100), ..quick() }
}

/// Waits until the ledger says so.
fn until(handle: &Cekura, is_so: impl Fn(&FlushReport) -> bool) -> FlushReport {
    let limit = Instant::now() + LONG;
    loop {
        let report = handle.ledger();
        if is_so(&report) {
            return report;
        }
        assert!(Instant::now() < limit, "{report}");
        thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn late_spans_follow_the_verdict() {
    let backend = Backend::new();
    let handle = sampling(&backend, Sampling::keep(0.0).errors()).timings(soon()).build().unwrap();
    let gone = outliving(&handle, |_| ());
    until(&handle, |report| report.dropped.get("sampled_out") == Some(&2));
    gone.end();
    let mut failed = outliving(&handle, |_| ());
    until(&handle, |report| report.dropped.get("sampled_out") == Some(&5));
    failed.fail("too late: what it belongs to is gone");
    failed.end();
    assert_eq!(reasons(&handle.flush_blocking(LONG)), [("sampled_out", 6)]);
    assert_eq!(backend.spans().len(), 0);
    let kept = outliving(&handle, |early| early.fail("an error"));
    until(&handle, |report| report.delivered == 2);
    kept.end();
    let report = handle.shutdown_blocking(LONG);
    assert_eq!((report.delivered, reasons(&report)), (3, vec![("sampled_out", 6)]));
}

/// A call is over when its last span has ended: that may be the one that failed.
#[test]
fn an_error_of_a_span_that_ends_soon_after_its_call_keeps_the_call() {
    let backend = Backend::new();
    let timings = Timings { late: LONG, ..quick() };
    let handle = sampling(&backend, Sampling::keep(0.0).errors()).timings(timings).build().unwrap();
    let mut late = outliving(&handle, |_| ());
    assert_eq!(handle.flush_blocking(LONG).held, 2);
    late.fail("an error");
    late.end();
    let report = handle.flush_blocking(LONG);
    assert_eq!((report.delivered, report.lost(), report.held), (3, 0, 0));
}

#[test]
fn a_call_of_more_than_half_an_hour_is_sent() {
    let backend = Backend::new();
    let timings = Timings { held: Duration::from_millis(300), ..quick() };
    let handle = sampling(&backend, Sampling::keep(0.0)).timings(timings).build().unwrap();
    let call = spans::conversation().client(&handle).start();
    spans::turn().parent(&call).start().end();
    until(&handle, |report| report.delivered == 1);
    spans::turn().parent(&call).start().end();
    call.end();
    let report = handle.shutdown_blocking(LONG);
    assert_eq!((report.delivered, report.lost()), (3, 0));
}

#[test]
fn a_call_that_runs_at_the_shutdown_has_not_ended_well_and_is_sent() {
    let backend = Backend::new();
    let handle = sampling(&backend, Sampling::keep(0.0)).build().unwrap();
    let call = spans::conversation().client(&handle).start();
    spans::turn().parent(&call).start().end();
    self::call(&handle, &sid(1), None);
    let report = handle.shutdown_blocking(LONG);
    assert_eq!((report.delivered, reasons(&report)), (1, vec![("sampled_out", 3)]));
    call.end();
}

#[test]
fn what_is_not_asked_for_keeps_no_call() {
    let slow = Duration::from_millis(1200);
    let kept = |sampling: Sampling| {
        let backend = Backend::new();
        let handle = self::sampling(&backend, sampling).build().unwrap();
        for (number, fault) in (0..).zip([Fault::Error, Fault::Interruption, Fault::Score, Fault::Wait]) {
            call(&handle, &sid(number), Some(fault));
        }
        assert!(adds_up(&handle.shutdown_blocking(LONG)));
        let traces: HashSet<_> = traces(&backend).into_keys().collect();
        (0..4).filter(|number| traces.contains(&trace_of(&sid(*number)))).collect::<Vec<_>>()
    };
    let none = Sampling::keep(0.0);
    assert_eq!(kept(none.clone()), Vec::<usize>::new());
    assert_eq!(kept(none.clone().errors()), [0]);
    assert_eq!(kept(none.clone().interrupted()), [1]);
    assert_eq!(kept(none.clone().score_below("sentiment", 0.3)), [2]);
    assert_eq!(
        kept(none.clone().score_below("sentiment", 0.1).score_below("tone", 5.0)),
        Vec::<usize>::new()
    );
    assert_eq!(kept(none.clone().slower_than(slow)), [3]);
    assert_eq!(kept(none.slower_than(2 * slow)), Vec::<usize>::new());
    assert_eq!(kept(Sampling::keep(1.0)), [0, 1, 2, 3]);
}

/// The analysis of a call comes after it.
#[test]
fn a_score_that_comes_while_the_call_log_is_kept_back_keeps_the_call() {
    let (backend, api) = (Backend::new(), Api::new());
    let builder = to(&backend, Protocol::Http).api_key(KEY).agent(5).api_url(api.url());
    let handle = builder.sampling(Sampling::keep(0.0).score_below("grade", 3.0)).build().unwrap();
    for grade in [2.0, 4.0] {
        let call = spans::conversation().client(&handle).observe().start();
        let conversation = call.in_scope(current_conversation).unwrap();
        let hold = conversation.hold();
        spans::turn().parent(&call).start().end();
        call.end();
        assert_eq!(handle.flush_blocking(LONG).held, 2);
        conversation.score("grade", grade);
        hold.release();
        assert_eq!(handle.flush_blocking(LONG).held, 0);
    }
    let report = handle.shutdown_blocking(LONG);
    assert_eq!((report.delivered, reasons(&report)), (2, vec![("sampled_out", 2)]));
}

#[test]
fn every_call_log_is_posted_and_names_a_trace_only_where_that_is_sent() {
    let (backend, api) = (Backend::new(), Api::scripted(|_, _| Reply::stored(1)));
    let builder = to(&backend, Protocol::Grpc).api_key(KEY).agent(5).api_url(api.url());
    let handle = builder.sampling(Sampling::keep(0.0).errors()).build().unwrap();
    for number in 0..6 {
        let call_id = format!("call-{number}");
        let call = spans::conversation().client(&handle).call_id(&call_id).observe().start();
        let mut turn = spans::turn().parent(&call).start();
        if number % 2 == 0 {
            turn.fail("an error");
        }
        turn.end();
        call.end();
    }
    let began = Instant::now();
    let report = handle.shutdown_blocking(LONG);
    assert!(began.elapsed() < LONG / 2);
    assert_eq!((report.delivered, reasons(&report)), (6, vec![("sampled_out", 6)]));
    let posted: Vec<_> =
        api.seen().iter().filter(|seen| seen.method == "POST").map(|seen| seen.body.clone()).collect();
    assert_eq!(posted.len(), 6);
    let sent: HashSet<_> = traces(&backend).into_keys().map(hex).collect();
    for log in posted {
        let number: usize = log["call_id"].as_str().unwrap()["call-".len()..].parse().unwrap();
        let trace = log.get("trace_id").and_then(|trace| trace.as_str());
        assert_eq!(trace.is_some(), number % 2 == 0, "{log}");
        assert!(trace.is_none_or(|trace| sent.contains(trace)));
    }
}

fn hex(bytes: Vec<u8>) -> String {
    TraceId::from_bytes(bytes.try_into().unwrap()).to_string()
}

/// `observe` in the midst of a call waits no longer than it may.
#[tokio::test]
async fn a_call_log_by_hand_is_posted_although_its_call_is_held() {
    let (backend, api) = (Backend::new(), Api::scripted(|_, _| Reply::stored(1)));
    let builder = to(&backend, Protocol::Grpc).api_key(KEY).agent(5).api_url(api.url());
    let handle = builder.sampling(Sampling::keep(0.0)).build().unwrap();
    let call = spans::conversation().client(&handle).start();
    spans::turn().parent(&call).start().end();
    let trace = call.trace_id();
    let log = CallLog::new("by hand").trace_id(trace).metadata(json!({ "a": 1 })).deadline(SHORT);
    handle.observe(log).await.unwrap();
    assert!(api.posted().get("trace_id").is_none());
    call.end();
}

#[test]
fn an_aborted_call_is_counted_as_aborted_and_one_without_consent_as_that() {
    let (backend, api) = (Backend::new(), Api::new());
    let builder = to(&backend, Protocol::Grpc).api_key(KEY).agent(5).api_url(api.url());
    let builder = builder.sampling(Sampling::keep(0.0).errors()).consent(Consent::Everything);
    let handle = builder.build().unwrap();
    let run = |decide: fn(&cekura::Conversation)| {
        let call = spans::conversation().client(&handle).start();
        let mut failed = spans::turn().parent(&call).start();
        failed.fail("an error");
        failed.end();
        handle.flush_blocking(LONG);
        decide(&call.in_scope(current_conversation).unwrap());
        spans::turn().parent(&call).start().end();
        call.end();
    };
    run(cekura::Conversation::abort);
    run(|_| ());
    run(cekura::Conversation::grant);
    let report = handle.shutdown_blocking(LONG);
    assert_eq!(reasons(&report), [("aborted", 3), ("no_consent", 3)]);
    assert_eq!((report.delivered, backend.spans().len()), (3, 3));
}

#[test]
fn a_held_call_that_is_aborted_is_gone_at_once() {
    let backend = Backend::new();
    let handle = sampling(&backend, Sampling::keep(0.0).errors()).build().unwrap();
    let call = spans::conversation().client(&handle).start();
    spans::turn().parent(&call).start().end();
    assert_eq!(handle.flush_blocking(LONG).held, 1);
    call.in_scope(current_conversation).unwrap().abort();
    assert_eq!(reasons(&until(&handle, |report| report.held == 0)), [("aborted", 1)]);
    call.end();
    assert_eq!(handle.shutdown_blocking(LONG).delivered, 0);
}

#[test]
fn a_part_that_is_no_number_from_0_to_1_is_an_error_that_names_the_setting() {
    let rule = "must be a number from 0 to 1, such as 0.1 for one call of ten";
    for value in ["2", "abc", "-0.1", "NaN", "10%", "0,1", "inf"] {
        let variables = move |name: &str| (name == "CEKURA_SAMPLE").then(|| value.to_owned());
        let builder = Cekura::builder().variables(variables).otel_endpoint("http://127.0.0.1:1");
        assert_eq!(builder.build().unwrap_err().to_string(), format!("CEKURA_SAMPLE {rule}"), "{value}");
    }
    let in_code = |sampling| {
        let builder = Cekura::builder().variables(|_| None).otel_endpoint("http://127.0.0.1:1");
        builder.sampling(sampling).build().unwrap_err().to_string()
    };
    for part in [-0.1, 1.1, 10.0, f64::NAN] {
        assert_eq!(in_code(Sampling::keep(part)), format!(".sampling(Sampling::keep(…)) {rule}"));
    }
    let score = ".score_below(…) must have the name of a score and a number";
    assert_eq!(in_code(Sampling::keep(0.1).score_below(" ", 0.3)), score);
    assert_eq!(in_code(Sampling::keep(0.1).score_below("sentiment", f64::NAN)), score);
}
