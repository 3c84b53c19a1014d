//! What all spans of one conversation, or of one turn, share: destination, call, turn, content policy, clock.
//! Invariant: it never changes; a turn has its own.

use super::callsite::View;
use super::told::Told;
use crate::call::{Call, Clock, Source, Turn};
use crate::destination::Destination;
use crate::policy::CaptureContent;
use std::sync::Arc;
use std::time::Instant;

/// What the spans of one conversation, or of one turn, have in common, or those that stand in one trace
/// outside any.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    pub(super) destination: Arc<Destination>,
    /// Where a conversation is open.
    pub(super) call: Option<Arc<Call>>,
    /// How much of their content they keep; a conversation inside another may keep less.
    pub(super) capture: CaptureContent,
    pub(super) clock: Clock,
    /// Where they stand in a turn.
    pub(super) turn: Option<Arc<Turn>>,
}

impl Home {
    /// That of spans outside any conversation.
    pub(super) fn outside(destination: Arc<Destination>) -> Self {
        let (capture, clock) = (destination.capture, Clock::read());
        Self { destination, call: None, capture, clock, turn: None }
    }

    /// The same, in a turn or in none.
    pub(super) fn with_turn(&self, turn: Option<Arc<Turn>>) -> Arc<Self> {
        Arc::new(Self { turn, ..self.clone() })
    }

    /// The only turn of the conversation that is open, wherever it runs.
    #[inline]
    pub(super) fn open_turn(&self) -> Option<Arc<Turn>> {
        self.call.as_ref()?.open_turns.only()
    }

    /// An `stt` ended, having understood something.
    pub(super) fn heard(&self, at: Instant) {
        match (&self.turn, &self.call) {
            (Some(turn), _) => turn.heard(Source::Span, at),
            (None, Some(call)) => call.unanswered.heard(Source::Span, at),
            (None, None) => {}
        }
    }

    /// Audio of the agent is there.
    pub(super) fn spoke(&self, at: Instant) {
        match (&self.turn, &self.call) {
            (Some(turn), _) => turn.spoke(Source::Span, at),
            (None, Some(call)) => drop(call.unanswered.spoke(at)),
            (None, None) => {}
        }
    }

    /// What the return value of a span tells of the call; what cannot be judged was heard, or is audio.
    pub(super) fn tell(&self, view: View, at: Instant, told: Told) {
        match view {
            View::Stt if told.speech != Some(false) => self.heard(at),
            View::Tts if told.speech != Some(false) => self.spoke(at),
            View::S2s if told.was_cut_off => self.cut_off(),
            _ => {}
        }
    }

    /// The caller cut in on an answer of a session: of its turn, else in whatever turn is open.
    pub(super) fn cut_off(&self) {
        match (&self.turn, &self.call) {
            (Some(turn), _) => turn.interrupt(),
            (None, Some(call)) => call.open_turns.interrupt(),
            (None, None) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Arc, Clock, Home};
    use crate::recording::scope::Scope;
    use crate::{spans, testing};
    use opentelemetry::Context;
    use std::time::{Duration, SystemTime};

    #[test]
    fn a_trace_tells_the_time_of_its_own_begin() {
        let trace = testing::capture(|| {
            let home = Context::map_current(|context| context.get::<Scope>().unwrap().home.clone().unwrap());
            let outdated = Arc::new(Home { clock: Clock::outdated(), ..(*home).clone() });
            let _attached = Context::current_with_value(Scope::inside(outdated)).attach();
            spans::conversation().start().in_scope(|| spans::llm().start().end());
            spans::tts().start().end();
        });
        assert_eq!(trace.spans().len(), 3);
        for span in trace.spans() {
            let age = SystemTime::now().duration_since(span.start()).unwrap();
            assert!(age < Duration::from_secs(60), "{} began {age:?} ago", span.name());
        }
    }
}
