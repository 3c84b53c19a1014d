//! What is kept in the spool: its kinds, and what is known of an item beside its body. Invariant: how many spans an item
//! has is counted in its body, whatever else says so.

use crate::delivery::encode::counted;
use crate::delivery::ledger::{Counts, PER_TRACE};
use opentelemetry::trace::{SpanId, TraceId};
use serde_json::{Value, json};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What a file holds; each has items of one kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    CallLog,
    Spans,
    Start,
}

impl Kind {
    /// The end of a file's name.
    pub(super) fn ending(self) -> &'static str {
        match self {
            Self::CallLog => "call_log",
            Self::Spans => "spans",
            Self::Start => "start",
        }
    }

    pub(super) fn of(ending: &str) -> Option<Self> {
        [Self::CallLog, Self::Spans, Self::Start].into_iter().find(|kind| kind.ending() == ending)
    }
}

/// What an item on disk takes of the memory limit beside the numbers of its traces.
pub(super) const MEMORY: usize = 1 << 9;

/// One item, without its body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    CallLog {
        id: String,
        owner: Option<String>,
        recording: Option<Recorded>,
        /// Until when Cekura listens for it, where it goes to the run of a simulation.
        until: Option<SystemTime>,
    },
    Spans {
        counts: Counts,
        /// The spans without a parent among them.
        roots: Vec<SpanId>,
    },
    /// The root of a conversation that has begun, as a request for one span.
    Start,
}

/// The recording of a call, which has a file of its own beside the call log, and how it becomes sound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Recorded {
    /// Names the file.
    pub(crate) number: u64,
    /// The length of the call in nanoseconds; of one that has not ended it is not known.
    pub(crate) end: Option<i64>,
    /// Samples a second, where that was said.
    pub(crate) rate: Option<u32>,
    pub(crate) is_flac: bool,
}

/// The end of a recording's name.
#[cfg(unix)]
pub(super) const RECORDING: &str = ".recording";

/// The name of a recording's file.
#[cfg(unix)]
pub(super) fn recording(number: u64) -> String {
    format!("{number:016x}{RECORDING}")
}

impl Item {
    pub(super) fn kind(&self) -> Kind {
        match self {
            Self::CallLog { .. } => Kind::CallLog,
            Self::Spans { .. } => Kind::Spans,
            Self::Start => Kind::Start,
        }
    }

    /// What is known of spans whose traces are not.
    pub(crate) fn of_spans(count: u64) -> Self {
        Self::Spans { counts: Counts::from([(TraceId::INVALID, count)]), roots: Vec::new() }
    }

    /// What it takes of the memory limit while its body is on disk only, with what the disk's thread knows of it.
    pub(super) fn memory(&self) -> usize {
        MEMORY
            + match self {
                Self::CallLog { id, .. } => id.len(),
                Self::Spans { counts, .. } => counts.capacity() * PER_TRACE,
                Self::Start => 0,
            }
    }

    pub(super) fn forget_traces(&mut self) {
        if let Self::Spans { counts, .. } = self
            && counts.len() > 1
        {
            *self = Self::of_spans(self.count());
        }
    }

    /// How many spans or call logs it is.
    pub(super) fn count(&self) -> u64 {
        match self {
            Self::Spans { counts, .. } => counts.values().sum(),
            Self::CallLog { .. } | Self::Start => 1,
        }
    }

    /// What is written before its body.
    pub(super) fn head(&self) -> String {
        match self {
            Self::CallLog { id, owner, until, recording } => {
                let until = until.map(|until| until.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs());
                let recording = recording.map(|of| (of.number, of.end, of.rate, of.is_flac));
                json!({ "id": id, "owner": owner, "until": until, "recording": recording }).to_string()
            }
            Self::Spans { .. } | Self::Start => String::new(),
        }
    }

    /// The item of a head and a body; `None` where they are not what this crate writes.
    pub(super) fn read(kind: Kind, head: &[u8], body: &[u8]) -> Option<Self> {
        match kind {
            Kind::CallLog => {
                let head: Value = serde_json::from_slice(head).ok()?;
                let text = |key: &str| head[key].as_str().map(str::to_owned);
                let until = head["until"].as_u64().map(|until| UNIX_EPOCH + Duration::from_secs(until));
                let recording = serde_json::from_value(head["recording"].clone()).ok();
                let recording =
                    recording.map(|(number, end, rate, is_flac)| Recorded { number, end, rate, is_flac });
                Some(Self::CallLog { id: text("id")?, owner: text("owner"), until, recording })
            }
            Kind::Spans => counted(body).map(|(counts, roots)| Self::Spans { counts, roots }),
            Kind::Start => counted(body).map(|_| Self::Start),
        }
    }
}
