//! Draws each finished conversation and keeps it as a page: as local mode, or beside the delivery. Invariant: a
//! conversation is drawn once.

use super::call_log::sealed::SealedCallLog;
use super::config::Settings;
use super::ledger::{Counts, Ledger, Reason};
use super::outlet::{Driven, Outlet};
use super::own_events::OwnEvents;
use super::queue::Reservation;
use super::tap::Tap;
use super::traces::Traces;
use crate::finished::{Tree, records};
use crate::local::{self, Folder, Style};
use opentelemetry::trace::TraceId;
use prost::bytes::Bytes;
use std::cell::Cell;
use std::collections::VecDeque;
use std::sync::Arc;
use tokio::time::Instant;

/// How many call logs wait for their conversations, of which they come just before the end.
const WAITING_LOGS: usize = 64;

/// Local mode: what is drawn is delivered.
struct Terminal {
    ledger: Arc<Ledger>,
    drawings: Drawings,
}

/// Draws what is sent too.
struct DrawingTap {
    drawings: Drawings,
    /// The most bytes of records that wait for their whole, beside those that wait for their delivery.
    limit: usize,
    events: OwnEvents,
    /// Whether an event has said that not all is drawn.
    told: bool,
}

/// Shows conversations when they are complete.
struct Drawings {
    show: Box<Show>,
    traces: Traces,
    /// Call logs of conversations that are not drawn yet, oldest first.
    logs: VecDeque<(TraceId, Bytes)>,
}

/// Shows a conversation, with its call log as it would be posted.
type Show = dyn Fn(&Tree, Option<&[u8]>);

/// Where pages are kept, from where the program runs.
const PAGES: &str = "cekura-traces";

/// Draws on standard error, and delivers nothing.
#[expect(clippy::unnecessary_wraps, reason = "its stand-in has nothing to give")]
pub(crate) fn open(settings: &Settings, ledger: Arc<Ledger>, events: OwnEvents) -> Option<Box<dyn Outlet>> {
    Some(Box::new(Terminal { ledger, drawings: Drawings::new(show(settings, events)) }))
}

/// Draws on standard error what is delivered too.
#[expect(clippy::unnecessary_wraps, reason = "its stand-in has nothing to give")]
pub(crate) fn tap(settings: &Settings, events: OwnEvents) -> Option<Box<dyn Tap>> {
    let drawings = Drawings::new(show(settings, events.clone()));
    Some(Box::new(DrawingTap { drawings, limit: settings.memory_limit, events, told: false }))
}

fn show(settings: &Settings, events: OwnEvents) -> Box<Show> {
    let no_color = settings.no_color;
    let pages = Pages { folder: Folder::new(PAGES), events, told: Cell::new(false) };
    Box::new(move |tree, call_log| {
        let drawing = local::draw(tree, &Style::of_standard_error(no_color));
        local::print(&(drawing + &pages.add(tree, call_log)));
    })
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

impl Drawings {
    fn new(show: Box<Show>) -> Self {
        Self { show, traces: Traces::default(), logs: VecDeque::new() }
    }

    fn call_log(&mut self, log: &SealedCallLog) {
        if let Some(trace) = log.trace_id.filter(|trace| !self.traces.is_over(*trace)) {
            if self.logs.len() == WAITING_LOGS {
                self.logs.pop_front();
            }
            self.logs.push_back((trace, log.body.clone()));
        }
    }

    /// Draws what is complete, and says of each how many spans it has.
    fn draw(&mut self, mut drawn: impl FnMut(TraceId, u64)) {
        for (id, trace) in self.traces.take_complete() {
            let count = trace.spans.len() as u64;
            let log = self.logs.iter().position(|(known, _)| *known == id);
            let log = log.and_then(|at| self.logs.remove(at));
            (self.show)(&Tree::from(trace.spans), log.as_ref().map(|(_, log)| &**log));
            drawn(id, count);
        }
    }
}

impl Outlet for Terminal {
    fn take(&mut self, buffer: &[u8], mut reservation: Reservation, _epoch: u64) {
        for (record, bytes) in records(buffer) {
            if !self.drawings.traces.add(&record, bytes, reservation.split(bytes)) {
                self.ledger.lose(&Counts::from([(record.head.trace_id, 1)]), Reason::Late);
            }
        }
    }

    fn wants_more(&mut self) -> bool {
        self.drawings.traces.wants_more()
    }

    fn call_log(&mut self, log: &SealedCallLog) {
        self.drawings.call_log(log);
    }
}

impl Driven for Terminal {
    fn proceed(&mut self, _now: Instant) {
        self.drawings.draw(|id, count| self.ledger.deliver(&Counts::from([(id, count)])));
    }

    fn finish(&mut self, _now: Instant) {
        self.drawings.traces.finish();
    }

    fn abandon(&mut self, reason: Reason) {
        for (id, trace) in self.drawings.traces.take_open() {
            self.ledger.lose(&Counts::from([(id, trace.spans.len() as u64)]), reason);
        }
    }

    fn clear(&mut self) {
        drop(self.drawings.traces.take_open());
        self.drawings.logs.clear();
    }
}

impl Tap for DrawingTap {
    fn take(&mut self, buffer: &[u8]) {
        for (record, bytes) in records(buffer) {
            // A span that ends after its drawing is delivered all the same.
            self.drawings.traces.add(&record, bytes, Reservation::default());
            if self.drawings.traces.shrink(self.limit) > 0 && !self.told {
                self.told = true;
                let what = "a conversation is too large to be drawn; its spans are delivered";
                self.events
                    .emit(|| tracing::warn!(target: "cekura", "{what}; raise .memory_limit(…) to see it"));
            }
        }
    }

    fn wants_more(&mut self) -> bool {
        self.drawings.traces.wants_more()
    }

    fn call_log(&mut self, log: &SealedCallLog) {
        self.drawings.call_log(log);
    }

    fn proceed(&mut self) {
        self.drawings.draw(|_, _| {});
    }

    fn finish(&mut self) {
        self.drawings.traces.finish();
    }

    fn clear(&mut self) {
        drop(self.drawings.traces.take_open());
        self.drawings.logs.clear();
    }
}

#[cfg(test)]
#[path = "tests/terminal.rs"]
mod tests;
