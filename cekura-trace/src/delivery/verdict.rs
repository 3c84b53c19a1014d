//! What each answer to a request for spans means, as one table. Invariant: it has no state.

use super::ledger::DropReason;
use super::transport::{Answer, Failure, blames_connection};
use std::time::Duration;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Taken but for so many spans.
    Delivered { rejected: u64 },
    /// Lost; sending it again would not help.
    Drop(DropReason),
    /// Some span in it is at fault: send it in halves until that one stands alone.
    Isolate,
    /// Send it again when the endpoint may be tried again, which the server may have said.
    Retry { reason: DropReason, wait: Option<Duration> },
    /// Send it again once, later; lost for this reason if the answer is the same then.
    RetryOnce(DropReason),
    /// Too large: send it in halves, and a single span with its values cut.
    Shrink,
    /// Wrong key or endpoint: only a person can help. Send nothing more but a probe now and then.
    Stop,
}

/// What an answer means for a request of so many encoded bytes.
pub(crate) fn verdict(answer: &Answer, bytes: usize) -> Verdict {
    match answer {
        // Sent for too many requests as well, and without the hint that it should have then. Size is no reason here.
        Answer::Grpc { code: RESOURCE_EXHAUSTED, wait: None, .. } if bytes < SMALL => {
            Verdict::Retry { reason: DropReason::Unavailable, wait: None }
        }
        Answer::Accepted { rejected, .. } => Verdict::Delivered { rejected: *rejected },
        Answer::Grpc { code, wait, .. } => grpc(*code, *wait),
        Answer::Http { status, wait, .. } => http(*status, *wait),
        Answer::None { failure, .. } => Verdict::Retry { reason: (*failure).into(), wait: None },
        Answer::Unexpected { .. } => Verdict::Drop(DropReason::UnexpectedAnswer),
    }
}

/// No backend finds less than this too large.
const SMALL: usize = 64 << 10;
const RESOURCE_EXHAUSTED: i32 = 8;

/// The codes are gRPC's (grpc.io, "Status codes and their use in gRPC"); this table stands without that feature too.
fn grpc(code: i32, wait: Option<Duration>) -> Verdict {
    const CANCELLED: i32 = 1;
    const INVALID_ARGUMENT: i32 = 3;
    const DEADLINE_EXCEEDED: i32 = 4;
    const NOT_FOUND: i32 = 5;
    const ALREADY_EXISTS: i32 = 6;
    const PERMISSION_DENIED: i32 = 7;
    const FAILED_PRECONDITION: i32 = 9;
    const ABORTED: i32 = 10;
    const OUT_OF_RANGE: i32 = 11;
    const UNIMPLEMENTED: i32 = 12;
    const UNAVAILABLE: i32 = 14;
    const DATA_LOSS: i32 = 15;
    const UNAUTHENTICATED: i32 = 16;
    let busy = Verdict::Retry { reason: DropReason::Unavailable, wait };
    match code {
        ABORTED | CANCELLED | DATA_LOSS | DEADLINE_EXCEEDED | UNAVAILABLE => busy,
        RESOURCE_EXHAUSTED if wait.is_some() => busy,
        OUT_OF_RANGE | RESOURCE_EXHAUSTED => Verdict::Shrink,
        INVALID_ARGUMENT => Verdict::Isolate,
        NOT_FOUND | PERMISSION_DENIED | UNAUTHENTICATED | UNIMPLEMENTED => Verdict::Stop,
        ALREADY_EXISTS | FAILED_PRECONDITION => Verdict::Drop(DropReason::Rejected),
        _ => Verdict::RetryOnce(DropReason::ServerError),
    }
}

fn http(status: u16, wait: Option<Duration>) -> Verdict {
    match status {
        300..=399 => Verdict::Drop(DropReason::UnexpectedAnswer),
        400 | 422 => Verdict::Isolate,
        401..=405 | 407 | 415 | 501 => Verdict::Stop,
        413 => Verdict::Shrink,
        // Of those that RFC 9110 and its like know, an error of the server's own.
        500 | 505..=508 | 510 => Verdict::RetryOnce(DropReason::ServerError),
        // Any other number is a gateway's: the server behind it is not well.
        408 | 425 | 429 | 502..=599 => Verdict::Retry { reason: DropReason::Unavailable, wait },
        _ if blames_connection(status) => Verdict::RetryOnce(DropReason::Rejected),
        _ => Verdict::Drop(DropReason::Rejected),
    }
}

impl From<Failure> for DropReason {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Timeout => Self::Timeout,
            Failure::Tls(_) => Self::Tls,
            _ => Self::Unreachable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Answer, DropReason, Duration, Failure, SMALL, Verdict, verdict};
    use crate::delivery::transport::Flaw;

    const WAIT: Option<Duration> = Some(Duration::from_secs(7));

    fn busy(wait: Option<Duration>) -> Verdict {
        Verdict::Retry { reason: DropReason::Unavailable, wait }
    }

    #[test]
    fn every_http_status_has_its_verdict() {
        let table: [(&[u16], Verdict); 8] = [
            (&[401, 402, 403, 404, 405, 407, 415, 501], Verdict::Stop),
            (&[408, 425, 429, 502, 503, 504, 509, 511, 520, 521, 524, 529, 530, 599], busy(WAIT)),
            (&[500, 505, 507], Verdict::RetryOnce(DropReason::ServerError)),
            (&[421, 426, 431, 444, 460, 494, 499], Verdict::RetryOnce(DropReason::Rejected)),
            (&[400, 422], Verdict::Isolate),
            (&[413], Verdict::Shrink),
            (&[301, 302, 307, 308], Verdict::Drop(DropReason::UnexpectedAnswer)),
            (&[406, 409, 418, 451, 600], Verdict::Drop(DropReason::Rejected)),
        ];
        for (statuses, expected) in table {
            for status in statuses {
                let answer = Answer::Http { status: *status, wait: WAIT, message: String::new() };
                assert_eq!(verdict(&answer, SMALL), expected, "{status}");
            }
        }
    }

    #[test]
    fn every_grpc_code_has_its_verdict() {
        let table: [(&[i32], Option<Duration>, Verdict); 8] = [
            (&[7, 12, 16, 5], None, Verdict::Stop),
            (&[1, 4, 10, 14, 15], None, busy(None)),
            (&[8, 14], WAIT, busy(WAIT)),
            (&[8, 11], None, Verdict::Shrink),
            (&[11], WAIT, Verdict::Shrink),
            (&[3], WAIT, Verdict::Isolate),
            (&[2, 13, 99, -1], None, Verdict::RetryOnce(DropReason::ServerError)),
            (&[6, 9], None, Verdict::Drop(DropReason::Rejected)),
        ];
        for (codes, wait, expected) in table {
            for code in codes {
                let answer = Answer::Grpc { code: *code, wait, message: String::new() };
                assert_eq!(verdict(&answer, SMALL), expected, "{code}");
            }
        }
    }

    #[test]
    fn a_small_request_exhausts_no_resource_by_its_size() {
        let answer = Answer::Grpc { code: 8, wait: None, message: String::new() };
        assert_eq!(verdict(&answer, SMALL - 1), busy(None));
        assert_eq!(verdict(&answer, SMALL), Verdict::Shrink);
    }

    #[test]
    fn no_answer_is_tried_again_for_a_reason() {
        for (failure, reason) in [
            (Failure::Connection, DropReason::Unreachable),
            (Failure::Timeout, DropReason::Timeout),
            (Failure::Tls(Flaw::Issuer), DropReason::Tls),
            (Failure::Name, DropReason::Unreachable),
        ] {
            let answer = Answer::None { failure, message: String::new() };
            assert_eq!(verdict(&answer, SMALL), Verdict::Retry { reason, wait: None });
        }
    }
}
