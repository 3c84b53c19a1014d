//! A stream that takes what a model would send from a list of steps, one by one.

use futures::stream::Stream;
use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll};

#[derive(Debug)]
pub(super) struct Chunk {
    pub(super) text: &'static str,
    pub(super) finish: Option<&'static str>,
}

#[derive(Debug)]
pub(super) struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the line broke")
    }
}

pub(super) type Item = Result<Chunk, Broken>;

pub(super) enum Step {
    Say(&'static str),
    Finish,
    Break,
    Panic,
    /// Nothing is there yet.
    Wait,
}

/// Gives the steps as items; each is made in an annotated function.
pub(super) struct Feed(VecDeque<Step>);

impl Feed {
    pub(super) fn new(steps: impl IntoIterator<Item = Step>) -> Self {
        Self(steps.into_iter().collect())
    }
}

#[cekura::span(skip_all)]
fn receive(step: Step) -> Option<Item> {
    match step {
        Step::Say(text) => Some(Ok(Chunk { text, finish: None })),
        Step::Finish => Some(Ok(Chunk { text: "", finish: Some("stop") })),
        Step::Break => Some(Err(Broken)),
        Step::Panic => panic!("the client is broken"),
        Step::Wait => None,
    }
}

impl Stream for Feed {
    type Item = Item;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Item>> {
        match self.0.pop_front() {
            None => Poll::Ready(None),
            Some(step) => receive(step).map_or(Poll::Pending, |item| Poll::Ready(Some(item))),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, Some(self.0.len()))
    }
}
