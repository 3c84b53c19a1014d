//! What became of a call log: where it is stored, or why it is not. Invariant: no error contains
//! the API key.

use opentelemetry::trace::TraceId;
use std::borrow::Cow;
use std::fmt;

/// What Cekura stored of a call.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sent {
    pub(crate) posted: bool,
    pub(crate) id: Option<String>,
    pub(crate) already_existed: bool,
    pub(crate) trace_id: Option<TraceId>,
}

impl Sent {
    /// Whether the call log was posted: false in local mode, and when tracing is off.
    #[must_use]
    pub fn was_sent(&self) -> bool {
        self.posted
    }

    /// Cekura's own id of the call, if the answer contains it.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// Whether a call with this id was already stored. It was not changed.
    #[must_use]
    pub fn already_existed(&self) -> bool {
        self.already_existed
    }

    /// The trace id that was sent with the call log: present only if every span of the trace was delivered or
    /// is safe in the spool.
    #[must_use]
    pub fn trace_id(&self) -> Option<TraceId> {
        self.trace_id
    }
}

/// Why a call log was not stored.
pub struct ObserveError(Box<Kind>);

enum Kind {
    Failed(String),
    Full,
    Invalid(Vec<Mistake>),
    Late,
    NoCredits(u16, String),
    Refused(u16, &'static str, String),
    Rejected(u16, String),
    Shutdown,
    Unavailable(Option<u16>, String),
    Unexpected(u16, &'static str),
}

/// A field of a call log that cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mistake {
    pub(crate) field: &'static str,
    /// Continues a sentence that begins with the field's name.
    pub(crate) rule: Cow<'static, str>,
}

impl ObserveError {
    pub(crate) fn failed(cause: impl fmt::Display) -> Self {
        Self(Box::new(Kind::Failed(cause.to_string())))
    }

    pub(crate) fn full() -> Self {
        Self(Box::new(Kind::Full))
    }

    pub(crate) fn invalid(mistakes: Vec<Mistake>) -> Self {
        Self(Box::new(Kind::Invalid(mistakes)))
    }

    pub(crate) fn late() -> Self {
        Self(Box::new(Kind::Late))
    }

    pub(crate) fn no_credits(status: u16, words: String) -> Self {
        Self(Box::new(Kind::NoCredits(status, words)))
    }

    /// `check` says which settings may be wrong.
    pub(crate) fn refused(status: u16, check: &'static str, words: String) -> Self {
        Self(Box::new(Kind::Refused(status, check, words)))
    }

    pub(crate) fn rejected(status: u16, words: String) -> Self {
        Self(Box::new(Kind::Rejected(status, words)))
    }

    pub(crate) fn shutdown() -> Self {
        Self(Box::new(Kind::Shutdown))
    }

    pub(crate) fn unavailable(status: Option<u16>, words: String) -> Self {
        Self(Box::new(Kind::Unavailable(status, words)))
    }

    pub(crate) fn unexpected(status: u16, what: &'static str) -> Self {
        Self(Box::new(Kind::Unexpected(status, what)))
    }

    /// Whether the call log itself is wrong. Either a check before the post or Cekura found a wrong field. The
    /// message names the fields.
    #[must_use]
    pub fn is_invalid(&self) -> bool {
        matches!(*self.0, Kind::Invalid(_) | Kind::Rejected(..))
    }

    /// Whether the settings are wrong: the key, the agent, or the address of the API.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        matches!(*self.0, Kind::Refused(..))
    }

    /// Whether the account is out of credits.
    #[must_use]
    pub fn is_out_of_credits(&self) -> bool {
        matches!(*self.0, Kind::NoCredits(..))
    }

    /// Whether Cekura could not be reached, or did not answer, until the time for retries was over. If an
    /// answer was lost, the call may be stored.
    #[must_use]
    pub fn is_unavailable(&self) -> bool {
        matches!(*self.0, Kind::Unavailable(..))
    }

    /// Whether the answer did not come from Cekura's API. The call may be stored.
    #[must_use]
    pub fn is_unexpected_answer(&self) -> bool {
        matches!(*self.0, Kind::Unexpected(..))
    }

    /// Whether the handle was shut down before the call log was posted, or before the answer came.
    #[must_use]
    pub fn is_shutdown(&self) -> bool {
        matches!(*self.0, Kind::Shutdown)
    }

    /// Whether the same call log may be accepted at another time.
    pub(crate) fn may_pass(&self) -> bool {
        !matches!(*self.0, Kind::Invalid(_) | Kind::Late | Kind::Rejected(..) | Kind::Unexpected(..))
    }

    /// The HTTP status of the last answer, if there was one.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match *self.0 {
            Kind::NoCredits(status, _)
            | Kind::Refused(status, ..)
            | Kind::Rejected(status, _)
            | Kind::Unexpected(status, _) => Some(status),
            Kind::Unavailable(status, _) => status,
            Kind::Failed(_) | Kind::Full | Kind::Invalid(_) | Kind::Late | Kind::Shutdown => None,
        }
    }
}

impl fmt::Display for ObserveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.0 {
            Kind::Failed(cause) => write!(f, "the call log could not be posted: {cause}"),
            Kind::Full => f.write_str(
                "the call log is not posted: what waits for delivery has reached the memory limit; raise .memory_limit(…)",
            ),
            Kind::Invalid(mistakes) => {
                for (at, Mistake { field, rule }) in mistakes.iter().enumerate() {
                    write!(f, "{}{field} {rule}", if at == 0 { "" } else { "; " })?;
                }
                Ok(())
            }
            Kind::Late => f.write_str(
                "the simulated call was not posted: Cekura listens for 5 minutes after the end of a call, and that time is over",
            ),
            Kind::NoCredits(status, words) => {
                write!(f, "the Cekura account is out of credits (HTTP status {status}){}", Words(words))
            }
            Kind::Refused(status, check, words) => {
                write!(f, "Cekura refuses the call log (HTTP status {status}): check {check}{}", Words(words))
            }
            Kind::Rejected(status, words) => {
                write!(f, "Cekura rejects the call log (HTTP status {status}){}", Words(words))
            }
            Kind::Shutdown => {
                f.write_str("the handle was shut down before Cekura confirmed the call log")
            }
            Kind::Unavailable(status, words) => {
                f.write_str("Cekura's API stayed unavailable through all retries")?;
                if let Some(status) = status {
                    write!(f, " (HTTP status {status})")?;
                }
                write!(f, "{}", Words(words))
            }
            Kind::Unexpected(status, what) => {
                write!(f, "unexpected answer: HTTP status {status} with {what}; check CEKURA_API_URL")
            }
        }
    }
}

/// What the server says, if it says anything.
struct Words<'a>(&'a str);

impl fmt::Display for Words<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, ": {}", self.0) }
    }
}

// What a `main` that returns the error prints.
impl fmt::Debug for ObserveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

impl std::error::Error for ObserveError {}
