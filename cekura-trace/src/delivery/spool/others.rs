//! What dead processes have left in a spool for an endpoint or an account that is not this handle's, by whom it is for.
//! Invariant: it is counted and told, and never sent elsewhere.

use super::item::Kind;
use std::collections::BTreeMap;
use std::fmt;
use std::time::SystemTime;

/// What waits, by whom it is for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Others(BTreeMap<String, Waiting>);

/// What waits for one endpoint and account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Waiting {
    spans: u64,
    call_logs: u64,
    /// When the first of it will have waited for too long.
    until: SystemTime,
}

impl Others {
    pub(super) fn add(&mut self, whom: String, kind: Kind, count: u64, until: SystemTime) {
        let waiting = self.0.entry(whom).or_insert(Waiting { spans: 0, call_logs: 0, until });
        waiting.until = waiting.until.min(until);
        let sum = match kind {
            Kind::CallLog => &mut waiting.call_logs,
            // A start is a span that a crash has cut off.
            Kind::Spans | Kind::Start => &mut waiting.spans,
        };
        *sum = sum.saturating_add(count);
    }

    pub(super) fn whom(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// One sentence for each: how much, for whom, until when.
impl fmt::Display for Others {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (whom, Waiting { spans, call_logs, until })) in self.0.iter().enumerate() {
            let separator = if at == 0 { "" } else { "; " };
            let counts = [(*spans, "span"), (*call_logs, "call log")];
            let named = counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, what)| {
                let plural = if count == 1 { "" } else { "s" };
                format!("{count} {what}{plural}")
            });
            let named = named.collect::<Vec<_>>().join(" and ");
            write!(f, "{separator}{named} for {whom}, until {}", httpdate::fmt_http_date(*until))?;
        }
        Ok(())
    }
}
