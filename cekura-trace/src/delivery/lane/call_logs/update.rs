//! Changes calls that are stored: finds each by the caller's own id, then patches it. Invariant: each change gets one reply, also
//! when the worker ends before.

use super::ruling::{self, Ruling, Trouble};
use super::{CallLogs, Exchange, PAGES, search};
use crate::delivery::call_log::error::{ObserveError, Sent};
use crate::delivery::call_log::sealed::SealedCallLog;
use crate::delivery::lane::Lane;
use crate::delivery::lane::delivery::Delivery;
use crate::delivery::ledger::{DropReason, Ledger};
use crate::delivery::message::{ObserveAnswer, ObserveReply};
use crate::delivery::own_events::OwnEvents;
use crate::delivery::timings::Timings;
use crate::delivery::transport::Payload;
use crate::lock::locked;
use crate::room::Room;
use http::Method;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::{Notify, Semaphore};
use tokio::time::{Instant, timeout};

/// How many are under way at the same time.
const AT_ONCE: usize = 4;

impl Lane<CallLogs> {
    /// Changes a call that is stored. Must run inside the worker's runtime.
    pub(crate) fn update(&self, changes: SealedCallLog, room: Room, reply: ObserveReply) {
        let (exchange, updates) = (self.delivery.exchange.clone(), self.delivery.updates.clone());
        let (timings, answered) = (self.timings, self.answered.clone());
        let number = updates.add(changes.id.clone(), reply);
        tokio::spawn(async move {
            updates.settle(number, updates.send(exchange, changes, timings).await);
            drop(room);
            // Only wakes the worker, which may wait for it at the end.
            answered(u64::MAX, CallLogs::no_answer());
        });
    }

    /// Whether every change of a stored call is settled.
    pub(crate) fn has_no_update(&self) -> bool {
        self.delivery.updates.is_empty()
    }
}

/// The changes of one handle that are not settled, each with who waits for it.
#[derive(Clone)]
pub(super) struct Updates(Arc<Shared>);

struct Shared {
    turns: Semaphore,
    /// Ends the waits between two attempts.
    hurry: Notify,
    numbers: AtomicU64,
    /// By their numbers, with the ids of the calls.
    open: Mutex<HashMap<u64, (String, ObserveReply)>>,
    /// Counts those that came to nothing, with the call logs that did.
    ledger: Arc<Ledger>,
    events: OwnEvents,
}

impl Updates {
    pub(super) fn new(ledger: Arc<Ledger>, events: OwnEvents) -> Self {
        let (turns, hurry) = (Semaphore::new(AT_ONCE), Notify::new());
        let (numbers, open) = (AtomicU64::new(0), Mutex::default());
        Self(Arc::new(Shared { turns, hurry, numbers, open, ledger, events }))
    }

    pub(super) fn is_empty(&self) -> bool {
        locked(&self.0.open).is_empty()
    }

    /// Has one on its way, which is given a number.
    pub(super) fn add(&self, call_id: String, reply: ObserveReply) -> u64 {
        let number = self.0.numbers.fetch_add(1, Ordering::Relaxed);
        locked(&self.0.open).insert(number, (call_id, reply));
        number
    }

    /// Changes one call; what became of that.
    pub(super) async fn send(
        &self,
        exchange: Exchange,
        changes: SealedCallLog,
        timings: Timings,
    ) -> Result<Sent, ObserveError> {
        let deadline = Instant::now() + timings.give_up;
        let mut wait = timings.first_backoff;
        loop {
            let attempted = {
                // Others go on while this one waits for its next attempt.
                let _turn = self.0.turns.acquire().await;
                attempt(&exchange, &changes).await
            };
            let trouble = match attempted {
                Ok(result) => return result,
                Err(trouble) => trouble,
            };
            let pause = trouble.wait.unwrap_or(wait).min(timings.longest_hint);
            if Instant::now() + pause > deadline {
                return Err(trouble.into());
            }
            let _ = timeout(pause, self.0.hurry.notified()).await;
            wait = (2 * wait).min(timings.longest_backoff);
        }
    }

    /// Answers who waits for one.
    pub(super) fn settle(&self, number: u64, result: Result<Sent, ObserveError>) {
        let Some((call_id, reply)) = locked(&self.0.open).remove(&number) else { return };
        if result.is_err() {
            self.0.ledger.count_call_log(|count| count.dropped += 1);
        }
        let events = self.0.events.clone();
        reply(ObserveAnswer::new(result, move |error| {
            let what = "a change of a stored call is lost";
            events.emit(move || tracing::error!(target: "cekura", call_id, "{what}: {error}"));
        }));
    }

    /// Nothing more comes: those that rest are tried at once.
    pub(super) fn finish(&self) {
        self.0.hurry.notify_waiters();
    }

    /// Answers all that are left.
    pub(super) fn give_up(&self) {
        let numbers: Vec<_> = locked(&self.0.open).keys().copied().collect();
        for number in numbers {
            self.settle(number, Err(ObserveError::shutdown()));
        }
    }
}

/// Finds the call and patches it; an error if it is to be tried again.
async fn attempt(
    exchange: &Exchange,
    changes: &SealedCallLog,
) -> Result<Result<Sent, ObserveError>, Trouble> {
    let mut page = 1;
    let id = loop {
        let request = match exchange(Method::GET, &search(changes, page), Payload::Nothing) {
            Ok(request) => request,
            Err(error) => return Ok(Err(error)),
        };
        match ruling::asked(&request.await, &changes.id) {
            Ruling::Stored { id: Some(id), .. } if id.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
                break id;
            }
            Ruling::Stored { .. } => return Ok(Err(ruling::without_id())),
            Ruling::NextPage if page < PAGES => page += 1,
            Ruling::NextPage => return Ok(Err(ruling::without_end())),
            Ruling::Missing => return Err(missing(&changes.id)),
            Ruling::Fail(error) => return Ok(Err(error)),
            Ruling::Ask(trouble) | Ruling::Retry(trouble) | Ruling::RetryTwice(trouble) => {
                return Err(trouble);
            }
        }
    };
    let path = format!("/observability/v1/call-logs/{id}/");
    let request = match exchange(Method::PATCH, &path, Payload::Json(changes.body.clone())) {
        Ok(request) => request,
        Err(error) => return Ok(Err(error)),
    };
    match ruling::posted(&request.await) {
        Ruling::Fail(error) => Ok(Err(error)),
        // Patching twice changes nothing.
        Ruling::Ask(trouble) | Ruling::Retry(trouble) | Ruling::RetryTwice(trouble) => Err(trouble),
        Ruling::Stored { .. } | Ruling::Missing | Ruling::NextPage => {
            Ok(Ok(Sent { posted: true, id: Some(id), already_existed: false, trace_id: None }))
        }
    }
}

/// It may be stored later: its call log may be on its way.
fn missing(call_id: &str) -> Trouble {
    let words = format!("no call with the id {call_id} is stored");
    Trouble { reason: DropReason::Unavailable, wait: None::<Duration>, status: None, words }
}
