//! Decides when each sound of a call was heard. Invariant: of one track nothing overlaps.
//!
//! All times are nanoseconds since the conversation began, which is where the recording begins.
//!
//! The caller is heard live. A frame cannot have begun later than its length before it came, nor later than its length
//! before the next one began. So what the network held back and gave out at once stands where it was said, and what never came
//! is a gap. The agent speaks ahead: what it says is played when what it said before is over, unless that is cleared.

use crate::call::Played;
use crate::call::audio::LONGEST;
use crate::call::audio::block::{Form, Head, Track};
use std::ops::Range;
use std::time::Duration;

/// Frames that come one after the other may seem to leave gaps shorter than this, or to overlap by less; that is chance.
const CHANCE: i64 = 10_000_000;
/// The agent's next frame may come so late, for a player has some in store.
const LATE: i64 = 100_000_000;
const SECOND: i64 = 1_000_000_000;
/// After this much sound a frame moves others that came before it only where they came in one burst: a caller's clock
/// that is fast must not move a whole call.
const WINDOW: i64 = 60 * SECOND;
/// What a clock moves in that time is less than this.
const DRIFT: i64 = 50_000_000;

/// Samples that are heard without a gap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    /// When the first of them is heard.
    pub(crate) start: i64,
    /// Samples a second.
    pub(crate) rate: u32,
    /// How many they are.
    pub(crate) count: u64,
    /// Where the block of the first of them begins.
    pub(super) at: u64,
    /// Samples that are left out before.
    pub(super) skip: u64,
    /// Whether they are of blocks that say when they began, or of those that do not.
    pub(super) is_fixed: bool,
}

/// Of what the agent was given to say in some time: how long it is, and how long it was heard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) given: i64,
    pub(crate) played: i64,
    /// Where that stands which may still be cleared.
    from: i64,
    to: i64,
}

/// When everything is heard.
#[derive(Debug, Default)]
pub(crate) struct Placed {
    pub(crate) user: Vec<Piece>,
    pub(crate) agent: Vec<Piece>,
    /// For each time that was asked for.
    pub(crate) heard: Vec<Heard>,
    /// How long the recording is.
    pub(crate) length: i64,
}

/// Takes the blocks of a call in the order in which they came.
#[derive(Debug, Default)]
pub(crate) struct Placing {
    live: Live,
    fixed: Vec<Piece>,
    ahead: Ahead,
    /// For each time that is asked for, what was given in it.
    speeches: Vec<(Range<i64>, Heard)>,
}

impl Placing {
    /// Also finds out how much was heard of what the agent was given to say in these times, such as those of its spans.
    pub(crate) fn new(speeches: impl IntoIterator<Item = Range<i64>>) -> Self {
        let speeches = speeches.into_iter().map(|when| (when, Heard::default())).collect();
        Self { speeches, ..Self::default() }
    }

    /// Takes the block that begins at a place.
    pub(crate) fn push(&mut self, at: u64, head: &Head) {
        match (head.form, head.track) {
            (Form::Clear, _) => self.clear(head.at),
            (Form::Delay, _) => self.ahead.delay = head.at,
            _ if head.count == 0 || head.rate == 0 => {}
            (_, Track::User) if head.is_fixed => {
                let start = head.at;
                // As with frames that come: two that nearly touch do touch.
                join(&mut self.fixed, piece(at, head, start), |end| is_near(end, start));
            }
            (_, Track::User) => self.live.push(at, head),
            (_, Track::Agent) => {
                let start = self.ahead.push(at, head);
                let length = length(head.count.into(), head.rate);
                for (when, heard) in &mut self.speeches {
                    if when.contains(&head.at) {
                        heard.add(start, length);
                    }
                }
            }
        }
    }

    fn clear(&mut self, now: i64) {
        self.ahead.clear(now);
        self.speeches.iter_mut().for_each(|(_, heard)| heard.clear(now));
    }

    /// When everything is heard, until the call ends. Where that is not known, it ends with the last sound.
    pub(crate) fn finish(mut self, end: Option<i64>) -> Placed {
        let mut user = self.live.pieces();
        user.append(&mut self.fixed);
        let last = user.iter().chain(&self.ahead.pieces).map(Piece::end).max();
        let longest = i64::try_from(LONGEST.as_nanos()).unwrap_or(i64::MAX);
        let end = end.or(last).unwrap_or_default().clamp(0, longest);
        self.clear(end);
        for piece in &mut user {
            piece.cut(end);
        }
        let heard = self.speeches.into_iter().map(|(_, heard)| heard).collect();
        Placed { user: in_order(user), agent: in_order(self.ahead.pieces), heard, length: end }
    }
}

impl Heard {
    /// How much of it was heard, and when; `None` where nothing was given.
    pub(crate) fn played(&self) -> Option<Played> {
        let [given, played] =
            [self.given, self.played].map(|length| Duration::from_nanos(u64::try_from(length).unwrap_or(0)));
        let [start, end] = [self.from, self.to].map(|at| u64::try_from(at).unwrap_or(0));
        let share = if given.is_zero() { return None } else { played.div_duration_f64(given) };
        Some(Played { share, start, end })
    }

    fn add(&mut self, start: i64, length: i64) {
        if self.to <= self.from {
            self.from = start;
        }
        self.to = start.saturating_add(length);
        self.given = self.given.saturating_add(length);
        self.played = self.played.saturating_add(length);
    }

    fn clear(&mut self, now: i64) {
        let cut = self.to.saturating_sub(self.from.max(now)).max(0);
        self.played -= cut;
        self.to -= cut;
    }
}

impl Piece {
    /// When it is over.
    pub(crate) fn end(&self) -> i64 {
        self.start.saturating_add(length(self.count, self.rate))
    }

    /// Ends it.
    fn cut(&mut self, end: i64) {
        if self.end() > end {
            self.count = self.count.min(samples(end.saturating_sub(self.start), self.rate));
        }
    }

    /// Leaves out what is before the conversation.
    fn cut_before(&mut self) {
        if self.start < 0 {
            let out = self.count.min(samples(self.start.saturating_neg(), self.rate));
            (self.skip, self.count, self.start) = (out, self.count - out, 0);
        }
    }
}

/// What is heard live.
#[derive(Debug, Default)]
struct Live {
    /// Where frames of another rate begin.
    rates: Vec<Mark>,
    /// Groups of frames; of two the later one stands later.
    groups: Vec<Group>,
    end: Mark,
}

/// The begin of a frame, had all frames come one after the other.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    at: u64,
    rate: u32,
    nominal: i64,
    count: u64,
}

/// Frames that are heard without a gap, from here to the next group.
#[derive(Debug)]
struct Group {
    begin: Mark,
    /// How much later than had there been no gap at all.
    shift: i64,
}

impl Live {
    fn push(&mut self, at: u64, head: &Head) {
        let mark = Mark { at, rate: head.rate, ..self.end };
        if self.rates.last().is_none_or(|last| last.rate != head.rate) {
            self.rates.push(mark);
        }
        self.end.nominal = self.end.nominal.saturating_add(length(head.count.into(), head.rate));
        self.end.count += u64::from(head.count);
        // It cannot stand later than this, and so none before it can.
        let (shift, mut begin) = (head.at.saturating_sub(self.end.nominal), mark);
        let age = |group: &Group| mark.nominal.saturating_sub(group.begin.nominal);
        let is_moved = |group: &mut Group| {
            let by = group.shift.saturating_sub(shift);
            by >= if age(group) < WINDOW { 0 } else { DRIFT }
        };
        while let Some(group) = self.groups.pop_if(is_moved) {
            begin = group.begin;
        }
        let joins = |last: &Group| is_near(last.shift, shift) && age(last) < WINDOW / 2;
        if !self.groups.last().is_some_and(joins) {
            self.groups.push(Group { begin, shift });
        }
    }

    fn pieces(&mut self) -> Vec<Piece> {
        self.groups.dedup_by(|next, before| is_near(before.shift, next.shift));
        let ends = self.groups.iter().skip(1).map(|group| group.begin).chain([self.end]);
        let mut rates = self.rates.iter().peekable();
        let mut pieces = Vec::new();
        let mut rate = 0;
        for (group, end) in self.groups.iter().zip(ends) {
            let mut begin = group.begin;
            while begin.count < end.count {
                while let Some(change) = rates.next_if(|change| change.count <= begin.count) {
                    rate = change.rate;
                }
                let next = rates.peek().filter(|change| change.count < end.count);
                let next = next.map_or(end, |change| **change);
                let (start, count) = (begin.nominal.saturating_add(group.shift), next.count - begin.count);
                pieces.push(Piece { start, rate, count, at: begin.at, skip: 0, is_fixed: false });
                begin = next;
            }
        }
        pieces
    }
}

/// What is played as soon as there is time.
#[derive(Debug)]
struct Ahead {
    pieces: Vec<Piece>,
    delay: i64,
    /// When what was given to it is over.
    end: i64,
    is_cleared: bool,
}

impl Default for Ahead {
    fn default() -> Self {
        Self { pieces: Vec::new(), delay: 0, end: i64::MIN, is_cleared: true }
    }
}

impl Ahead {
    fn push(&mut self, at: u64, head: &Head) -> i64 {
        let came = head.at.saturating_add(self.delay);
        let patience = if self.is_cleared { 0 } else { LATE };
        let start = if came < self.end.saturating_add(patience) { self.end } else { came };
        let is_next = start == self.end && !self.is_cleared;
        join(&mut self.pieces, piece(at, head, start), |_| is_next);
        self.end = start.saturating_add(length(head.count.into(), head.rate));
        self.is_cleared = false;
        start
    }

    fn clear(&mut self, now: i64) {
        while self.pieces.pop_if(|last| last.start >= now).is_some() {}
        if let Some(last) = self.pieces.last_mut() {
            last.cut(now);
        }
        (self.end, self.is_cleared) = (self.end.min(now), true);
    }
}

fn piece(at: u64, head: &Head, start: i64) -> Piece {
    Piece { start, rate: head.rate, count: head.count.into(), at, skip: 0, is_fixed: head.is_fixed }
}

/// Adds samples to the last piece, where they follow it, or as a new one.
fn join(pieces: &mut Vec<Piece>, next: Piece, follows: impl Fn(i64) -> bool) {
    match pieces.last_mut() {
        Some(last) if last.rate == next.rate && follows(last.end()) => last.count += next.count,
        _ => pieces.push(next),
    }
}

/// In the order of their begin; of two that overlap the later one is heard.
fn in_order(mut pieces: Vec<Piece>) -> Vec<Piece> {
    pieces.iter_mut().for_each(Piece::cut_before);
    pieces.sort_by_key(|piece| piece.start);
    let mut next = i64::MAX;
    for piece in pieces.iter_mut().rev() {
        piece.cut(next);
        if piece.count > 0 {
            next = piece.start;
        }
    }
    pieces.retain(|piece| piece.count > 0);
    pieces
}

/// Whether two times differ by chance only.
fn is_near(one: i64, other: i64) -> bool {
    one.abs_diff(other) < CHANCE.unsigned_abs()
}

/// How long samples are.
pub(super) fn length(count: u64, rate: u32) -> i64 {
    let length = u128::from(count) * u128::from(SECOND.unsigned_abs()) / u128::from(rate.max(1));
    i64::try_from(length).unwrap_or(i64::MAX)
}

/// How many whole samples such a time has.
pub(super) fn samples(length: i64, rate: u32) -> u64 {
    let count =
        u128::from(length.max(0).unsigned_abs()) * u128::from(rate) / u128::from(SECOND.unsigned_abs());
    u64::try_from(count).unwrap_or(u64::MAX)
}
