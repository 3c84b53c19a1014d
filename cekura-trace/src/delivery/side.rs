//! A thread beside the worker for what must not hold it up, such as the program's own code. Invariant: nobody who hands a job
//! over waits for it, and a job that panics costs nothing but itself.

use crate::lock::locked;
use crate::say::say;
use opentelemetry::Context;
use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

/// Does one job after the other. Its thread starts with the first one, and ends when this is dropped and all are done.
pub(super) struct Side<J> {
    name: &'static str,
    shared: Arc<Shared<J>>,
}

struct Shared<J> {
    work: Box<dyn Fn(J) + Send + Sync>,
    state: Mutex<State<J>>,
    changed: Condvar,
}

struct State<J> {
    jobs: VecDeque<J>,
    is_busy: bool,
    has_thread: bool,
    is_closed: bool,
}

impl<J: Send + 'static> Side<J> {
    pub(super) fn new(name: &'static str, work: impl Fn(J) + Send + Sync + 'static) -> Self {
        let state = State { jobs: VecDeque::new(), is_busy: false, has_thread: false, is_closed: false };
        let shared = Shared { work: Box::new(work), state: Mutex::new(state), changed: Condvar::new() };
        Self { name, shared: Arc::new(shared) }
    }

    /// Hands a job over, unless `most` of them wait.
    pub(super) fn push(&self, job: J, most: usize) -> bool {
        let mut state = locked(&self.shared.state);
        if state.jobs.len() >= most {
            return false;
        }
        state.jobs.push_back(job);
        if !state.has_thread {
            let shared = self.shared.clone();
            let thread = thread::Builder::new().name(self.name.to_owned()).spawn(move || shared.run());
            // Where there is no thread to be had, the next job asks again.
            state.has_thread = thread.is_ok();
        }
        self.shared.changed.notify_all();
        true
    }

    /// Takes the oldest job back that has not begun.
    pub(super) fn take_back(&self) -> Option<J> {
        locked(&self.shared.state).jobs.pop_front()
    }

    /// Blocks until all jobs are done, but no longer than `wait`.
    pub(super) fn wait(&self, wait: Duration) {
        let is_at_work = |state: &mut State<J>| state.has_thread && (state.is_busy || !state.jobs.is_empty());
        let state = locked(&self.shared.state);
        drop(self.shared.changed.wait_timeout_while(state, wait, is_at_work));
    }
}

impl<J> Shared<J> {
    fn run(&self) {
        let _quiet = Context::enter_telemetry_suppressed_scope();
        while let Some(job) = self.next() {
            say(|| (self.work)(job));
        }
    }

    fn next(&self) -> Option<J> {
        let mut state = locked(&self.state);
        state.is_busy = false;
        self.changed.notify_all();
        let is_idle = |state: &mut State<J>| state.jobs.is_empty() && !state.is_closed;
        let mut state = self.changed.wait_while(state, is_idle).unwrap_or_else(PoisonError::into_inner);
        let job = state.jobs.pop_front();
        state.is_busy = job.is_some();
        job
    }
}

impl<J> Drop for Side<J> {
    fn drop(&mut self) {
        locked(&self.shared.state).is_closed = true;
        self.shared.changed.notify_all();
    }
}
