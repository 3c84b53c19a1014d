//! Changes calls that are stored: finds each by the caller's own id, then patches it. Invariant: each change gets one reply, also
//! when the worker ends before.

use super::ruling::{self, Ruling, Trouble};
use super::{Exchange, PAGES, search};
use crate::delivery::call_log::error::{ObserveError, Sent};
use crate::delivery::call_log::sealed::SealedCallLog;
use crate::delivery::ledger::DropReason;
use crate::delivery::message::ObserveReply;
use crate::delivery::timings::Timings;
use crate::delivery::transport::Payload;
use http::Method;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep};

/// How many are under way at the same time.
const AT_ONCE: usize = 4;

/// Changes one call, and replies.
pub(super) async fn update(
    exchange: Exchange,
    changes: SealedCallLog,
    timings: Timings,
    turn: &Semaphore,
    reply: ObserveReply,
) {
    let deadline = Instant::now() + timings.give_up;
    let mut wait = timings.first_backoff;
    let result = loop {
        let attempted = {
            // Others go on while this one waits for its next attempt.
            let _turn = turn.acquire().await;
            attempt(&exchange, &changes).await
        };
        let trouble = match attempted {
            Ok(result) => break result,
            Err(trouble) => trouble,
        };
        let pause = trouble.wait.unwrap_or(wait).min(timings.longest_hint);
        if Instant::now() + pause > deadline {
            break Err(trouble.into());
        }
        sleep(pause).await;
        wait = (2 * wait).min(timings.longest_backoff);
    };
    // Nobody may wait for it.
    drop(reply(result));
}

/// One that lets so many through at the same time as may be under way.
pub(super) fn turns() -> Semaphore {
    Semaphore::new(AT_ONCE)
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
