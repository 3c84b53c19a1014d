//! What a handle and its spans know of the worker: the queue, and a channel for messages.
//! Invariant: no call waits for the worker.

#[cfg(feature = "audio")]
use super::audio::recorder::Recorder;
use super::call_log::CallLog;
use super::call_log::error::{ObserveError, Sent};
use super::call_log::sealed::Account;
use super::call_log::update::Update;
use super::causes::LastCause;
use super::clock::WaitClock;
use super::ledger::{DropReason, FlushReport, Ledger};
use super::message::{FlushReply, Message, ObserveAnswer, ObserveReply};
use super::metrics::Metrics;
use super::queue::Queue;
use super::timings::later;
use super::warnings::tell_pending;
#[cfg(feature = "audio")]
use crate::call::audio::Journal;
use crate::call::consent::ConsentFate;
use crate::call::{Call, Noted, OpenCalls};
use crate::destination::{Sink, Watcher};
use crate::room::{Budget, Room, Use};
use opentelemetry::trace::{SpanId, TraceId};
use std::pin::Pin;
use std::process;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// The longest wait for the delivery of a conversation that was ended by hand.
const FINISH: Duration = Duration::from_secs(5);

/// How much later than asked for an answer may come. A worker that is well keeps each deadline itself.
pub(crate) const GRACE: Duration = Duration::from_millis(100);

/// Bytes of a change of a stored call beside what is changed.
const UPDATE: usize = 2 << 10;

/// Why what a handle sends does not arrive.
#[derive(Clone, Default)]
pub(crate) struct Causes {
    pub(crate) spans: Arc<LastCause>,
    pub(crate) call_logs: Arc<LastCause>,
}

/// The worker as the handle sees it.
pub(crate) struct Link {
    pub(crate) queue: Arc<Queue>,
    pub(crate) inbox: UnboundedSender<Message>,
    pub(super) ledger: Arc<Ledger>,
    pub(crate) metrics: Metrics,
    pub(super) account: Account,
    pub(crate) calls: Arc<OpenCalls>,
    /// Where `cekura dev` may listen.
    pub(crate) notices: Option<Arc<dyn Watcher>>,
    pub(crate) causes: Causes,
    /// Where the worker is; a fork of that process has none.
    pub(super) process: u32,
    pub(super) clock: Arc<WaitClock>,
    /// Where calls are recorded.
    #[cfg(feature = "audio")]
    pub(super) recorder: Option<Arc<Recorder>>,
    /// The longest that a call log is on its way once its trace is not waited for any more.
    pub(super) longest: Duration,
}

impl Link {
    /// The counts of this moment.
    pub(crate) fn report(&self) -> FlushReport {
        self.ledger.report(|| self.queue.accepted())
    }

    /// Says that spans are left at the end of a shutdown.
    pub(crate) fn tell_pending(&self, report: FlushReport) {
        self.queue.events.emit(move || tell_pending(&report));
    }

    /// Asks for a report. `None` where there is no worker, or it does not answer in time.
    pub(crate) fn ask(
        &self,
        wait: Duration,
        message: fn(Instant, FlushReply) -> Message,
    ) -> impl Future<Output = Option<FlushReport>> + Send + use<> {
        let (reply, report) = oneshot::channel();
        let is_told = self.tell(message(later(Instant::now(), wait), FlushReply::Future(reply)));
        let clock = self.clock.clone();
        async move {
            // A fork has no clock either.
            if is_told { clock.within(wait.saturating_add(GRACE), report).await.flatten() } else { None }
        }
    }

    /// As [`ask`](Self::ask), but blocks the thread.
    pub(crate) fn ask_blocking(
        &self,
        wait: Duration,
        message: fn(Instant, FlushReply) -> Message,
    ) -> Option<FlushReport> {
        let (reply, report) = mpsc::sync_channel(1);
        // Where there is no worker, the reply goes with the message.
        self.tell(message(later(Instant::now(), wait), FlushReply::Thread(reply)));
        report.recv_timeout(wait.saturating_add(GRACE)).ok()
    }

    /// Has a call log posted when its trace is delivered, and waits for what becomes of it.
    ///
    /// # Errors
    ///
    /// What `observe` says, or the API, or that there was no answer in time.
    pub(crate) async fn post(&self, log: CallLog) -> Result<Sent, ObserveError> {
        let (reply, sent) = oneshot::channel();
        let wait = self.observe(log, Box::new(|answer| drop(reply.send(answer))))?;
        match self.clock.within(wait, sent).await {
            Some(answer) => answer.map_or_else(|| Err(ObserveError::shutdown()), ObserveAnswer::take),
            None => Err(ObserveError::unavailable(None, String::new())),
        }
    }

    /// As [`post`](Self::post), but blocks the thread.
    pub(crate) fn post_blocking(&self, log: CallLog) -> Result<Sent, ObserveError> {
        let (reply, sent) = mpsc::sync_channel(1);
        let wait = self.observe(log, Box::new(move |answer| drop(reply.send(answer))))?;
        sent.recv_timeout(wait).map_or_else(
            |missing| match missing {
                RecvTimeoutError::Disconnected => Err(ObserveError::shutdown()),
                RecvTimeoutError::Timeout => Err(ObserveError::unavailable(None, String::new())),
            },
            ObserveAnswer::take,
        )
    }

    /// Changes a call that is stored, and waits for what becomes of that.
    ///
    /// # Errors
    ///
    /// What `update` says, or the API, or that there was no answer in time.
    pub(crate) async fn update(&self, call_id: String, update: Update) -> Result<Sent, ObserveError> {
        let changes = update.seal(call_id, &self.account)?;
        let (reply, sent) = oneshot::channel();
        let reply: ObserveReply = Box::new(|answer| drop(reply.send(answer)));
        let bytes = changes.body.len() + UPDATE;
        let room = Room::take(self.queue.clone(), Use::Update, bytes).ok_or_else(ObserveError::full)?;
        if !self.tell(Message::Update { changes, room, reply }) {
            return Err(ObserveError::shutdown());
        }
        match self.clock.within(self.longest, sent).await {
            Some(answer) => answer.map_or_else(|| Err(ObserveError::shutdown()), ObserveAnswer::take),
            None => Err(ObserveError::unavailable(None, String::new())),
        }
    }

    /// Hands a call log over, to be posted when its trace is delivered; how long that takes at most.
    ///
    /// # Errors
    ///
    /// When it cannot be sent as it is, or there is no room for it, or the worker has ended.
    pub(super) fn observe(&self, log: CallLog, reply: ObserveReply) -> Result<Duration, ObserveError> {
        let log = log.seal(&self.account)?;
        let reservation =
            Room::take(self.queue.clone(), Use::CallLog, log.body.len()).ok_or_else(ObserveError::full)?;
        let wait = log.deadline.saturating_add(self.longest);
        let is_told = self.tell(Message::Observe { log, reservation, reply });
        if is_told { Ok(wait) } else { Err(ObserveError::shutdown()) }
    }

    /// Tells the worker something; false where it has ended, or stayed behind in the process that this is a fork of.
    pub(crate) fn tell(&self, message: Message) -> bool {
        !self.is_fork() && self.inbox.send(message).is_ok()
    }

    pub(crate) fn is_fork(&self) -> bool {
        self.process != process::id()
    }

    /// Counts out whatever waits in a fork of the process that has the worker.
    pub(crate) fn abandon(&self) {
        let refuse = |_: &[u8], count: u64| {
            (0..count).for_each(|_| self.ledger.refuse(TraceId::INVALID, DropReason::Shutdown));
        };
        self.queue.close(refuse);
        self.queue.drain_kept_back(true, refuse);
        self.queue.close_calls(|_, _| self.ledger.count_call_log(|count| count.dropped += 1));
        self.ledger.lose_pending(DropReason::Shutdown);
    }
}

impl Budget for Link {
    fn take(&self, what: Use, bytes: usize) -> bool {
        self.queue.take(what, bytes)
    }

    fn take_anyway(&self, what: Use, bytes: usize) {
        self.queue.take_anyway(what, bytes);
    }

    fn give_back(&self, what: Use, bytes: usize) {
        self.queue.give_back(what, bytes);
    }
}

impl Sink for Link {
    fn accept(&self, trace_id: TraceId, record: &[u8]) {
        self.queue.accept(trace_id, record);
    }

    fn keep_back(&self, call: &Arc<Call>, record: &[u8]) {
        self.queue.keep_back(call, record);
    }

    fn decided(&self, call: &Arc<Call>) {
        if matches!(call.fate(), ConsentFate::Aborted | ConsentFate::NoConsent) {
            self.forget(call.root.trace_id(), call.root.span_id());
        }
        self.tell(Message::Decided(call.clone()));
    }

    fn observe(&self, call: &Arc<Call>, noted: Noted) {
        Sink::observe(&*self.queue, call, noted);
    }

    #[cfg(feature = "audio")]
    fn record(&self, journal: Arc<Journal>) {
        if let Some(recorder) = &self.recorder {
            recorder.begin(journal);
        }
    }

    fn release(&self, call: &Call) {
        self.tell(Message::Release(call.root.clone()));
    }

    fn score(&self, call: &Call, name: &str, value: f64) {
        if call.fate() == ConsentFate::Leaves {
            self.tell(Message::Score { root: call.root.clone(), name: name.to_owned(), value });
        }
    }

    fn flush(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let asked = self.ask(FINISH, Message::flush);
        Box::pin(async { drop(asked.await) })
    }

    fn tell(&self, event: Box<dyn FnOnce() + Send>) {
        self.queue.tell(event);
    }

    fn wants_beginnings(&self) -> bool {
        self.queue.wants_beginnings()
    }

    fn begin(&self, record: Vec<u8>) {
        self.queue.begin(record);
    }

    fn forget(&self, trace_id: TraceId, span_id: SpanId) {
        self.queue.forget(trace_id, span_id);
    }
}
