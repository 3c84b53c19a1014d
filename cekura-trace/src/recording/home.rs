//! A destination comes in, what all spans of one conversation have in common goes out. This file does not know where one
//! of them stands.

use crate::call::{Call, Clock};
use crate::destination::{CaptureContent, Destination};
use std::sync::Arc;

/// What the spans of one conversation have in common, or those that stand in one trace outside any.
#[derive(Clone, Debug)]
pub(crate) struct Home {
    pub(super) destination: Arc<Destination>,
    /// Where a conversation is open.
    pub(super) call: Option<Arc<Call>>,
    /// How much of their content they keep; a conversation inside another may keep less.
    pub(super) capture: CaptureContent,
    pub(super) clock: Clock,
}

impl Home {
    /// That of spans outside any conversation.
    pub(super) fn outside(destination: Arc<Destination>) -> Self {
        let (capture, clock) = (destination.capture, Clock::read());
        Self { destination, call: None, capture, clock }
    }
}

#[cfg(test)]
mod tests {
    use super::{Arc, Clock, Home};
    use crate::recording::conversation::Scope;
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
