//! The time axis of a drawing: a ruler, and one bar for each span. Invariant: a bar lies within the axis.

use super::text;
use crate::finished::Tree;
use crate::semconv;

/// The time that the drawing shows, `cells` columns wide.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    start: u64,
    length: u64,
    cells: usize,
}

/// What a span's bar shows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bar {
    pub(super) start: u64,
    pub(super) end: u64,
    /// Up to here it waited for its first chunk.
    pub(super) first: Option<u64>,
    pub(super) shape: Shape,
    /// Stands in the last cell: how the span ended.
    pub(super) sign: Option<char>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// A conversation or a turn, around other spans.
    Frame,
    /// Waited for a first chunk that never came.
    Wait,
    Work,
}

impl Axis {
    pub(super) fn new(tree: &Tree, cells: usize) -> Self {
        let (start, length) = time_shown(tree);
        Self { start, length, cells }
    }

    /// Half cells from the left edge: each cell has two places.
    fn half(&self, time: u64) -> usize {
        let passed = u128::from(time.saturating_sub(self.start)) * (self.cells as u128 * 2);
        usize::try_from(passed / u128::from(self.length))
            .map_or(self.cells * 2, |half| half.min(self.cells * 2))
    }

    /// The line above the bars: `╷0   ╷5 s   ╷10 s   12.4 s`. No time stands there twice.
    pub(super) fn ruler(&self) -> String {
        let total = match self.length {
            MILLISECOND..TEN_MILLISECONDS => format!("{} ms", decimal(self.length / 10_000, 2)),
            length => text::duration(length),
        };
        let total_width = total.chars().count();
        let room = self.cells.saturating_sub(total_width + 1);
        let step = self.step();
        let mut line = String::new();
        let mut used = 0;
        let mut before = String::new();
        for tick in 0.. {
            let Some(time) = step.checked_mul(tick).filter(|time| *time < self.length) else { break };
            let column = self.half(self.start.saturating_add(time)) / 2;
            let label = tick_label(time);
            let width = label.chars().count() + 1;
            if (column <= used && used > 0) || column + width > room || label == total || label == before {
                break;
            }
            line.extend(std::iter::repeat_n(' ', column - used));
            line.push('╷');
            line.push_str(&label);
            used = column + width;
            before = label;
        }
        line.extend(std::iter::repeat_n(' ', self.cells.saturating_sub(used + total_width)));
        line + &total
    }

    /// Time between two ticks, a round number with room for its label.
    fn step(&self) -> u64 {
        let least = u128::from(self.length) * TICK / self.cells.max(1) as u128;
        let least = u64::try_from(least).unwrap_or(u64::MAX);
        let decimal = (3..=10).flat_map(|power| [1, 2, 5].map(|digit| digit * 10_u64.pow(power)));
        let decimal = decimal.take_while(|step| *step < 30 * SECOND);
        let clock = [30, 60, 120, 300, 600, 1_200, 1_800, 3_600].map(|seconds| seconds * SECOND);
        let round = decimal.chain(clock).find(|step| *step >= least);
        round.unwrap_or_else(|| least.checked_next_multiple_of(HOUR).unwrap_or(u64::MAX))
    }

    /// A span's bar and the column where it begins. A sign is its last character.
    pub(super) fn bar(&self, bar: &Bar) -> (usize, String) {
        let from = self.half(bar.start).min(self.cells * 2 - 1);
        let to = self.half(bar.end).max(from + 1);
        let first = match bar {
            Bar { shape: Shape::Wait, .. } => to,
            Bar { first, .. } => first.map_or(from, |first| self.half(first).clamp(from, to - 1)),
        };
        let (left, right) = (from / 2, (to - 1) / 2);
        let cells = (left..=right).map(|cell| match bar {
            Bar { sign: Some(sign), .. } if cell == right => *sign,
            _ if cell == left && bar.start < self.start => '‹',
            _ if cell == right && bar.end > self.start.saturating_add(self.length) => '›',
            Bar { shape: Shape::Frame, .. } => frame(cell == left, cell == right),
            _ => work(place(cell * 2, from, first, to), place(cell * 2 + 1, from, first, to)),
        });
        (left, cells.collect())
    }
}

/// The start and the length of the time that is drawn, in nanoseconds: that of the conversation, and of what lies
/// outside it at most its own length on either side, so that one wrong clock does not flatten all the rest.
pub(super) fn time_shown(tree: &Tree) -> (u64, u64) {
    let heads = || tree.rows.iter().map(|(_, span)| &span.head);
    let start = heads().map(|head| head.start).min().unwrap_or_default();
    let end = heads().map(|head| head.end).max().unwrap_or_default();
    let conversation = tree.rows.iter().find(|(_, span)| span.name == semconv::span::CONVERSATION);
    let (start, end) = conversation.map_or((start, end), |(_, span)| {
        let (from, to) = (span.head.start, span.head.end);
        let length = to.saturating_sub(from);
        (start.max(from.saturating_sub(length)), end.min(to.saturating_add(length)))
    });
    (start, end.saturating_sub(start).max(1))
}

/// Columns that a tick and its label want.
const TICK: u128 = 9;
const MICROSECOND: u64 = 1_000;
const MILLISECOND: u64 = 1_000_000;
const TEN_MILLISECONDS: u64 = 10 * MILLISECOND;
const SECOND: u64 = 1_000_000_000;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;

/// A tick's time as it is, in its largest unit.
fn tick_label(time: u64) -> String {
    match time {
        0 => "0".to_owned(),
        _ if time < MILLISECOND => format!("{} µs", time / MICROSECOND),
        _ if time < SECOND => format!("{} ms", decimal(time / MICROSECOND, 3)),
        _ if time < MINUTE => format!("{} s", decimal(time / MILLISECOND, 3)),
        _ if time < HOUR && time.is_multiple_of(MINUTE) => format!("{}m", time / MINUTE),
        _ => text::duration(time),
    }
}

/// A number of so many digits behind the point, without zeros at its end.
fn decimal(number: u64, digits: usize) -> String {
    let padded = format!("{number:0>width$}", width = digits + 1);
    let (whole, rest) = padded.split_at(padded.len() - digits);
    format!("{whole}.{rest}").trim_end_matches('0').trim_end_matches('.').to_owned()
}

fn frame(first: bool, last: bool) -> char {
    match (first, last) {
        (false, false) => '─',
        (false, true) => '┤',
        (true, false) => '├',
        (true, true) => '│',
    }
}

#[derive(Clone, Copy)]
enum Place {
    Empty,
    Waiting,
    Working,
}

fn place(at: usize, from: usize, first: usize, to: usize) -> Place {
    if at < from || at >= to {
        Place::Empty
    } else if at < first {
        Place::Waiting
    } else {
        Place::Working
    }
}

/// A cell of two places. Waiting comes before working, so beside work there is no room for a thin line.
fn work(left: Place, right: Place) -> char {
    match (left, right) {
        (Place::Empty, Place::Empty) => ' ',
        (Place::Empty, Place::Waiting) => '╶',
        (Place::Waiting, Place::Empty) => '╴',
        (Place::Waiting, Place::Waiting) => '─',
        (Place::Working, Place::Working) => '█',
        (_, Place::Working) => '▐',
        (Place::Working, _) => '▌',
    }
}

#[cfg(test)]
mod tests {
    use super::{Axis, decimal};
    use proptest::prelude::*;

    /// The times of a ruler, in nanoseconds.
    fn times(ruler: &str) -> Vec<f64> {
        let labels = ruler.split(['╷', ' ']).collect::<Vec<_>>().join(" ");
        let mut words = labels.split_whitespace().peekable();
        let mut times = Vec::new();
        while let Some(word) = words.next() {
            let unit = match words.peek().copied() {
                Some("µs") => 1e3,
                Some("ms") => 1e6,
                Some("s") => 1e9,
                _ => 0.0,
            };
            if unit > 0.0 {
                words.next();
                times.push(word.parse::<f64>().unwrap() * unit);
            }
        }
        times
    }

    #[test]
    fn a_call_of_a_few_milliseconds_has_a_ruler_that_can_be_read() {
        let ruler = |length, cells| Axis { start: 7, length, cells }.ruler();
        assert_eq!(ruler(3_000_000, 60), "╷0        ╷500 µs   ╷1 ms     ╷1.5 ms   ╷2 ms           3 ms");
        assert_eq!(ruler(2_440_000, 30), "╷0          ╷1 ms      2.44 ms");
        assert_eq!(decimal(2_500, 3), "2.5");
    }

    proptest! {
        #[test]
        fn no_two_labels_are_alike_or_out_of_order(length in 1_000..60_000_000_000_u64, cells in 12..400_usize) {
            let ruler = Axis { start: 5, length, cells }.ruler();
            prop_assert!(ruler.chars().count() <= cells.max(8), "{ruler}");
            let times = times(&ruler);
            prop_assert!(times.windows(2).all(|pair| pair[0] < pair[1]), "{times:?} of {ruler}");
            let labels: Vec<_> = ruler.split('╷').skip(1).collect();
            let ends = labels.iter().take(labels.len().saturating_sub(1)).all(|label| label.ends_with(' '));
            prop_assert!(ends, "labels touch: {ruler}");
        }
    }
}
