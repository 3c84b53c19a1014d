//! Functions of every signature that the standard library can express, annotated; `run` calls each once. Compiled as
//! edition 2024 and as edition 2021.
#![expect(clippy::all, clippy::pedantic, reason = "a corpus of forms, odd ones too")]

mod arguments;
mod closures;
mod futures;
mod generics;
mod methods;
mod values;

use std::cell::{Cell, RefCell};
use std::fmt::{Debug, Display};
use std::future::{Future, ready};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::{Arc, Mutex, RwLock};
use std::task::{Context, Poll, Waker};

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Failed(pub(crate) &'static str);

impl Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for Failed {}

impl From<std::num::ParseIntError> for Failed {
    fn from(_: std::num::ParseIntError) -> Self {
        Self("not a number")
    }
}

/// Polls a future that is ready at the first poll.
pub(crate) fn block_on<F: Future>(future: F) -> F::Output {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Pending => panic!("the future waits"),
        Poll::Ready(output) => output,
    }
}

pub(crate) fn send<T: Send>(value: T) -> T {
    value
}

/// Calls every function; gives the number of spans it should have made.
pub(crate) fn run() -> usize {
    let calls =
        [arguments::run(), closures::run(), values::run(), generics::run(), futures::run(), methods::run()];
    calls.iter().sum()
}
