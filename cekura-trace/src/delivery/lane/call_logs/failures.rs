//! Why call logs are not posted: what each answer says of it, and how many are lost. Invariant: whoever waits for a call log, the
//! events and the last line of the handle say the same.

use super::ruling::{self, Ruling, Trouble};
use super::{Arc, CallLogs, Judgement, Lane, LastCause, ObserveError, Place, Response};
use crate::delivery::causes::Cause;

impl Lane<CallLogs> {
    /// Says in there why call logs are not posted to this place.
    pub(crate) fn telling(mut self, place: Place, last_cause: Arc<LastCause>) -> Self {
        (self.delivery.place, self.delivery.last_cause) = (Some(place), last_cause);
        self
    }

    pub(crate) fn count_failure(&self, error: &ObserveError) {
        self.delivery.count_failure(error);
    }
}

impl CallLogs {
    /// Keeps what an answer says of the API. Where there was none, the words say what to do about that.
    pub(super) fn noted(&self, mut ruling: Ruling, answer: &Response) -> Ruling {
        if let Ruling::Stored { .. } = ruling {
            self.last_cause.recover();
        }
        if let Ruling::Missing | Ruling::NextPage | Ruling::Stored { .. } = ruling {
            return ruling;
        }
        let cause = self.cause(answer);
        if let Some(cause) = &cause {
            self.last_cause.fail(cause);
        }
        if let Ruling::Ask(trouble) | Ruling::Retry(trouble) | Ruling::RetryTwice(trouble) = &mut ruling
            && trouble.status.is_none()
        {
            trouble.words =
                cause.map_or_else(|| std::mem::take(&mut trouble.words), |cause| cause.to_string());
        }
        ruling
    }

    /// What an answer says that is not the one hoped for.
    pub(super) fn cause(&self, answer: &Response) -> Option<Cause> {
        let place = self.place.as_ref()?;
        Some(match answer {
            Response::None { failure, message, .. } => place.unanswered(*failure, message),
            Response::Whole { status, body, .. } => {
                place.api(*status, &ruling::words(body), Some("the call log"))
            }
        })
    }

    pub(super) fn retry<I, O>(&mut self, trouble: Trouble) -> Judgement<I, O> {
        let (reason, wait) = (trouble.reason, trouble.wait);
        self.trouble = Some(trouble);
        Judgement::Retry { reason, wait }
    }

    pub(super) fn count_failure(&self, error: &ObserveError) {
        self.last_cause.lose(Some(error.to_string()));
        self.ledger.count_call_log(|count| count.dropped += 1);
    }
}
