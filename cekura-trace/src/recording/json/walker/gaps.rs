//! The second walk over a value that is too long: which entries stay, and the words in place of the others.
//! Invariant: the first and last items of a list stay, and so do the fields of an object behind a long value.
//!
//! A list gets half of its room for the items at its head. The first item that does not fit there whole, and
//! the items after it, are written behind the head as the tail. If the tail grows too long, its oldest items
//! are removed. So the last items are kept, however many there were. A list that knows its length
//! (`collect_seq`) skips the items between.

use super::{Compound, List, Stop, Tail, Walker};
use crate::recording::json::blob::numbers;
use crate::recording::json::sink::Sink;
use crate::recording::json::{FEW, Root, share};
use std::any::type_name;

/// Room for what is said of items that are missing.
const WORDS: usize = 40;
/// How often the bytes of a tail are written, where each item drives out those before it.
const TURNS: usize = 16;

/// Visits a value.
type Visit<'v, 'w> = &'v mut dyn FnMut(&mut Walker<'w>) -> Result<(), Stop>;

impl<'w> Compound<'_, 'w> {
    /// An entry of an object comes next; false where it does not fit any more.
    pub(super) fn begin_entry(&mut self) -> Result<bool, Stop> {
        if self.is_full {
            return self.walker.spend().map(|()| false);
        }
        self.walker.back_to(self.inner);
        let is_last = self.left == Some(1);
        self.left = self.left.map(|left| left.saturating_sub(1));
        let room = self.walker.sink.room();
        self.end = self.walker.sink.allow(if is_last { room } else { share(room) });
        Ok(true)
    }

    pub(super) fn end_entry(&mut self) {
        self.walker.back_to(self.inner);
        let sink = &mut self.walker.sink;
        sink.restore(self.end);
        if sink.take_cut() {
            sink.lost = true;
            self.is_full = true;
        }
    }

    /// A number was visited, or something else.
    pub(super) fn count_number(&mut self) {
        self.are_numbers = self.walker.is_number;
        self.count += usize::from(self.are_numbers);
        let (sink, items) = (&mut self.walker.sink, self.start + 1);
        if self.count > FEW && self.are_numbers && self.walker.shapes.is_none() && sink.out.len() >= items {
            sink.roll_back(items);
            sink.take_cut();
            self.list = None;
            self.is_counting = true;
            self.is_unusual = true;
        }
    }

    /// An item of a list comes next, of which only the number is written or which may have to go.
    pub(super) fn unusual_element(&mut self, visit: Visit<'_, 'w>) -> Result<(), Stop> {
        self.walker.back_to(self.inner);
        if self.is_counting && self.is_one_more(visit)? {
            return Ok(());
        }
        if self.walker.sink.with_gaps {
            self.list_element(visit)?;
        } else {
            self.walker.back_to(self.inner);
            self.walker.element();
            visit(self.walker)?;
        }
        if self.are_numbers {
            self.count_number();
        }
        Ok(())
    }

    /// Counts an item, if it is a number too; else what was counted becomes an item of its own.
    fn is_one_more(&mut self, visit: Visit<'_, 'w>) -> Result<bool, Stop> {
        self.walker.further_numbers = self.walker.further_numbers.checked_sub(1).ok_or(Stop)?;
        self.walker.is_number = false;
        self.walker.sink.is_mute = true;
        let visited = visit(self.walker);
        self.walker.sink.is_mute = false;
        visited?;
        self.count += 1;
        if self.walker.is_number {
            return Ok(true);
        }
        self.is_counting = false;
        self.are_numbers = false;
        self.walker.sink.element();
        self.walker.sink.string(&numbers(self.count - 1));
        Ok(false)
    }

    fn list_element(&mut self, visit: Visit<'_, 'w>) -> Result<(), Stop> {
        self.walker.is_number = false;
        self.walker.back_to(self.inner);
        if self.is_full {
            return self.walker.spend();
        }
        let sink = &mut self.walker.sink;
        let is_only = self.left == Some(1);
        let list = self.list.get_or_insert_with(|| Box::new(List::new(sink, is_only)));
        list.seen += 1;
        if list.tail.is_none() {
            let at = sink.out.len();
            let outer = sink.allow(list.head.saturating_sub(at - list.start));
            let had_gaps = std::mem::take(&mut sink.lost);
            sink.element();
            visit(self.walker)?;
            self.walker.back_to(self.inner);
            let sink = &mut self.walker.sink;
            sink.restore(outer);
            let was_cut = sink.take_cut();
            if !sink.lost && !was_cut {
                sink.lost = had_gaps;
                return Ok(());
            }
            sink.lost = true;
            // The first one stays, shortened.
            if list.seen == 1 && !was_cut {
                return Ok(());
            }
            sink.roll_back(at);
            list.tail = Some(Tail::behind(at, sink.room()));
        }
        self.walker.spend()?;
        self.tail_element(visit)
    }

    fn tail_element(&mut self, visit: Visit<'_, 'w>) -> Result<(), Stop> {
        let Some(tail) = self.list.as_mut().and_then(|list| list.tail.as_mut()) else { return Ok(()) };
        let at = self.walker.sink.out.len();
        let end = self.walker.sink.allow(tail.room);
        self.walker.sink.element();
        visit(self.walker)?;
        self.walker.back_to(self.inner);
        let sink = &mut self.walker.sink;
        sink.restore(end);
        sink.lost = true;
        if sink.take_cut() {
            sink.roll_back(at);
            tail.missing += 1;
            return Ok(());
        }
        tail.items.push(at);
        tail.written += 1;
        tail.bytes += sink.out.len() - at;
        if sink.out.len() - tail.at > 2 * tail.room {
            tail.shrink(sink, tail.room);
        }
        if tail.bytes > TURNS * tail.room { Err(Stop) } else { Ok(()) }
    }

    /// How many of the items that are left may be passed over unvisited; `T` is their type.
    pub(super) fn passed_over<T>(&mut self, left: usize) -> usize {
        if self.is_counting && is_number::<T>() {
            self.count += left;
            return left;
        }
        if self.are_numbers {
            return 0;
        }
        self.list.as_mut().map_or(0, |list| list.pass_over(&mut self.walker.sink, left))
    }

    /// Says what is missing, before the container is closed.
    pub(super) fn fill_gaps(&mut self) {
        self.walker.back_to(self.inner);
        let sink = &mut self.walker.sink;
        if self.is_counting {
            sink.instead_of_container(self.start, &numbers(self.count), self.is_root);
            if self.is_root {
                self.walker.root = Root::Text;
            }
        } else if let Some(tail) = self.list.as_mut().and_then(|list| list.tail.as_mut()) {
            tail.close(sink);
        }
    }
}

/// Whether all values of a type are numbers.
fn is_number<T>() -> bool {
    let numbers = [
        "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32", "u64", "u128", "usize",
    ];
    numbers.contains(&type_name::<T>().trim_start_matches('&'))
}

impl List {
    fn new(sink: &Sink, is_only: bool) -> Self {
        let room = sink.room();
        let head = if is_only { room } else { room / 2 };
        Self { start: sink.out.len(), head, seen: 0, tail: None }
    }

    fn pass_over(&mut self, sink: &mut Sink, left: usize) -> usize {
        let Some(tail) = &mut self.tail else { return 0 };
        let head = (tail.at - self.start, self.seen - tail.missing - tail.items.len());
        let (bytes, items) = if tail.written > 0 { (tail.bytes, tail.written) } else { head };
        let size = (bytes / items.max(1)).max(1);
        let passed = left.saturating_sub(tail.room / size + 1);
        if passed > 0 {
            sink.roll_back(tail.at);
            tail.missing += tail.items.len() + passed;
            tail.items.clear();
            self.seen += passed;
        }
        passed
    }
}

impl Tail {
    fn behind(at: usize, room: usize) -> Self {
        let room = room.saturating_sub(WORDS);
        Self { at, items: Vec::new(), missing: 0, room, bytes: 0, written: 0 }
    }

    /// Drops the oldest items, until the others take no more than `room`.
    fn shrink(&mut self, sink: &mut Sink, room: usize) {
        let end = sink.out.len();
        let dropped = self.items.iter().take_while(|at| end - **at > room).count();
        if dropped > 0 {
            let kept = self.items.get(dropped).copied().unwrap_or(end);
            sink.replace(self.at..kept, "");
            self.missing += dropped;
            self.items.drain(..dropped);
            for at in &mut self.items {
                *at -= kept - self.at;
            }
        }
    }

    fn close(&mut self, sink: &mut Sink) {
        if self.missing == 0 && !sink.over() {
            return;
        }
        self.shrink(sink, self.room);
        if self.missing == 0 {
            return;
        }
        let byte = |at: usize| sink.out.get(at).copied();
        let is_first = self.at.checked_sub(1).is_none_or(|before| matches!(byte(before), Some(b'[' | b'{')));
        let mut words = format!("\"[{} items missing]\"", self.missing);
        if !is_first {
            words.insert(0, ',');
        } else if !self.items.is_empty() && byte(self.at) != Some(b',') {
            words.push(',');
        }
        sink.replace(self.at..self.at, &words);
    }
}
