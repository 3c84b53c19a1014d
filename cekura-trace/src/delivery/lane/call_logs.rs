//! How call logs are sent: each waits for its trace, and is looked for before it is posted again. Invariant: a trace is
//! named only where every span of it was delivered, and only while its call log has not been posted.

mod awaited;
mod decided;
mod failures;
mod held;
mod posted;
mod question;
mod ruling;
mod stored;
mod update;

use super::answer_guard::FAILED;
use super::delivery::{Change, Delivery, Judgement};
use super::pending::PendingRequest;
use super::{DropReason, Lane, Wake};
#[cfg(feature = "audio")]
use crate::delivery::audio::recorder::Recorder;
#[cfg(feature = "audio")]
use crate::delivery::audio::sound::Sound;
use crate::delivery::call_log::ended::Shown;
use crate::delivery::call_log::error::{ObserveError, Sent};
#[cfg(feature = "audio")]
use crate::delivery::call_log::form::form;
use crate::delivery::call_log::sealed::SealedCallLog;
use crate::delivery::call_log::webhook::LISTENS;
use crate::delivery::causes::{LastCause, Place};
use crate::delivery::config::Settings;
use crate::delivery::error::Error;
use crate::delivery::ledger::{Completeness, Ledger};
use crate::delivery::message::{ObserveAnswer, ObserveReply};
use crate::delivery::own_events::OwnEvents;
use crate::delivery::spool::requests::{DiskCopy, Stored};
use crate::delivery::spool::{Name, Recorded};
use crate::delivery::timings::{Timings, later};
use crate::delivery::transport::api::Api;
use crate::delivery::transport::{Failure, Payload, Response, Sending};
use crate::room::Room;
use awaited::Awaited;
use held::Held;
use http::Method;
use opentelemetry::trace::{SpanId, TraceId};
use question::search;
use ruling::{Ruling, Trouble};
use std::error::Error as _;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};
use tokio::time::Instant;
use update::Updates;

const OBSERVE: &str = "/observability/v1/observe/";
/// Where a simulated call goes.
const WEBHOOK: &str = "/test_framework/custom-provider-transcript-webhook/";
/// What is left of the time in which that listens when a simulated call is kept back no longer.
const SPARE: Duration = Duration::from_secs(30);
/// The most pages of a list that are read: one that goes on was not asked for one call.
const PAGES: u32 = 20;
/// How long a call log waits until its recording is prepared.
const PREPARED: Duration = Duration::from_secs(60);
/// Bytes of an ended call's log that are not counted: its fields beside what was noted.
const BESIDE_NOTES: usize = 1 << 10;
/// How often a call log is sent again after the server's own error.
const REPETITIONS: u32 = 2;

/// Sends one request to the API: method, path with query, body.
pub(crate) type Exchange =
    Arc<dyn Fn(Method, &str, Payload) -> Result<Sending<Response>, ObserveError> + Send + Sync>;

/// Whether a conversation, or a span of it, is open.
pub(crate) type IsOpen = Box<dyn Fn(TraceId) -> bool>;

/// How the call log of an ended call is written once more.
pub(crate) struct Rewrite {
    /// With what spans have said since, the metadata were told, and the recording shows.
    pub(crate) write: Box<dyn FnOnce(Shown) -> Result<SealedCallLog, ObserveError>>,
    /// The span of its conversation.
    pub(crate) root: SpanId,
    /// For how long it is kept back, if it is.
    pub(crate) held_for: Option<Duration>,
    /// Its recording, which is being prepared.
    pub(crate) recording: Option<Recorded>,
}

/// What the lane of call logs needs beside its queue.
pub(crate) struct CallLogs {
    exchange: Exchange,
    is_open: IsOpen,
    ledger: Arc<Ledger>,
    /// Why the last attempt has come to nothing.
    trouble: Option<Trouble>,
    place: Option<Place>,
    last_cause: Arc<LastCause>,
    /// Those that wait for their traces.
    awaited: Awaited,
    /// Those that are kept back.
    held_back: Held,
    /// Changes of stored calls.
    updates: Updates,
    /// Prepares recordings that dead processes have left.
    #[cfg(feature = "audio")]
    recorder: Option<Arc<Recorder>>,
}

/// A call log on its way.
#[expect(clippy::struct_excessive_bools, reason = "each of them changes by itself")]
pub(crate) struct PendingCallLog {
    log: SealedCallLog,
    /// The span of its conversation, where it has one in this process.
    root: Option<SpanId>,
    /// Its recording was refused while its body was on disk only.
    refuses_audio: bool,
    /// It is not to be sent again.
    is_cancelled: bool,
    /// When it is dropped, if it is simulated.
    until: Option<Instant>,
    /// Where there may be more to say of the call than was known when it ended.
    rewrite: Option<Rewrite>,
    is_held_back: bool,
    awaits_sound: bool,
    recording: Option<Recorded>,
    /// Whether its trace was asked about before it could be posted.
    asks_again: bool,
    /// What its recording shows.
    shown: Shown,
    /// To be posted with it.
    #[cfg(feature = "audio")]
    sound: Option<Sound>,
    /// How often the API has said that it has not got it, although it was sent.
    missed: u32,
    reply: ObserveReply,
    /// Held until it is settled.
    reservation: Room,
    step: Step,
}

/// What is to be done next for a call log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// Ask whether it is stored already, from this page of the list on.
    Ask(u32),
    Post,
    /// Wait until its trace is delivered.
    Trace,
}

/// Connects to the API when the first call log is due: reading certificates takes a while.
pub(crate) fn exchange(settings: Settings) -> Exchange {
    let api = OnceLock::new();
    Arc::new(move |method, path, payload| {
        let cause = |error: Error| error.source().map_or_else(|| error.to_string(), ToString::to_string);
        let api = api.get_or_init(|| Api::connect(&settings).map_err(cause));
        api.as_ref().map(|api| api.send(method, path, payload)).map_err(ObserveError::failed)
    })
}

impl Lane<CallLogs> {
    pub(crate) fn of_call_logs(
        exchange: Exchange,
        is_open: IsOpen,
        timings: Timings,
        ledger: Arc<Ledger>,
        events: OwnEvents,
        wake: Wake,
    ) -> Self {
        let (awaited, held_back) = (Awaited::default(), Held::default());
        let updates = Updates::new(ledger.clone(), events.clone());
        let call_logs = CallLogs {
            exchange,
            is_open,
            ledger,
            trouble: None,
            place: None,
            last_cause: Arc::default(),
            awaited,
            held_back,
            updates,
            #[cfg(feature = "audio")]
            recorder: None,
        };
        Self::new(call_logs, timings, events, wake)
    }

    #[cfg(feature = "audio")]
    pub(crate) fn with_recorder(mut self, recorder: Option<Arc<Recorder>>) -> Self {
        self.delivery.recorder = recorder;
        self
    }

    pub(crate) fn take(
        &mut self,
        log: SealedCallLog,
        rewrite: Option<Rewrite>,
        mut reservation: Room,
        reply: ObserveReply,
        now: Instant,
        draft: Option<Name>,
    ) {
        let step = if log.trace_id.is_some() { Step::Trace } else { Step::Post };
        if let Some(trace) = log.trace_id {
            let until = later(now, log.deadline);
            if self.delivery.awaited.add(self.items.next_place(), trace, until, log.deadline) {
                self.delivery.ledger.watch(trace);
            }
        }
        let (until, root) = (until(&log, now), rewrite.as_ref().map(|rewrite| rewrite.root));
        let held_for = rewrite.as_ref().and_then(|rewrite| rewrite.held_for);
        let recording = rewrite.as_ref().and_then(|rewrite| rewrite.recording);
        let awaits_sound = recording.is_some();
        let is_held_back = held_for.is_some();
        if let Some(rewrite) = rewrite.as_ref().filter(|_| is_held_back || awaits_sound) {
            let wait = held_for.unwrap_or(PREPARED);
            let most = until.map_or(wait, |until| until.saturating_duration_since(now + SPARE));
            let until = later(now, wait.min(most));
            self.delivery.held_back.add(rewrite.root, self.items.next_place(), until);
        }
        // A span that is still open can add to it.
        let is_open = || log.trace_id.is_some_and(&self.delivery.is_open);
        let rewrite = rewrite.filter(|_| is_held_back || awaits_sound || is_open());
        if rewrite.is_some() {
            // What was noted stays beside what is written of it.
            reservation.resize_anyway(reservation.bytes() + counted(&log));
        }
        let call_log = PendingCallLog {
            log,
            root,
            refuses_audio: false,
            is_cancelled: false,
            until,
            rewrite,
            is_held_back,
            awaits_sound,
            recording,
            asks_again: false,
            shown: Shown::default(),
            #[cfg(feature = "audio")]
            sound: None,
            missed: 0,
            reply,
            reservation,
            step,
        };
        let is_ready = step == Step::Post && !is_held_back && !awaits_sound;
        // It stands in place of what was known of the call while that ran.
        let copy = draft.map(|name| DiskCopy { name, is_safe: false, is_old: true });
        self.made += 1;
        let pending = PendingRequest::new(call_log, u64::MAX, now);
        self.items.push(PendingRequest { order: self.made, is_ready, copy, ..pending });
    }

    /// Whether the queue must be drained so that it is known what became of a conversation that is over: before its first
    /// look, and before the last one, for spans may have come while others were delivered.
    pub(crate) fn wants_spans(&mut self, now: Instant) -> bool {
        let CallLogs { is_open, ledger, awaited, .. } = &mut self.delivery;
        let mut wants = false;
        awaited.hear(ledger.news());
        awaited.look(now, |trace, was_collected| {
            let is_over = !is_open(trace);
            wants |= is_over && (!was_collected || ledger.completeness(trace) == Completeness::Complete);
            is_over
        });
        wants
    }

    /// Lets those go on of whose trace it is known what became of it, or that have waited long enough. Before `proceed`.
    pub(crate) fn await_traces(&mut self, now: Instant) {
        for trace in self.delivery.awaited.take_looked_at() {
            let known = self.delivery.ledger.completeness(trace);
            // Nobody can say more of it, so that what was noted needs no memory any more.
            for place in self.delivery.awaited.take_new(trace) {
                self.write_again(place);
            }
            if known != Completeness::Open {
                for place in self.delivery.awaited.places(trace) {
                    self.go_on(place, known == Completeness::Complete);
                }
            }
        }
        while let Some(place) = self.delivery.awaited.late(now) {
            self.go_on(place, false);
        }
        while let Some(root) = self.delivery.held_back.late(now) {
            self.go_on_with(root, |item| (item.is_held_back, item.awaits_sound) = (false, false));
        }
    }

    fn go_on(&mut self, place: u64, is_named: bool) {
        if let Some(trace) = self.delivery.awaited.remove(place) {
            self.delivery.ledger.ignore(trace);
        }
        self.items.change(place, |PendingRequest { item, .. }| {
            item.step = Step::Post;
            // What is kept back is asked about again, when it is posted.
            item.asks_again = item.is_held_back || item.awaits_sound;
            item.log.trace_id = item.log.trace_id.filter(|_| is_named || item.asks_again);
        });
        self.get_ready(place);
    }

    /// The program keeps the call log of this conversation back no longer.
    pub(crate) fn release(&mut self, root: SpanId) {
        self.go_on_with(root, |item| item.is_held_back = false);
    }

    /// The recording of this conversation is prepared. False where its call log did not wait any longer.
    #[cfg(feature = "audio")]
    pub(crate) fn recorded(&mut self, root: SpanId, shown: Shown, sound: Option<Sound>) -> bool {
        self.go_on_with(root, |item| (item.awaits_sound, item.shown, item.sound) = (false, shown, sound))
    }

    fn go_on_with(&mut self, root: SpanId, change: impl FnOnce(&mut PendingCallLog)) -> bool {
        let Some(place) = self.delivery.held_back.place(root) else { return false };
        let waits = self.items.change(place, |PendingRequest { item, .. }| {
            change(item);
            item.is_held_back || item.awaits_sound
        });
        if waits != Some(true) {
            self.delivery.held_back.remove(root);
            self.get_ready(place);
        }
        waits.is_some()
    }

    /// Writes one once more that waits for its trace only.
    fn write_again(&mut self, place: u64) {
        let waiting = self.items.waiting.get(&place).map(|pending| &pending.item);
        if waiting.is_some_and(|item| item.rewrite.is_some() && !item.is_held_back && !item.awaits_sound) {
            self.items.change(place, |pending| {
                if pending.item.write_again() {
                    pending.outdate();
                }
            });
        }
    }

    /// Lets one be posted that waits for nothing any more.
    fn get_ready(&mut self, place: u64) {
        let CallLogs { ledger, is_open, .. } = &self.delivery;
        let is_whole = |trace| !is_open(trace) && ledger.completeness(trace) == Completeness::Complete;
        self.items.change(place, |pending| {
            let item = &mut pending.item;
            if item.is_held_back || item.awaits_sound || item.step == Step::Trace {
                return;
            }
            pending.is_ready = true;
            let changes = item.write_again();
            item.log.trace_id = item.log.trace_id.filter(|trace| !item.asks_again || is_whole(*trace));
            let is_named = item.log.trace_id.is_some();
            // One of which the body is on disk only is named when that is read.
            item.log.name_trace();
            if (is_named || changes) && !item.is_light() {
                pending.outdate();
            }
        });
    }

    /// When to proceed or to look at the traces again.
    pub(crate) fn next_due(&self, now: Instant) -> Option<Instant> {
        let news = self.delivery.ledger.has_news().then_some(now);
        let waits = self.delivery.awaited.due().into_iter().chain(self.delivery.held_back.due());
        news.into_iter().chain(waits).chain(self.due(now)).min()
    }

    /// When the spans that a call log waits for are tried for the last time.
    pub(crate) fn last_chance(&mut self, now: Instant) -> Option<Instant> {
        self.delivery.awaited.last_chance(now)
    }

    /// As `finish`, and leaves half of the time until the deadline for what waits for its trace.
    pub(crate) fn finish_by(&mut self, deadline: Instant, now: Instant) {
        self.finish(now);
        self.delivery.updates.finish();
        for root in self.delivery.held_back.roots() {
            self.release(root);
        }
        let half = now + deadline.saturating_duration_since(now) / 2;
        let CallLogs { is_open, awaited, .. } = &mut self.delivery;
        // What is still open ends after the end, and is dropped.
        awaited.wait_until(|trace, until| if is_open(trace) { now } else { half.min(until) });
    }

    /// As `abandon`; none of them waits for its trace any more. No change of a stored call is left either.
    pub(crate) fn give_up(&mut self, reason: DropReason) {
        self.delivery.updates.give_up();
        (self.delivery.awaited, self.delivery.held_back) = (Awaited::default(), Held::default());
        self.abandon(reason);
    }
}

impl Delivery for CallLogs {
    type Item = PendingCallLog;
    type Answer = Response;
    type Outcome = Result<Sent, ObserveError>;

    const RESTS_ON_DISK: bool = false;

    fn request(&mut self, item: &PendingCallLog) -> Result<Sending<Response>, Self::Outcome> {
        if item.is_cancelled {
            return Err(Ok(Sent::default()));
        }
        if item.until.is_some_and(|until| until <= Instant::now()) {
            return Err(Err(ObserveError::late()));
        }
        let path = if item.is_simulated() { WEBHOOK } else { OBSERVE };
        let request = match item.step {
            Step::Ask(page) => (self.exchange)(Method::GET, &search(&item.log, page), Payload::Nothing),
            Step::Post | Step::Trace => (self.exchange)(Method::POST, path, item.payload()),
        };
        request.map_err(Err)
    }

    fn no_answer() -> Response {
        Response::None { failure: Failure::Connection, was_sent: true, message: FAILED.to_owned() }
    }

    fn judge(
        &mut self,
        item: &mut PendingCallLog,
        repeats: u32,
        answer: &Response,
    ) -> Judgement<PendingCallLog, Self::Outcome> {
        #[cfg(feature = "audio")]
        if item.step == Step::Post && item.is_sound_refused(answer) && self.leave_sound_out(item) {
            return Judgement::Again;
        }
        let (ruling, page) = match item.step {
            Step::Ask(page) => match ruling::asked(answer, &item.log.id) {
                // After an error of the server's own it is sent again also where it cannot be looked for.
                Ruling::Fail(_) | Ruling::RetryTwice(_) if repeats > 0 => (Ruling::Missing, page),
                other => (other, page),
            },
            Step::Post | Step::Trace if item.is_simulated() => (ruling::simulated(answer), 0),
            Step::Post | Step::Trace => (ruling::posted(answer), 0),
        };
        match self.noted(ruling, answer) {
            Ruling::Ask(trouble) => {
                item.step = Step::Ask(1);
                self.retry(trouble)
            }
            Ruling::Fail(error) => Judgement::End(Err(error)),
            Ruling::Missing => {
                (item.step, item.missed) = (Step::Post, item.missed + 1);
                Judgement::Again
            }
            Ruling::NextPage if page >= PAGES => Judgement::End(Err(ruling::without_end())),
            Ruling::NextPage => {
                item.step = Step::Ask(page + 1);
                Judgement::Again
            }
            Ruling::Retry(trouble) => {
                // With 408 a server says that not all of it has come in its time.
                item.missed = match (item.step, trouble.status) {
                    (Step::Post, Some(408)) => item.missed + 1,
                    (Step::Post, _) => item.missed,
                    _ => 0,
                };
                self.retry(trouble)
            }
            Ruling::RetryTwice(_) if repeats == REPETITIONS && self.leave_sound_out(item) => {
                item.step = Step::Ask(1);
                Judgement::Again
            }
            Ruling::RetryTwice(trouble) if repeats == REPETITIONS => Judgement::End(Err(trouble.into())),
            Ruling::RetryTwice(_) => {
                if !item.is_simulated() {
                    item.step = Step::Ask(1);
                }
                Judgement::Repeat
            }
            Ruling::Stored { id, already_existed } => {
                // The one that was there before has kept its own.
                let trace_id = item.log.trace_id.filter(|_| !already_existed);
                Judgement::End(Ok(Sent { posted: true, id, already_existed, trace_id }))
            }
        }
    }

    #[cfg(feature = "audio")]
    fn is_ready(&mut self, item: &PendingCallLog, place: u64, now: Instant) -> bool {
        let Some((recorder, left)) = self.recorder.as_ref().zip(item.recording) else { return true };
        self.held_back.add(recorder.recall(left), place, now + PREPARED);
        false
    }

    /// The API answers, and never gets the recording to its end: a proxy may not let it pass.
    fn lighten(&mut self, item: &mut PendingCallLog) -> bool {
        item.missed > 0 && self.leave_sound_out(item)
    }

    fn settle(
        &mut self,
        item: PendingCallLog,
        end: Result<Self::Outcome, DropReason>,
        is_left: bool,
        events: &OwnEvents,
    ) {
        #[cfg(feature = "audio")]
        if item.sound.is_some() && !is_left {
            let is_stored = matches!(end, Ok(Ok(_)));
            self.ledger.count_recording(|count| {
                *(if is_stored { &mut count.delivered } else { &mut count.dropped }) += 1;
            });
        }
        let result = match end {
            Ok(result) => result,
            Err(DropReason::Panicked) => {
                Err(ObserveError::failed("an error of this crate; please report it"))
            }
            Err(reason @ (DropReason::SpoolDamaged | DropReason::SpoolExpired | DropReason::SpoolFull)) => {
                Err(ObserveError::failed(format_args!("it is not in the spool any more ({reason})")))
            }
            Err(DropReason::QueueFull) => Err(ObserveError::full()),
            Err(DropReason::Shutdown) => Err(ObserveError::shutdown()),
            Err(_) => Err(self.trouble.clone().map_or_else(ObserveError::shutdown, ObserveError::from)),
        };
        match &result {
            Err(error) if !is_left => self.count_failure(error),
            Ok(Sent { posted: true, .. }) => self.ledger.count_call_log(|count| count.delivered += 1),
            _ => {}
        }
        let (call_id, events) = (item.log.id, events.clone());
        (item.reply)(ObserveAnswer::new(result, move |error| {
            events.emit(move || tracing::error!(target: "cekura", call_id, "{error}"));
        }));
    }

    fn wait_in_vain(&mut self) {
        if let Some(place) = &self.place {
            self.last_cause.wait(|| place.unanswered_at_the_end());
        }
    }

    fn tell(&self, change: Change<Response>, events: &OwnEvents) {
        match change {
            Change::Fails(_, answer) => {
                let cause = self.cause(&answer).map(|cause| cause.to_string()).unwrap_or_default();
                let what = "call logs cannot be posted at the moment; they are kept and retried";
                events.emit(move || tracing::warn!(target: "cekura", "{what}: {cause}"));
            }
            Change::Recovers => {
                events.emit(|| tracing::info!(target: "cekura", "call logs are posted again"));
            }
            // The lane of spans has told that the disk fails.
            Change::SpoolFails(_) => {}
        }
    }

    fn may_pass(outcome: &Self::Outcome) -> bool {
        outcome.as_ref().is_err_and(ObserveError::may_pass)
    }
}

/// What the log of an ended call takes of the memory limit.
pub(crate) fn counted(log: &SealedCallLog) -> usize {
    log.body.len().saturating_sub(BESIDE_NOTES)
}

/// When a simulated call is dropped. The wall clock may have been set, so it is no later than for a call that ends now.
fn until(log: &SealedCallLog, now: Instant) -> Option<Instant> {
    let rest = log.until?.duration_since(SystemTime::now()).unwrap_or_default();
    Some(now + rest.min(LISTENS))
}

impl CallLogs {
    /// From now on it is posted without its recording; false where it has none.
    #[cfg(feature = "audio")]
    fn leave_sound_out(&self, item: &mut PendingCallLog) -> bool {
        let has_sound = item.sound.take().is_some();
        if has_sound {
            self.ledger.count_recording(|count| count.dropped += 1);
        }
        has_sound
    }

    #[cfg(not(feature = "audio"))]
    #[expect(clippy::unused_self, reason = "there is no sound without the feature")]
    fn leave_sound_out(&self, _item: &PendingCallLog) -> bool {
        false
    }
}

#[cfg(test)]
#[path = "../tests/left_call_logs.rs"]
mod tests;
