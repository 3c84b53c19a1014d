//! Every delay and time limit of the delivery, in one place, so that tests can set them short.

use std::time::Duration;

/// How long the delivery waits, for what. The defaults are what is promised; only tests set others.
#[derive(Clone, Copy, Debug)]
pub struct Timings {
    /// How often ended spans are collected when nothing else asks for it.
    pub tick: Duration,
    /// The longest wait before the second attempt; doubles with each further one. The wait itself is random (full
    /// jitter).
    pub first_backoff: Duration,
    /// The longest wait between two attempts.
    pub longest_backoff: Duration,
    /// The wait before the one repetition after an error that is the server's own (500, `Internal`).
    pub slow_retry: Duration,
    /// How long a request is kept after its first attempt.
    pub give_up: Duration,
    /// The longest wait that a server may ask for.
    pub longest_hint: Duration,
    /// How long a request is kept after the wait that a server asked for.
    pub after_hint: Duration,
    /// The waits before one request is tried at an endpoint that refuses; the last one repeats.
    pub probes: [Duration; 3],
    /// Looking up a host's addresses, in a diagnosis.
    pub lookup: Duration,
    /// Establishing a TCP connection.
    pub connect: Duration,
    /// The TLS handshake.
    pub tls: Duration,
    /// One request, everything included.
    pub attempt: Duration,
    /// A whole diagnosis.
    pub diagnosis: Duration,
    /// How long a handle that is dropped without `shutdown` waits.
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
            drop: Duration::from_secs(2),
        }
    }
}

/// When a spool keeps what, and how much of it. The defaults are what is promised; only tests set others.
#[derive(Clone, Copy, Debug)]
pub struct SpoolLimits {
    /// How long a request may be on its way before it is put on disk, and how often ended spans are collected at least.
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
