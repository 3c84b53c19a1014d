//! What held calls may take, and what they lose when that is not enough.

use super::{call, sampling, sid, traces};
use cekura::spans::{self, Conversation, Guard};
use cekura::{Cekura, Protocol, Sampling};
use cekura_trace_tests::backend::{Backend, Reply, text};
use cekura_trace_tests::handles::{LONG, adds_up, at, reasons};
use opentelemetry_proto::tonic::trace::v1::Span;
use rand::distr::{Alphanumeric, SampleString};
use std::process::Command;
use std::thread;
use std::time::Duration;

/// Text that cannot be made smaller by much.
fn noise(length: usize) -> String {
    // In words, for else it is taken for a blob.
    let word = |_| Alphanumeric.sample_string(&mut rand::rng(), 9);
    (0..length / 10).map(word).collect::<Vec<_>>().join(" ")
}

fn turn(call: &Guard<Conversation>, number: i64, said: &str) {
    spans::turn().parent(call).number(number).input("said", said).start().end();
}

fn is_shed(span: &Span) -> bool {
    span.attributes.iter().any(|attribute| attribute.key == "cekura.content_shed")
}

/// Calls of which each says so much that they do not fit.
#[test]
fn under_memory_pressure_the_largest_call_loses_its_content_and_is_still_sent_whole() {
    let backend = Backend::new();
    let sampling = sampling(&backend, Sampling::keep(0.0).errors());
    let handle = sampling.memory_limit(2 << 20).build().unwrap();
    let large = spans::conversation().client(&handle).start();
    let small = spans::conversation().client(&handle).start();
    turn(&small, 1, &noise(2_000));
    for number in 1..=80 {
        turn(&large, number, &noise(30_000));
        if number % 10 == 0 {
            handle.flush_blocking(LONG);
        }
    }
    let report = handle.flush_blocking(LONG);
    assert_eq!((report.held, report.lost()), (81, 0), "nothing but content was lost");
    for call in [&large, &small] {
        let mut failed = spans::turn().parent(call).number(99).start();
        failed.fail("an error");
        failed.end();
    }
    large.end();
    small.end();
    let report = handle.shutdown_blocking(LONG);
    assert_eq!((report.delivered, report.lost()), (85, 0));
    for spans in traces(&backend).into_values() {
        let is_large = spans.len() > 10;
        let shed = spans.iter().filter(|span| is_shed(span));
        assert_eq!(shed.clone().count() > 60, is_large);
        assert!(shed.clone().all(|span| text(&span.attributes, "input.said").is_none()));
        let whole = spans.iter().filter(|span| text(&span.attributes, "input.said").is_some()).count();
        assert!(is_large || whole == 1, "the small call has its content");
    }
}

/// Calls without content that do not fit.
#[test]
fn under_memory_pressure_whole_calls_go_when_there_is_no_content_left() {
    let backend = Backend::new();
    let sampling = sampling(&backend, Sampling::keep(0.0).errors());
    let handle = sampling.memory_limit(1 << 20).build().unwrap();
    let begin = |_| spans::conversation().client(&handle).start();
    let calls: Vec<_> = (0..40).map(begin).collect();
    for round in 0..40 {
        for call in &calls {
            let span = spans::span("stage").parent(call).record("noise", noise(600)).start();
            span.end();
        }
        if round % 4 == 0 {
            handle.flush_blocking(LONG);
        }
    }
    let before = handle.flush_blocking(LONG);
    assert!(before.held > 0 && adds_up(&before), "{before}");
    let lost = before.dropped.get("sampling_memory").copied().unwrap_or_default();
    assert!(lost > 0, "{before}");
    for call in calls {
        let mut failed = spans::span("stage").parent(&call).start();
        failed.fail("an error");
        failed.end();
        call.end();
    }
    let report = handle.shutdown_blocking(LONG);
    assert!(adds_up(&report));
    assert_eq!(reasons(&report).iter().map(|(reason, _)| *reason).collect::<Vec<_>>(), ["sampling_memory"]);
    let traces = traces(&backend);
    assert!(!traces.is_empty() && traces.len() < 40, "{} calls", traces.len());
    assert!(traces.values().all(|spans| spans.len() == 42), "a call arrived in part");
    assert_eq!(report.delivered, 42 * traces.len() as u64);
}

/// A model's provider goes down and all calls fail at once: what is held is small, and what is sent of it is not.
#[test]
fn calls_that_are_all_sent_at_once_arrive_whole_although_they_take_more_than_the_limit() {
    const CALLS: usize = 40;
    const TURNS: usize = 20;
    let said = "The next free appointment is tomorrow at ten. ".repeat(600);
    for fails in [true, false] {
        let backend = Backend::scripted(|_, _| {
            // Not so fast that nothing waits.
            thread::sleep(Duration::from_millis(5));
            Reply::Accept
        });
        let sampling = sampling(&backend, Sampling::keep(0.0).errors());
        let handle = sampling.memory_limit(8 << 20).build().unwrap();
        let calls: Vec<_> = (0..CALLS).map(|_| spans::conversation().client(&handle).start()).collect();
        for number in (1..).take(TURNS) {
            for call in &calls {
                turn(call, number, &said);
            }
            handle.flush_blocking(LONG);
        }
        let before = handle.flush_blocking(LONG);
        let turns = (CALLS * TURNS) as u64;
        assert_eq!((before.held, before.lost()), (turns, 0), "{before}");
        let spans = if fails {
            for call in &calls {
                let mut failed = spans::turn().parent(call).number(99).start();
                failed.fail("no answer");
                failed.end();
            }
            calls.into_iter().for_each(Guard::end);
            let report = handle.flush_blocking(LONG);
            assert_eq!(
                (report.delivered, report.held, report.lost()),
                (turns + 2 * CALLS as u64, 0, 0),
                "{report}"
            );
            report.delivered
        } else {
            // They run still, and so are sent.
            let report = handle.shutdown_blocking(LONG);
            assert_eq!((report.delivered, report.lost()), (turns, 0), "{report}");
            report.delivered
        };
        let traces = traces(&backend);
        assert_eq!(traces.len(), CALLS);
        assert!(traces.values().all(|spans| spans.len() >= TURNS && !spans.iter().any(is_shed)));
        assert_eq!(backend.spans().len() as u64, spans);
    }
}

/// The same while nothing can be sent.
#[test]
fn calls_that_are_all_sent_at_once_stay_within_the_limit_while_the_backend_is_away() {
    let url = format!("http://{}", cekura_trace_tests::backend::deserted());
    let builder = at(&url, Protocol::Http).sampling(Sampling::keep(0.0).errors());
    let handle = builder.memory_limit(4 << 20).build().unwrap();
    let calls: Vec<_> = (0..60).map(|_| spans::conversation().client(&handle).start()).collect();
    for number in 1..=20 {
        for call in &calls {
            turn(call, number, &noise(4_000));
        }
        handle.flush_blocking(Duration::from_millis(1));
    }
    for call in &calls {
        let mut failed = spans::turn().parent(call).number(99).start();
        failed.fail("no answer");
        failed.end();
    }
    calls.into_iter().for_each(Guard::end);
    let report = handle.flush_blocking(Duration::from_millis(500));
    assert!(report.pending > 0 && report.held == 0, "{report}");
    // A call that comes then is held as any other.
    let late = spans::conversation().client(&handle).start();
    turn(&late, 1, "hello");
    assert_eq!(handle.flush_blocking(Duration::from_millis(200)).held, 1);
    drop(late);
    let report = handle.shutdown_blocking(Duration::from_secs(1));
    assert!(report.delivered == 0 && adds_up(&report), "{report}");
}

/// What is held is no obstacle for the others.
#[test]
fn held_calls_leave_room_for_those_that_are_sent() {
    let backend = Backend::new();
    let sampling = sampling(&backend, Sampling::keep(0.0).errors());
    let handle: Cekura = sampling.memory_limit(2 << 20).build().unwrap();
    let held: Vec<_> = (0..200).map(|_| spans::conversation().client(&handle).start()).collect();
    for (number, held) in held.iter().enumerate() {
        turn(held, 1, &noise(30_000));
        call(&handle, &sid(number), Some(super::Fault::Error));
        if number % 20 == 0 {
            handle.flush_blocking(LONG);
        }
    }
    let report = handle.flush_blocking(LONG);
    assert_eq!((report.delivered, report.lost()), (600, 0), "{report}");
    drop(held);
    assert!(adds_up(&handle.shutdown_blocking(LONG)));
}

/// The whole of what operators care for, in a process of its own: 1,000 calls of 30 turns that record their messages, 460 MB in all.
#[cfg(target_os = "linux")]
#[test]
fn a_thousand_held_calls_of_30_turns_stay_within_32_mib() {
    let backend = Backend::new();
    let mut program = Command::new(env!("CARGO_BIN_EXE_memory"));
    let output =
        program.args(["sampled", &backend.url(), env!("CARGO_TARGET_TMPDIR")]).env_clear().output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    println!("{said}");
    let mut words = said.splitn(3, ' ');
    let mut number = || words.next().unwrap().parse::<u64>().unwrap();
    let (before, most) = (number(), number());
    let ledger = words.next().unwrap();
    assert!(most - before < (32 + 12) << 10, "{before} to {most} KiB");
    assert!(ledger.contains("(120000 of them held)"), "{ledger}");
    assert!(!ledger.contains("sampling_memory"), "{ledger}");
    let calls = traces(&backend);
    assert_eq!(calls.values().map(Vec::len).collect::<Vec<_>>(), [121; 100]);
    let models = |call: &Vec<Span>| {
        let is_model = |span: &&Span| span.name == "llm";
        (
            call.iter().filter(is_model).count(),
            call.iter().filter(is_model).filter(|span| is_shed(span)).count(),
        )
    };
    let seen: Vec<_> = calls.values().map(models).collect();
    println!(
        "{} of {} calls have lost their content",
        seen.iter().filter(|(_, shed)| *shed > 0).count(),
        seen.len()
    );
    // A call loses all of it or nothing.
    assert!(seen.iter().all(|(models, shed)| *models == 30 && [0, 30].contains(shed)), "{seen:?}");
}
