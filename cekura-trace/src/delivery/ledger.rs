//! Counts spans in when they are handed over and out when their fate is known. Invariant: accepted
//! = delivered + spooled + pending + dropped.
//!
//! For each trace the count is kept while something of it is pending, and after that for the newest [`KEPT`] traces only.
//! Of more than [`KEPT_UNSETTLED`] traces the oldest are forgotten in any case: the counts over all traces stay exact.

use opentelemetry::trace::TraceId;
use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// What became of the spans of a handle since it was made.
///
/// Always exactly: `accepted = delivered + spooled + pending + Σ dropped`. With [sampling](crate::Sampling), a part of what is
/// pending is `held`, which no flush waits for.
///
/// ```
/// # fn log(report: cekura::FlushReport) {
/// if report.pending > 0 || !report.dropped.is_empty() {
///     eprintln!("{report}"); // 12 accepted, 9 delivered, 1 pending, 2 dropped (queue_full 2)
/// }
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct FlushReport {
    /// Spans that ended and were handed over. With a spool, also spans that earlier processes left there.
    pub accepted: u64,
    /// Spans that the backend has acknowledged.
    pub delivered: u64,
    /// Spans that are safe on disk but not delivered yet.
    pub spooled: u64,
    /// Spans that are still to be delivered.
    pub pending: u64,
    /// How many of the pending spans are of calls of which it is not known yet whether they are sent.
    pub held: u64,
    /// Whether the spool's disk is more than a second behind, or fails: pending spans may not survive a crash.
    pub spool_is_behind: bool,
    /// Call logs, also those that `observe` posts. The report is shown with them only where some were lost.
    pub call_logs: CallLogs,
    /// Recordings of calls.
    pub recordings: Recordings,
    /// Spans that were lost: reason → count. A reason can be given by its word too: `report.dropped.get("queue_full")`.
    pub dropped: BTreeMap<DropReason, u64>,
}

impl FlushReport {
    /// How many spans were lost, whatever the reason.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.dropped.values().sum()
    }

    /// The spans that were lost, and of the reasons those that are no mere consequence: `3 dropped (rejected 1)`.
    pub(crate) fn losses(&self) -> String {
        let mut reasons = self.dropped.clone();
        reasons.remove(&DropReason::Shutdown);
        format!("{} dropped{}", self.lost(), Reasons(&reasons))
    }

    /// How many of them the program did not mean to lose.
    pub(crate) fn lost_unmeant(&self) -> u64 {
        let meant = [DropReason::Aborted, DropReason::SampledOut].map(|reason| self.dropped.get(&reason));
        self.lost() - meant.into_iter().flatten().sum::<u64>()
    }
}

impl fmt::Display for FlushReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} accepted, {} delivered", self.accepted, self.delivered)?;
        for (count, what) in [(self.spooled, "spooled"), (self.pending, "pending"), (self.lost(), "dropped")]
        {
            if count > 0 {
                write!(f, ", {count} {what}")?;
            }
            if what == "pending" && self.held > 0 {
                write!(f, " ({} of them held)", self.held)?;
            }
        }
        write!(f, "{}{}{}", Reasons(&self.dropped), self.call_logs, self.recordings)
    }
}

/// As ` (queue_full 2, shutdown 1)`, or nothing where there is none.
struct Reasons<'a>(&'a BTreeMap<DropReason, u64>);

impl fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (reason, count)) in self.0.iter().enumerate() {
            let before = if at == 0 { " (" } else { ", " };
            write!(f, "{before}{reason} {count}")?;
        }
        if self.0.is_empty() { Ok(()) } else { f.write_str(")") }
    }
}

/// What became of call logs. Those that are in neither count are on their way, or in the spool.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CallLogs {
    /// Call logs that Cekura has stored.
    pub delivered: u64,
    /// Call logs that were lost, and changes of stored calls that were.
    pub dropped: u64,
}

/// As `; call logs: 2 delivered, 1 dropped`, or nothing where none was lost.
impl fmt::Display for CallLogs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { delivered, dropped } = self;
        if *dropped == 0 {
            Ok(())
        } else {
            write!(f, "; call logs: {delivered} delivered, {dropped} dropped")
        }
    }
}

/// What became of the recordings of calls. Those that are in none of the last two counts are on their way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Recordings {
    /// Calls that have ended and have a recording.
    pub recorded: u64,
    /// Recordings that Cekura has stored with their call logs.
    pub delivered: u64,
    /// Recordings that were lost; their call logs are posted without them.
    pub dropped: u64,
}

/// As `; recordings: 3 recorded, 2 delivered, 1 dropped`, or nothing where there is none.
impl fmt::Display for Recordings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.recorded == 0 {
            return Ok(());
        }
        write!(f, "; recordings: {} recorded, {} delivered", self.recorded, self.delivered)?;
        if self.dropped > 0 { write!(f, ", {} dropped", self.dropped) } else { Ok(()) }
    }
}

/// Why a span was dropped. It is shown as its word, such as `queue_full`.
///
/// The order is that of the words, and a map of reasons is read by word as well as by reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DropReason {
    /// `aborted`: its call was [aborted](crate::Conversation::abort) before.
    Aborted,
    /// `late`: in local mode, the span ended after its conversation was drawn.
    Late,
    /// `malformed`: an error of this crate.
    Malformed,
    /// `no_consent`: its call has ended, or the handle was shut down, without [`grant`](crate::Conversation::grant).
    NoConsent,
    /// `panicked`: an error of this crate, or of a value that it drew.
    Panicked,
    /// `queue_full`: the memory limit was reached; the oldest requests go first. In local mode, also a span that found no
    /// room in the drawing.
    QueueFull,
    /// `refused`: the key or the endpoint was wrong until the time limit.
    Refused,
    /// `rejected`: the backend rejected the span.
    Rejected,
    /// `sampled_out`: its call has ended, and is none of those that [`Sampling`](crate::Sampling) sends.
    SampledOut,
    /// `sampling_memory`: its call was the largest when calls that were held for [`Sampling`](crate::Sampling) had more memory
    /// than is theirs, and none had content to give up any more.
    SamplingMemory,
    /// `server_error`: the backend reported an error of its own, also at the retry.
    ServerError,
    /// `shutdown`: the span ended after the shutdown, or was not delivered by its deadline.
    Shutdown,
    /// `spool_damaged`: its file on disk was damaged, or somebody has removed it.
    SpoolDamaged,
    /// `spool_expired`: it was on disk for more than seven days.
    SpoolExpired,
    /// `spool_full`: it was among the oldest of more than 256 MiB on disk.
    SpoolFull,
    /// `timeout`: the backend did not answer until the time limit.
    Timeout,
    /// `tls`: no secure connection could be made until the time limit.
    Tls,
    /// `too_large`: the backend does not accept a span of this size.
    TooLarge,
    /// `unavailable`: the backend was busy until the time limit.
    Unavailable,
    /// `unexpected_answer`: the endpoint does not answer like a backend for spans.
    UnexpectedAnswer,
    /// `unreachable`: there was no connection until the time limit; in local mode, neither standard error nor the folder of
    /// pages could be written to.
    Unreachable,
}

impl DropReason {
    /// Its word.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aborted => "aborted",
            Self::Late => "late",
            Self::Malformed => "malformed",
            Self::NoConsent => "no_consent",
            Self::Panicked => "panicked",
            Self::QueueFull => "queue_full",
            Self::Refused => "refused",
            Self::Rejected => "rejected",
            Self::SampledOut => "sampled_out",
            Self::SamplingMemory => "sampling_memory",
            Self::ServerError => "server_error",
            Self::Shutdown => "shutdown",
            Self::SpoolDamaged => "spool_damaged",
            Self::SpoolExpired => "spool_expired",
            Self::SpoolFull => "spool_full",
            Self::Timeout => "timeout",
            Self::Tls => "tls",
            Self::TooLarge => "too_large",
            Self::Unavailable => "unavailable",
            Self::UnexpectedAnswer => "unexpected_answer",
            Self::Unreachable => "unreachable",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

// A map finds a reason by its word because both are in the same order, and are equal and hashed alike.
impl Borrow<str> for DropReason {
    fn borrow(&self) -> &str {
        self.as_str()
    }
}

impl Hash for DropReason {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_str().hash(state);
    }
}

impl PartialEq<str> for DropReason {
    fn eq(&self, word: &str) -> bool {
        self.as_str() == word
    }
}

impl PartialEq<&str> for DropReason {
    fn eq(&self, word: &&str) -> bool {
        self.as_str() == *word
    }
}

/// How many settled traces are remembered.
const KEPT: usize = 4096;
/// How many traces are remembered at most, whatever is still to become of them. What is forgotten of them counts in the
/// whole only: their call logs name no trace.
const KEPT_UNSETTLED: usize = 4 * KEPT;
/// How many of the oldest traces are looked at to forget one.
const TRIES: usize = 4;

/// The counts of one handle.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Books>);

#[derive(Debug, Default)]
struct Books {
    total: Spans,
    /// Those of them that were lost, by reason.
    dropped: BTreeMap<DropReason, u64>,
    /// Spans that were never in the queue, but found on disk.
    adopted: u64,
    call_logs: CallLogs,
    recordings: Recordings,
    /// Pending spans that nobody waits for.
    held: u64,
    /// With what is to be sent, and with what is held.
    spool_is_behind: [bool; 2],
    /// By the bytes of their ids. A hash map would double while it makes room.
    traces: BTreeMap<[u8; 16], TraceAccount>,
    /// The known traces, oldest first.
    order: VecDeque<TraceId>,
    /// Traces that a call log waits for, and whether they are in the news.
    watched: HashMap<TraceId, bool>,
    /// Watched traces of which something was counted.
    news: Vec<TraceId>,
}

/// What became of the spans of all traces or of one.
#[derive(Clone, Copy, Debug, Default)]
struct Spans {
    /// Known here; a span still in the queue is not.
    taken: u64,
    delivered: u64,
    spooled: u64,
    lost: u64,
}

#[derive(Debug, Default)]
struct TraceAccount {
    spans: Spans,
    has_root: bool,
    /// Some of it may be among the spans that a backend has rejected without saying which.
    is_doubtful: bool,
}

/// What is known of a trace of which no span is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Completeness {
    /// Every span was delivered, or is safe on disk.
    Complete,
    /// A span was lost, or may have been.
    Incomplete,
    /// Nothing is known of it, or something is still to be delivered.
    Open,
}

/// How many spans of each trace.
pub(crate) type Counts = HashMap<TraceId, u64>;

/// What each trace that they have room for takes of the memory.
pub(crate) const PER_TRACE: usize = size_of::<(TraceId, u64)>() + 1;

impl Ledger {
    /// Counts spans in.
    pub(crate) fn take(&self, spans: &Counts) {
        self.books().open(spans);
    }

    /// Says that among the spans of a trace that were counted in is its root.
    pub(crate) fn root(&self, trace: TraceId) {
        if let Some(account) = self.books().traces.get_mut(&trace.to_bytes()) {
            account.has_root = true;
        }
    }

    pub(crate) fn deliver(&self, spans: &Counts) {
        self.books().book(spans, |spans, count| spans.delivered += count);
    }

    /// Says that spans are safe on disk.
    pub(crate) fn spool(&self, spans: &Counts) {
        self.books().book(spans, |spans, count| spans.spooled += count);
    }

    /// Says that spans are not on disk any more: another fate follows.
    pub(crate) fn unspool(&self, spans: &Counts) {
        self.books().book(spans, |spans, count| spans.spooled = spans.spooled.saturating_sub(count));
    }

    /// Counts spans in that another process has left on disk.
    pub(crate) fn adopt(&self, spans: &Counts, has_root: bool) {
        let mut books = self.books();
        books.adopted += spans.values().sum::<u64>();
        books.open(spans);
        for trace in spans.keys() {
            if let Some(account) = books.traces.get_mut(&trace.to_bytes()) {
                account.has_root |= has_root;
            }
        }
    }

    /// Says of how many pending spans it is not known yet whether they are sent.
    pub(crate) fn hold(&self, spans: u64) {
        self.books().held = spans;
    }

    /// Says whether the disk keeps up with what ends.
    pub(crate) fn fall_behind(&self, is_behind: bool) {
        self.books().spool_is_behind[0] = is_behind;
    }

    /// The same of the calls that are held.
    pub(crate) fn fall_behind_with_held(&self, is_behind: bool) {
        self.books().spool_is_behind[1] = is_behind;
    }

    pub(crate) fn lose(&self, spans: &Counts, reason: DropReason) {
        self.books().lose(spans, reason);
    }

    /// Counts a span in and out that was never taken into the queue.
    pub(crate) fn refuse(&self, trace: TraceId, reason: DropReason) {
        let (mut books, one) = (self.books(), Counts::from([(trace, 1)]));
        books.open(&one);
        books.lose(&one, reason);
    }

    /// Says that a span of these traces was lost, and that nobody knows of which.
    pub(crate) fn doubt(&self, traces: &Counts) {
        let mut books = self.books();
        for trace in traces.keys() {
            books.traces.entry(trace.to_bytes()).and_modify(|account| account.is_doubtful = true);
        }
    }

    /// Has it noted when something of a trace is counted.
    pub(crate) fn watch(&self, trace: TraceId) {
        self.books().watched.insert(trace, false);
    }

    pub(crate) fn ignore(&self, trace: TraceId) {
        self.books().watched.remove(&trace);
    }

    pub(crate) fn has_news(&self) -> bool {
        !self.books().news.is_empty()
    }

    /// The watched traces of which something was counted since this was last asked.
    pub(crate) fn news(&self) -> Vec<TraceId> {
        let mut books = self.books();
        let news = std::mem::take(&mut books.news);
        for trace in &news {
            books.watched.entry(*trace).and_modify(|is_new| *is_new = false);
        }
        news
    }

    /// What is known of the spans of a trace that are not in the queue any more.
    pub(crate) fn completeness(&self, trace: TraceId) -> Completeness {
        match self.books().traces.get(&trace.to_bytes()) {
            Some(account) if account.has_lost() => Completeness::Incomplete,
            // A trace's root ends last; it may have begun outside any conversation.
            Some(account) if account.spans.pending() == 0 && account.has_root => Completeness::Complete,
            _ => Completeness::Open,
        }
    }

    /// Counts out everything that was taken and has no fate yet.
    pub(crate) fn lose_pending(&self, reason: DropReason) {
        self.lose_all_but(&Counts::new(), reason);
    }

    /// The same, but for what is still held.
    pub(crate) fn lose_all_but(&self, held: &Counts, reason: DropReason) {
        let mut books = self.books();
        let Books { total, traces, dropped, .. } = &mut *books;
        let lost = |spans: &mut Spans, held: u64| {
            let lost = spans.pending().saturating_sub(held);
            spans.lost += lost;
            lost
        };
        for (trace, account) in traces.iter_mut() {
            lost(&mut account.spans, held.get(&TraceId::from_bytes(*trace)).copied().unwrap_or_default());
        }
        let lost = lost(total, held.values().sum());
        if lost > 0 {
            *dropped.entry(reason).or_default() += lost;
        }
    }

    /// Counts what became of a call log.
    pub(crate) fn count_call_log(&self, count: impl FnOnce(&mut CallLogs)) {
        count(&mut self.books().call_logs);
    }

    /// Counts what became of a recording.
    #[cfg(any(feature = "audio", feature = "local"))]
    pub(crate) fn count_recording(&self, count: impl FnOnce(&mut Recordings)) {
        count(&mut self.books().recordings);
    }

    /// The report over all traces. `accepted` is read after the fates, so that none is counted before its span.
    pub(crate) fn report(&self, accepted: impl FnOnce() -> u64) -> FlushReport {
        let (total, adopted, known) = {
            let books = self.books();
            let Books { spool_is_behind, held, call_logs, recordings, .. } = *books;
            let (spool_is_behind, dropped) = (spool_is_behind.contains(&true), books.dropped.clone());
            let known = FlushReport {
                held,
                spool_is_behind,
                call_logs,
                recordings,
                dropped,
                ..FlushReport::default()
            };
            (books.total, books.adopted, known)
        };
        let Spans { delivered, spooled, lost, .. } = total;
        let accepted = accepted() + adopted;
        let pending = accepted.saturating_sub(delivered + spooled + lost);
        FlushReport { accepted, delivered, spooled, pending, ..known }
    }

    /// What became of the spans of one trace that are not in the queue any more: delivered, pending, lost.
    #[cfg(test)]
    pub(crate) fn trace(&self, trace: TraceId) -> (u64, u64, u64) {
        let spans =
            self.books().traces.get(&trace.to_bytes()).map(|account| account.spans).unwrap_or_default();
        (spans.delivered, spans.pending(), spans.lost)
    }

    fn books(&self) -> MutexGuard<'_, Books> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Books {
    /// Counts spans in; from now on their traces are known.
    fn open(&mut self, spans: &Counts) {
        for (trace, count) in spans {
            self.total.taken += count;
            self.account(*trace).spans.taken += count;
        }
    }

    fn account(&mut self, trace: TraceId) -> &mut TraceAccount {
        self.tell(trace);
        if !self.traces.contains_key(&trace.to_bytes()) {
            self.make_room();
            self.order.push_back(trace);
        }
        self.traces.entry(trace.to_bytes()).or_default()
    }

    /// Notes a fate of spans, in the whole also where a trace is forgotten.
    fn book(&mut self, spans: &Counts, entry: impl Fn(&mut Spans, u64)) {
        for (trace, count) in spans {
            entry(&mut self.total, *count);
            self.tell(*trace);
            if let Some(account) = self.traces.get_mut(&trace.to_bytes()) {
                entry(&mut account.spans, *count);
            }
        }
    }

    fn tell(&mut self, trace: TraceId) {
        if let Some(is_new) = self.watched.get_mut(&trace)
            && !std::mem::replace(is_new, true)
        {
            self.news.push(trace);
        }
    }

    /// A trace that was forgotten is known again by its loss.
    fn lose(&mut self, spans: &Counts, reason: DropReason) {
        for (trace, count) in spans {
            self.total.lost += count;
            self.account(*trace).spans.lost += count;
            *self.dropped.entry(reason).or_default() += count;
        }
    }

    /// Forgets the oldest traces that are settled; one with something pending counts as new again, and so does one that is
    /// not over and has lost a span: it must not pass for complete. Where there are too many, those that are over go first.
    fn make_room(&mut self) {
        for tries in 1..=TRIES {
            if self.order.len() < KEPT {
                return;
            }
            let Some(oldest) = self.order.pop_front() else { return };
            let is_full = self.order.len() >= KEPT_UNSETTLED;
            let is_needed = |account: &TraceAccount| {
                let may_go_on = !account.has_root;
                let is_open = account.is_unsettled() || account.has_lost() && may_go_on;
                if is_full { may_go_on && tries < TRIES } else { is_open }
            };
            if self.traces.get(&oldest.to_bytes()).is_some_and(is_needed) {
                self.order.push_back(oldest);
            } else {
                self.traces.remove(&oldest.to_bytes());
            }
        }
    }
}

impl TraceAccount {
    fn is_unsettled(&self) -> bool {
        self.spans.pending() + self.spans.spooled > 0
    }

    fn has_lost(&self) -> bool {
        self.is_doubtful || self.spans.lost > 0
    }
}

impl Spans {
    fn pending(&self) -> u64 {
        self.taken.saturating_sub(self.delivered + self.spooled + self.lost)
    }
}

#[cfg(test)]
#[path = "tests/ledger.rs"]
mod tests;
