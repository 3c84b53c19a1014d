//! Draws each finished conversation and keeps it as a page: local mode. Invariant: a conversation
//! is drawn once.

use super::call_log::SealedCallLog;
use super::config::Settings;
use super::ledger::{Counts, Ledger, Reason};
use super::outlet::{Driven, Outlet};
use super::own_events::OwnEvents;
use super::queue::Reservation;
use crate::finished::{Span, Tree, records};
use crate::local::{self, Folder, Style};
use opentelemetry::trace::{SpanId, TraceId};
use prost::bytes::Bytes;
use std::cell::Cell;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use tokio::time::Instant;

pub(crate) const AVAILABLE: bool = true;

/// How many drawn conversations are remembered, for spans that end after them.
const REMEMBERED: usize = 1024;

/// How many call logs wait for their conversations, of which they come just before the end.
const WAITING_LOGS: usize = 64;

struct Terminal {
    ledger: Arc<Ledger>,
    show: Box<Show>,
    open: HashMap<TraceId, Open>,
    /// Traces whose root has ended.
    ended: Vec<TraceId>,
    /// Those of them of which no buffer can hold an older span.
    complete: Vec<TraceId>,
    drawn: HashSet<TraceId>,
    /// The drawn traces, oldest first.
    order: VecDeque<TraceId>,
    /// Call logs of conversations that are not drawn yet, oldest first.
    logs: VecDeque<(TraceId, Bytes)>,
}

/// Shows a conversation, with its call log as it would be posted.
type Show = dyn Fn(&Tree, Option<&[u8]>);

/// What has ended of one conversation.
#[derive(Default)]
struct Open {
    spans: Vec<Span>,
    reservations: Vec<Reservation>,
}

/// Where pages are kept, from where the program runs.
const PAGES: &str = "cekura-traces";

/// Draws on standard error.
#[expect(clippy::unnecessary_wraps, reason = "its stand-in has nothing to give")]
pub(crate) fn open(settings: &Settings, ledger: Arc<Ledger>, events: OwnEvents) -> Option<Box<dyn Outlet>> {
    let no_color = settings.no_color;
    let pages = Pages { folder: Folder::new(PAGES), events, told: Cell::new(false) };
    let show = move |tree: &Tree, call_log: Option<&[u8]>| {
        let drawing = local::draw(tree, &Style::of_standard_error(no_color));
        local::print(&(drawing + &pages.add(tree, call_log)));
    };
    Some(Box::new(Terminal::new(ledger, Box::new(show))))
}

struct Pages {
    folder: Folder,
    events: OwnEvents,
    /// Whether an event has said that no page could be written, since one could.
    told: Cell<bool>,
}

impl Pages {
    /// Writes a page, and gives the line that says where it is, or why there is none.
    fn add(&self, tree: &Tree, call_log: Option<&[u8]>) -> String {
        let added = self.folder.add(tree, call_log);
        let told = self.told.replace(added.is_err());
        match added {
            Ok(path) => path.map(|path| local::line(path.display())).unwrap_or_default(),
            Err(error) => {
                let failure = format!("no page can be written to {}: {error}", self.folder);
                if !told {
                    self.events.emit(|| tracing::warn!(target: "cekura", "{failure}"));
                }
                local::line(failure)
            }
        }
    }
}

impl Terminal {
    fn new(ledger: Arc<Ledger>, show: Box<Show>) -> Self {
        let (open, drawn) = (HashMap::new(), HashSet::new());
        let (ended, complete) = (Vec::new(), Vec::new());
        let (order, logs) = (VecDeque::new(), VecDeque::new());
        Self { ledger, show, open, ended, complete, drawn, order, logs }
    }

    fn draw(&mut self, trace: TraceId) {
        let Some(open) = self.open.remove(&trace) else { return };
        let count = open.spans.len() as u64;
        let log = self.logs.iter().position(|(known, _)| *known == trace);
        let log = log.and_then(|at| self.logs.remove(at));
        (self.show)(&Tree::from(open.spans), log.as_ref().map(|(_, log)| &**log));
        self.ledger.deliver(&Counts::from([(trace, count)]));
        if self.order.len() == REMEMBERED
            && let Some(oldest) = self.order.pop_front()
        {
            self.drawn.remove(&oldest);
        }
        if self.drawn.insert(trace) {
            self.order.push_back(trace);
        }
    }
}

impl Outlet for Terminal {
    fn take(&mut self, buffer: &[u8], mut reservation: Reservation, _epoch: u64) {
        for (record, bytes) in records(buffer) {
            let trace = record.head.trace_id;
            if self.drawn.contains(&trace) {
                self.ledger.lose(&Counts::from([(trace, 1)]), Reason::Late);
                continue;
            }
            let open = self.open.entry(trace).or_default();
            open.spans.push(Span::from(&record));
            open.reservations.push(reservation.split(bytes));
            if record.head.parent_id == SpanId::INVALID {
                self.ended.push(trace);
            }
        }
    }

    fn call_log(&mut self, log: &SealedCallLog) {
        if let Some(trace) = log.trace_id.filter(|trace| !self.drawn.contains(trace)) {
            if self.logs.len() == WAITING_LOGS {
                self.logs.pop_front();
            }
            self.logs.push_back((trace, log.body.clone()));
        }
    }

    // A child that ended on another thread before its root may lie in a buffer that was drained before the root's.
    fn wants_more(&mut self) -> bool {
        self.complete.append(&mut self.ended);
        !self.complete.is_empty()
    }
}

impl Driven for Terminal {
    fn proceed(&mut self, _now: Instant) {
        for trace in std::mem::take(&mut self.complete) {
            self.draw(trace);
        }
    }

    fn finish(&mut self, _now: Instant) {
        self.complete.extend(self.open.keys().copied());
    }

    fn abandon(&mut self, reason: Reason) {
        for (trace, open) in self.open.drain() {
            self.ledger.lose(&Counts::from([(trace, open.spans.len() as u64)]), reason);
        }
    }

    fn clear(&mut self) {
        self.open.clear();
        self.ended.clear();
        self.complete.clear();
        self.logs.clear();
    }
}

#[cfg(test)]
#[path = "tests/terminal.rs"]
mod tests;
