//! Sends the metrics to an OTLP endpoint, now and then and when somebody waits for it. Invariant: an endpoint that is away holds
//! nobody up for longer than [`ANSWER`], and costs no value.

use super::otlp;
use super::reading::Metrics;
use crate::delivery::config::Settings;
use crate::delivery::encode::wire;
use crate::delivery::error::Error;
use crate::delivery::own_events::OwnEvents;
use crate::delivery::transport::{self, Answer, Transport};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::time::{Instant, sleep, timeout, timeout_at};

/// How long an answer is waited for; while the endpoint is away, it is [`ANSWER_WHILE_AWAY`].
const ANSWER: Duration = Duration::from_secs(3);
const ANSWER_WHILE_AWAY: Duration = Duration::from_secs(1);
/// Who flushes has spans on their way, which are to be counted as delivered.
const SETTLED: Duration = Duration::from_millis(250);

const INSTANCE: &str = "service.instance.id";

/// The sending, as the worker sees it.
pub(crate) struct Export {
    ask: UnboundedSender<u64>,
    /// The newest flush that has asked; each has.
    last: Option<u64>,
    /// All flushes before this one have been answered.
    next: Arc<AtomicU64>,
}

struct Sender {
    metrics: Metrics,
    transport: Arc<dyn Transport>,
    /// As it is shown.
    endpoint: String,
    /// Encoded.
    resource: Vec<u8>,
    every: Duration,
    next: Arc<AtomicU64>,
    wake: Box<dyn Fn() + Send + Sync>,
    events: OwnEvents,
    is_away: bool,
}

impl Export {
    /// Starts it in the current runtime, where there is an endpoint; `wake` is called when a flush has been answered.
    ///
    /// # Errors
    ///
    /// When the transport cannot be set up.
    pub(crate) fn start(
        settings: &Settings,
        metrics: Metrics,
        events: OwnEvents,
        wake: impl Fn() + Send + Sync + 'static,
    ) -> Result<Option<Self>, Error> {
        let Some(endpoint) = &settings.metrics.endpoint else { return Ok(None) };
        let transport = transport::connect_to(endpoint, settings)?;
        let mut resource = settings.resource.clone();
        // Two processes of one service have series of their own.
        resource.entry(INSTANCE.to_owned()).or_insert_with(instance);
        let resource = wire::resource(resource.iter());
        let (ask, asked) = unbounded_channel();
        let next = Arc::<AtomicU64>::default();
        let (every, wake) = (settings.timings.metrics, Box::new(wake));
        let sender = Sender {
            metrics,
            transport,
            endpoint: endpoint.origin(),
            resource,
            every,
            next: next.clone(),
            wake,
            events,
            is_away: false,
        };
        tokio::spawn(sender.run(asked));
        Ok(Some(Self { ask, last: None, next }))
    }

    /// A flush is to wait until all that is counted now was sent.
    pub(super) fn flush(&mut self, epoch: u64) {
        if self.ask.send(epoch).is_ok() {
            self.last = Some(epoch);
        }
    }

    /// The earliest flush that waits.
    pub(super) fn oldest(&self) -> Option<u64> {
        let next = self.next.load(Ordering::Acquire);
        self.last.filter(|last| *last >= next && !self.ask.is_closed()).map(|_| next)
    }
}

impl Sender {
    async fn run(mut self, mut asked: UnboundedReceiver<u64>) {
        let mut due = Instant::now() + self.every;
        loop {
            match timeout_at(due, asked.recv()).await {
                Ok(None) => return,
                Ok(Some(mut epoch)) => {
                    self.metrics.settle(SETTLED).await;
                    while let Ok(later) = asked.try_recv() {
                        epoch = later;
                    }
                    self.send().await;
                    self.next.store(epoch + 1, Ordering::Release);
                    (self.wake)();
                }
                Err(_) => {
                    due = Instant::now() + self.every;
                    self.send().await;
                }
            }
        }
    }

    /// Sends all of them; what fails is sent with the next ones.
    async fn send(&mut self) {
        let limit = if self.is_away { ANSWER_WHILE_AWAY } else { ANSWER };
        let until = Instant::now() + limit;
        for request in otlp::requests(&self.metrics.snapshot(), &self.resource) {
            let answer = timeout_at(until, self.transport.send(request)).await;
            let answer = answer.unwrap_or_else(|_| Answer::late());
            let was_away = self.is_away;
            self.is_away = !matches!(answer, Answer::Accepted { rejected: 0, .. });
            if self.is_away {
                if !was_away {
                    let endpoint = self.endpoint.clone();
                    self.events.emit(move || tell(&endpoint, &answer));
                }
                return;
            }
        }
    }
}

fn tell(endpoint: &str, answer: &Answer) {
    let words = match answer {
        Answer::Accepted { rejected, message } => {
            format!("{rejected} of their points were not taken: {message}")
        }
        _ => answer.to_string(),
    };
    tracing::warn!(target: "cekura", "metrics were not sent to {endpoint}, and are sent with the next ones: {words}");
}

/// A random UUID (RFC 9562).
fn instance() -> String {
    let random: u128 = rand::random();
    let id = random & !(0xf << 76 | 0x3 << 62) | 0x4 << 76 | 0x2 << 62;
    let hex = format!("{id:032x}");
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

impl Metrics {
    /// Waits until no span is on its way, but no longer than `wait`.
    async fn settle(&self, wait: Duration) {
        const LOOK: Duration = Duration::from_millis(10);
        let settled = async {
            while self.pending() > 0 {
                sleep(LOOK).await;
            }
        };
        // Those that are on their way for longer are counted the next time.
        drop(timeout(wait, settled).await);
    }
}
