//! One `tracing` span that is a span of ours. Invariant: it ends when it was left for the last time, or, if it was never entered,
//! when it is closed.

use super::fields::Fields;
use crate::lock::locked;
use crate::recording::callsite::Callsite;
use crate::recording::enter;
use crate::recording::span::live::Live;
use crate::recording::span::open::Open;
use opentelemetry::trace::TraceContextExt;
use std::sync::{Arc, Mutex};
use std::time::Instant;
use tracing::span::{Attributes, Record};

pub(super) struct Traced {
    pub(super) open: Open,
    left: Mutex<Left>,
}

/// How it was left last.
#[derive(Default)]
struct Left {
    at: Option<Instant>,
    /// By a panic, once or more.
    by_panic: bool,
}

impl Traced {
    /// Begins the span, below the current one unless a parent is named. `None` where nothing records.
    pub(super) fn open(attributes: &Attributes<'_>, parent: Option<&Self>) -> Option<Self> {
        let metadata = attributes.metadata();
        let callsite = Callsite::of_tracing(metadata);
        let mut fields = Fields::default();
        let mut open = enter::open(&callsite, None, &mut |said| {
            if let Some(parent) = parent {
                said.parent(parent.open.context());
            }
            said.place(metadata.file(), metadata.line());
            fields.write(said, true, |visitor| attributes.record(visitor));
        })?;
        open.mark_by_hand();
        let traced = Self { open, left: Mutex::default() };
        traced.finish(fields);
        Some(traced)
    }

    pub(super) fn live(&self) -> Option<&Arc<Live>> {
        self.open.live()
    }

    /// Records fields that became known later.
    pub(super) fn record(&self, values: &Record<'_>) {
        let mut fields = Fields::default();
        if let Some(live) = self.live() {
            live.set(|said| fields.write(said, false, |visitor| values.record(visitor)));
        }
        self.finish(fields);
    }

    /// Sets what is not written beside other fields.
    fn finish(&self, fields: Fields) {
        let Fields { name, status, texts } = fields;
        let context = self.open.context();
        if let Some(name) = name {
            context.span().update_name(name);
        }
        if let Some(status) = status.into_status() {
            context.span().set_status(status);
        }
        if let Some(live) = self.live().filter(|_| !texts.is_empty()) {
            live.say(|said| texts.iter().for_each(|(key, text)| said.say_whole(key, text)));
        }
    }

    /// Links it to a span that it follows from.
    pub(super) fn follow(&self, follows: &Self) {
        let to = follows.open.context().span().span_context().clone();
        self.open.context().span().add_link(to, Vec::new());
    }

    /// It is left on a thread.
    pub(super) fn leave(&self, by_panic: bool) {
        let mut left = locked(&self.left);
        left.at = left.at.max(Some(Instant::now()));
        left.by_panic |= by_panic;
    }

    /// Ends the span: nobody can enter it any more.
    pub(super) fn close(traced: Arc<Self>) {
        let Left { at, by_panic } = std::mem::take(&mut *locked(&traced.left));
        let open = Arc::try_unwrap(traced).map_or_else(|shared| shared.open.shared(), |alone| alone.open);
        open.close(at.unwrap_or_else(Instant::now), by_panic);
    }
}
