//! Call logs come in, wait for their traces and are posted, one request at a time for each; what became of them goes
//! out. This file does not know sockets or what a status means.

mod errand;
mod question;
mod ruling;

use super::call_log::Letter;
use super::call_log::error::{ObserveError, Sent};
use super::config::Settings;
use super::error::Error;
use super::flushes::last_chance;
use super::gate::{Gate, at_the_latest};
use super::landing::{Answered, FAILED, launch};
use super::ledger::{Completeness, Ledger};
use super::queue::Room;
use super::spool::{Drawer, Name};
use super::timings::Timings;
use super::transport::api::Api;
use super::transport::{Asking, Failure, Response};
use super::voice::Voice;
use errand::{Errand, Step};
use http::Method;
use opentelemetry::trace::TraceId;
use prost::bytes::Bytes;
use question::search;
use ruling::{Ruling, Trouble};
use std::cell::OnceCell;
use std::collections::HashMap;
use std::error::Error as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::time::Instant;

const OBSERVE: &str = "/observability/v1/observe/";
/// How often an errand looks whether its conversation is over.
const LOOK: Duration = Duration::from_millis(20);
/// The most pages of a list that are read: one that goes on was not asked for one call.
const PAGES: u32 = 20;
/// How often a call log is sent again after the server's own error.
const REPETITIONS: u32 = 2;

/// Sends one request to the API: method, path with query, body.
pub(crate) type Exchange = Box<dyn Fn(Method, &str, Option<Bytes>) -> Result<Asking, ObserveError>>;

/// Whether a conversation, or a span of it, is open.
pub(crate) type IsOpen = Box<dyn Fn(TraceId) -> bool>;

/// Takes what became of a call log; gives an error back that nobody hears.
pub(crate) type Told = Box<dyn FnOnce(Result<Sent, ObserveError>) -> Option<ObserveError> + Send>;

/// Posts the call logs of one handle.
pub(crate) struct Courier {
    exchange: Exchange,
    is_open: IsOpen,
    gate: Gate,
    timings: Timings,
    ledger: Arc<Ledger>,
    voice: Voice,
    answered: Answered<Response>,
    /// Counts call logs that were not posted.
    failed: Arc<AtomicU64>,
    waiting: Vec<Errand>,
    flying: HashMap<u64, Flight>,
    launches: u64,
    /// Why the last attempt has come to nothing.
    trouble: Option<Trouble>,
    /// Where there is a spool.
    drawer: Option<Drawer>,
}

struct Flight {
    errand: Errand,
    launched: Instant,
}

/// Connects to the API when the first call log is due: reading certificates takes a while.
pub(crate) fn exchange(settings: Settings) -> Exchange {
    let api = OnceCell::new();
    Box::new(move |method, path, json| {
        let cause = |error: Error| error.source().map_or_else(|| error.to_string(), ToString::to_string);
        let api = api.get_or_init(|| Api::connect(&settings).map_err(cause));
        api.as_ref().map(|api| api.send(method, path, json)).map_err(ObserveError::failed)
    })
}

impl Courier {
    pub(crate) fn new(
        exchange: Exchange,
        is_open: IsOpen,
        timings: Timings,
        ledger: Arc<Ledger>,
        voice: Voice,
        answered: Answered<Response>,
        failed: Arc<AtomicU64>,
    ) -> Self {
        Self {
            exchange,
            is_open,
            gate: Gate::new(timings),
            timings,
            ledger,
            voice,
            answered,
            failed,
            waiting: Vec::new(),
            flying: HashMap::new(),
            launches: 0,
            trouble: None,
            drawer: None,
        }
    }

    pub(crate) fn with_drawer(self, drawer: Option<Drawer>) -> Self {
        Self { drawer, ..self }
    }

    /// Takes over what a dead process has left, and may have posted.
    pub(crate) fn adopt(&mut self, name: Name, letter: Letter, room: Room) {
        if let Some(drawer) = self.drawer.as_ref().filter(|drawer| drawer.is_over(&name)) {
            drawer.remove(name);
            return self.count_failure();
        }
        let errand = Errand::new(letter, room, Box::new(Result::err), Step::Ask);
        self.waiting.push(Errand { kept: Some(name), ..errand });
    }

    /// The disk could not write it.
    pub(crate) fn not_kept(&mut self, name: &Name) {
        let flying = self.flying.values_mut().map(|flight| &mut flight.errand);
        for errand in self.waiting.iter_mut().chain(flying) {
            errand.kept.take_if(|kept| kept == name);
        }
    }

    pub(crate) fn take(&mut self, letter: Letter, room: Room, told: Told, now: Instant) {
        let until = now.checked_add(letter.deadline).unwrap_or(now + self.timings.give_up);
        let step =
            if letter.trace_id.is_some() { Step::Trace { until, is_collected: false } } else { Step::Post };
        let kept = self.drawer.as_ref().and_then(|drawer| drawer.keep(&letter));
        self.waiting.push(Errand { kept, ..Errand::new(letter, room, told, step) });
    }

    /// Whether the queue must be drained so that it is known what became of a conversation that is over: before its first
    /// look, and before the last one, for spans may have come while others were delivered.
    pub(crate) fn wants_spans(&mut self) -> bool {
        let mut wants = false;
        for errand in &mut self.waiting {
            if let (Step::Trace { is_collected, .. }, Some(trace)) =
                (&mut errand.step, errand.letter.trace_id)
            {
                let is_over = !(self.is_open)(trace);
                let is_complete = || self.ledger.completeness(trace) == Completeness::Complete;
                wants |= is_over && (!*is_collected || is_complete());
                *is_collected = is_over;
            }
        }
        wants
    }

    /// Launches what may fly, and gives up what has waited too long for an API that fails.
    pub(crate) fn proceed(&mut self, now: Instant) {
        for errand in &mut self.waiting {
            let is_named = errand.await_trace(&self.ledger, now);
            if let (true, Some(drawer), Some(name)) = (is_named, &self.drawer, &errand.kept) {
                drawer.keep_again(name, &errand.letter);
            }
        }
        while self.gate.admits(self.flying.len(), now) {
            let Some(at) = self.waiting.iter().position(|errand| errand.is_due(now)) else { break };
            let errand = self.waiting.remove(at);
            self.launch(errand, now);
        }
        if self.flying.is_empty() && self.gate.reason().is_some() {
            self.give_up(now);
        }
    }

    /// Somebody waits: what rests after a failure is tried again at `by` at the latest.
    pub(crate) fn hurry(&mut self, by: Instant, now: Instant) {
        self.gate.hurry(by, now);
        for at in self.waiting.iter_mut().filter_map(|errand| errand.not_before.as_mut()) {
            *at = at_the_latest(*at, by, now);
        }
    }

    /// When the spans that a call log waits for are tried for the last time.
    pub(crate) fn last_chances(&self) -> impl Iterator<Item = Instant> {
        self.waiting.iter().filter_map(|errand| match errand.step {
            Step::Trace { until, .. } => last_chance(until, errand.letter.deadline),
            _ => None,
        })
    }

    /// When to proceed although nothing has happened.
    pub(crate) fn due(&self, now: Instant) -> Option<Instant> {
        // An answer must come first.
        let is_held = !self.flying.is_empty() && !self.gate.admits(self.flying.len(), now);
        let due = self.waiting.iter().filter_map(|errand| match errand.step {
            Step::Trace { until, is_collected: true } => Some(until),
            Step::Trace { until, is_collected: false } => Some(until.min(now + LOOK)),
            _ if is_held => None,
            _ => self.gate.until().max(errand.not_before),
        });
        due.min()
    }

    /// What its call logs take of the memory limit.
    pub(crate) fn held(&self) -> usize {
        let flying = self.flying.values().map(|flight| &flight.errand);
        self.waiting.iter().chain(flying).map(|errand| errand.room.bytes()).sum()
    }

    pub(crate) fn is_idle(&self) -> bool {
        self.waiting.is_empty() && self.flying.is_empty()
    }

    /// Nothing more will come: tries once more at once, unless the server has asked for a wait, and leaves half of the
    /// time until the deadline for what waits for its trace.
    pub(crate) fn finish(&mut self, now: Instant, deadline: Instant) {
        self.gate.hurry_now(now);
        let half = now + deadline.saturating_duration_since(now) / 2;
        for errand in &mut self.waiting {
            errand.not_before = None;
            if let (Step::Trace { until, .. }, Some(trace)) = (&mut errand.step, errand.letter.trace_id) {
                // What is still open ends after the end, and is dropped.
                *until = if (self.is_open)(trace) { now } else { half.min(*until) };
            }
        }
    }

    /// Gives everything up.
    pub(crate) fn abandon(&mut self) {
        let flying = std::mem::take(&mut self.flying).into_values().map(|flight| flight.errand);
        for errand in std::mem::take(&mut self.waiting).into_iter().chain(flying) {
            self.end(errand, Err(ObserveError::shutdown()));
        }
    }

    /// The answer to one of its requests.
    pub(crate) fn answered(&mut self, number: u64, response: Response, now: Instant) {
        let Some(Flight { mut errand, launched }) = self.flying.remove(&number) else { return };
        let ruling = match errand.step {
            Step::Ask | Step::AskOn(_) => match ruling::asked(response, &errand.letter.id) {
                // After an error of the server's own it is sent again also where it cannot be looked for.
                Ruling::Fail(_) | Ruling::RetryTwice(_) if errand.errors > 0 => Ruling::Missing,
                other => other,
            },
            Step::Post | Step::Trace { .. } => ruling::posted(response),
        };
        let has_failed = matches!(ruling, Ruling::Ask(_) | Ruling::Missing | Ruling::Retry(_));
        if !has_failed && self.gate.open(launched) {
            self.voice.say(|| tracing::info!(target: "cekura", "call logs are posted again"));
        }
        match ruling {
            Ruling::Ask(trouble) => {
                errand.step = Step::Ask;
                self.keep(errand, trouble, launched, now);
            }
            Ruling::Fail(error) => self.end(errand, Err(error)),
            Ruling::Missing => self.waiting.push(Errand { step: Step::Post, ..errand }),
            Ruling::NextPage => match errand.step {
                Step::AskOn(page) if page >= PAGES => {
                    self.end(errand, Err(ruling::without_end()));
                }
                Step::AskOn(page) => self.waiting.push(Errand { step: Step::AskOn(page + 1), ..errand }),
                _ => self.waiting.push(Errand { step: Step::AskOn(2), ..errand }),
            },
            Ruling::Retry(trouble) => self.keep(errand, trouble, launched, now),
            Ruling::RetryTwice(trouble) if errand.errors == REPETITIONS => {
                self.end(errand, Err(trouble.into()));
            }
            Ruling::RetryTwice(_) => {
                let (step, errors) = (Step::Ask, errand.errors + 1);
                let not_before = Some(now + self.timings.slow_retry);
                self.waiting.push(Errand { step, not_before, errors, ..errand });
            }
            Ruling::Stored { id, already_existed } => {
                // The one that was there before has kept its own.
                let trace_id = errand.letter.trace_id.filter(|_| !already_existed);
                let sent = Sent { posted: true, id, already_existed, trace_id };
                self.end(errand, Ok(sent));
            }
        }
    }

    fn launch(&mut self, mut errand: Errand, now: Instant) {
        errand.give_up.get_or_insert(now + self.timings.give_up);
        errand.not_before = None;
        let request = match errand.step {
            Step::Ask => (self.exchange)(Method::GET, &search(&errand.letter, 1), None),
            Step::AskOn(page) => (self.exchange)(Method::GET, &search(&errand.letter, page), None),
            _ => (self.exchange)(Method::POST, OBSERVE, Some(errand.letter.body.clone())),
        };
        let request = match request {
            Ok(request) => request,
            Err(error) => return self.end(errand, Err(error)),
        };
        self.launches += 1;
        self.flying.insert(self.launches, Flight { errand, launched: now });
        let failed =
            Response::None { failure: Failure::Connection, was_sent: true, message: FAILED.to_owned() };
        launch(self.launches, request, failed, self.answered.clone());
    }

    /// Keeps what has failed for another attempt.
    fn keep(&mut self, errand: Errand, trouble: Trouble, launched: Instant, now: Instant) {
        if self.gate.fail(trouble.reason, trouble.wait, launched, now) {
            let what = "call logs cannot be posted at the moment; they are kept and retried";
            let then = "run cekura::doctor() to find the cause";
            self.voice.say(|| tracing::warn!(target: "cekura", "{what}: {trouble}; {then}"));
        }
        self.trouble = Some(trouble);
        self.waiting.push(errand);
    }

    /// Ends what was kept for as long as it may be while the API fails.
    fn give_up(&mut self, now: Instant) {
        let (limit, gives_up) = (now + self.timings.give_up, self.gate.gives_up(now));
        let is_over = |errand: &mut Errand| {
            errand.is_ready() && *errand.give_up.get_or_insert(limit) <= now && gives_up
        };
        for errand in self.waiting.extract_if(.., is_over).collect::<Vec<_>>() {
            let error = self.trouble.clone().map_or_else(ObserveError::shutdown, ObserveError::from);
            self.end(errand, Err(error));
        }
    }

    pub(crate) fn count_failure(&self) {
        self.failed.fetch_add(1, Ordering::Relaxed);
    }

    fn end(&self, mut errand: Errand, result: Result<Sent, ObserveError>) {
        let is_left = errand.kept.is_some() && result.as_ref().is_err_and(ObserveError::may_pass);
        if result.is_err() && !is_left {
            self.count_failure();
        }
        match self.drawer.as_ref().zip(errand.kept.take()) {
            Some((drawer, name)) if is_left => drawer.leave(name),
            Some((drawer, name)) => drawer.remove(name),
            None => {}
        }
        if let Some(error) = (errand.told)(result) {
            let call_id = errand.letter.id;
            self.voice.say(|| tracing::error!(target: "cekura", call_id, "{error}"));
        }
    }
}
