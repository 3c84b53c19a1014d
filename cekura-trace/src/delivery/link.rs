//! What a handle and its spans know of the worker: the queue, and a channel for messages.
//! Invariant: no call waits for the worker.

use super::call_log::CallLog;
use super::call_log::error::ObserveError;
use super::call_log::sealed::Account;
use super::ledger::{FlushReport, Ledger, Reason};
use super::message::{Message, ObserveReply};
use super::queue::{Queue, Reservation};
use crate::call::{Call, Calls, Noted};
use crate::destination::Sink;
use opentelemetry::trace::{SpanId, TraceId};
use std::pin::Pin;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// The longest wait for the delivery of a conversation that was ended by hand.
const FINISH: Duration = Duration::from_secs(5);

/// The worker as the handle sees it.
pub(crate) struct Link {
    pub(crate) queue: Arc<Queue>,
    pub(crate) inbox: UnboundedSender<Message>,
    pub(super) ledger: Arc<Ledger>,
    pub(super) account: Account,
    pub(crate) calls: Arc<Calls>,
    /// Counts call logs that were not posted.
    pub(super) failed: Arc<AtomicU64>,
    /// Where the worker is; a fork of that process has none.
    pub(super) process: u32,
}

impl Link {
    /// The counts of this moment.
    pub(crate) fn report(&self) -> FlushReport {
        self.ledger.report(|| self.queue.accepted())
    }

    /// How many call logs were not posted.
    pub(crate) fn lost_calls(&self) -> u64 {
        self.failed.load(Ordering::Relaxed) + self.queue.refused_calls()
    }

    /// Hands a call log over, to be posted when its trace is delivered.
    ///
    /// # Errors
    ///
    /// When it cannot be sent as it is, or there is no room for it, or the worker has ended.
    pub(crate) fn observe(&self, log: CallLog, reply: ObserveReply) -> Result<(), ObserveError> {
        let log = log.seal(&self.account)?;
        let reservation = Reservation::take(&self.queue, log.body.len()).ok_or_else(ObserveError::full)?;
        let is_told = self.tell(Message::Observe { log, reservation, reply });
        if is_told { Ok(()) } else { Err(ObserveError::shutdown()) }
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
        self.queue.close(|_, count| {
            (0..count).for_each(|_| self.ledger.refuse(TraceId::INVALID, Reason::Shutdown));
        });
        self.queue.close_calls(|_, _| {
            self.failed.fetch_add(1, Ordering::Relaxed);
        });
        self.ledger.lose_pending(Reason::Shutdown);
    }
}

impl Sink for Link {
    fn accept(&self, trace_id: TraceId, record: &[u8]) {
        self.queue.accept(trace_id, record);
    }

    fn observe(&self, call: &Call, noted: Noted) {
        Sink::observe(&*self.queue, call, noted);
    }

    fn flush(&self) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        let (reply, report) = oneshot::channel();
        let report_to = Box::new(|report| drop(reply.send(report)));
        let message = Message::Flush { deadline: Instant::now() + FINISH, report: report_to };
        // Where there is no worker, the reply went with the message.
        self.tell(message);
        Box::pin(async { drop(report.await) })
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
