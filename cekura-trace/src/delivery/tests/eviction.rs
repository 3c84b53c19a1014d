//! What goes when memory is short, against a backend that is away, on a clock that stands still until everybody waits.

use super::tests::{ACCEPTED, World, flush, over};
use super::{Arc, Duration, Event, Lane, OwnEvents, Spool};
use crate::CallLog;
use crate::FlushReport;
use crate::delivery::config::Settings;
use crate::delivery::config::Spooling;
use crate::delivery::ledger::Completeness;
use crate::delivery::link::Link;
use crate::delivery::queue::Queue;
use crate::delivery::spool::Item;
use crate::delivery::tests::end;
use crate::delivery::timings::SpoolLimits;
use crate::delivery::transport::{Answer, FRAMING, Sending, Transport};
use crate::room::{Room, Use};
use opentelemetry::trace::TraceId;
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use prost::bytes::Bytes;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::Path;
use std::sync::{Mutex, mpsc};
use tokio::time::{Instant, sleep};

const LIMIT: usize = 1 << 20;
/// What is left of it when some was given back.
const LOW: usize = (LIMIT - LIMIT / 8) / 4 * 3;

/// The most spans of these tests in a request, which is an eighth of the limit.
const REQUEST: u64 = 240;

/// Trace → its spans.
type Ids = BTreeMap<u64, BTreeSet<u64>>;

/// Answers the nth request as a script says, after so many seconds, and knows what it has taken.
struct Endpoint {
    script: Box<dyn Fn(usize) -> (u64, Answer) + Send + Sync>,
    requests: Mutex<usize>,
    arrived: Arc<Mutex<Ids>>,
}

impl Transport for Endpoint {
    fn send(&self, frame: Bytes) -> Sending {
        let number = {
            let mut requests = self.requests.lock().unwrap();
            *requests += 1;
            *requests
        };
        let ((wait, answer), arrived) = ((self.script)(number), self.arrived.clone());
        Box::pin(async move {
            sleep(Duration::from_secs(wait)).await;
            if matches!(answer, Answer::Accepted { .. }) {
                for (trace, span) in ids(&frame) {
                    assert!(arrived.lock().unwrap().entry(trace).or_default().insert(span), "{span} twice");
                }
            }
            answer
        })
    }
}

fn ids(frame: &Bytes) -> Vec<(u64, u64)> {
    let message = ExportTraceServiceRequest::decode(&frame[FRAMING..]).unwrap();
    let scopes = message.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    let number = |id: &[u8]| u64::from_be_bytes(*id.last_chunk().unwrap());
    let spans = scopes.flat_map(|scope| scope.spans);
    spans.map(|span| (number(&span.trace_id), number(&span.span_id))).collect()
}

fn away(seconds: u64) -> Answer {
    Answer::Http { status: 503, wait: Some(Duration::from_secs(seconds)), message: String::new() }
}

fn settings() -> Settings {
    Settings { memory_limit: LIMIT, ..super::tests::settings() }
}

/// A world of this limit, and what arrives in it.
fn world(script: impl Fn(usize) -> (u64, Answer) + Send + Sync + 'static) -> (World, Arc<Mutex<Ids>>) {
    let arrived = Arc::<Mutex<Ids>>::default();
    let endpoint =
        Endpoint { script: Box::new(script), requests: Mutex::default(), arrived: arrived.clone() };
    let make = |link: &Link, _| over(&settings(), link, Arc::new(endpoint));
    // The API for call logs hangs.
    (World::with_limit(LIMIT, make, Arc::new(|_, _, _| Ok(Box::pin(std::future::pending())))), arrived)
}

/// The most calls that run at a time, and the spans of each.
const ABREAST: u64 = 10;

/// Calls one after the other, of which ten run at a time: each request has spans of many.
async fn calls(link: &Link, numbers: Range<u64>, bytes: usize) {
    for round in numbers.start..numbers.end + ABREAST - 1 {
        for call in numbers.clone().filter(|call| (*call..*call + ABREAST).contains(&round)) {
            let number = round - call + 1;
            end(&link.queue, call, call * 100 + number, ABREAST - number, bytes);
        }
        sleep(Duration::from_millis(1)).await;
    }
}

/// Every span of these calls has arrived or is lost, and the ledger says which calls are incomplete; gives the others.
fn whole(link: &Link, arrived: &Ids, report: &FlushReport, calls: Range<u64>) -> BTreeSet<u64> {
    let mut here = BTreeSet::new();
    for call in calls {
        let trace = TraceId::from(u128::from(call));
        let (delivered, pending, lost) = link.ledger.trace(trace);
        let spans = arrived.get(&call).map_or(0, BTreeSet::len) as u64;
        assert_eq!((delivered, pending, lost), (spans, 0, ABREAST - spans), "{call}");
        let is_whole = spans == ABREAST;
        let known = if is_whole { Completeness::Complete } else { Completeness::Incomplete };
        assert_eq!(link.ledger.completeness(trace), known, "{spans} of the ten spans of {call}");
        if is_whole {
            here.insert(call);
        }
    }
    assert_eq!(report.accepted, report.delivered + report.lost(), "{report}");
    assert_eq!(report.delivered, arrived.values().map(BTreeSet::len).sum::<usize>() as u64);
    here
}

#[tokio::test(start_paused = true)]
async fn the_oldest_requests_go_and_their_calls_are_marked_incomplete() {
    const CALLS: u64 = 1000;
    let (world, arrived) = world(|number| (0, if number == 1 { away(60) } else { ACCEPTED }));
    let ((), report, _) = world
        .play(async |link| {
            calls(link, 0..CALLS, 500).await;
            let report = flush(link, 100).await;
            let here = whole(link, &arrived.lock().unwrap(), &report, 0..CALLS);
            let oldest = *here.first().unwrap();
            assert_eq!(here, (oldest..CALLS).collect(), "the newest, without a gap");
            assert!((report.delivered + REQUEST) * 700 > LOW as u64, "no more than needed: {report}");
            assert_eq!(report.dropped.keys().collect::<Vec<_>>(), [&"queue_full"]);
        })
        .await;
    assert_eq!(report.pending, 0);
}

#[tokio::test(start_paused = true)]
async fn a_call_in_every_request_is_incomplete_when_one_of_them_goes() {
    const CALLS: u64 = 152;
    let (world, arrived) = world(|number| (0, if number == 1 { away(60) } else { ACCEPTED }));
    world
        .play(async |link| {
            // Each request has spans of as many of them as it holds.
            for number in 1..=ABREAST {
                for call in 0..CALLS {
                    end(&link.queue, call, call * 100 + number, ABREAST - number, 500);
                    sleep(Duration::from_micros(100)).await;
                }
            }
            let report = flush(link, 100).await;
            let here = whole(link, &arrived.lock().unwrap(), &report, 0..CALLS);
            assert_eq!(here, BTreeSet::new(), "of each the first spans were in the oldest requests");
            assert!(report.delivered > 0, "{report}");
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn what_was_tried_in_vain_is_as_old_as_it_was() {
    let (world, arrived) = world(|number| match number {
        1 => (2, away(60)),
        // What went beside it.
        2..5 => (1, away(60)),
        _ => (0, ACCEPTED),
    });
    world
        .play(async |link| {
            for call in 0..5 {
                calls(link, call..call + 1, 500).await;
                // It goes alone.
                flush(link, 0).await;
            }
            // Comes to stand before what flies.
            calls(link, 10..60, 500).await;
            sleep(Duration::from_secs(3)).await;
            calls(link, 60..165, 500).await;
            let report = flush(link, 100).await;
            let here: BTreeSet<_> = whole(link, &arrived.lock().unwrap(), &report, 0..5);
            assert_eq!(here, BTreeSet::new(), "{report}");
            let here = whole(link, &arrived.lock().unwrap(), &report, 10..165);
            assert_eq!(here, (*here.first().unwrap()..165).collect());
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn what_is_under_way_arrives_and_its_call_is_marked_incomplete() {
    let (world, arrived) =
        world(|number| (if number == 1 { 60 } else { 0 }, if number == 2 { away(70) } else { ACCEPTED }));
    world
        .play(async |link| {
            for span in 1..=5 {
                end(&link.queue, 1, span, 1, 500);
            }
            flush(link, 0).await;
            end(&link.queue, 2, 200, 1, 500);
            sleep(Duration::from_secs(2)).await;
            for span in 6..=10 {
                end(&link.queue, 1, span, 10 - span, 500);
            }
            calls(link, 10..200, 500).await;
            let report = flush(link, 200).await;
            assert_eq!(whole(link, &arrived.lock().unwrap(), &report, 1..2), BTreeSet::new());
            assert_eq!(arrived.lock().unwrap()[&1], BTreeSet::from([1, 2, 3, 4, 5]));
            assert_eq!(link.ledger.trace(TraceId::from(2)).2, 1);
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn of_a_call_above_the_limit_what_waits_goes_and_what_comes_is_taken() {
    let (world, arrived) = world(|number| (0, if number == 1 { away(60) } else { ACCEPTED }));
    world
        .play(async |link| {
            for span in 1..=3000 {
                end(&link.queue, 1, span, 1, 500);
                sleep(Duration::from_micros(100)).await;
            }
            let report = flush(link, 100).await;
            let spans = arrived.lock().unwrap()[&1].clone();
            assert_eq!((report.accepted, report.pending), (3000, 0));
            assert_eq!(report.dropped["queue_full"], 3000 - spans.len() as u64);
            assert!(spans.len() as u64 == 3001 - spans.first().unwrap(), "the newest, without a gap");
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn a_flush_does_not_wait_for_what_has_gone() {
    let (world, _) = world(|number| (0, if number == 1 { away(600) } else { ACCEPTED }));
    world
        .play(async |link| {
            calls(link, 0..10, 500).await;
            let early = async {
                let start = Instant::now();
                let report = flush(link, 300).await;
                assert!(start.elapsed() < Duration::from_secs(5), "{report}");
                assert!(report.dropped["queue_full"] >= 100);
            };
            let later = async {
                sleep(Duration::from_secs(1)).await;
                calls(link, 10..300, 500).await;
            };
            tokio::join!(early, later);
        })
        .await;
}

#[tokio::test(start_paused = true)]
async fn call_logs_that_wait_cost_no_spans() {
    let (world, arrived) = world(|number| (0, if number == 1 { away(60) } else { ACCEPTED }));
    world
        .play(async |link| {
            let log = CallLog::new("a").feedback("x".repeat(760_000));
            link.observe(log, Box::new(drop)).unwrap();
            calls(link, 0..20, 500).await;
            sleep(Duration::from_secs(2)).await;
            let reservation =
                Room::take(link.queue.clone(), Use::Delivery, LIMIT - (LIMIT - LIMIT / 8) / 16 * 15);
            assert!(reservation.is_none(), "it is crowded");
            let report = flush(link, 100).await;
            assert_eq!(report.to_string(), "200 accepted, 200 delivered");
            assert_eq!(arrived.lock().unwrap().len(), 20);
        })
        .await;
}

/// `cargo test --release -p cekura-trace --lib one_round -- --nocapture` prints how long it takes.
#[test]
fn one_round_among_a_thousand_calls_gives_back_what_is_wanted() {
    const CALLS: u64 = 1000;
    let make = |link: &Link, _: Arc<Mutex<Vec<u64>>>| {
        let arrived = Arc::default();
        let endpoint = Endpoint { script: Box::new(|_| (0, ACCEPTED)), requests: Mutex::default(), arrived };
        let (mut outlet, queue) = (over(&super::tests::settings(), link, Arc::new(endpoint)), &link.queue);
        for span in 0.. {
            end(queue, span % CALLS, span, 1, 1000);
            if span % 128 == 0 {
                queue.drain(|records, _| {
                    outlet.take(records, Room::taken(queue.clone(), Use::Delivery, records.len()), 0);
                });
            }
            let wanted = queue.excess();
            if wanted > 0 {
                let start = std::time::Instant::now();
                outlet.relieve(wanted, true, Instant::now());
                println!("{span} spans of {CALLS} calls | {wanted} bytes wanted | {:?}", start.elapsed());
                break;
            }
        }
        assert_eq!(queue.excess(), 0);
        // One request more or less.
        let most = Room::take(queue.clone(), Use::Delivery, (32 << 20) - (21 << 20) + (1 << 20));
        assert!(most.is_none(), "more went than was wanted");
        outlet
    };
    drop(World::with_limit(32 << 20, make, Arc::new(|_, _, _| panic!("there is no call log"))));
}

#[test]
fn what_goes_is_not_left_on_disk() {
    const CALLS: u64 = 140;
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp/folders/eviction");
    drop(std::fs::remove_dir_all(&directory));
    let (tell, told) = mpsc::channel();
    let open = |queue: Arc<Queue>| {
        let (tell, limits) = (tell.clone(), SpoolLimits::default());
        let to = Spooling { directory: directory.clone(), setting: "", limits, keeps_held: false };
        let tell = Arc::new(move |event| drop(tell.send(event)));
        Spool::open(&settings(), &to, queue, tell).unwrap()
    };
    let make = |link: &Link, _: Arc<Mutex<Vec<u64>>>| {
        let (spool, ledger, events) = (open(link.queue.clone()), link.ledger.clone(), OwnEvents::here());
        let (arrived, requests) = (Arc::default(), Mutex::default());
        let endpoint = Arc::new(Endpoint { script: Box::new(|_| (0, ACCEPTED)), requests, arrived });
        let wake = Box::new(|| {});
        let mut spans = Lane::of_spans(&settings(), endpoint, ledger, events, wake, Some(spool.clone()));
        for number in 1..=ABREAST {
            for call in 0..CALLS {
                end(&link.queue, call, call * 100 + number, ABREAST - number, 500);
            }
            link.queue.drain(|records, _| {
                spans.take(records, Room::taken(link.queue.clone(), Use::Delivery, records.len()), 0);
            });
        }
        let held = link.queue.held();
        let (wanted, lost, now) = (link.queue.excess(), || link.ledger.report(|| 0).lost(), Instant::now());
        spans.relieve(held, true, now);
        assert_eq!(lost(), 0, "the disk is asked first");
        // Nobody hears what it says.
        spans.relieve(wanted, true, now + Duration::from_secs(1));
        assert!(lost() > 0 && link.queue.excess() == 0);
        spool.end();
        spans
    };
    let world = World::with_limit(LIMIT, make, Arc::new(|_, _, _| panic!("there is no call log")));
    told.try_iter().for_each(drop);
    let next = open(world.link.queue.clone());
    let (expected, mut found) = (ABREAST * CALLS - world.link.ledger.report(|| 0).lost(), BTreeMap::new());
    while found.values().sum::<u64>() < expected {
        let Ok(events) = told.recv_timeout(Duration::from_secs(20)) else {
            panic!("{} of {expected} are on disk", found.values().sum::<u64>());
        };
        for (_, event) in events {
            let Event::Found(items) = event else { panic!("{event:?}") };
            for item in items {
                let Item::Spans { counts, .. } = item.item else { panic!("{item:?}") };
                for (trace, count) in counts {
                    *found.entry(trace.to_bytes()).or_default() += count;
                }
            }
        }
    }
    for call in (0..CALLS).map(|call| TraceId::from(u128::from(call))) {
        let found = found.get(&call.to_bytes()).copied().unwrap_or_default();
        assert_eq!(found, ABREAST - world.link.ledger.trace(call).2, "{call}");
    }
    assert!(told.recv_timeout(Duration::from_millis(300)).is_err(), "something else is on disk");
    next.end();
    drop(std::fs::remove_dir_all(&directory));
}
