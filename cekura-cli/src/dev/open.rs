//! The spans that have begun and not ended, as agents tell of them while calls run. Invariant: it holds a bounded number, and the end
//! of a call's root ends all of them; of a call that nobody tells of any more it is known since when.

use super::facts;
use super::stage;
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, Span};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

/// Spans at a time; the traces of which nothing was heard for longest go.
const MOST: usize = 20_000;
/// An agent tells of an open call again every 3 s, whatever happens in it. One that does not for so long has ended, or hangs.
const SILENCE: Duration = Duration::from_secs(10);

type TraceId = [u8; 16];

#[derive(Clone, Default)]
pub(super) struct OpenSpans(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    traces: HashMap<TraceId, Trace>,
    spans: usize,
    /// How often something has changed.
    changes: u64,
}

struct Trace {
    /// The number of its call.
    call: i64,
    /// By their ids, with their scopes.
    spans: HashMap<Vec<u8>, (String, Span)>,
    changed: u64,
    /// The last time that anything was heard of it.
    heard: SystemTime,
    is_silent: bool,
}

/// The end of a span.
pub(super) struct End {
    trace: TraceId,
    span: Vec<u8>,
    /// In nanoseconds.
    length: u64,
    ends_call: bool,
}

/// A span that was open until now.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Ended {
    /// The number of its call.
    pub(super) call: i64,
    pub(super) span: Vec<u8>,
    /// In nanoseconds.
    pub(super) length: u64,
}

impl OpenSpans {
    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of the call of a trace of which something is open.
    pub(super) fn call(&self, trace: &TraceId) -> Option<i64> {
        self.known().traces.get(trace).map(|trace| trace.call)
    }

    /// Those of a trace, with their scopes.
    pub(super) fn of(&self, trace: &[u8]) -> Vec<(String, Span)> {
        let spans = |trace: &Trace| trace.spans.values().cloned().collect();
        self.known().trace(trace).map(spans).unwrap_or_default()
    }

    /// A number that is another one when the open spans of a trace have changed; 0 where there are none.
    pub(super) fn version(&self, trace: &[u8]) -> u64 {
        self.known().trace(trace).map_or(0, |trace| trace.changed)
    }

    /// Since when nothing was heard of a trace, where that is too long.
    pub(super) fn silent_since(&self, trace: &[u8]) -> Option<SystemTime> {
        self.known().trace(trace).filter(|trace| trace.is_silent).map(|trace| trace.heard)
    }

    /// How many traces are like that.
    pub(super) fn silent(&self) -> usize {
        self.known().traces.values().filter(|trace| trace.is_silent).count()
    }

    /// Finds the traces of which nothing was heard for too long by now, and gives their calls once.
    pub(super) fn fall_silent(&self, now: SystemTime) -> Vec<i64> {
        let mut known = self.known();
        let Known { traces, changes, .. } = &mut *known;
        let is_new = |trace: &&mut Trace| {
            let passed = now.duration_since(trace.heard).unwrap_or_default();
            !trace.is_silent && passed > SILENCE
        };
        let silent = traces.values_mut().filter(is_new).map(|trace| {
            *changes += 1;
            (trace.changed, trace.is_silent) = (*changes, true);
            trace.call
        });
        silent.collect()
    }

    /// Spans have begun in traces of which the calls are known, or go on as they were told of before.
    pub(super) fn begin(&self, begun: Vec<ResourceSpans>, calls: &HashMap<TraceId, i64>) {
        let mut known = self.known();
        for of_scope in begun.into_iter().flat_map(|from| from.scope_spans) {
            let scope = of_scope.scope.map(|scope| scope.name).unwrap_or_default();
            for span in of_scope.spans {
                let Ok(trace) = <TraceId>::try_from(&*span.trace_id) else { continue };
                if let Some(call) = calls.get(&trace) {
                    known.begin(trace, *call, scope.clone(), span);
                }
            }
        }
    }

    /// What these spans end, to be told when they are in the database: until then they are open.
    pub(super) fn ends(&self, ended: &[ResourceSpans]) -> Vec<End> {
        let known = self.known();
        let mut ends = Vec::new();
        if known.traces.is_empty() {
            return ends;
        }
        for of_scope in ended.iter().flat_map(|from| &from.scope_spans) {
            let scope = of_scope.scope.as_ref().map_or("", |scope| &scope.name);
            for span in &of_scope.spans {
                let trace = <TraceId>::try_from(&*span.trace_id);
                if let Some(trace) = trace.ok().filter(|trace| known.traces.contains_key(trace)) {
                    let ends_call = facts::ends_call(&stage::read(span, scope));
                    let length = span.end_time_unix_nano.saturating_sub(span.start_time_unix_nano);
                    ends.push(End { trace, span: span.span_id.clone(), length, ends_call });
                }
            }
        }
        ends
    }

    /// Those that were open.
    pub(super) fn end(&self, ends: Vec<End>) -> Vec<Ended> {
        let mut known = self.known();
        ends.into_iter().filter_map(|end| known.end(end)).collect()
    }
}

impl Known {
    fn trace(&self, id: &[u8]) -> Option<&Trace> {
        self.traces.get(&<TraceId>::try_from(id).ok()?)
    }

    fn begin(&mut self, id: TraceId, call: i64, scope: String, span: Span) {
        self.changes += 1;
        let trace = self.traces.entry(id).or_insert_with(|| Trace {
            call,
            spans: HashMap::new(),
            changed: 0,
            heard: SystemTime::UNIX_EPOCH,
            is_silent: true,
        });
        let was_silent = trace.hear();
        let is_known = trace.spans.contains_key(&span.span_id);
        if is_known && !was_silent {
            return;
        }
        trace.changed = self.changes;
        if !is_known {
            trace.spans.insert(span.span_id.clone(), (scope, span));
            self.spans += 1;
        }
        while self.spans > MOST {
            let oldest = self.traces.iter().min_by_key(|(_, trace)| trace.heard).map(|(id, _)| *id);
            let Some(gone) = oldest.and_then(|oldest| self.traces.remove(&oldest)) else { return };
            self.spans -= gone.spans.len();
        }
    }

    fn end(&mut self, end: End) -> Option<Ended> {
        let trace = self.traces.get_mut(&end.trace)?;
        self.changes += 1;
        trace.changed = self.changes;
        trace.hear();
        let (call, was_open) = (trace.call, trace.spans.remove(&end.span).is_some());
        self.spans -= usize::from(was_open);
        if end.ends_call || trace.spans.is_empty() {
            self.spans -= trace.spans.len();
            self.traces.remove(&end.trace);
        }
        was_open.then_some(Ended { call, span: end.span, length: end.length })
    }
}

impl Trace {
    /// Something is heard of it; whether nothing was for too long.
    fn hear(&mut self) -> bool {
        self.heard = SystemTime::now();
        std::mem::take(&mut self.is_silent)
    }
}

#[cfg(test)]
mod tests {
    use super::{Ended, MOST, OpenSpans, SILENCE};
    use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span};
    use std::collections::HashMap;
    use std::time::{Duration, SystemTime};

    fn spans(trace: u128, ids: impl Iterator<Item = u64>, name: &str) -> Vec<ResourceSpans> {
        let span = |id: u64| Span {
            trace_id: trace.to_be_bytes().to_vec(),
            span_id: id.to_be_bytes().to_vec(),
            name: name.to_owned(),
            ..Span::default()
        };
        let scope_spans = vec![ScopeSpans { spans: ids.map(span).collect(), ..ScopeSpans::default() }];
        vec![ResourceSpans { scope_spans, ..ResourceSpans::default() }]
    }

    fn count(open: &OpenSpans, trace: u128) -> usize {
        open.of(&trace.to_be_bytes()).len()
    }

    #[test]
    fn of_too_many_the_oldest_traces_go() {
        let (open, most) = (OpenSpans::default(), MOST as u64);
        let calls = HashMap::from([1, 2, 3].map(|trace: u128| (trace.to_be_bytes(), 1)));
        open.begin(spans(1, 0..most / 2, "llm"), &calls);
        open.begin(spans(2, 0..most / 2, "llm"), &calls);
        open.begin(spans(1, 0..1, "llm"), &calls);
        assert_eq!((count(&open, 1), count(&open, 2)), (MOST / 2, MOST / 2));
        open.begin(spans(3, 0..1, "llm"), &calls);
        assert_eq!((count(&open, 1), count(&open, 2), count(&open, 3)), (MOST / 2, 0, 1));
        open.begin(spans(4, 0..1, "llm"), &calls);
        assert_eq!(count(&open, 4), 0, "its call is not known");
    }

    #[test]
    fn the_end_of_a_root_ends_what_is_open_below_it() {
        let open = OpenSpans::default();
        let calls = HashMap::from([(1_u128.to_be_bytes(), 7)]);
        open.begin(spans(1, 1..4, "llm"), &calls);
        let before = open.version(&1_u128.to_be_bytes());
        let ended = open.end(open.ends(&spans(1, 2..3, "llm")));
        assert_eq!(ended, [Ended { call: 7, span: 2_u64.to_be_bytes().into(), length: 0 }]);
        assert!(open.end(open.ends(&spans(1, 2..3, "llm"))).is_empty(), "it comes again");
        assert_eq!((count(&open, 1), open.call(&1_u128.to_be_bytes())), (2, Some(7)));
        assert_ne!(open.version(&1_u128.to_be_bytes()), before);
        open.end(open.ends(&spans(1, 9..10, "conversation")));
        assert_eq!((count(&open, 1), open.call(&1_u128.to_be_bytes())), (0, None));
        assert_eq!(open.0.lock().unwrap().spans, 0);
    }

    #[test]
    fn a_call_that_nobody_tells_of_is_silent_until_somebody_does() {
        let (open, trace) = (OpenSpans::default(), 1_u128.to_be_bytes());
        let calls = HashMap::from([(trace, 7), (2_u128.to_be_bytes(), 8)]);
        let (second, soon) = (Duration::from_secs(1), SystemTime::now());
        open.begin(spans(1, 1..3, "llm"), &calls);
        assert!(open.fall_silent(soon + SILENCE - second).is_empty());
        let before = open.version(&trace);
        open.begin(spans(1, 1..2, "llm"), &calls);
        assert_eq!(open.version(&trace), before, "nothing is new");
        let late = soon + SILENCE + 5 * second;
        assert_eq!(open.fall_silent(late), [7]);
        assert!(open.fall_silent(late).is_empty(), "it is said once");
        assert!(open.version(&trace) != before && open.silent_since(&trace) >= Some(soon));
        // Told of again, or by an end.
        open.begin(spans(1, 1..2, "llm"), &calls);
        assert_eq!((open.silent_since(&trace), count(&open, 1)), (None, 2));
        open.begin(spans(2, 1..2, "llm"), &calls);
        let mut both = open.fall_silent(late);
        both.sort_unstable();
        assert_eq!(both, [7, 8]);
        open.end(open.ends(&spans(1, 2..3, "llm")));
        assert_eq!((open.silent_since(&trace), open.call(&trace)), (None, Some(7)));
        assert!(open.silent_since(&2_u128.to_be_bytes()).is_some());
    }
}
