//! Metrics of calls whose callers have not agreed yet, or never do: nothing is counted before they do.

use crate::scraped::Scrape;
use cekura::{Cekura, Consent, Conversation, Protocol, spans};
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, to};
use std::sync::Mutex;

#[cekura::conversation(client = handle, skip_all)]
fn call(handle: &Cekura, body: impl FnOnce(&Conversation)) {
    let call = cekura::current_conversation().unwrap();
    let turn = spans::turn().parent(&call).start();
    spans::llm().model("canary-model").parent(&turn).start().end();
    turn.end();
    call.score("canary-score", 0.5);
    body(&call);
}

fn held(backend: &Backend) -> Cekura {
    to(backend, Protocol::Http).consent(Consent::Everything).build().unwrap()
}

fn scrape(handle: &Cekura) -> Scrape {
    handle.flush_blocking(LONG);
    Scrape::read(&handle.metrics().openmetrics())
}

/// How many calls, turns, stages and scores were counted.
fn counted(scrape: &Scrape) -> [f64; 4] {
    let names = [
        "voice_calls_total",
        "voice_call_turns_sum",
        "stage_duration_seconds_count",
        "voice_call_score_count",
    ];
    names.map(|name| scrape.sum(name, &[]))
}

#[track_caller]
fn assert_counted(found: [f64; 4], expected: [f64; 4]) {
    assert!(found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-9), "{found:?}");
}

#[test]
fn a_call_is_counted_once_its_caller_has_agreed() {
    let backend = Backend::new();
    let handle = held(&backend);
    call(&handle, |call| {
        assert_counted(counted(&scrape(&handle)), [0.0; 4]);
        call.grant();
        assert_counted(counted(&scrape(&handle)), [0.0, 0.0, 2.0, 0.0]);
    });
    assert_counted(counted(&scrape(&handle)), [1.0, 1.0, 3.0, 1.0]);
    // Before its end, or at the last moment.
    call(&handle, Conversation::grant);
    assert_counted(counted(&scrape(&handle)), [2.0, 2.0, 6.0, 2.0]);
    assert_eq!(backend.spans().len(), 6);
}

#[test]
fn a_call_that_is_erased_leaves_nothing_in_the_metrics_but_what_was_dropped() {
    for (end, reason) in [
        ((|_| {}) as fn(&Conversation), "no_consent"),
        (Conversation::refuse_audio, "no_consent"),
        (Conversation::abort, "aborted"),
    ] {
        let backend = Backend::new();
        let handle = held(&backend);
        let kept = Mutex::new(Conversation::default());
        call(&handle, |call| {
            end(call);
            *kept.lock().unwrap() = call.clone();
        });
        kept.into_inner().unwrap().score("canary-late", 1.0);
        let metrics = scrape(&handle);
        assert_counted(counted(&metrics), [0.0; 4]);
        assert!(!handle.metrics().openmetrics().contains("canary"));
        let dropped = metrics.sum("cekura_spans_dropped_total", &[("reason", reason)]);
        assert!((dropped - 3.0).abs() < 1e-9, "{reason}: {dropped}");
        assert!(metrics.sum("voice_calls_open", &[]).abs() < 1e-9);
        assert_eq!(backend.spans().len(), 0);
    }
}
