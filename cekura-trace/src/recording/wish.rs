//! What is asked of a span before it begins, as the attribute's arguments or a builder set it. Invariant: it is plain data;
//! who places the span decides what of it counts.

#[cfg(feature = "logs")]
use crate::call::Logs;
#[cfg(feature = "audio")]
use crate::call::audio::Journal;
use crate::call::{Call, Run};
use crate::destination::Destination;
use crate::policy::CaptureContent;
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceId};
use std::sync::Arc;
use std::time::Instant;

/// Whose conversation it is.
#[derive(Default)]
pub(super) enum Client {
    /// The one of the context, else of the process.
    #[default]
    Current,
    /// A handle that is switched off: nothing inside is recorded.
    Off,
    To(Arc<Destination>),
}

/// That a conversation has a call log, and who writes its transcript.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Observed {
    /// Its spans, where the program notes nothing.
    BySpans,
    /// The program alone.
    ByHand,
}

/// What decides where a span goes, as the attribute's arguments set it.
#[derive(Default)]
pub(super) struct Wish {
    /// Where it began before now.
    pub(super) start: Option<Instant>,
    pub(super) parent: Option<Context>,
    pub(super) client: Client,
    pub(super) capture: Option<CaptureContent>,
    pub(super) trace_id: Option<TraceId>,
    pub(super) links: Vec<SpanContext>,
    pub(super) call_id: Option<String>,
    /// Few have one.
    pub(super) run: Option<Box<Run>>,
    pub(super) observed: Option<Observed>,
    /// Who begins a conversation by hand may end whatever is open in it.
    pub(super) is_by_hand: bool,
    pub(super) number: Option<i64>,
    pub(super) name: Option<String>,
}

impl Wish {
    /// Has the call keep what its conversation will need at its end.
    pub(super) fn prepare(&self, call: &Call, destination: &Destination) {
        self.run.iter().for_each(|run| call.notes.belong_to(run));
        if let Some(observed) = self.observed {
            let reads_spans = observed == Observed::BySpans && call.capture == CaptureContent::Full;
            call.want(destination.room(), reads_spans);
            #[cfg(feature = "audio")]
            if let Some(bounds) = destination.audio.as_ref().filter(|_| call.capture == CaptureContent::Full)
            {
                let journal = Journal::new(call.clock.begun(), bounds.clone(), destination.room());
                let journal = Arc::new(journal);
                if call.record(journal.clone()) {
                    destination.record(journal);
                }
            }
            #[cfg(feature = "logs")]
            if call.capture == CaptureContent::Full {
                // It begins once.
                let _ = call.logs.set(Logs::new(destination.room()));
            }
        }
        if self.is_by_hand {
            call.keep_spans();
        }
    }

    /// Whether it is the conversation of a handle that is switched off.
    pub(super) fn is_off(&self) -> bool {
        matches!(self.client, Client::Off)
    }
}
