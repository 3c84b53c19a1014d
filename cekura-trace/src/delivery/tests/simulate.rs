//! Simulated calls on a clock that stands still until everybody waits: until when they are posted.

use super::observe_tests::{Asked, busy, none, stored, times, whole, world};
use super::tests::{ACCEPTED, World};
use super::{Arc, Duration, SealedCallLog, Tap};
use crate::Run;
use crate::call::{Call, Clock};
use crate::delivery::config::Calls;
use crate::delivery::link::Link;
use crate::delivery::transport::Response;
use crate::destination::Sink;
use crate::policy::CaptureContent;
use crate::room::Room;
use crate::transcript::Entry;
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use serde_json::{Value, json};
use std::sync::Mutex;
use std::time::{SystemTime, UNIX_EPOCH};
use tokio::time::sleep;

const WEBHOOK: &str = "POST /test_framework/custom-provider-transcript-webhook/";

fn simulating(api: impl Fn(usize, u64) -> (u64, Response) + Send + Sync + 'static) -> (World, Asked) {
    let (mut world, asked) = world(0, || ACCEPTED, api);
    world.worker.account.calls = Calls::Simulate;
    (world, asked)
}

fn call() -> Arc<Call> {
    let (trace, span) = (TraceId::from(3), SpanId::from(1));
    let root = SpanContext::new(trace, span, TraceFlags::SAMPLED, false, TraceState::NONE);
    let call = Arc::new(Call::new(root, None, CaptureContent::Full, Clock::read()));
    call.notes.want(Room::default(), true);
    call.notes.belong_to(&Run::from_json(json!({ "run_id": 456 })));
    call
}

fn now() -> u64 {
    u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos()).unwrap()
}

/// A call ends that is to be posted.
fn end(link: &Link, call: &Arc<Call>, at: u64) {
    link.queue.observe(call, call.close(at).unwrap());
}

#[tokio::test(start_paused = true)]
async fn a_simulated_call_is_not_posted_later_than_five_minutes_after_its_end() {
    type Answer = fn(u64) -> (u64, Response);
    let outages: [Answer; 5] = [
        |_| none(false),
        |_| none(true),
        |_| whole(503, ""),
        |_| (10, none(true).1),
        |at| if at < 10 { busy(600) } else { stored() },
    ];
    for answer in outages {
        let (world, asked) = simulating(move |_, at| if at < 310 { answer(at) } else { stored() });
        let (failed, ..) = world
            .play(async |link| {
                end(link, &call(), now());
                sleep(Duration::from_secs(700)).await;
                link.report().call_logs.dropped
            })
            .await;
        assert_eq!(failed, 1);
        let times = times(&asked);
        assert!(times.iter().all(|(at, request)| *at <= 300 && request == WEBHOOK), "{times:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_webhook_that_comes_back_in_time_gets_the_call_once() {
    let (world, asked) = simulating(|_, at| if at < 250 { whole(503, "") } else { whole(202, "") });
    let (failed, ..) = world
        .play(async |link| {
            end(link, &call(), now());
            sleep(Duration::from_secs(700)).await;
            link.report().call_logs.dropped
        })
        .await;
    assert_eq!(failed, 0);
    let late = times(&asked).iter().filter(|(at, _)| *at >= 250).count();
    assert_eq!(late, 1, "{:?}", times(&asked));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_ended_more_than_five_minutes_ago_is_not_posted() {
    let (world, asked) = simulating(|_, _| whole(200, ""));
    let (failed, ..) = world
        .play(async |link| {
            end(link, &call(), now() - 301_000_000_000);
            end(link, &call(), now() - 200_000_000_000);
            // One whose clock is ahead.
            end(link, &call(), now() + 3_000_000_000_000);
            sleep(Duration::from_secs(30)).await;
            link.report().call_logs.dropped
        })
        .await;
    assert_eq!((failed, times(&asked).len()), (1, 2));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_held_is_posted_while_it_is_listened_for() {
    let (world, asked) = simulating(|_, _| whole(200, ""));
    let (failed, ..) = world
        .play(async |link| {
            let call = call();
            assert!(call.notes.hold());
            end(link, &call, now());
            sleep(Duration::from_secs(400)).await;
            link.report().call_logs.dropped
        })
        .await;
    assert_eq!(failed, 0);
    let times = times(&asked);
    assert!(times.len() == 1 && (240..300).contains(&times[0].0), "{times:?}");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_releases_is_posted_five_minutes_after_its_end() {
    for (wait, second) in [(None, 300), (Some(7), 7), (Some(1_000), 1_000)] {
        let (world, asked) = world(0, || ACCEPTED, |_, _| stored());
        let (failed, ..) = world
            .play(async |link| {
                let call = call();
                assert!(call.notes.hold());
                if let Some(wait) = wait {
                    call.notes.hold_for(Duration::from_secs(wait));
                }
                end(link, &call, now());
                sleep(Duration::from_secs(2_000)).await;
                link.report().call_logs.dropped
            })
            .await;
        let times: Vec<_> = times(&asked).into_iter().map(|(at, _)| at).collect();
        assert!(
            failed == 0 && times.len() == 1 && (second..second + 3).contains(&times[0]),
            "{wait:?}: {times:?}"
        );
    }
}

/// Sees the call logs that are shown.
struct Page(Arc<Mutex<Vec<Value>>>);

impl Tap for Page {
    fn take(&mut self, _: &[u8], _: Option<Room>) {}

    fn call_log(&mut self, log: &SealedCallLog, _: bool) {
        self.0.lock().unwrap().push(serde_json::from_slice(&log.body).unwrap());
    }
}

#[tokio::test(start_paused = true)]
async fn a_page_shows_a_simulated_call_as_any_other() {
    let (mut world, asked) = simulating(|_, _| whole(200, ""));
    let shown = Arc::default();
    world.worker.taps.push(Box::new(Page(Arc::clone(&shown))));
    let playing = world.play(async |link| {
        let call = call();
        call.notes.entry(Entry::user("Hello?"), None, Duration::default);
        end(link, &call, now());
        sleep(Duration::from_secs(10)).await;
    });
    playing.await;
    let shown = shown.lock().unwrap();
    assert_eq!((times(&asked).len(), shown.len()), (1, 1));
    assert_eq!(shown[0]["transcript_json"][0]["content"], "Hello?");
}

#[tokio::test(start_paused = true)]
async fn an_error_of_the_webhooks_own_is_repeated_without_a_question() {
    let (world, asked) = simulating(|number, _| if number < 3 { whole(500, "") } else { whole(200, "{}") });
    let (failed, ..) = world
        .play(async |link| {
            end(link, &call(), now());
            sleep(Duration::from_secs(60)).await;
            link.report().call_logs.dropped
        })
        .await;
    let requests: Vec<_> = times(&asked).into_iter().map(|(_, request)| request).collect();
    assert_eq!((failed, requests), (0, vec![WEBHOOK.to_owned(); 3]));
}
