//! Who waits with a deadline has what rests after a failure tried once more before it, on a clock that stands still until
//! everybody waits.

use super::observe_tests::{busy, log, none, observe, stored, times, trace, whole, world};
use super::tests::{ACCEPTED, World, flush};
use super::{Arc, Duration};
use crate::delivery::link::Link;
use crate::delivery::message::ObserveAnswer;
use crate::delivery::tests::end;
use crate::delivery::transport::{Answer, Failure};
use std::sync::Mutex;
use tokio::time::sleep;

fn away() -> Answer {
    Answer::None { failure: Failure::Connection, message: "refused".to_owned() }
}

fn status(status: u16, wait: Option<u64>) -> Answer {
    Answer::Http { status, wait: wait.map(Duration::from_secs), message: String::new() }
}

/// A backend that has been away for long enough that the waits are long, and is back from the second `back` on.
async fn flushed(back: u64, deadline: u64, away: fn() -> Answer) -> (u64, Vec<u64>) {
    let world = World::scripted(move |_, now| (0, if now < back { away() } else { ACCEPTED }));
    let (report, _, attempts) = world
        .play(async |link| {
            end(&link.queue, 1, 1, 0, 10);
            sleep(Duration::from_secs(100)).await;
            flush(link, deadline).await
        })
        .await;
    (report.delivered, attempts)
}

/// Hands a call log over, and counts it when it is not posted.
fn ask_for(link: &Link, lost: Arc<Mutex<u32>>) {
    let told = move |answer: ObserveAnswer| *lost.lock().unwrap() += u32::from(answer.take().is_err());
    link.observe(log(), Box::new(told)).unwrap();
}

/// Waits are random.
const ROUNDS: usize = 30;

#[tokio::test(start_paused = true)]
async fn a_flush_tries_again_before_its_deadline_instead_of_sleeping_past_it() {
    for away in [away, || status(503, None), || status(503, Some(0)), || status(429, Some(1))] {
        for (back, deadline) in [(101, 5), (104, 5), (101, 2), (110, 12)] {
            for _ in 0..ROUNDS {
                let (delivered, attempts) = flushed(back, deadline, away).await;
                assert_eq!(delivered, 1, "back at {back}, flush({deadline}): {attempts:?}");
            }
        }
    }
}

/// A process that stands still past the time limit gets the answer to its request late, or none.
#[tokio::test(start_paused = true)]
async fn an_attempt_that_began_before_the_time_limit_is_not_the_last() {
    let silence = || Answer::None { failure: Failure::Timeout, message: String::new() };
    for late in [away, silence, || status(503, None), || status(429, Some(1)), || status(401, None)] {
        let script = move |number, _| if number == 1 { (1000, late()) } else { (0, ACCEPTED) };
        let (report, _, attempts) = World::scripted(script)
            .play(async |link| {
                end(&link.queue, 1, 1, 0, 10);
                sleep(Duration::from_secs(10)).await;
                // It waits for the outcome of the first, and is as old.
                end(&link.queue, 2, 1, 0, 10);
                flush(link, 1100).await
            })
            .await;
        assert_eq!(report.delivered, 2, "{report} {attempts:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_refuses_is_probed_before_the_deadline_too() {
    let (delivered, _) = flushed(101, 5, || status(401, None)).await;
    assert_eq!(delivered, 1);
}

#[tokio::test(start_paused = true)]
async fn a_servers_own_error_is_repeated_before_the_deadline() {
    let world = World::scripted(|number, _| (0, if number == 1 { status(500, None) } else { ACCEPTED }));
    let (report, ..) = world
        .play(async |link| {
            end(&link.queue, 1, 1, 0, 10);
            flush(link, 3).await
        })
        .await;
    assert_eq!(report.delivered, 1, "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_wait_that_the_server_asks_for_is_longer_than_any_deadline() {
    let script = |number, _| (0, if number == 1 { status(503, Some(30)) } else { ACCEPTED });
    let (pending, _, attempts) = World::scripted(script)
        .play_until(60, async |link| {
            end(&link.queue, 1, 1, 0, 10);
            let early = flush(link, 5).await.pending;
            sleep(Duration::from_secs(3)).await;
            early + flush(link, 10).await.pending
        })
        .await;
    assert_eq!((pending, attempts), (2, vec![0, 30]));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_tries_at_once_and_again_before_its_deadline() {
    for _ in 0..ROUNDS {
        let world = World::scripted(|_, now| (0, if now < 101 { away() } else { ACCEPTED }));
        let ((), report, _) = world
            .play_until(5, async |link| {
                end(&link.queue, 1, 1, 0, 10);
                sleep(Duration::from_secs(100)).await;
            })
            .await;
        assert_eq!(report.delivered, 1, "{report}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_posts_the_call_log_of_an_api_that_comes_back_before_its_deadline() {
    for _ in 0..ROUNDS {
        let (world, asked) = world(0, || ACCEPTED, |_, now| if now < 101 { none(false) } else { stored() });
        let failed = Arc::new(Mutex::new(0));
        let (ledger, ..) = world
            .play_until(5, async |link| {
                ask_for(link, failed.clone());
                sleep(Duration::from_secs(100)).await;
                link.ledger.clone()
            })
            .await;
        let posted = ledger.report(|| 0).call_logs;
        assert_eq!(
            (posted.delivered, posted.dropped, *failed.lock().unwrap()),
            (1, 0, 0),
            "{:?}",
            times(&asked)
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_log_is_never_posted_before_the_wait_that_the_api_asks_for() {
    let (world, asked) = world(0, || ACCEPTED, |number, _| if number == 1 { busy(30) } else { stored() });
    world
        .play_until(60, async |link| {
            ask_for(link, Arc::default());
            sleep(Duration::from_secs(1)).await;
            end(&link.queue, 1, 1, 0, 10);
            flush(link, 5).await;
        })
        .await;
    assert_eq!(times(&asked).iter().map(|(second, _)| *second).collect::<Vec<_>>(), [0, 30]);
}

#[tokio::test(start_paused = true)]
async fn a_call_log_that_waits_for_its_trace_has_that_tried_before_its_own_deadline() {
    for _ in 0..ROUNDS {
        let start = tokio::time::Instant::now();
        let answer = move || if start.elapsed().as_secs() < 101 { away() } else { ACCEPTED };
        let (world, asked) = world(0, answer, |_, _| stored());
        let (sent, ..) = world
            .play(async |link| {
                end(&link.queue, 3, 1, 0, 10);
                sleep(Duration::from_secs(100)).await;
                observe(link, log().trace_id(trace())).await.unwrap()
            })
            .await;
        assert_eq!(sent.trace_id(), Some(trace()), "{:?}", times(&asked));
    }
}

#[tokio::test(start_paused = true)]
async fn a_call_log_after_the_apis_own_error_is_repeated_before_the_deadline() {
    let api = |number, _| match number {
        1 | 3 => whole(500, ""),
        2 | 4 => whole(200, "[]"),
        _ => stored(),
    };
    let (world, asked) = world(0, || ACCEPTED, api);
    world
        .play_until(3, async |link| {
            ask_for(link, Arc::default());
            sleep(Duration::from_millis(1)).await;
        })
        .await;
    assert_eq!(times(&asked).len(), 5, "{:?}", times(&asked));
}
