//! What can be named as the parent of a span. Invariant: a named parent wins over the current span and over the
//! open turn.

use opentelemetry::Context;
use std::rc::Rc;
use std::sync::Arc;

/// What can be a parent: the guard of an open span, a turn, a conversation (the span is then in no turn), or
/// the span of a context. `None` names no parent.
#[diagnostic::on_unimplemented(
    message = "the parent is a guard, a `Turn`, a `Conversation` or an `opentelemetry::Context`, \
               found `{Self}`",
    label = "expected a guard, a `Turn`, a `Conversation`, a `Context`, or a reference to one"
)]
pub trait Parent {
    /// A context in which the parent is the current span.
    fn parent(&self) -> Option<Context>;
}

impl Parent for Context {
    fn parent(&self) -> Option<Context> {
        Some(self.clone())
    }
}

impl<T: Parent> Parent for Option<T> {
    fn parent(&self) -> Option<Context> {
        self.as_ref()?.parent()
    }
}

macro_rules! through_pointers {
    ($($pointer:ty),*) => {
        $(impl<T: Parent + ?Sized> Parent for $pointer {
            fn parent(&self) -> Option<Context> {
                (**self).parent()
            }
        })*
    };
}

through_pointers!(&T, &mut T, Arc<T>, Box<T>, Rc<T>);
