//! The worker against a transport that answers as a script says, on a clock that stands still until everybody waits.

use super::{Account, Arc, CallLogs, Duration, Lane, Ledger, Message, OwnEvents, Spans, Timings, Worker};
use crate::FlushReport;
use crate::delivery::config::{Builder, Settings, resolve};
use crate::delivery::lane::call_logs::Exchange;
use crate::delivery::link::{Causes, Link};
use crate::delivery::metrics::Metrics;
use crate::delivery::queue::{Queue, Waker};
use crate::delivery::tests::end;
use crate::delivery::transport::{Answer, Failure, Sending, Transport};
use prost::bytes::Bytes;
use std::sync::Mutex;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep};

pub(super) const ACCEPTED: Answer = Answer::Accepted { rejected: 0, message: String::new() };

fn refused() -> Answer {
    Answer::None { failure: Failure::Connection, message: "refused".to_owned() }
}

fn busy(wait: Option<u64>) -> Answer {
    Answer::Http { status: 503, wait: wait.map(Duration::from_secs), message: String::new() }
}

type Script = dyn Fn(usize, u64) -> (u64, Answer) + Send + Sync;

/// Answers the nth request, at so many seconds, after so many seconds.
struct Scripted {
    script: Box<Script>,
    start: Instant,
    /// The seconds of all attempts.
    attempts: Arc<Mutex<Vec<u64>>>,
}

impl Transport for Scripted {
    fn send(&self, _frame: Bytes) -> Sending {
        let now = self.start.elapsed().as_secs();
        let number = {
            let mut attempts = self.attempts.lock().unwrap();
            attempts.push(now);
            attempts.len()
        };
        let (wait, answer) = (self.script)(number, now);
        Box::pin(async move {
            sleep(Duration::from_secs(wait)).await;
            answer
        })
    }
}

/// A worker that is not running yet, and what is on its other side.
pub(super) struct World {
    pub(super) link: Link,
    pub(super) worker: Box<Worker>,
    pub(super) messages: UnboundedReceiver<Message>,
    attempts: Arc<Mutex<Vec<u64>>>,
}

pub(super) fn settings() -> Settings {
    let builder = Builder::default().variables(|_| None).otel_endpoint("http://127.0.0.1:1");
    resolve(builder.api_key("canary").agent(5)).unwrap().unwrap()
}

fn call_logs(link: &Link, exchange: Exchange) -> Lane<CallLogs> {
    let (inbox, calls) = (link.inbox.clone(), link.calls.clone());
    let wake = Box::new(move || drop(inbox.send(Message::Answered)));
    let is_open = Box::new(move |trace| calls.is_open(trace));
    let ledger = link.ledger.clone();
    Lane::of_call_logs(exchange, is_open, Timings::default(), ledger, OwnEvents::here(), wake)
}

pub(super) fn outlet(link: &Link, script: Box<Script>, attempts: Arc<Mutex<Vec<u64>>>) -> Lane<Spans> {
    over(&settings(), link, Arc::new(Scripted { script, start: Instant::now(), attempts }))
}

/// What sends over a transport.
pub(super) fn over(settings: &Settings, link: &Link, transport: Arc<dyn Transport>) -> Lane<Spans> {
    let inbox = link.inbox.clone();
    let wake = Box::new(move || drop(inbox.send(Message::Answered)));
    Lane::of_spans(settings, transport, link.ledger.clone(), OwnEvents::here(), wake, None)
}

impl World {
    pub(super) fn new(make: impl FnOnce(&Link, Arc<Mutex<Vec<u64>>>) -> Lane<Spans>) -> Self {
        Self::with_api(make, Arc::new(|_, _, _| panic!("there is no call log")))
    }

    /// Spans go out as `make` says, call logs by `exchange`.
    pub(super) fn with_api(
        make: impl FnOnce(&Link, Arc<Mutex<Vec<u64>>>) -> Lane<Spans>,
        exchange: Exchange,
    ) -> Self {
        Self::with_limit(32 << 20, make, exchange)
    }

    /// Where no more than so many bytes may wait.
    pub(super) fn with_limit(
        limit: usize,
        make: impl FnOnce(&Link, Arc<Mutex<Vec<u64>>>) -> Lane<Spans>,
        exchange: Exchange,
    ) -> Self {
        let (inbox, messages) = unbounded_channel();
        let ledger = Arc::new(Ledger::default());
        let wake = inbox.clone();
        let waker = Waker::new(move || drop(wake.send(Message::Wake)));
        let queue = Arc::new(Queue::new(limit, ledger.clone(), waker, false));
        let (account, calls) = (Account::of(&settings()), Arc::default());
        let process = std::process::id();
        let (clock, longest) = (Arc::default(), Duration::MAX);
        let (queue_here, books) = (queue.clone(), ledger.clone());
        let link = Link {
            queue,
            inbox,
            ledger,
            metrics: Metrics::default(),
            account: account.clone(),
            calls,
            notices: None,
            causes: Causes::default(),
            process,
            clock,
            #[cfg(feature = "audio")]
            recorder: None,
            longest,
        };
        let attempts = Arc::default();
        let outlet = make(&link, Arc::clone(&attempts));
        let call_logs = call_logs(&link, exchange);
        let (timings, events) = (Timings::default(), OwnEvents::here());
        let worker =
            Worker::new(timings, queue_here, books, events, (Some(outlet), None), account, call_logs);
        Self { link, worker: Box::new(worker), messages, attempts }
    }

    pub(super) fn scripted(script: impl Fn(usize, u64) -> (u64, Answer) + Send + Sync + 'static) -> Self {
        Self::new(|link, attempts| outlet(link, Box::new(script), attempts))
    }

    /// Runs the worker while `act` acts, then shuts it down without patience.
    pub(super) async fn play<R>(self, act: impl AsyncFnOnce(&Link) -> R) -> (R, FlushReport, Vec<u64>) {
        self.play_until(0, act).await
    }

    /// The same with a shutdown of so many seconds.
    pub(super) async fn play_until<R>(
        mut self,
        seconds: u64,
        act: impl AsyncFnOnce(&Link) -> R,
    ) -> (R, FlushReport, Vec<u64>) {
        let Self { link, worker, messages, attempts } = &mut self;
        let acting = async {
            let result = act(link).await;
            let shutdown = |deadline, report| Message::Shutdown { deadline, report };
            (result, ask(link, seconds, shutdown).await)
        };
        let ((result, last), ()) = tokio::join!(acting, worker.run(messages));
        let attempts = attempts.lock().unwrap().clone();
        (result, last, attempts)
    }
}

async fn ask(
    link: &Link,
    seconds: u64,
    message: impl FnOnce(Instant, crate::delivery::message::FlushReply) -> Message,
) -> FlushReport {
    let (reply, report) = oneshot::channel();
    let deadline = Instant::now() + Duration::from_secs(seconds);
    drop(link.inbox.send(message(deadline, crate::delivery::message::FlushReply::Future(reply))));
    report.await.unwrap()
}

pub(super) async fn flush(link: &Link, seconds: u64) -> FlushReport {
    ask(link, seconds, |deadline, report| Message::Flush { deadline, report }).await
}

#[tokio::test(start_paused = true)]
async fn five_minutes_without_a_backend_lose_nothing() {
    for outage in [5, 60, 290, 300] {
        for silence in [0, 10] {
            let world = World::scripted(
                move |_, now| if now < outage { (silence, refused()) } else { (0, ACCEPTED) },
            );
            let (report, _, attempts) = world
                .play(async |link| {
                    for second in 0..outage {
                        end(&link.queue, second, 1, 0, 10);
                        sleep(Duration::from_secs(1)).await;
                    }
                    flush(link, 60).await
                })
                .await;
            assert_eq!((report.delivered, report.accepted), (outage, outage), "{outage} {silence}: {report}");
            assert!(attempts.len() < 400, "{} attempts", attempts.len());
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_stays_away_is_given_up() {
    let world = World::scripted(|_, _| (0, refused()));
    let (times, last, attempts) = world
        .play(async |link| {
            end(&link.queue, 1, 1, 0, 10);
            let early = flush(link, 329).await;
            assert_eq!(early.pending, 1, "{early}");
            let late = flush(link, 60).await;
            assert_eq!(late.dropped["unreachable"], 1, "{late}");
            end(&link.queue, 2, 1, 0, 10);
            flush(link, 100).await
        })
        .await;
    assert_eq!((times.pending, last.pending, last.dropped["shutdown"]), (1, 0, 1));
    assert!(attempts.len() > 30 && attempts.len() < 300, "{attempts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_fails_most_of_the_time_gets_everything() {
    let world = World::scripted(|number, _| if number % 10 < 7 { (0, busy(None)) } else { (0, ACCEPTED) });
    let (report, ..) = world
        .play(async |link| {
            for span in 0..200 {
                end(&link.queue, span % 7, span, 0, 10);
                sleep(Duration::from_millis(500)).await;
            }
            flush(link, 300).await
        })
        .await;
    assert_eq!(report.to_string(), "200 accepted, 200 delivered");
}

#[tokio::test(start_paused = true)]
async fn a_servers_wait_holds_up_everything() {
    for (asked, waited) in [(30, 30), (600, 600), (100_000, 600)] {
        let world = World::scripted(
            move |number, _| if number == 1 { (0, busy(Some(asked))) } else { (0, ACCEPTED) },
        );
        let (report, _, attempts) = world
            .play(async |link| {
                end(&link.queue, 1, 1, 0, 10);
                sleep(Duration::from_secs(2)).await;
                end(&link.queue, 2, 1, 0, 10);
                flush(link, 700).await
            })
            .await;
        assert_eq!(report.delivered, 2);
        assert_eq!(attempts.len(), 3);
        assert!(
            attempts[1] - attempts[0] >= waited && attempts[1] - attempts[0] < waited + 3,
            "{attempts:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn after_a_long_wait_there_is_time_for_another_attempt() {
    let script = |number, now| match number {
        1 => (0, busy(Some(500))),
        _ if now < 505 => (0, busy(None)),
        _ => (0, ACCEPTED),
    };
    let (report, ..) = World::scripted(script)
        .play(async |link| {
            end(&link.queue, 1, 1, 0, 10);
            flush(link, 600).await
        })
        .await;
    assert_eq!(report.delivered, 1, "{report}");
}

#[tokio::test(start_paused = true)]
async fn a_refusal_is_probed_after_5_15_60_and_60_seconds() {
    let refusal = || Answer::Http { status: 401, wait: None, message: String::new() };
    let world = World::scripted(move |number, _| if number < 5 { (0, refusal()) } else { (0, ACCEPTED) });
    let (report, _, attempts) = world
        .play(async |link| {
            for trace in 0..100 {
                end(&link.queue, trace, 1, 0, 10);
                sleep(Duration::from_secs(1)).await;
            }
            flush(link, 200).await
        })
        .await;
    assert_eq!(report.to_string(), "100 accepted, 100 delivered");
    let waits: Vec<_> = attempts.windows(2).take(4).map(|pair| pair[1] - pair[0]).collect();
    assert_eq!(waits, [5, 15, 60, 60]);
}

#[tokio::test(start_paused = true)]
async fn a_slow_backend_gets_four_requests_at_a_time() {
    let world = World::scripted(|_, _| (1, ACCEPTED));
    let (taken, report, attempts) = world
        .play(async |link| {
            for span in 0..512 * 20 {
                end(&link.queue, span % 7, span, 0, 10);
            }
            let start = Instant::now();
            flush(link, 100).await;
            start.elapsed().as_secs()
        })
        .await;
    assert_eq!((report.delivered, attempts.len()), (512 * 20, 20));
    assert_eq!(taken, 5);
}

#[tokio::test(start_paused = true)]
async fn a_flush_waits_for_what_came_before_it_and_no_longer() {
    let world = World::scripted(|number, _| (if number == 1 { 3 } else { 50 }, ACCEPTED));
    let (times, ..) = world
        .play(async |link| {
            end(&link.queue, 1, 1, 0, 10);
            let start = Instant::now();
            let first = async {
                let report = flush(link, 100).await;
                (report.delivered, start.elapsed().as_secs())
            };
            let second = async {
                sleep(Duration::from_secs(1)).await;
                end(&link.queue, 2, 1, 0, 10);
                let report = flush(link, 10).await;
                (report.pending, start.elapsed().as_secs())
            };
            tokio::join!(first, second)
        })
        .await;
    assert_eq!(times, ((1, 3), (1, 11)));
}

#[tokio::test(start_paused = true)]
async fn a_transport_that_panics_is_one_that_fails() {
    let world = World::scripted(|number, _| {
        assert!(number > 2, "as the script says");
        (0, ACCEPTED)
    });
    let (report, _, attempts) = world
        .play(async |link| {
            end(&link.queue, 1, 1, 0, 10);
            flush(link, 60).await
        })
        .await;
    assert_eq!((report.delivered, attempts.len()), (1, 3));
}
