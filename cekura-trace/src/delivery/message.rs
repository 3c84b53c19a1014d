//! What other threads tell the worker. Invariant: each reply is called once, also where the worker ends before.

#[cfg(feature = "audio")]
use super::audio::recorder::Prepared;
use super::call_log::error::{ObserveError, Sent};
use super::call_log::sealed::SealedCallLog;
use super::ledger::FlushReport;
use super::spool::{Event, Kind};
use super::tap::Drawn;
use crate::call::Call;
use crate::room::Room;
use opentelemetry::trace::SpanContext;
#[cfg(feature = "audio")]
use opentelemetry::trace::SpanId;
use std::sync::Arc;
use std::sync::mpsc::SyncSender;
use tokio::sync::oneshot;
use tokio::time::Instant;

/// What the worker is told.
pub(crate) enum Message {
    /// A lane has an answer.
    Answered,
    /// What became of a conversation that was to be drawn.
    Drawn { number: u64, drawn: Drawn },
    /// What becomes of a call was decided.
    Decided(Arc<Call>),
    /// Deliver what has ended until now, and report when that is settled or the deadline has passed.
    Flush { deadline: Instant, report: FlushReply },
    /// Post a call log.
    Observe { log: SealedCallLog, reservation: Room, reply: ObserveReply },
    /// The call log of this conversation is kept back no longer.
    Release(SpanContext),
    /// Change a call that is stored.
    Update { changes: SealedCallLog, room: Room, reply: ObserveReply },
    /// What a call was worth whose root span is over.
    Score { root: SpanContext, name: String, value: f64 },
    /// What there is of the sound of this conversation.
    #[cfg(feature = "audio")]
    Recorded { root: SpanId, prepared: Box<Prepared> },
    /// What the disk has to say.
    Spooled(Vec<(Kind, Event)>),
    /// As `Flush`, after which the worker ends.
    Shutdown { deadline: Instant, report: FlushReply },
    /// There is something in the queue.
    Wake,
}

impl Message {
    pub(crate) fn flush(deadline: Instant, report: FlushReply) -> Self {
        Self::Flush { deadline, report }
    }

    pub(crate) fn shutdown(deadline: Instant, report: FlushReply) -> Self {
        Self::Shutdown { deadline, report }
    }
}

/// Takes the report of a flush.
pub(crate) enum FlushReply {
    Future(oneshot::Sender<FlushReport>),
    Thread(SyncSender<FlushReport>),
}

impl FlushReply {
    /// Whether somebody waits for it, as far as is known.
    pub(super) fn is_awaited(&self) -> bool {
        match self {
            Self::Future(reply) => !reply.is_closed(),
            Self::Thread(_) => true,
        }
    }

    pub(super) fn send(self, report: FlushReport) {
        // Nobody may wait any more.
        match self {
            Self::Future(reply) => drop(reply.send(report)),
            Self::Thread(reply) => drop(reply.try_send(report)),
        }
    }
}

/// Takes what became of a call log.
pub(crate) type ObserveReply = Box<dyn FnOnce(ObserveAnswer) + Send>;

/// What became of a call log. An error that nobody takes is said: who asked may stop waiting at any moment, also when the
/// answer is on its way already.
pub(crate) struct ObserveAnswer {
    result: Option<Result<Sent, ObserveError>>,
    say: Option<Box<dyn FnOnce(ObserveError) + Send>>,
}

impl ObserveAnswer {
    pub(super) fn new(
        result: Result<Sent, ObserveError>,
        say: impl FnOnce(ObserveError) + Send + 'static,
    ) -> Self {
        Self { result: Some(result), say: Some(Box::new(say)) }
    }

    /// In local mode nothing is stored, and nothing fails.
    pub(super) fn local() -> Self {
        Self { result: Some(Ok(Sent::default())), say: None }
    }

    pub(super) fn take(mut self) -> Result<Sent, ObserveError> {
        self.result.take().unwrap_or_else(|| Err(ObserveError::shutdown()))
    }
}

impl Drop for ObserveAnswer {
    fn drop(&mut self) {
        if let (Some(Err(error)), Some(say)) = (self.result.take(), self.say.take()) {
            say(error);
        }
    }
}
