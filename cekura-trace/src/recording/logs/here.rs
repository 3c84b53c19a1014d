//! What is known of the place in which a line of the log is written: span, call, turn, and what is replaced there. Invariant: it is
//! that of the innermost current span, and in a call never of another trace.

use crate::call::Call;
use crate::destination;
use crate::recording::scope::Scope;
use crate::recording::thread::{look, with_current};
use crate::redaction::Redaction;
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, TraceContextExt};
use std::cell::Cell;
use std::fmt;
use std::sync::{Arc, OnceLock};

thread_local! {
    /// Whether a text of a line is being redacted, by code of the program's that may write another line.
    static REDACTS: Cell<bool> = const { Cell::new(false) };
}

/// Where a line is written.
#[derive(Default)]
pub(super) struct Here {
    pub(super) span: Option<SpanContext>,
    pub(super) call: Option<Arc<Call>>,
    /// The number of the turn.
    pub(super) turn: Option<i64>,
    redaction: Redaction,
}

/// The redaction of the first handle that was seen to have one, for lines outside its calls when it is gone.
#[derive(Clone, Default)]
pub(super) struct Known(OnceLock<Redaction>);

/// It may hold a secret.
impl fmt::Debug for Known {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Known").finish_non_exhaustive()
    }
}

impl Here {
    pub(super) fn now(known: &Known) -> Self {
        let (mut here, has_handle) = look(Self::of).unwrap_or_default();
        if !has_handle && let Some(default) = destination::default() {
            here.redaction = default.redaction.clone();
        }
        if here.redaction.is_on() {
            known.0.get_or_init(|| here.redaction.clone());
        } else if !has_handle && let Some(known) = known.0.get() {
            here.redaction = known.clone();
        }
        here
    }

    /// That of a context, and whether it names the handle.
    fn of(context: &Context) -> (Self, bool) {
        let home = context.get::<Scope>().and_then(|scope| scope.home.as_ref());
        let call = home.and_then(|home| home.call.clone());
        let turn = home.and_then(|home| home.turn.clone().or_else(|| home.open_turn()));
        let redaction = home.map(|home| home.destination.redaction.clone()).unwrap_or_default();
        let (span, root) = (context.span(), call.as_ref().map(|call| &call.root));
        let span = match root {
            Some(root) if root.trace_id() != span.span_context().trace_id() => Some(of_trace(root)),
            _ => Some(span.span_context()).filter(|span| span.is_valid()).cloned(),
        };
        (Self { span, call, turn: turn.map(|turn| turn.number), redaction }, home.is_some())
    }

    /// Whether anything may be replaced.
    pub(super) fn redacts(&self) -> bool {
        self.redaction.is_on()
    }

    /// What stands in the place of a text, if that is to change.
    pub(super) fn text(&self, key: &str, text: &str) -> Option<String> {
        if !self.redacts() {
            return None;
        }
        if REDACTS.replace(true) {
            // A function that redacts writes to the log: to redact that too would never end.
            return Some("[redacted]".to_owned());
        }
        let redacted = self.redaction.text(key, text);
        REDACTS.set(false);
        redacted
    }

    /// The same for a number, `true` or `false`.
    pub(super) fn scalar(&self, key: &str, scalar: impl fmt::Display) -> Option<String> {
        if self.redacts() { self.redaction.scalar(key, &scalar.to_string()) } else { None }
    }
}

/// The innermost span of a call on this thread, in whose context a span of another trace is current.
fn of_trace(root: &SpanContext) -> SpanContext {
    let inner = with_current(|live| {
        let inner = live.filter(|live| live.trace_id() == root.trace_id());
        inner.map(|live| live.span_context().clone())
    });
    inner.flatten().unwrap_or_else(|| root.clone())
}

#[cfg(all(test, feature = "redact"))]
mod tests {
    use super::{Here, Redaction};
    use crate::redact::Redact;
    use std::sync::OnceLock;

    #[test]
    fn a_function_that_redacts_and_writes_to_the_log_itself_ends() {
        static HERE: OnceLock<Here> = OnceLock::new();
        let redact = Redact::standard().with(|key, text| {
            let inner = HERE.get().unwrap().text(key, text).unwrap();
            Some(format!("{inner} of {text}"))
        });
        let redaction = Redaction::new(redact.compile().unwrap());
        let here = HERE.get_or_init(|| Here { redaction, ..Here::default() });
        for _ in 0..2 {
            assert_eq!(here.text("message", "Jane").unwrap(), "[redacted] of Jane");
        }
    }
}
