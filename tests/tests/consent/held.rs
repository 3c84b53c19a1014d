//! What is held in one process: threads that decide at the same time, the memory limit, a host's spans, the end of the handle.

use cekura::{Audio, Builder, Cekura, Consent, Conversation, SpoolLimits, current_conversation};
use cekura_trace_tests::api::{Api, Seen};
use cekura_trace_tests::backend::{Backend, Reply, text};
use cekura_trace_tests::handles::{LONG, SHORT, adds_up, observing, reasons};
use cekura_trace_tests::host::Kept;
use cekura_trace_tests::spools::Spool;
use cekura_trace_tests::tone::tone;
use opentelemetry::trace::{Tracer, TracerProvider};
use opentelemetry_sdk::trace::SdkTracerProvider;
use serde_json::json;
use std::collections::HashSet;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

fn asking(backend: &Backend, api: &Api) -> Builder {
    observing(backend, api).consent(Consent::Everything)
}

fn posts(api: &Api) -> Vec<Seen> {
    api.seen().into_iter().filter(|seen| seen.method == "POST").collect()
}

#[cekura::conversation(client = handle, call_id = call_id, observe, skip_all)]
fn call(handle: &Cekura, call_id: &str, body: impl FnOnce(&Conversation)) {
    body(&current_conversation().unwrap());
}

#[cekura::tool_call(parent = call, skip(call))]
fn look_up(call: &Conversation, what: &str) -> usize {
    what.len()
}

/// What is decided in a call beside a grant, by its number.
const DECIDED: [fn(&Conversation); 4] =
    [|_| (), Conversation::refuse_audio, Conversation::abort, Conversation::grant];

#[test]
fn threads_that_decide_while_others_speak_and_end_spans_agree_in_the_end() {
    const CALLS: usize = 48;
    let (backend, api) = (Backend::new(), Api::new());
    let handle = asking(&backend, &api).audio(Audio::stereo()).build().unwrap();
    let sound = tone(1_900.0, 0.02, 8_000);
    for number in 0..CALLS {
        call(&handle, &format!("call {number}"), |call| {
            thread::scope(|scope| {
                scope.spawn(|| (0..20).for_each(|_| _ = look_up(call, "a day")));
                scope.spawn(|| (0..20).for_each(|_| call.audio().agent(&sound, 8_000)));
                scope.spawn(|| (0..20).for_each(|at| call.metadata(json!({ "at": at }))));
                scope.spawn(|| call.grant());
                scope.spawn(|| DECIDED[number % 4](call));
            });
            // So that there is something to hear.
            thread::sleep(Duration::from_millis(30));
        });
    }
    let report = handle.shutdown_blocking(LONG);
    assert!(adds_up(&report) && report.pending == 0 && report.accepted == 21 * CALLS as u64, "{report}");
    assert!(reasons(&report).iter().all(|(reason, _)| *reason == "aborted"), "{report}");
    let posts = posts(&api);
    let by_number =
        |number: usize| posts.iter().find(|post| post.body["call_id"] == format!("call {number}"));
    for number in 0..CALLS {
        let post = by_number(number);
        assert_eq!(post.is_none(), number % 4 == 2, "call {number} was aborted, or posted");
        let Some(post) = post else { continue };
        let is_heard = number % 4 != 1;
        assert_eq!(post.recording.is_some(), is_heard, "call {number}");
        assert_eq!(post.body["metadata"], json!({ "at": 19, "audio_consent_granted": is_heard }));
        assert!(post.body["trace_id"].is_string(), "call {number}: {}", post.body);
    }
    let delivered = backend.spans();
    let roots: HashSet<_> =
        delivered.iter().filter_map(|span| text(&span.attributes, "call_id")).map(str::to_owned).collect();
    assert_eq!(roots.len(), CALLS - CALLS / 4, "the root of an aborted call ends after that");
    assert_eq!(delivered.len() as u64, report.delivered);
}

#[test]
fn what_is_held_stays_within_the_memory_limit_and_costs_no_other_call() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = asking(&backend, &api).memory_limit(4 << 20).build().unwrap();
    let long = "no word of it ".repeat(1_000);
    call(&handle, "large", |large| {
        (0..400).for_each(|_| _ = look_up(large, &long));
        call(&handle, "inner", |_| ());
        large.grant();
    });
    call(&handle, "small", |small| {
        look_up(small, "a day");
        small.grant();
    });
    let report = handle.shutdown_blocking(LONG);
    let lost = report.dropped.get("queue_full").copied().unwrap_or_default();
    assert!(lost > 200 && report.delivered > 40, "{report}");
    assert!(adds_up(&report) && reasons(&report).len() == 1, "{report}");
    let bytes: usize = backend.seen().iter().map(|seen| seen.bytes).sum();
    assert!(bytes < 3 << 20, "{bytes} bytes were held, of half of 4 MiB");
    let posts = posts(&api);
    let trace =
        |id: &str| posts.iter().find(|post| post.body["call_id"] == id).unwrap().body["trace_id"].clone();
    assert!(trace("large").is_null(), "a trace that is not whole is not named");
    assert!(trace("small").is_string());
}

#[test]
fn a_flush_does_not_wait_for_what_is_held_and_a_shutdown_erases_it() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = asking(&backend, &api).build().unwrap();
    let began = Instant::now();
    call(&handle, "held", |held| {
        look_up(held, "a day");
        let report = handle.flush_blocking(LONG);
        assert_eq!((report.accepted, report.delivered, report.pending), (1, 0, 1), "{report}");
        let report = handle.shutdown_blocking(LONG);
        assert_eq!(reasons(&report), [("no_consent", 1)], "{report}");
        // Nobody is left to send it.
        held.grant();
    });
    assert!(began.elapsed() < LONG);
    assert!(adds_up(&handle.ledger()), "{}", handle.ledger());
    assert!(backend.seen().is_empty() && api.seen().is_empty());
}

#[test]
fn a_call_without_a_call_log_is_held_too() {
    #[cekura::conversation(client = handle, skip_all)]
    fn plain(handle: &Cekura, agrees: bool) {
        let call = current_conversation().unwrap();
        look_up(&call, "a day");
        assert!(!agrees || handle.flush_blocking(LONG).delivered == 0);
        if agrees {
            call.grant();
        }
    }
    let (backend, api) = (Backend::new(), Api::new());
    let handle = asking(&backend, &api).build().unwrap();
    plain(&handle, true);
    assert_eq!(handle.flush_blocking(LONG).delivered, 2);
    plain(&handle, false);
    let report = handle.shutdown_blocking(LONG);
    assert_eq!((report.delivered, reasons(&report)), (2, vec![("no_consent", 2)]), "{report}");
    assert_eq!(backend.names(), ["conversation", "tool_call"]);
}

#[test]
fn a_hosts_spans_are_held_and_its_own_exporter_gets_them_at_once() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = asking(&backend, &api).build().unwrap();
    let own = Kept::default();
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(own.clone())
        .with_span_processor(handle.processor())
        .build();
    let tracer = provider.tracer("host");
    for agrees in [true, false] {
        call(&handle, "of a host", |call| {
            tracer.in_span("query", |_| ());
            assert_eq!(own.names().len(), if agrees { 1 } else { 3 });
            assert_eq!(handle.flush_blocking(LONG).pending, 1);
            if agrees {
                call.grant();
            } else {
                call.abort();
            }
            tracer.in_span("query", |_| ());
        });
        handle.flush_blocking(LONG);
    }
    let report = handle.shutdown_blocking(LONG);
    assert_eq!((report.delivered, reasons(&report)), (3, vec![("aborted", 3)]), "{report}");
    assert_eq!(backend.names(), ["conversation", "query", "query"]);
}

#[test]
fn what_waits_to_be_sent_of_a_call_that_is_aborted_is_not_sent_and_costs_no_other_call() {
    for is_spooled in [false, true] {
        let (is_well, api) = (Arc::<AtomicBool>::default(), Api::new());
        let looked_at = is_well.clone();
        let backend = Backend::scripted(move |_, _| {
            if looked_at.load(Ordering::Relaxed) { Reply::Accept } else { Reply::fail(503, 14) }
        });
        let spool = Spool::new(env!("CARGO_TARGET_TMPDIR"), "consent-waits");
        let limits = SpoolLimits { deposit: Duration::from_millis(20), ..SpoolLimits::default() };
        let handle = observing(&backend, &api);
        let handle = if is_spooled { handle.spool(&spool.0).spool_limits(limits) } else { handle };
        let handle = handle.build().unwrap();
        call(&handle, "other", |other| _ = look_up(other, "a day"));
        call(&handle, "aborted", |aborted| {
            (0..5).for_each(|_| _ = look_up(aborted, "a secret day"));
            // Some requests are tried in vain, and rest.
            handle.flush_blocking(SHORT);
            look_up(aborted, "a secret night");
            call(&handle, "inside", |_| ());
            aborted.abort();
        });
        call(&handle, "last", |last| _ = look_up(last, "a day"));
        let secret = || spool.files(".spans").into_iter().filter_map(|path| fs::read(path).ok());
        let secret = || secret().any(|bytes| bytes.windows(8).any(|part| part == b"a secret"));
        let limit = Instant::now() + LONG;
        // What was under way comes back first.
        while handle.ledger().dropped.get("aborted") != Some(&8) || is_spooled && secret() {
            assert!(Instant::now() < limit, "{is_spooled}: {} {}", handle.ledger(), secret());
            thread::sleep(Duration::from_millis(5));
        }
        let seen = backend.seen().len();
        is_well.store(true, Ordering::Relaxed);
        let report = handle.shutdown_blocking(LONG);
        assert_eq!(reasons(&report), [("aborted", 8)], "{is_spooled}: {report}");
        assert!(adds_up(&report) && report.delivered == 4 && report.pending == 0, "{report}");
        assert_eq!(backend.names(), ["conversation", "conversation", "tool_call", "tool_call"]);
        let sent = format!(
            "{:?}",
            backend.seen().split_off(seen).iter().map(|seen| &seen.message).collect::<Vec<_>>()
        );
        assert!(!sent.contains("secret"), "{is_spooled}: {sent}");
        let mut logs: Vec<_> = posts(&api).iter().map(|post| post.body["call_id"].to_string()).collect();
        logs.sort();
        assert_eq!(logs, ["\"last\"", "\"other\""]);
    }
}

#[test]
fn what_ends_in_another_thread_long_after_the_call_obeys_its_last_word() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = asking(&backend, &api).build().unwrap();
    for decide in [Conversation::grant, Conversation::abort, |_: &Conversation| ()] {
        let (release, released) = mpsc::channel::<()>();
        let mut late = None;
        call(&handle, "late", |call| {
            let call = call.clone();
            decide(&call);
            late = Some(thread::spawn(move || {
                released.recv().unwrap();
                look_up(&call, "long after")
            }));
        });
        thread::sleep(SHORT);
        release.send(()).unwrap();
        late.unwrap().join().unwrap();
    }
    let report = handle.shutdown_blocking(LONG);
    assert_eq!((report.delivered, report.accepted), (2, 6), "{report}");
    assert_eq!(reasons(&report), [("aborted", 2), ("no_consent", 2)], "{report}");
    assert_eq!(posts(&api).len(), 1);
}
