//! Tells `cekura dev` which spans begin, while it listens on this machine. Invariant: no notice goes to another machine or waits for
//! room, and one that is lost costs nothing but a bar on a page.

use super::config::Settings;
use super::encode::Encoder;
use super::transport::{Answer, Transport, connect_to};
use crate::call::OpenCalls;
use crate::destination::{Begin, Watcher};
use crate::finished::{append, raw_records, records, without_content};
use crate::lock::locked;
use crate::redaction::Redaction;
use crate::semconv::span::CONVERSATION;
use opentelemetry::trace::SpanId;
use prost::bytes::Bytes;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep};

/// Where notices are taken, and the words of each answer there (docs/dev.md).
const PATH: &str = "/dev/begun";
const WORDS: &str = "cekura dev";
/// Notices of so long go together. What has ended is sent as often while calls run, for somebody may be watching.
const GROUP: Duration = Duration::from_millis(50);
/// How long it is not asked again whether somebody listens.
const PAUSE: Duration = Duration::from_secs(5);
/// How often it is told of what goes on again. Who hears nothing for three times as long shows that the agent has ended or hangs.
const BEAT: Duration = Duration::from_secs(3);
/// Bytes of notices that wait, and of those that are told again. Those that find no room are lost.
const MOST: usize = 64 << 10;

/// The spans that have begun and were not told of yet.
#[derive(Default)]
pub(super) struct Notices {
    waiting: Mutex<Vec<u8>>,
    begun: Notify,
    /// Nobody listens: nothing is kept.
    is_away: AtomicBool,
}

/// What is said to the person in front of the terminal.
pub(super) enum Listening {
    /// A call has begun, which is shown under this address.
    Shows(String),
    /// It listens there, but gets nothing in this mode.
    Unused(String),
}

struct Sender {
    notices: Arc<Notices>,
    transport: Arc<dyn Transport>,
    encoder: Encoder,
    redaction: Redaction,
    calls: Arc<OpenCalls>,
    /// Of the pages.
    origin: String,
    /// Whether it gets the spans too.
    has_spans: bool,
    say: Box<dyn Fn(Listening) + Send + Sync>,
    /// Of each trace that goes on what was told first, which is the begin of its conversation.
    going: Vec<u8>,
    /// Has the worker send what has ended.
    wake: Box<dyn Fn() + Send + Sync>,
}

impl Notices {
    /// Prepares them in the current runtime, where both addresses are of this machine, and all calls are sent there or drawn.
    pub(super) fn start(
        self: &Arc<Self>,
        settings: &Settings,
        calls: Arc<OpenCalls>,
        say: impl Fn(Listening) + Send + Sync + 'static,
        wake: impl Fn() + Send + Sync + 'static,
    ) {
        let endpoint = settings.api.clone().with_path(PATH);
        // A build without HTTP has no notices.
        let Ok(transport) = connect_to(&endpoint, settings) else {
            return self.is_away.store(true, Ordering::Relaxed);
        };
        let sender = Sender {
            notices: self.clone(),
            transport,
            encoder: Encoder::new(&settings.resource),
            redaction: settings.redaction.clone(),
            calls,
            origin: endpoint.origin(),
            has_spans: settings.mode.sends(),
            say: Box::new(say),
            going: Vec::new(),
            wake: Box::new(wake),
        };
        tokio::spawn(sender.run());
    }

    /// Those of a handle, where it has any.
    pub(super) fn of(settings: &Settings) -> Option<Arc<Self>> {
        Self::are_wanted(settings).then(Arc::default)
    }

    fn are_wanted(settings: &Settings) -> bool {
        // Which calls are sent is known at their end only where some are left out.
        let is_here =
            !settings.mode.sends() || settings.endpoint.is_loopback() && settings.sampling.is_none();
        settings.api.is_loopback() && is_here
    }

    /// Nothing is kept from now on.
    fn close(&self) {
        self.is_away.store(true, Ordering::Relaxed);
        locked(&self.waiting).clear();
    }
}

impl Watcher for Notices {
    fn begin(self: Arc<Self>, begun: Begin<'_>) {
        if self.is_away.load(Ordering::Relaxed) {
            return;
        }
        let Some(record) = (begun.record)() else { return };
        let Some((read, _)) = records(&record).next() else { return };
        let bare = without_content(&read, &record).unwrap_or(record);
        let mut waiting = locked(&self.waiting);
        if waiting.len() + bare.len() <= MOST {
            append(&bare, &mut waiting, |_| {});
            drop(waiting);
            self.begun.notify_one();
        }
    }

    // Its bar goes with its call.
    fn forget(&self, _: SpanId) {}
}

impl Sender {
    async fn run(mut self) {
        loop {
            self.notices.begun.notified().await;
            if self.is_heard(self.encoder.uncounted(&[])).await {
                if !self.has_spans {
                    (self.say)(Listening::Unused(self.origin.clone()));
                    return self.notices.close();
                }
                self.tell().await;
            }
            self.notices.close();
            sleep(PAUSE).await;
            self.notices.is_away.store(false, Ordering::Relaxed);
        }
    }

    /// Tells of all that begins, and again of what goes on, until nobody listens any more.
    async fn tell(&mut self) {
        let mut told = Instant::now();
        loop {
            let is_idle = self.calls.is_empty();
            sleep(GROUP).await;
            (self.wake)();
            let new = std::mem::take(&mut *locked(&self.notices.waiting));
            let mut all = if told.elapsed() < BEAT { Vec::new() } else { self.going() };
            all.extend_from_slice(&new);
            if all.is_empty() {
                if is_idle {
                    self.notices.begun.notified().await;
                }
                continue;
            }
            if all.len() > new.len() {
                told = Instant::now();
            }
            if !self.is_heard(self.encoder.uncounted(&self.redaction.records(&all))).await {
                return;
            }
            self.say_pages(&new);
            self.keep(&new);
        }
    }

    /// What still goes on.
    fn going(&mut self) -> Vec<u8> {
        let all = raw_records(&self.going).filter(|(record, _)| self.calls.is_open(record.head.trace_id));
        self.going = all.flat_map(|(_, bytes)| bytes).copied().collect();
        self.going.clone()
    }

    fn keep(&mut self, new: &[u8]) {
        for (begun, bytes) in raw_records(new) {
            let is_known = records(&self.going).any(|(known, _)| known.head.trace_id == begun.head.trace_id);
            if !is_known && self.going.len() + bytes.len() <= MOST {
                self.going.extend_from_slice(bytes);
            }
        }
    }

    /// Whether `cekura dev` has taken it.
    async fn is_heard(&self, frame: Bytes) -> bool {
        let answer = self.transport.send(frame).await;
        matches!(answer, Answer::Accepted { rejected: 0, message } if message == WORDS)
    }

    fn say_pages(&self, begun: &[u8]) {
        for (record, _) in records(begun) {
            if record.head.parent_id == SpanId::INVALID && record.name == CONVERSATION {
                (self.say)(Listening::Shows(format!("{}/traces/{}", self.origin, record.head.trace_id)));
            }
        }
    }
}

#[cfg(test)]
#[path = "tests/notices.rs"]
mod tests;
