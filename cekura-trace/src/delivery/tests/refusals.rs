//! The Collector's own test of its exporters: a backend refuses at random for a minute, and has in the end what was sent.

use super::tests::{ACCEPTED, World, flush, over, settings};
use super::{Arc, Duration};
use crate::delivery::tests::end;
use crate::delivery::transport::{Answer, FRAMING, Failure, Sending, Transport};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use prost::bytes::Bytes;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use std::collections::BTreeSet;
use std::sync::Mutex;
use tokio::time::{Instant, sleep};

const MINUTE: Duration = Duration::from_secs(60);
const CALLS: u64 = 500;
const SPANS: u64 = 20_000;

/// Trace and span.
type Ids = BTreeSet<(u64, u64)>;

/// Refuses seven of ten requests for a minute. Of those, every tenth is taken: only its answer is lost.
struct Moody {
    start: Instant,
    state: Mutex<State>,
}

struct State {
    chance: SmallRng,
    received: Ids,
    /// Requests of that minute, and those of them that were refused.
    requests: [u32; 2],
}

impl State {
    /// What is wrong with this request, unless nothing is, and after how long that shows.
    fn mood(&mut self, now: Duration) -> Option<(u64, Answer)> {
        if now >= MINUTE {
            return None;
        }
        self.requests[0] += 1;
        if !self.chance.random_bool(0.7) {
            return None;
        }
        self.requests[1] += 1;
        let http = |status, wait: Option<u64>| Answer::Http {
            status,
            wait: wait.map(Duration::from_secs),
            message: String::new(),
        };
        let none = |failure| Answer::None { failure, message: String::new() };
        Some(match self.chance.random_range(0..6) {
            0 => (0, none(Failure::Connection)),
            1 => (10, none(Failure::Timeout)),
            2 => (1, http(429, Some(self.chance.random_range(0..5)))),
            3 => (0, http(502, None)),
            4 => (2, Answer::Grpc { code: 14, wait: None, message: String::new() }),
            _ => (0, http(503, None)),
        })
    }
}

impl Transport for Moody {
    fn send(&self, frame: Bytes) -> Sending {
        let mut state = self.state.lock().unwrap();
        let mood = state.mood(self.start.elapsed());
        if mood.is_none() || state.chance.random_bool(0.1) {
            state.received.extend(ids(&frame));
        }
        let (wait, answer) = mood.unwrap_or((0, ACCEPTED));
        Box::pin(async move {
            sleep(Duration::from_secs(wait)).await;
            answer
        })
    }
}

fn ids(frame: &Bytes) -> Ids {
    let request = ExportTraceServiceRequest::decode(&frame[FRAMING..]).unwrap();
    let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
    let last = |bytes: &[u8]| u64::from_be_bytes(*bytes.last_chunk().unwrap());
    scopes.flat_map(|scope| scope.spans).map(|span| (last(&span.trace_id), last(&span.span_id))).collect()
}

#[tokio::test(start_paused = true)]
async fn seven_of_ten_refused_for_a_minute_lose_nothing() {
    let (mut requests, mut refused) = (0, 0);
    for seed in 0..8 {
        let chance = SmallRng::seed_from_u64(seed);
        let state = Mutex::new(State { chance, received: Ids::new(), requests: [0; 2] });
        let backend = Arc::new(Moody { start: Instant::now(), state });
        let world = World::new(|link, _| over(&settings(), link, backend.clone()));
        let (report, ..) = world
            .play(async |link| {
                for number in 0..SPANS {
                    // The spans of all conversations in turn, the roots last.
                    let (call, span) = (number % CALLS + 1, SPANS / CALLS - number / CALLS);
                    end(&link.queue, call, span, u64::from(span > 1), 40);
                    sleep(MINUTE / u32::try_from(SPANS).unwrap()).await;
                }
                flush(link, 330).await
            })
            .await;
        assert_eq!(report.to_string(), "20000 accepted, 20000 delivered", "seed {seed}");
        let sent: Ids =
            (1..=CALLS).flat_map(|call| (1..=SPANS / CALLS).map(move |span| (call, span))).collect();
        let state = backend.state.lock().unwrap();
        assert!(state.received == sent, "seed {seed}: {} of {} arrived", state.received.len(), sent.len());
        requests += state.requests[0];
        refused += state.requests[1];
    }
    // How many there are is the back-off's chance; over all of these, it is enough to have tried something.
    assert!(refused > 20 && refused * 2 > requests, "{refused} of {requests} were refused");
}
