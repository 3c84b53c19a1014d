//! Decides where a span goes, and begins it. Invariant: what is recorded before its begin keeps to the content policy
//! that it will have.

use super::live::Live;
use super::live::growth::FREE;
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

/// A span that has not begun, and what is known of it. Nobody else has it.
pub(in crate::recording) struct Draft(Arc<Live>);

impl Draft {
    /// `None` where nothing records.
    pub(in crate::recording) fn new(callsite: &Callsite) -> Option<Self> {
        let policy = Origin::current()?.policy(callsite.view)?;
        let mut live = pool::take();
        Arc::get_mut(&mut live)?.draft(callsite, policy);
        Some(Self(live))
    }

    /// Sets what is known of it.
    pub(in crate::recording) fn record(&mut self, record: impl FnOnce(&mut Attributes)) {
        if let Some(live) = Arc::get_mut(&mut self.0) {
            live.said().guarded(record);
        }
    }
}

/// Begins a span in the context that is current now; `record` sets what is known of it, or more of what was drafted.
/// `None` where nothing records. It has one caller, so that the compiler makes one piece of all this.
#[inline]
pub(in crate::recording) fn open(
    callsite: &Callsite,
    draft: Option<Draft>,
    record: &mut dyn FnMut(&mut Attributes),
) -> Option<Open> {
    let mut origin = Origin::UNKNOWN;
    if !origin.read_current() {
        return None;
    }
    let policy = origin.policy(callsite.view)?;
    let is_drafted = draft.is_some();
    let mut live = draft.map_or_else(pool::take, |Draft(live)| live);
    // Lent once, for that takes a locked operation.
    let span = Arc::get_mut(&mut live)?;
    if !is_drafted {
        span.draft(callsite, policy);
    }
    let said = span.said();
    said.guarded(record);
    if said.has_extras() {
        said.guarded(Attributes::close_arguments);
    }
    let is_large = said.entries.len() > FREE;
    let extras = said.take_extras();
    let wish = extras.as_ref().map(|extras| &extras.wish);
    if let Some(parent) = wish.and_then(|wish| wish.parent.as_ref()) {
        origin = Origin::of(parent);
    }
    let is_conversation = callsite.view == View::Conversation;
    if origin.home.is_none() && !is_conversation {
        destination::lose(callsite.site());
    } else if origin.place(callsite, wish, span).is_some() {
        Live::begin(&live, callsite);
        if is_large {
            live.outgrow();
        }
        let handle = Handle(live.clone());
        let context = match origin.take_context() {
            None => Context::current_with_span(handle),
            Some(context) => context.with_span(handle),
        };
        return Some(Open { context, live: Some(live) });
    }
    give_back(live);
    if is_conversation && wish.is_none_or(|wish| matches!(wish.client, Client::Current)) {
        destination::miss(callsite.site());
    }
    let is_off = is_conversation && !origin.is_in_conversation() && wish.is_some_and(Wish::is_off);
    is_off.then(|| Open { context: Context::current_with_value(Scope::OFF), live: None })
}

/// Gives back one that did not begin.
#[cold]
#[inline(never)]
fn give_back(mut live: Arc<Live>) {
    if let Some(span) = Arc::get_mut(&mut live) {
        span.rest();
        pool::give(live);
    }
}
