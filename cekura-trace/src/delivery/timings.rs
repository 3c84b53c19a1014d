//! Every delay and time limit of the delivery, in one place, so that tests can set them short.

use std::time::Duration;
use tokio::time::Instant;

/// The delays and time limits of the delivery. The defaults are documented promises; only tests set others.
#[derive(Clone, Copy, Debug)]
pub struct Timings {
    /// How often ended spans are collected, if nothing asks for it earlier.
    pub tick: Duration,
    /// The longest wait before the second attempt. It doubles with each further attempt. The actual wait is
    /// random (full jitter).
    pub first_backoff: Duration,
    /// The longest wait between two attempts.
    pub longest_backoff: Duration,
    /// The wait before the only retry after an error of the server itself (500, `Internal`).
    pub slow_retry: Duration,
    /// How long a request is retried after its first attempt.
    pub give_up: Duration,
    /// The longest wait that a server may ask for.
    pub longest_hint: Duration,
    /// How long a request is still retried after a wait that the server asked for.
    pub after_hint: Duration,
    /// The waits before a probe of an endpoint that refuses; the last one repeats.
    pub probes: [Duration; 3],
    /// Looking up the addresses of a host, in a diagnosis.
    pub lookup: Duration,
    /// Establishing a TCP connection.
    pub connect: Duration,
    /// The TLS handshake.
    pub tls: Duration,
    /// One request, from the connection to the end of the answer.
    pub attempt: Duration,
    /// A whole diagnosis.
    pub diagnosis: Duration,
    /// How long a call may stay open for what nobody reads, before an event says so.
    pub unread: Duration,
    /// How often metrics are sent.
    pub metrics: Duration,
    /// How long a call is held at most until it is sent in any case.
    pub held: Duration,
    /// How long after its end the spans of a held call are waited for that are still open.
    pub late: Duration,
    /// How long a handle that is dropped without `shutdown` waits for the delivery.
    pub drop: Duration,
}

impl Default for Timings {
    fn default() -> Self {
        Self {
            tick: Duration::from_secs(1),
            first_backoff: Duration::from_millis(500),
            longest_backoff: Duration::from_secs(20),
            slow_retry: Duration::from_secs(5),
            give_up: Duration::from_secs(330),
            longest_hint: Duration::from_secs(600),
            after_hint: Duration::from_secs(30),
            probes: [5, 15, 60].map(Duration::from_secs),
            lookup: Duration::from_secs(3),
            connect: Duration::from_secs(3),
            tls: Duration::from_secs(5),
            attempt: Duration::from_secs(10),
            diagnosis: Duration::from_secs(15),
            unread: Duration::from_secs(60),
            metrics: Duration::from_secs(60),
            held: Duration::from_secs(30 * 60),
            late: Duration::from_secs(2),
            drop: Duration::from_secs(2),
        }
    }
}

/// The instant after `wait`. One of decades is shortened, so that the sum does not overflow.
pub(super) fn later(now: Instant, wait: Duration) -> Instant {
    const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 60 * 60);
    now + wait.min(FAR)
}

/// The limits of a spool. The defaults are documented promises; only tests set others.
#[derive(Clone, Copy, Debug)]
pub struct SpoolLimits {
    /// How long a request may go unanswered before it is written to disk. Ended spans are collected at
    /// least this often.
    pub deposit: Duration,
    /// How long a request stays on disk.
    pub age: Duration,
    /// The most bytes of requests on disk.
    pub bytes: u64,
}

impl Default for SpoolLimits {
    fn default() -> Self {
        Self {
            deposit: Duration::from_millis(250),
            age: Duration::from_secs(7 * 24 * 60 * 60),
            bytes: 256 << 20,
        }
    }
}
