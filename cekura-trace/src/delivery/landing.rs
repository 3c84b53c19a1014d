//! A request comes in and runs as a task; its answer goes out when the task ends, however that ends. This file does not
//! know what is asked of whom.

use std::sync::Arc;

/// Takes the answer to the request with a number.
pub(crate) type Answered<T> = Arc<dyn Fn(u64, T) + Send + Sync>;

/// What is said of a request whose task has panicked.
pub(crate) const FAILED: &str = "the transport has failed";

/// Runs a request; `failed` is its answer if it panics.
pub(crate) fn launch<T: Send + 'static>(
    number: u64,
    request: impl Future<Output = T> + Send + 'static,
    failed: T,
    answered: Answered<T>,
) {
    let mut landing = Landing { number, answer: Some(failed), answered };
    tokio::spawn(async move { landing.bring(request.await) });
}

struct Landing<T> {
    number: u64,
    answer: Option<T>,
    answered: Answered<T>,
}

impl<T> Landing<T> {
    fn bring(&mut self, answer: T) {
        self.answer = Some(answer);
    }
}

impl<T> Drop for Landing<T> {
    fn drop(&mut self) {
        if let Some(answer) = self.answer.take() {
            (self.answered)(self.number, answer);
        }
    }
}
