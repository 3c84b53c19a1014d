//! Row 20: more than memory may hold while a backend is away. The oldest requests go, counted exactly; with a spool
//! nothing goes.

use super::{away, ids};
use cekura::{Builder, Cekura, Protocol, SpoolLimits, Timings, TraceId, spans};
use cekura_trace_tests::api::{Api, KEY, Seen};
use cekura_trace_tests::backend::{Backend, Reply};
use cekura_trace_tests::events::{heard, listen};
use cekura_trace_tests::handles::{LONG, PROTOCOLS, adds_up, converse, quick, reasons, to};
use cekura_trace_tests::spools::Spool;
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const LIMIT: usize = 1 << 20;
const CALLS: usize = 400;
/// How many calls run at a time, and the turns of each.
const ABREAST: usize = 10;
/// What a turn says.
const TEXT: [u8; 700] = [b'x'; 700];

/// Asked to wait for longer than a test takes to fill the memory.
fn busy(protocol: Protocol) -> Reply {
    // `google.rpc.Status { details: [RetryInfo { retry_delay: 30 s }] }`.
    let details = "GjAKKHR5cGUuZ29vZ2xlYXBpcy5jb20vZ29vZ2xlLnJwYy5SZXRyeUluZm8SBAoCCB4=";
    let wait = if protocol == Protocol::Grpc { details } else { "30" };
    Reply::Fail {
        status: 503,
        code: 14,
        wait: Some(wait.to_owned()),
        message: "as the script says".to_owned(),
    }
}

fn limited(backend: &Backend, protocol: Protocol) -> Builder {
    let timings =
        Timings { longest_hint: Duration::from_secs(4), attempt: Duration::from_millis(500), ..quick() };
    to(backend, protocol).timings(timings).memory_limit(LIMIT)
}

type Call = (TraceId, spans::Guard<spans::Conversation>);

/// Calls that begin one after the other and end so, ten at a time, so that each request has spans of many; their traces
/// in order. Their ids begin with `name`. `pause` is made between their turns.
fn calls(handle: &Cekura, name: &str, count: usize, pause: impl Fn()) -> Vec<TraceId> {
    let (mut traces, mut open) = (Vec::new(), VecDeque::<Call>::new());
    let text = str::from_utf8(&TEXT).unwrap();
    while traces.len() < count || !open.is_empty() {
        if traces.len() < count {
            let id = format!("{name}{}", traces.len());
            let call = spans::conversation().call_id(id).observe().client(handle).start();
            let trace = call.in_scope(|| cekura::trace_id().unwrap());
            traces.push(trace);
            open.push_back((trace, call));
        }
        for (_, call) in &open {
            call.in_scope(|| spans::turn().input("text", text).start().end());
        }
        if open.len() == ABREAST || traces.len() == count {
            open.pop_front().unwrap().1.end();
        }
        pause();
    }
    traces
}

/// How many spans of each trace have arrived.
fn arrived(backend: &Backend) -> BTreeMap<[u8; 16], usize> {
    let mut arrived = BTreeMap::new();
    for span in backend.spans() {
        *arrived.entry(span.trace_id.try_into().unwrap()).or_default() += 1;
    }
    arrived
}

/// What of these calls has not arrived is in the ledger; gives the places of those that arrived whole.
fn whole(handle: &Cekura, backend: &Backend, traces: &[TraceId], others: usize) -> BTreeSet<usize> {
    let arrived = arrived(backend);
    let mut here = BTreeSet::new();
    for (place, trace) in traces.iter().enumerate() {
        if arrived.get(&trace.to_bytes()) == Some(&(ABREAST + 1)) {
            here.insert(place);
        }
    }
    let (report, made) = (handle.ledger(), traces.len() * (ABREAST + 1));
    assert!(adds_up(&report) && report.pending == 0, "{report}");
    assert_eq!(report.accepted, (made + others) as u64, "{report}");
    assert_eq!(report.delivered, ids(backend).len() as u64, "{report}");
    assert_eq!(reasons(&report), [("queue_full", report.lost())]);
    here
}

/// The call logs that were posted, by the numbers of their calls, with the traces that they name.
fn posted(api: &Api, name: &str) -> BTreeMap<usize, Option<String>> {
    let posts = api.seen().into_iter().filter(|seen| seen.method == "POST");
    let read = |seen: Seen| {
        let place = seen.body["call_id"].as_str().unwrap().strip_prefix(name).unwrap().parse().unwrap();
        (place, seen.body.get("trace_id").map(|trace| trace.as_str().unwrap().to_owned()))
    };
    posts.map(read).collect()
}

/// Afterwards a new span arrives.
fn is_live(handle: &Cekura, backend: &Backend) -> bool {
    let before = ids(backend).len();
    converse(handle, 1);
    handle.flush_blocking(LONG);
    ids(backend).len() == before + 2
}

#[test]
fn row_20_above_the_memory_limit_the_oldest_conversations_go() {
    listen();
    for protocol in PROTOCOLS {
        let name = format!("oldest-{protocol:?}-");
        let ((backend, is_well), api) = (away(busy(protocol)), Api::new());
        let builder = limited(&backend, protocol).api_key(KEY).agent(5).api_url(api.url());
        let handle = builder.build().unwrap();
        // Was tried, and is the oldest.
        converse(&handle, 1);
        backend.await_requests(1);
        // In step with the thread that delivers.
        let traces = calls(&handle, &name, CALLS, || drop(handle.flush_blocking(Duration::ZERO)));
        is_well.store(true, Ordering::Relaxed);
        let report = handle.flush_blocking(LONG);
        let here = whole(&handle, &backend, &traces, 2);
        let oldest = *here.first().unwrap();
        assert_eq!(here, (oldest..CALLS).collect(), "the newest, without a gap");
        let names = backend.spans();
        assert!(names.iter().all(|span| traces.iter().any(|trace| span.trace_id == trace.to_bytes())));
        assert!(oldest > 200 && oldest < 360, "no more than needed: {oldest}");
        handle.shutdown_blocking(LONG);
        // Each call log is posted, and names its trace only where that is complete; one that has waited for too long names none.
        let posts = posted(&api, &name);
        for (place, named) in &posts {
            let is_true = |named: &String| here.contains(place) && *named == traces[*place].to_string();
            assert!(named.as_ref().is_none_or(is_true), "{place}: {named:?}");
        }
        // Where the API is slow, more may wait than there is room for: then an event names the call, and the setting.
        for place in (0..CALLS).filter(|place| !posts.contains_key(place)) {
            let said = heard(&format!("call_id=\"{name}{place}\""));
            assert!(matches!(&said[..], [one] if one.text.contains(".memory_limit(")), "{place}: {said:?}");
        }
        assert!(posts.len() > CALLS / 2, "{} of {CALLS} call logs", posts.len());
        println!("row 20 above the limit | {protocol:?} | ours | {} of {CALLS} calls | {report}", here.len());
    }
}

#[test]
fn row_20_above_the_memory_limit_while_requests_hang() {
    for protocol in PROTOCOLS {
        let (backend, is_well) = away(Reply::Silence);
        let handle = limited(&backend, protocol).build().unwrap();
        converse(&handle, 1);
        backend.await_requests(1);
        let traces = calls(&handle, "", CALLS, || drop(handle.flush_blocking(Duration::ZERO)));
        is_well.store(true, Ordering::Relaxed);
        let report = handle.flush_blocking(LONG);
        let here = whole(&handle, &backend, &traces, 2);
        // What flies may be old, and arrives.
        assert!((360..CALLS).all(|place| here.contains(&place)), "{here:?}");
        assert!(here.len() < 250, "{here:?}");
        assert!(is_live(&handle, &backend), "a new span does not arrive");
        println!(
            "row 20 above the limit, no answer | {protocol:?} | ours | {} of {CALLS} calls | {report}",
            here.len()
        );
    }
}

#[test]
fn row_20_above_the_memory_limit_with_a_spool_nothing_goes() {
    for protocol in PROTOCOLS {
        let spool = Spool::new(env!("CARGO_TARGET_TMPDIR"), &format!("full-{protocol:?}"));
        let is_well = Arc::<AtomicBool>::default();
        let looked_at = is_well.clone();
        let backend = Backend::scripted(move |_, _| {
            if looked_at.load(Ordering::Relaxed) { Reply::Accept } else { Reply::Held(looked_at.clone()) }
        });
        let hangs = Timings { attempt: LONG, ..quick() };
        let limits = SpoolLimits { deposit: Duration::from_millis(50), ..SpoolLimits::default() };
        let builder = limited(&backend, protocol).timings(hangs).spool(&spool.0).spool_limits(limits);
        let handle = builder.build().unwrap();
        let traces = calls(&handle, "", CALLS, || {
            let limit = Instant::now() + LONG;
            while handle.flush_blocking(Duration::ZERO).pending > 200 {
                assert!(Instant::now() < limit, "{}", handle.ledger());
                thread::sleep(Duration::from_millis(1));
            }
        });
        assert!(backend.seen().len() <= 4, "requests hang all the while");
        is_well.store(true, Ordering::Relaxed);
        let limit = Instant::now() + LONG;
        while handle.ledger().delivered < handle.ledger().accepted {
            assert!(Instant::now() < limit, "{}", handle.ledger());
            thread::sleep(Duration::from_millis(5));
        }
        let report = handle.shutdown_blocking(LONG);
        assert_eq!(arrived(&backend).len(), traces.len());
        assert_eq!((report.lost(), report.delivered), (0, report.accepted), "{report}");
        println!("row 20 above the limit, spool | {protocol:?} | ours | all {CALLS} calls | {report}");
    }
}

#[test]
fn row_20_what_goes_is_said_with_the_setting() {
    listen();
    let (backend, _) = away(busy(Protocol::Http));
    let handle =
        limited(&backend, Protocol::Http).service_name("small").memory_limit(20_000).build().unwrap();
    for _ in 0..50 {
        converse(&handle, 9);
    }
    let report = handle.shutdown_blocking(Duration::ZERO);
    assert!(report.dropped["queue_full"] > 0, "{report}");
    let said = heard(&report.to_string());
    assert_eq!(said.len(), 1, "{said:?}");
    assert!(said[0].text.contains(".memory_limit("), "{said:?}");
}
