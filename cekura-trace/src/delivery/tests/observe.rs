//! Call logs on a clock that stands still until everybody waits: when they are posted, and how often.

use super::tests::{ACCEPTED, World, outlet};
use super::{Arc, Duration};
use crate::CallLog;
use crate::call::{Call, Clock};
use crate::delivery::call_log::error::{ObserveError, Sent};
use crate::delivery::link::Link;
use crate::delivery::message::ObserveAnswer;
use crate::delivery::tests::end;
use crate::delivery::transport::Payload;
use crate::delivery::transport::{Answer, Failure, Response};
use crate::destination::Sink;
use crate::policy::CaptureContent;
use crate::room::Room;
use crate::transcript::Entry;
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use serde_json::Value;
use std::sync::Mutex;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

/// One request to the API: second, method and path, body.
pub(super) type Asked = Arc<Mutex<Vec<(u64, String, String)>>>;

/// One that counts as open.
const SPAN: SpanId = SpanId::from_bytes([2; 8]);
const OBSERVE: &str = "POST /observability/v1/observe/";
const SEARCH: &str = "GET /observability/v1/call-logs/?filters_v2=%7B%22field%22%3A%22call_id%22%2C%22op%22%3A%22eq%22%2C%22value%22%3A%22a%2Fb%22%7D&agent_id=5";

pub(super) fn stored() -> (u64, Response) {
    whole(201, r#"{"id": 7}"#)
}

pub(super) fn whole(status: u16, body: &str) -> (u64, Response) {
    (0, Response::Whole { status, wait: None, body: body.to_owned() })
}

pub(super) fn busy(wait: u64) -> (u64, Response) {
    let wait = Some(Duration::from_secs(wait));
    (0, Response::Whole { status: 429, wait, body: String::new() })
}

pub(super) fn none(was_sent: bool) -> (u64, Response) {
    let failure = if was_sent { Failure::Timeout } else { Failure::Connection };
    (0, Response::None { failure, was_sent, message: "nobody is there".to_owned() })
}

/// A worker whose API answers the nth request, at so many seconds, after so many seconds; its backend for spans takes
/// `slow` seconds for each request.
pub(super) fn world(
    slow: u64,
    span: impl Fn() -> Answer + Send + Sync + 'static,
    api: impl Fn(usize, u64) -> (u64, Response) + Send + Sync + 'static,
) -> (World, Asked) {
    let asked = Asked::default();
    let (start, seen) = (Instant::now(), asked.clone());
    let world = World::with_api(
        |link, attempts| outlet(link, Box::new(move |_, _| (slow, span())), attempts),
        Arc::new(move |method, path, body| {
            let second = start.elapsed().as_secs();
            let body = match body {
                Payload::Json(json) => String::from_utf8(json.to_vec()).unwrap(),
                _ => String::new(),
            };
            let mut seen = seen.lock().unwrap();
            seen.push((second, format!("{method} {path}"), body));
            let (wait, response) = api(seen.len(), second);
            Ok(Box::pin(async move {
                sleep(Duration::from_secs(wait)).await;
                response
            }))
        }),
    );
    (world, asked)
}

pub(super) async fn observe(link: &Link, log: CallLog) -> Result<Sent, ObserveError> {
    let (reply, sent) = oneshot::channel();
    link.observe(log, Box::new(|answer| drop(reply.send(answer))))?;
    sent.await.map_or_else(|_| Err(ObserveError::shutdown()), ObserveAnswer::take)
}

/// The seconds of the requests, and what they were.
pub(super) fn times(asked: &Asked) -> Vec<(u64, String)> {
    asked.lock().unwrap().iter().map(|(second, request, _)| (*second, request.clone())).collect()
}

fn bodies(asked: &Asked) -> Vec<Value> {
    let asked = asked.lock().unwrap();
    asked.iter().filter_map(|(.., body)| serde_json::from_str(body).ok()).collect()
}

pub(super) fn log() -> CallLog {
    CallLog::new("a/b")
}

/// Runs one call log against an API.
async fn post(
    api: impl Fn(usize, u64) -> (u64, Response) + Send + Sync + 'static,
) -> (Result<Sent, ObserveError>, Asked) {
    let (world, asked) = world(0, || ACCEPTED, api);
    let (result, ..) = world.play(async |link| observe(link, log()).await).await;
    (result, asked)
}

#[tokio::test(start_paused = true)]
async fn a_servers_wait_is_kept_and_capped() {
    for (wait, at) in [(30, 30), (600, 600), (100_000, 600)] {
        let (result, asked) = post(move |number, _| if number == 1 { busy(wait) } else { stored() }).await;
        assert_eq!(result.unwrap().id(), Some("7"));
        let times = times(&asked);
        assert_eq!(times.len(), 2);
        assert!((at..at + 2).contains(&times[1].0), "{times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_api_that_comes_back_within_five_minutes_gets_the_call_once() {
    let (result, asked) = post(|_, now| if now < 300 { none(false) } else { stored() }).await;
    assert!(result.is_ok());
    let times = times(&asked);
    assert!(times.len() > 10 && times.len() < 400 && times.iter().all(|(_, request)| request == OBSERVE));
}

#[tokio::test(start_paused = true)]
async fn an_api_that_stays_away_is_given_up() {
    let start = Instant::now();
    let (result, _) = post(|_, _| none(false)).await;
    let error = result.unwrap_err();
    assert!(error.is_unavailable() && error.to_string().ends_with(": nobody is there"), "{error}");
    let gone = start.elapsed().as_secs();
    assert!((330..360).contains(&gone), "{gone}");
}

#[tokio::test(start_paused = true)]
async fn a_servers_own_error_is_repeated_twice_where_it_has_stored_nothing() {
    let api = |number, _| if number % 2 == 1 { whole(500, "oops") } else { whole(200, "[]") };
    let (result, asked) = post(api).await;
    assert_eq!(result.unwrap_err().status(), Some(500));
    let expected = [(0, OBSERVE), (5, SEARCH), (5, OBSERVE), (10, SEARCH), (10, OBSERVE)];
    assert_eq!(times(&asked), expected.map(|(second, request)| (second, request.to_owned())));

    let found = r#"[{"id": 9, "call_id": "a/b"}]"#;
    let (result, asked) =
        post(move |number, _| if number < 4 { whole(500, "") } else { whole(200, found) }).await;
    assert_eq!(result.unwrap().id(), Some("9"), "where it cannot be looked for it is sent again");
    let expected = [(0, OBSERVE), (5, SEARCH), (5, OBSERVE), (10, SEARCH)];
    assert_eq!(times(&asked), expected.map(|(second, request)| (second, request.to_owned())));

    let (result, asked) =
        post(|number, _| if number % 2 == 1 { whole(500, "") } else { whole(404, "") }).await;
    assert_eq!(result.unwrap_err().status(), Some(500));
    assert_eq!(times(&asked).iter().filter(|(_, request)| request == OBSERVE).count(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_may_have_arrived_is_looked_for_before_it_is_sent_again() {
    for first in [none(true), whole(502, ""), whole(504, "")] {
        let found = r#"{"results": [{"id": 9, "call_id": "a/b"}]}"#;
        let answer = first.clone();
        let (result, asked) =
            post(move |number, _| if number == 1 { answer.clone() } else { whole(200, found) }).await;
        assert_eq!(result.unwrap().id(), Some("9"));
        assert_eq!(
            times(&asked).into_iter().map(|(_, request)| request).collect::<Vec<_>>(),
            [OBSERVE, SEARCH]
        );

        let (result, asked) = post(move |number, _| match number {
            1 => first.clone(),
            2 => busy(3),
            3 => whole(200, "[]"),
            _ => stored(),
        })
        .await;
        assert_eq!(result.unwrap().id(), Some("7"));
        let requests: Vec<_> = times(&asked).into_iter().map(|(_, request)| request).collect();
        assert_eq!(requests, [OBSERVE, SEARCH, SEARCH, OBSERVE]);
    }
}

#[tokio::test(start_paused = true)]
async fn a_question_that_is_not_answered_is_no_reason_to_send_it_again() {
    let (result, asked) = post(|number, _| if number == 1 { none(true) } else { whole(403, "") }).await;
    assert!(result.unwrap_err().is_refused());
    assert_eq!(times(&asked).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_api_that_never_answers_is_not_asked_without_pause() {
    let (result, asked) =
        post(|number, _| if number % 2 == 1 { whole(502, "") } else { whole(200, "[]") }).await;
    assert!(result.unwrap_err().is_unavailable());
    assert!(times(&asked).len() < 150, "{}", times(&asked).len());
}

#[tokio::test(start_paused = true)]
async fn several_wait_for_the_same_api_and_one_tries() {
    let (world, asked) = world(0, || ACCEPTED, |number, _| if number <= 4 { busy(20) } else { stored() });
    world
        .play(async |link| {
            for number in 0..10 {
                link.observe(CallLog::new(format!("c{number}")), Box::new(drop)).unwrap();
            }
            sleep(Duration::from_secs(60)).await;
            assert_eq!(link.report().call_logs.dropped, 0);
        })
        .await;
    assert_eq!(times(&asked).len(), 14);
}

fn call() -> Arc<Call> {
    let root = SpanContext::new(trace(), SpanId::from(1), TraceFlags::SAMPLED, false, TraceState::NONE);
    Arc::new(Call::new(root, None, CaptureContent::Full, Clock::read()))
}

pub(super) fn trace() -> TraceId {
    TraceId::from(3)
}

#[tokio::test(start_paused = true)]
async fn a_call_log_names_its_trace_when_every_span_was_acknowledged() {
    let (world, asked) = world(3, || ACCEPTED, |_, _| stored());
    let (sent, ..) = world
        .play(async |link| {
            end(&link.queue, 3, 2, 1, 10);
            end(&link.queue, 3, 1, 0, 10);
            observe(link, log().trace_id(trace())).await.unwrap()
        })
        .await;
    assert_eq!(sent.trace_id(), Some(trace()));
    assert_eq!(times(&asked), [(3, OBSERVE.to_owned())]);
    assert_eq!(bodies(&asked)[0]["trace_id"], trace().to_string());
}

#[tokio::test(start_paused = true)]
async fn it_waits_for_the_spans_that_are_open_and_for_those_in_the_queue() {
    let (world, asked) = world(0, || ACCEPTED, |_, _| stored());
    let (sent, ..) = world
        .play(async |link| {
            let call = call();
            link.calls.begin(&call, SPAN, &Arc::new(SPAN));
            end(&link.queue, 3, 1, 0, 10);
            let posted = observe(link, log().trace_id(trace()));
            let ending = async {
                sleep(Duration::from_millis(3500)).await;
                end(&link.queue, 3, 2, 1, 10);
                link.calls.end(&call);
            };
            tokio::join!(posted, ending).0.unwrap()
        })
        .await;
    assert_eq!((sent.trace_id(), times(&asked)[0].0), (Some(trace()), 3));
}

#[tokio::test(start_paused = true)]
async fn a_span_that_came_while_the_others_were_delivered_is_waited_for_too() {
    let (world, asked) = world(3, || ACCEPTED, |_, _| stored());
    let (sent, ..) = world
        .play(async |link| {
            // Between two collections.
            sleep(Duration::from_millis(500)).await;
            end(&link.queue, 3, 1, 0, 10);
            let posted = observe(link, log().trace_id(trace()).deadline(Duration::from_secs(20)));
            let late = async {
                sleep(Duration::from_millis(2700)).await;
                let call = call();
                link.calls.begin(&call, SPAN, &Arc::new(SPAN));
                end(&link.queue, 3, 2, 1, 10);
                link.calls.end(&call);
            };
            tokio::join!(posted, late).0.unwrap()
        })
        .await;
    assert_eq!((sent.trace_id(), times(&asked)[0].0), (Some(trace()), 6));
}

#[tokio::test(start_paused = true)]
async fn it_is_posted_at_its_deadline_without_a_trace_that_is_not_delivered() {
    for (deadline, at) in [(None, 5), (Some(1), 1), (Some(20), 20)] {
        let (world, asked) = world(60, || ACCEPTED, |_, _| stored());
        let (sent, ..) = world
            .play(async |link| {
                end(&link.queue, 3, 1, 0, 10);
                let mut log = log().trace_id(trace());
                if let Some(deadline) = deadline {
                    log = log.deadline(Duration::from_secs(deadline));
                }
                observe(link, log).await.unwrap()
            })
            .await;
        assert_eq!((sent.trace_id(), times(&asked)[0].0), (None, at));
        assert_eq!(bodies(&asked)[0].get("trace_id"), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_trace_that_has_lost_a_span_or_has_none_is_not_named() {
    let partial = || Answer::Accepted { rejected: 1, message: String::new() };
    for rejects in [false, true] {
        let answer = move || if rejects { partial() } else { ACCEPTED };
        let (world, asked) = world(0, answer, |_, _| stored());
        let (sent, ..) = world
            .play(async |link| {
                if rejects {
                    // One of the two is lost, and the backend does not say of which trace.
                    end(&link.queue, 3, 1, 0, 10);
                    end(&link.queue, 4, 2, 0, 10);
                    let other = TraceId::from(4);
                    let (one, two) = (log().trace_id(trace()), log().trace_id(other));
                    let (one, two) = tokio::join!(observe(link, one), observe(link, two));
                    assert_eq!((two.unwrap().trace_id(), times(&asked)[0].0), (None, 0));
                    one.unwrap()
                } else {
                    observe(link, log().trace_id(trace())).await.unwrap()
                }
            })
            .await;
        assert_eq!(sent.trace_id(), None);
        assert_eq!(bodies(&asked)[0].get("trace_id"), None);
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_posts_what_waits_for_its_trace() {
    // The spans take longer than the shutdown, the call log does not wait for all of it.
    let (world, asked) = world(60, || ACCEPTED, |_, _| stored());
    let ((), report, _) = world
        .play_until(8, async |link| {
            end(&link.queue, 3, 1, 0, 10);
            let log = log().trace_id(trace()).deadline(Duration::from_secs(50));
            link.observe(log, Box::new(drop)).unwrap();
        })
        .await;
    assert_eq!(report.dropped["shutdown"], 1);
    assert_eq!(times(&asked), [(4, OBSERVE.to_owned())]);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_posted_by_the_end_is_counted() {
    let (world, _) = world(0, || ACCEPTED, |_, _| none(false));
    let lost = Arc::new(Mutex::new(0));
    let (ledger, ..) = world
        .play_until(20, async |link| {
            let told = lost.clone();
            let hear = move |answer: ObserveAnswer| {
                *told.lock().unwrap() += u32::from(answer.take().is_err_and(|error| error.is_shutdown()));
            };
            link.observe(log(), Box::new(hear)).unwrap();
            link.ledger.clone()
        })
        .await;
    assert_eq!(*lost.lock().unwrap(), 1);
    assert_eq!(ledger.report(|| 0).call_logs.dropped, 1);
}

#[tokio::test(start_paused = true)]
async fn a_call_log_that_does_not_fit_is_refused() {
    let (world, asked) = world(0, || ACCEPTED, |_, _| (30, stored().1));
    world
        .play(async |link| {
            let fat = || CallLog::new("c").feedback("x".repeat(20 << 20));
            link.observe(fat(), Box::new(drop)).unwrap();
            sleep(Duration::from_secs(1)).await;
            let error = observe(link, fat()).await.unwrap_err();
            assert!(error.to_string().contains("memory limit"), "{error}");
            sleep(Duration::from_secs(60)).await;
            observe(link, fat()).await.unwrap();
        })
        .await;
    assert_eq!(times(&asked).len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_ended_calls_log_takes_the_room_of_its_json() {
    let (world, _) = world(0, || ACCEPTED, |_, _| (30, stored().1));
    world
        .play(async |link| {
            for _ in 0..12 {
                let call = call();
                call.notes.want(Room::default(), true);
                // Six times as long in JSON: nine of them would fit into 32 MiB, of which call logs leave some to spans.
                call.notes.entry(Entry::user("\u{1}".repeat(600_000)), None, Duration::default);
                link.queue.observe(&call, call.close(u64::MAX).unwrap());
            }
            sleep(Duration::from_secs(10)).await;
            let lost = link.report().call_logs.dropped;
            assert!((3..=8).contains(&lost), "{lost} of 12");
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_repetition_that_must_wait_for_its_turn_does_not_keep_the_worker_busy() {
    let answer = |number, _| if number == 1 { whole(500, "") } else { (30, stored().1) };
    let (world, asked) = world(0, || ACCEPTED, answer);
    let playing = world.play(async |link| {
        link.observe(CallLog::new("repeated"), Box::new(drop)).unwrap();
        sleep(Duration::from_secs(2)).await;
        for number in 0..4 {
            link.observe(CallLog::new(format!("slow {number}")), Box::new(drop)).unwrap();
        }
        sleep(Duration::from_secs(60)).await;
    });
    playing.await;
    assert_eq!(times(&asked).iter().map(|(second, _)| *second).collect::<Vec<_>>(), [0, 2, 2, 2, 2, 32]);
}

#[test]
fn an_error_that_comes_while_its_future_is_dropped_is_said() {
    let said = Arc::new(Mutex::new(Vec::new()));
    let answer = || {
        let said = said.clone();
        let say = move |error: ObserveError| said.lock().unwrap().push(error.to_string());
        ObserveAnswer::new(Err(ObserveError::shutdown()), say)
    };
    assert!(answer().take().is_err());
    assert!(said.lock().unwrap().is_empty(), "who asked has it");
    let (reply, mut sent) = oneshot::channel();
    reply.send(answer()).ok().unwrap();
    sent.close();
    drop(sent);
    let (reply, sent) = oneshot::channel();
    drop(sent);
    drop(reply.send(answer()));
    assert_eq!(said.lock().unwrap().len(), 2);
}
