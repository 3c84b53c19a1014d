//! What is known of a span before it begins, and its begin.

use super::super::attributes::Attributes;
use super::super::callsite::{Callsite, View};
use super::super::conversation::Scope;
use super::super::origin::Origin;
use super::live::{Handle, Live};
use super::{Open, Twin, guarded, pool};
use crate::call::Call;
use crate::destination::{self, Destination};
use crate::policy::CaptureContent;
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt, TraceId};
use std::sync::Arc;
use std::time::Instant;

/// Whose conversation it is.
#[derive(Default)]
pub(in super::super) enum Client {
    /// The one of the context, else of the process.
    #[default]
    Current,
    /// A handle that is switched off: nothing inside is recorded.
    Off,
    To(Arc<Destination>),
}

/// What decides where a span goes, as the attribute's arguments set it.
#[derive(Default)]
pub(in super::super) struct Opening {
    /// Where it began before now.
    pub(in super::super) start: Option<Instant>,
    pub(in super::super) parent: Option<Context>,
    pub(in super::super) client: Client,
    pub(in super::super) capture: Option<CaptureContent>,
    pub(in super::super) trace_id: Option<TraceId>,
    pub(in super::super) links: Vec<SpanContext>,
    pub(in super::super) call_id: Option<String>,
    pub(in super::super) is_observed: bool,
    /// Who begins a conversation by hand may end whatever is open in it.
    pub(in super::super) is_by_hand: bool,
    pub(in super::super) number: Option<i64>,
    pub(in super::super) name: Option<String>,
}

impl Opening {
    /// Has the call keep what its conversation will need at its end.
    pub(in super::super) fn prepare(&self, call: &Call) {
        if self.is_observed {
            call.notes.want();
        }
        if self.is_by_hand {
            call.keep_spans();
        }
    }

    /// Whether it is the conversation of a handle that is switched off.
    fn is_off(&self) -> bool {
        matches!(self.client, Client::Off)
    }
}

/// A span that has not begun, and what is known of it.
pub(in super::super) struct Draft {
    pub(in super::super) attributes: Attributes,
    live: Arc<Live>,
}

impl Draft {
    /// A span that may begin there; `None` where nothing records.
    #[inline]
    pub(in super::super) fn new(callsite: &Callsite, origin: &Origin) -> Option<Self> {
        if origin.is_suppressed || origin.is_off && callsite.view != View::Conversation {
            return None;
        }
        let (live, mut record) = pool::take();
        callsite.begin(&mut record);
        let attributes = Attributes::new(callsite.view, origin.capture(), origin.content_limit(), record);
        Some(Self { attributes, live })
    }

    /// Sets what is known of it.
    #[inline]
    pub(in super::super) fn record(&mut self, record: impl FnOnce(&mut Attributes)) {
        guarded(&mut self.attributes, record);
    }

    /// Begins it in the context that is current now, not in that in which it was drafted.
    pub(in super::super) fn open_here(mut self, callsite: &Callsite) -> Option<Open> {
        let origin = Origin::current()?;
        self.attributes.settle();
        self.attributes.begins_by_hand();
        self.open(callsite, origin)
    }

    /// Begins it, unless nothing records where it was sent.
    #[inline]
    pub(in super::super) fn open(mut self, callsite: &Callsite, mut origin: Origin) -> Option<Open> {
        if self.attributes.has_extras() {
            self.record(Attributes::close_arguments);
        }
        let Self { attributes, live } = &mut self;
        let extras = attributes.take_extras();
        let opening = extras.as_ref().map(|extras| &extras.opening);
        if let Some(parent) = opening.and_then(|opening| opening.parent.as_ref()) {
            origin = Origin::of(parent);
        }
        let view = callsite.view;
        let is_nowhere = origin.home.is_none() && view != View::Conversation;
        let is_off = view == View::Conversation
            && !origin.is_in_conversation()
            && opening.is_some_and(Opening::is_off);
        let place = |span: &mut Live| {
            origin.place(callsite, opening, attributes, span)?;
            span.set_remade(!origin.has_context());
            span.give_record(std::mem::take(&mut attributes.entries));
            if opening.is_some_and(|opening| opening.start.is_some()) {
                span.keep_start();
            }
            Some(())
        };
        let is_placed = !is_nowhere && Arc::get_mut(live).and_then(place).is_some();
        if !is_placed {
            if is_nowhere {
                destination::lose(callsite.site());
            }
            pool::give(self.live, self.attributes.entries);
            return is_off.then(|| Open { context: Context::current_with_value(Scope::OFF), live: None });
        }
        let live = self.live;
        Live::begin(&live, callsite);
        let handle = Handle(live.clone());
        let context = match origin.take_context() {
            None => Context::current_with_span(handle),
            Some(context) => context.with_span(handle),
        };
        Some(Open { context, live: Some(live) })
    }
}

/// How a span comes by its ids: ours, or those that a host's tracer provider gave to its twin.
pub(in super::super) struct Birth {
    pub(in super::super) start: Instant,
    pub(in super::super) context: SpanContext,
    pub(in super::super) twin: Option<Box<Twin>>,
}
