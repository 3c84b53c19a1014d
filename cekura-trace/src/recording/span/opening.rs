//! Decides where a span goes, and begins it. Invariant: what is recorded before its begin keeps to the content policy
//! that it will have.

use super::live::Live;
use super::live::handle::Handle;
use super::open::Open;
use super::pool;
use crate::destination;
use crate::policy::CaptureContent;
use crate::recording::attributes::Attributes;
use crate::recording::callsite::{Callsite, View};
use crate::recording::origin::Origin;
use crate::recording::parent::Parent;
use crate::recording::scope::Scope;
use crate::recording::wish::{Client, Wish};
use opentelemetry::Context;
use opentelemetry::trace::TraceContextExt;
use std::sync::Arc;

// Which of the attributes' arguments decide where the span goes. Generated code calls these first; who writes a span by
// hand, when he likes.
impl Attributes {
    pub fn parent(&mut self, parent: &(impl Parent + ?Sized)) {
        if let Some(parent) = parent.parent() {
            self.wish().parent = Some(parent);
            self.settle();
        }
    }

    pub fn client(&mut self, client: &impl destination::Client) {
        self.wish().client = client.destination().map_or(Client::Off, Client::To);
        self.settle();
    }

    pub fn capture(&mut self, capture: CaptureContent) {
        self.wish().capture = Some(capture);
        self.settle();
    }

    /// Sets policy and limit as everything that was asked so far says, in whatever order.
    pub(in crate::recording) fn settle(&mut self) {
        let wish = self.wish();
        let origin = wish.parent.as_ref().map_or_else(Origin::current, |parent| Some(Origin::of(parent)));
        let Some(origin) = origin else { return };
        let capture = wish.capture;
        // Inside an open conversation it is that one's client that counts, and a policy only if it keeps less.
        let is_open = origin.is_in_conversation();
        let destination = match &wish.client {
            Client::To(destination) if !is_open => Some(destination.clone()),
            _ => None,
        };
        self.capture = destination.as_ref().map_or_else(|| origin.capture(), |to| to.capture);
        let home = origin.home.as_ref().map(|home| &home.destination);
        self.limit = destination.as_ref().or(home).map_or(self.limit, |to| to.content_limit);
        self.capture = match capture {
            Some(capture) if capture == CaptureContent::Metadata || !is_open => capture,
            _ => self.capture,
        };
        if !self.keeps_content() {
            self.take_back_content();
        }
    }
}

/// A span that has not begun, and what is known of it.
pub(in crate::recording) struct Draft {
    pub(in crate::recording) attributes: Attributes,
    live: Arc<Live>,
}

impl Draft {
    /// A span that may begin there; `None` where nothing records.
    #[inline]
    pub(in crate::recording) fn new(callsite: &Callsite, origin: &Origin) -> Option<Self> {
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
    pub(in crate::recording) fn record(&mut self, record: impl FnOnce(&mut Attributes)) {
        self.attributes.guarded(record);
    }

    /// Begins it in the context that is current now, not in that in which it was drafted.
    pub(in crate::recording) fn open_here(mut self, callsite: &Callsite) -> Option<Open> {
        let origin = Origin::current()?;
        self.attributes.settle();
        self.attributes.begins_by_hand();
        self.open(callsite, origin)
    }

    /// Begins it, unless nothing records where it was sent.
    #[inline]
    pub(in crate::recording) fn open(mut self, callsite: &Callsite, mut origin: Origin) -> Option<Open> {
        if self.attributes.has_extras() {
            self.record(Attributes::close_arguments);
        }
        let Self { attributes, live } = &mut self;
        let extras = attributes.take_extras();
        let wish = extras.as_ref().map(|extras| &extras.wish);
        if let Some(parent) = wish.and_then(|wish| wish.parent.as_ref()) {
            origin = Origin::of(parent);
        }
        let view = callsite.view;
        let is_nowhere = origin.home.is_none() && view != View::Conversation;
        let is_off =
            view == View::Conversation && !origin.is_in_conversation() && wish.is_some_and(Wish::is_off);
        let place = |span: &mut Live| {
            origin.place(callsite, wish, attributes, span)?;
            span.set_remade(!origin.has_context());
            span.give_record(std::mem::take(&mut attributes.entries));
            if wish.is_some_and(|wish| wish.start.is_some()) {
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
