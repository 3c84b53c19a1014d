//! Records of calls of which it is not known yet whether they leave. Invariant: each record is here, or given out once when its
//! call has a fate, and takes its share of the memory limit until then.
//!
//! A call's own fate decides, whatever that waits for.

use super::ledger::DropReason;
use crate::call::Call;
use crate::call::consent::ConsentFate;
use crate::lock::locked;
use crate::room::{Budget, Room, Use};
use opentelemetry::trace::{SpanId, TraceId};
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// The bytes that a call's first and largest buffers have.
const BUFFER: [usize; 2] = [2 << 10, 64 << 10];
/// What a call takes here beside its records.
const PER_CALL: usize = 256;

/// All that is kept back.
#[derive(Default)]
pub(crate) struct KeptBack(Mutex<State>);

#[derive(Default)]
struct State {
    /// By the spans of their conversations.
    calls: HashMap<SpanId, KeptCall>,
    /// Spans that came here since the start.
    accepted: u64,
    is_closed: bool,
}

struct KeptCall {
    call: Arc<Call>,
    /// Each with its records.
    buffers: Vec<(Vec<u8>, u64)>,
    room: Room,
}

/// What is known of records now.
pub(crate) enum Decided {
    Dropped { trace: TraceId, count: u64, reason: DropReason },
    Leaves { records: Vec<u8>, count: u64 },
}

impl KeptBack {
    /// Takes a record; otherwise says why it is dropped.
    pub(crate) fn take(
        &self,
        call: &Arc<Call>,
        record: &[u8],
        budget: Arc<dyn Budget>,
    ) -> Option<DropReason> {
        let mut state = locked(&self.0);
        state.accepted += 1;
        let reason = drop_reason(call.fate(), state.is_closed);
        if reason.is_some() {
            return reason;
        }
        let kept = state.calls.entry(call.root.span_id()).or_insert_with(|| KeptCall {
            call: call.clone(),
            buffers: Vec::new(),
            room: Room::of(budget, Use::Open),
        });
        (!kept.push(record)).then_some(DropReason::QueueFull)
    }

    /// Gives out what has a fate; in the end everything.
    pub(crate) fn drain(&self, is_end: bool, mut give: impl FnMut(Decided)) {
        let mut state = locked(&self.0);
        state.is_closed |= is_end;
        let waits = |kept: &KeptCall| !is_end && kept.call.fate() == ConsentFate::Waits;
        let decided: Vec<_> = state.calls.extract_if(|_, kept| !waits(kept)).collect();
        drop(state);
        for (_, KeptCall { call, buffers, mut room }) in decided {
            let reason = drop_reason(call.fate(), is_end);
            for (records, count) in buffers {
                let of_buffer = room.split(records.capacity());
                match reason {
                    Some(reason) => {
                        // Erased before it is counted.
                        drop(records);
                        give(Decided::Dropped { trace: call.root.trace_id(), count, reason });
                    }
                    None => give(Decided::Leaves { records, count }),
                }
                drop(of_buffer);
            }
        }
    }

    /// Spans that came here since the start.
    pub(crate) fn accepted(&self) -> u64 {
        locked(&self.0).accepted
    }
}

/// Why records of such a call are dropped, if they are. In the end nobody agrees any more.
fn drop_reason(fate: ConsentFate, is_end: bool) -> Option<DropReason> {
    match fate {
        ConsentFate::Aborted => Some(DropReason::Aborted),
        ConsentFate::NoConsent => Some(DropReason::NoConsent),
        ConsentFate::Waits if is_end => Some(DropReason::NoConsent),
        ConsentFate::Leaves | ConsentFate::Waits => None,
    }
}

impl KeptCall {
    /// Adds a record, if there is room for it.
    fn push(&mut self, record: &[u8]) -> bool {
        let last = self.buffers.last().map_or(0, |(last, _)| last.capacity());
        let has_room =
            self.buffers.last().is_some_and(|(last, _)| last.len() + record.len() <= last.capacity());
        if !has_room {
            let [first, largest] = BUFFER;
            let bytes = (2 * last).clamp(first, largest).max(record.len());
            if !self.room.resize(self.room.bytes().max(PER_CALL) + bytes) {
                return false;
            }
            self.buffers.push((Vec::with_capacity(bytes), 0));
        }
        if let Some((last, count)) = self.buffers.last_mut() {
            last.extend_from_slice(record);
            *count += 1;
        }
        true
    }
}

#[cfg(test)]
#[path = "tests/kept_back.rs"]
mod tests;
