//! Waits without end, moments far away and limits without limit: each is what it says as far as a clock or a number reaches.

use cekura::{
    Audio, CallLog, Cekura, Conversation, Entry, Hold, Protocol, Timings, current_conversation, spans,
};
use cekura_trace_tests::api::{Api, Seen};
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, PROTOCOLS, SHORT, converse, observing, quick, to};
use futures::executor::block_on;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

/// As nobody needs them, and as a program has them that means "always".
const WAITS: [Duration; 4] = [
    Duration::MAX,
    Duration::from_secs(u64::MAX),
    Duration::from_secs(1 << 60),
    Duration::from_secs(1 << 40),
];

fn posts(api: &Api) -> Vec<Seen> {
    api.seen().into_iter().filter(|seen| seen.method == "POST").collect()
}

/// Gives up early whatever waits for no reason.
fn impatient() -> Timings {
    Timings { give_up: Duration::from_millis(50), ..quick() }
}

#[cekura::conversation(client = handle, call_id = call_id, observe, skip_all)]
fn held(handle: &Cekura, call_id: &str, wait: Duration) -> Hold {
    current_conversation().unwrap().hold().for_up_to(wait)
}

#[test]
fn a_hold_without_end_lasts_until_it_is_released() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).timings(impatient()).build().unwrap();
    let holds = WAITS.map(|wait| held(&handle, &format!("{wait:?}"), wait));
    thread::sleep(2 * SHORT);
    assert_eq!(posts(&api).len(), 0, "they are held");
    drop(holds);
    api.await_requests(WAITS.len());
    handle.shutdown_blocking(LONG);
    assert_eq!(posts(&api).len(), WAITS.len());
}

#[test]
fn a_call_log_that_waits_for_its_trace_without_end_has_it() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).timings(impatient()).build().unwrap();
    thread::scope(|scope| {
        let sent = WAITS.map(|wait| {
            let call = spans::conversation().client(&handle).start();
            let trace = call.in_scope(|| cekura::trace_id().unwrap());
            let log = CallLog::new(format!("{wait:?}")).trace_id(trace).deadline(wait);
            let handle = &handle;
            (call, scope.spawn(move || handle.observe_blocking(log)))
        });
        thread::sleep(2 * SHORT);
        assert_eq!(posts(&api).len(), 0, "their calls run");
        for (call, sent) in sent {
            call.end();
            assert!(sent.join().unwrap().unwrap().was_sent());
        }
    });
    handle.shutdown_blocking(LONG);
    assert!(posts(&api).iter().all(|post| post.body["trace_id"].is_string()));
}

#[test]
fn a_flush_or_a_shutdown_without_end_ends_with_the_delivery() {
    for (wait, protocol) in WAITS.into_iter().zip(PROTOCOLS.into_iter().cycle()) {
        let backend = Backend::new();
        let handle = to(&backend, protocol).build().unwrap();
        converse(&handle, 1);
        assert_eq!(handle.flush_blocking(wait).delivered, 2);
        converse(&handle, 1);
        assert_eq!(block_on(handle.flush(wait)).delivered, 4);
        converse(&handle, 1);
        assert_eq!(handle.shutdown_blocking(wait).delivered, 6);
        let handle = to(&backend, protocol).build().unwrap();
        converse(&handle, 1);
        assert_eq!(block_on(handle.shutdown(wait)).delivered, 2);
    }
}

#[test]
fn nothing_is_waited_for_where_the_wait_is_nothing() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    drop(held(&handle, "at once", Duration::ZERO));
    handle.flush_blocking(Duration::ZERO);
    block_on(handle.flush(Duration::ZERO));
    assert!(handle.observe_blocking(CallLog::new("call-1").deadline(Duration::ZERO)).unwrap().was_sent());
    handle.shutdown_blocking(Duration::ZERO);
}

/// Moments of the wall clock as far as that goes.
fn moments() -> Vec<SystemTime> {
    let (now, epoch) = (SystemTime::now(), SystemTime::UNIX_EPOCH);
    let seconds = [0, 1, 1 << 33, 1 << 35, 1 << 40, 1 << 60, i64::MAX as u64 - 1];
    let far = seconds.into_iter().map(Duration::from_secs);
    far.flat_map(|far| [epoch.checked_add(far), epoch.checked_sub(far), now.checked_add(far)])
        .flatten()
        .collect()
}

fn instants() -> Vec<Instant> {
    let now = Instant::now();
    let far = [1, 1 << 33, 1 << 35, 1 << 60].map(Duration::from_secs);
    far.into_iter().flat_map(|far| [now.checked_add(far), now.checked_sub(far)]).flatten().collect()
}

/// A call in which everything was at that moment.
macro_rules! call_at {
    ($handle:expr, $call_id:expr, $at:expr) => {{
        let at = $at;
        let root = spans::conversation().client($handle).call_id($call_id).observe().started_at(at).start();
        let call: Conversation = root.in_scope(|| current_conversation().unwrap());
        let turn = spans::turn().parent(&call).started_at(at).start();
        let mut heard = spans::stt().parent(&turn).started_at(at).start();
        heard.transcript("hello");
        heard.end_at(at);
        turn.user_stopped_at(at);
        turn.first_audio_at(at);
        let mut voice = spans::tts().parent(&turn).text("good morning").started_at(at).start();
        voice.audio(100);
        voice.end();
        turn.end_at(at);
        call.entry(Entry::tool_call("1", "find", "{}"));
        root.end();
    }};
}

#[test]
fn a_call_at_any_moment_arrives_and_no_span_ends_before_it_begins() {
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).build().unwrap();
    let (moments, instants) = (moments(), instants());
    assert!(moments.len() > 10 && instants.len() > 4);
    moments.iter().zip(0..).for_each(|(at, number)| call_at!(&handle, &format!("moment-{number}"), *at));
    instants.iter().zip(0..).for_each(|(at, number)| call_at!(&handle, &format!("instant-{number}"), *at));
    let calls = moments.len() + instants.len();
    let report = handle.shutdown_blocking(LONG);
    assert_eq!(report.delivered, 4 * calls as u64, "{report}");
    assert!(backend.spans().iter().all(|span| span.end_time_unix_nano >= span.start_time_unix_nano));
    assert_eq!(posts(&api).len(), calls);
}

#[test]
fn a_call_at_any_moment_can_be_drawn() {
    for at in moments() {
        let trace = cekura::testing::capture(|| {
            let root = spans::conversation().started_at(at).start();
            let turn = spans::turn().parent(&root).started_at(SystemTime::now()).start();
            spans::llm().parent(&turn).started_at(at).start().end_at(SystemTime::UNIX_EPOCH);
            turn.end_at(at);
            root.end();
        });
        assert!(trace.to_string().contains("llm"), "{at:?}");
        assert!(trace.draw(&[]).contains("llm"), "{at:?}");
    }
}

#[test]
fn sound_at_any_moment_and_a_delay_without_end_cost_no_other_sound() {
    const RATE: u32 = 16_000;
    let (backend, api) = (Backend::new(), Api::new());
    let handle = observing(&backend, &api).audio(Audio::stereo()).build().unwrap();
    let root = spans::conversation().client(&handle).observe().start();
    let line = root.in_scope(|| current_conversation().unwrap().audio());
    let loud = &[12_000_i16; 1_600][..];
    line.agent(loud, RATE);
    for at in instants() {
        line.user_at(at, loud, RATE);
    }
    thread::sleep(SHORT);
    line.user(loud, RATE);
    for wait in WAITS {
        line.delay(wait);
        line.agent(loud, RATE);
    }
    root.end();
    let recordings = handle.shutdown_blocking(LONG).recordings;
    assert_eq!((recordings.delivered, recordings.dropped), (1, 0));
    let (_, [user, agent]) = posts(&api)[0].recording.clone().unwrap().wav();
    let heard = [user, agent].map(|side| side.iter().filter(|sample| **sample > 6_000).count());
    assert!(heard.iter().all(|samples| (1_500..1_700).contains(samples)), "{heard:?}");
}

#[test]
fn limits_without_limit_are_none() {
    let backend = Backend::new();
    let builder = to(&backend, Protocol::Grpc).memory_limit(usize::MAX).content_limit(usize::MAX);
    let handle = builder.build().unwrap();
    let long = "a word, ".repeat(20_000);
    let root = spans::conversation().client(&handle).start();
    let mut answer = spans::llm().parent(&root).input("long", &[&long, &long]).record("own", &*long).start();
    answer.item(&serde_json::json!({ "choices": [{ "index": 0, "delta": { "content": long } }] }));
    answer.output(&long);
    answer.usage(i64::MAX, i64::MAX);
    answer.usage(i64::MAX, i64::MAX);
    answer.end();
    let tool = spans::tool_call("find").parent(&root).arguments(&serde_json::json!({ "long": long })).start();
    tool.end_with(&Err::<(), _>(&long));
    root.end();
    let report = handle.shutdown_blocking(LONG);
    assert_eq!(report.delivered, 3, "{report}");
    let texts: Vec<_> =
        backend.spans().iter().map(|span| format!("{span:?}").matches("a word, ").count()).collect();
    assert!(texts.iter().any(|words| *words >= 80_000), "{texts:?}");
}
