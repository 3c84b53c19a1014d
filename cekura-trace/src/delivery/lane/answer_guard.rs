//! Runs one request beside the worker. Invariant: the worker gets exactly one answer, even when the task panics or is
//! dropped.

use std::sync::Arc;

/// Takes the answer to the request with a number.
pub(super) type Answered<A> = Arc<dyn Fn(u64, A) + Send + Sync>;

/// What is said of a request whose task has panicked.
pub(super) const FAILED: &str = "the transport has failed";

/// Runs a request; `failed` is its answer if it panics.
pub(super) fn launch<A: Send + 'static>(
    number: u64,
    request: impl Future<Output = A> + Send + 'static,
    failed: A,
    answered: Answered<A>,
) {
    let mut guard = AnswerGuard { number, answer: Some(failed), answered };
    tokio::spawn(async move { guard.answer(request.await) });
}

struct AnswerGuard<A> {
    number: u64,
    answer: Option<A>,
    answered: Answered<A>,
}

impl<A> AnswerGuard<A> {
    fn answer(&mut self, answer: A) {
        self.answer = Some(answer);
    }
}

impl<A> Drop for AnswerGuard<A> {
    fn drop(&mut self) {
        if let Some(answer) = self.answer.take() {
            (self.answered)(self.number, answer);
        }
    }
}
