//! What dead processes have left in a spool for an endpoint or an account that is not this handle's. It is counted and
//! told, and never sent elsewhere.

use super::file::{self, Item};
use super::folder::{Orphan, folders};
use super::{Address, Name};
use crate::delivery::config::{Settings, Spooling};
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::time::{Duration, SystemTime};

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
    /// Looks through a spool and leaves it as it is.
    pub(crate) fn look(settings: &Settings, to: &Spooling) -> Self {
        let ours = [Address::of_spans(settings), Address::of_call_logs(settings)];
        let mut others = Self::default();
        for folder in folders(&to.directory) {
            // One whose process lives is not left. The lock is given back at once, for a start may want it.
            let Some(files) = Orphan::claim(folder).map(|orphan| orphan.files()) else { continue };
            for (path, name) in files {
                let Some((address, item)) = File::open(path).ok().and_then(file::read_head) else { continue };
                if !ours.iter().any(|own| own.takes(&address)) {
                    others.add(&address, &item, &Name(name.into()), to.limits.age);
                }
            }
        }
        others
    }

    pub(super) fn add(&mut self, address: &Address, item: &Item, name: &Name, limit: Duration) {
        let until = SystemTime::now() + limit.saturating_sub(name.age());
        let none = Waiting { spans: 0, call_logs: 0, until };
        let waiting = self.0.entry(address.to_string()).or_insert(none);
        waiting.until = waiting.until.min(until);
        match item {
            Item::CallLog { .. } => waiting.call_logs += 1,
            Item::Spans { counts, .. } => waiting.spans += counts.values().sum::<u64>(),
            // Of a conversation that a crash has ended.
            Item::Start => waiting.spans += 1,
        }
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
