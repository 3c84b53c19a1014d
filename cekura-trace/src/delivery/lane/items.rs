//! The items of a lane, and which of them is next: to be sent, to be written, waited for by a flush. Invariant: nothing that is
//! asked at each turn of the worker looks at all of them.

use super::pending::PendingRequest;
use crate::delivery::spool::Name;
use crate::delivery::spool::requests::Stored;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Bound::{Excluded, Included};
use std::ops::Range;
use tokio::time::Instant;

/// The items that are not settled and in memory, each at a place of its own. What an index is made of changes in
/// [`change`](Self::change) only.
pub(super) struct Items<I> {
    /// Whether they are written to disk.
    pub(super) are_written: bool,
    /// Those at the first places go first.
    pub(super) waiting: BTreeMap<u64, PendingRequest<I>>,
    in_flight: HashMap<u64, InFlight<I>>,
    /// All places that were taken so far.
    taken: Range<u64>,
    /// Those that wait and may be sent, by the time before which they are not.
    ready: BTreeSet<(Option<Instant>, u64)>,
    /// Those of which the disk was not asked for a copy, by when it is.
    unwritten: BTreeSet<(Instant, u64)>,
    /// Those that a flush may wait for, by its epoch.
    not_safe: BTreeSet<(u64, u64)>,
    copies: HashMap<Name, u64>,
}

pub(super) struct InFlight<I> {
    pub(super) pending: PendingRequest<I>,
    pub(super) launched: Instant,
}

impl<I> Default for Items<I> {
    fn default() -> Self {
        const MIDDLE: u64 = 1 << 63;
        Self {
            are_written: false,
            waiting: BTreeMap::new(),
            in_flight: HashMap::new(),
            taken: MIDDLE..MIDDLE,
            ready: BTreeSet::new(),
            unwritten: BTreeSet::new(),
            not_safe: BTreeSet::new(),
            copies: HashMap::new(),
        }
    }
}

impl<I: Stored> Items<I> {
    /// Puts an item behind all others.
    pub(super) fn push(&mut self, pending: PendingRequest<I>) {
        let place = self.taken.end;
        self.taken.end += 1;
        self.waiting.insert(place, pending);
        self.index(place);
    }

    /// Puts an item before all others.
    pub(super) fn push_first(&mut self, pending: PendingRequest<I>) {
        self.taken.start -= 1;
        self.waiting.insert(self.taken.start, pending);
        self.index(self.taken.start);
    }

    /// The place of the next that is pushed.
    pub(super) fn next_place(&self) -> u64 {
        self.taken.end
    }

    /// Takes one that waits.
    pub(super) fn take_out(&mut self, place: u64) -> Option<PendingRequest<I>> {
        self.unindex(place);
        self.waiting.remove(&place)
    }

    /// One that was taken out is under way.
    pub(super) fn launch(&mut self, place: u64, pending: PendingRequest<I>, launched: Instant) {
        self.in_flight.insert(place, InFlight { pending, launched });
        self.index(place);
    }

    /// Takes one that was under way.
    pub(super) fn land(&mut self, place: u64) -> Option<InFlight<I>> {
        self.unindex(place);
        self.in_flight.remove(&place)
    }

    pub(super) fn take_all(&mut self) -> impl Iterator<Item = PendingRequest<I>> + use<I> {
        let Self { waiting, in_flight, .. } = std::mem::replace(
            self,
            Self { are_written: self.are_written, taken: self.taken.clone(), ..Self::default() },
        );
        waiting.into_values().chain(in_flight.into_values().map(|flight| flight.pending))
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &PendingRequest<I>> {
        self.waiting.values().chain(self.in_flight.values().map(|flight| &flight.pending))
    }

    /// Where the first one is of which this is true.
    pub(super) fn place_of(&self, is_it: impl Fn(&I) -> bool) -> Option<u64> {
        let waiting = self.waiting.iter().find(|(_, pending)| is_it(&pending.item)).map(|(place, _)| *place);
        let in_flight = || self.in_flight.iter().find(|(_, flight)| is_it(&flight.pending.item));
        waiting.or_else(|| in_flight().map(|(place, _)| *place))
    }

    /// How many are under way.
    pub(super) fn in_flight(&self) -> usize {
        self.in_flight.len()
    }

    /// Changes an item where it stands.
    pub(super) fn change<R>(
        &mut self,
        place: u64,
        change: impl FnOnce(&mut PendingRequest<I>) -> R,
    ) -> Option<R> {
        self.unindex(place);
        let in_flight = self.in_flight.get_mut(&place).map(|flight| &mut flight.pending);
        let changed = self.waiting.get_mut(&place).or(in_flight).map(change);
        self.index(place);
        changed
    }

    /// The next to be sent, and the time before which it is not.
    pub(super) fn first_ready(&self) -> Option<(Option<Instant>, u64)> {
        self.ready.first().copied()
    }

    /// Those whose time has come stand where they would stand without one.
    pub(super) fn wake(&mut self, now: Instant) {
        let due = (Excluded((None, u64::MAX)), Included((Some(now), u64::MAX)));
        while let Some((_, place)) = self.ready.range(due).next().copied() {
            self.change(place, |pending| pending.not_before = None);
        }
    }

    /// Has those sent earlier for which `sooner` gives an earlier time.
    pub(super) fn hurry(&mut self, sooner: impl Fn(Instant) -> Instant) {
        while let Some((Some(at), place)) = self.ready.last().copied()
            && sooner(at) < at
        {
            self.change(place, |pending| pending.not_before = Some(sooner(at)));
        }
    }

    /// All are to be sent and written at once.
    pub(super) fn finish(&mut self, now: Instant) {
        for place in self.waiting.keys().chain(self.in_flight.keys()).copied().collect::<Vec<_>>() {
            self.change(place, |pending| (pending.not_before, pending.write_at) = (None, now));
        }
    }

    /// Where those are that are to be written.
    pub(super) fn unwritten(&self) -> impl Iterator<Item = u64> {
        self.unwritten.iter().map(|(_, place)| *place)
    }

    /// The next to be written, and when.
    pub(super) fn first_unwritten(&self) -> Option<(Instant, u64)> {
        self.unwritten.first().copied()
    }

    /// The earliest epoch of one that is not safe on disk.
    pub(super) fn first_unsafe(&self) -> Option<u64> {
        self.not_safe.first().map(|(epoch, _)| *epoch)
    }

    /// Where the item of a copy is.
    pub(super) fn of_copy(&self, name: Name) -> Option<u64> {
        self.copies.get(&name).copied()
    }

    fn index(&mut self, place: u64) {
        let Some((is_waiting, pending)) = self.at(place) else { return };
        let (epoch, not_before, write_at) = (pending.epoch, pending.not_before, pending.write_at);
        let (is_ready, is_safe) = (is_waiting && pending.is_ready, pending.is_safe());
        let (is_unwritten, copy) = (pending.is_unwritten(), pending.copy.as_ref().map(|copy| copy.name));
        if is_ready {
            self.ready.insert((not_before, place));
        }
        // None waits for what comes from the disk.
        if !is_safe && epoch < u64::MAX {
            self.not_safe.insert((epoch, place));
        }
        if let Some(name) = copy {
            self.copies.insert(name, place);
        }
        if is_unwritten && self.are_written {
            self.unwritten.insert((write_at, place));
        }
    }

    fn unindex(&mut self, place: u64) {
        let Some((_, pending)) = self.at(place) else { return };
        let (epoch, not_before, write_at) = (pending.epoch, pending.not_before, pending.write_at);
        if let Some(name) = pending.copy.as_ref().map(|copy| copy.name) {
            self.copies.remove(&name);
        }
        self.ready.remove(&(not_before, place));
        self.not_safe.remove(&(epoch, place));
        self.unwritten.remove(&(write_at, place));
    }

    /// Whether it waits, and the item.
    fn at(&self, place: u64) -> Option<(bool, &PendingRequest<I>)> {
        let in_flight = || self.in_flight.get(&place).map(|flight| (false, &flight.pending));
        self.waiting.get(&place).map(|pending| (true, pending)).or_else(in_flight)
    }
}
