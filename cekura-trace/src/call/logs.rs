//! Log lines of a call, for its call log. Invariant: of too many lines the first and the last are kept, and it is said how many are
//! missing between them.

use crate::lock::locked;
use crate::room::Room;
use crate::say::say_once;
use serde_json::{Map, Value, json};
use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// The most lines of a call, and the most bytes of them as JSON: Cekura takes 1,000,000 bytes.
const LINES: usize = 5_000;
const BYTES: usize = 1_000_000;
/// What the line takes that says how many are missing, and the commas.
const MARK: usize = 200;

/// One line.
#[derive(Debug)]
pub(crate) struct Line {
    /// Since the call's start.
    pub(crate) seconds: f64,
    pub(crate) level: &'static str,
    pub(crate) logger: String,
    pub(crate) message: String,
    /// The fields of the event.
    pub(crate) raw: Map<String, Value>,
}

/// Whether the program has made something of `cekura::logs`.
static IS_USED: AtomicBool = AtomicBool::new(false);

/// The program has use for the feature `logs`, for session logs or for the lines of its own log.
pub(crate) fn used() {
    IS_USED.store(true, Ordering::Relaxed);
}

/// The lines of a call.
#[derive(Debug)]
pub(crate) struct Logs(Mutex<State>);

#[derive(Debug)]
struct State {
    first: Half,
    last: Half,
    missing: u64,
    /// How many came.
    added: u64,
    room: Room,
    is_over: bool,
}

/// One half of the lines, each with its bytes.
#[derive(Debug, Default)]
struct Half {
    lines: VecDeque<(Value, usize)>,
    bytes: usize,
}

impl Logs {
    /// Takes no more of the memory limit than `room` gives.
    pub(crate) fn new(room: Room) -> Self {
        let (first, last) = (Half::default(), Half::default());
        Self(Mutex::new(State { first, last, missing: 0, added: 0, room, is_over: false }))
    }

    pub(crate) fn add(&self, line: Line) {
        let line = line.json();
        let bytes = line.to_string().len() + 1;
        let mut state = locked(&self.0);
        if !state.is_over {
            state.added += 1;
            state.add(line, bytes);
        }
    }

    /// How many came.
    pub(crate) fn added(&self) -> u64 {
        locked(&self.0).added
    }

    /// All lines until now.
    pub(crate) fn lines(&self) -> Vec<Value> {
        let state = locked(&self.0);
        let (first, last) = (state.first.lines.iter(), state.last.lines.iter());
        let mark = (state.missing > 0).then(|| mark(state.missing, state.last.lines.front()));
        let lines = |(line, _): &(Value, usize)| line.clone();
        first.map(lines).chain(mark).chain(last.map(lines)).collect()
    }

    /// All lines, and their bytes; none is taken after that.
    pub(crate) fn close(&self) -> (Vec<Value>, usize) {
        tell_unless_used();
        let mut state = locked(&self.0);
        state.is_over = true;
        state.room = Room::default();
        let bytes = state.first.bytes + state.last.bytes;
        let (first, last) = (std::mem::take(&mut state.first).lines, std::mem::take(&mut state.last).lines);
        let missing = std::mem::take(&mut state.missing);
        let mark = (missing > 0).then(|| mark(missing, last.front()));
        (
            first.into_iter().chain(mark.map(|mark| (mark, 0))).chain(last).map(|(line, _)| line).collect(),
            bytes,
        )
    }
}

/// Says once that the feature is on for nothing.
fn tell_unless_used() {
    static IS_SAID: AtomicBool = AtomicBool::new(false);
    if IS_USED.load(Ordering::Relaxed) {
        return;
    }
    say_once(&IS_SAID, || {
        tracing::warn!(
            target: "cekura",
            "the feature `logs` is on, and a call has no session logs, for cekura::logs::capture() is in no subscriber: write \
             tracing_subscriber::registry().with(cekura::logs::capture()).init()"
        );
    });
}

impl State {
    fn add(&mut self, line: Value, bytes: usize) {
        if self.last.lines.is_empty() && self.missing == 0 && self.first.has_room(bytes) {
            if self.room.resize(self.room.bytes() + 2 * bytes) {
                self.first.push(line, bytes);
            } else {
                self.missing += 1;
            }
            return;
        }
        let mut has_room = self.last.has_room(bytes) && self.room.resize(self.room.bytes() + 2 * bytes);
        // The oldest of them make room for a new one.
        while !has_room && let Some(oldest) = self.last.pop() {
            self.missing += 1;
            let kept = self.room.bytes().saturating_sub(2 * oldest);
            has_room = self.last.has_room(bytes) && self.room.resize(kept + 2 * bytes);
            if !has_room {
                self.room.resize(kept);
            }
        }
        if has_room {
            self.last.push(line, bytes);
        } else {
            self.missing += 1;
        }
    }
}

impl Half {
    fn has_room(&self, bytes: usize) -> bool {
        self.lines.len() < LINES / 2 && self.bytes + bytes <= (BYTES - MARK) / 2
    }

    fn push(&mut self, line: Value, bytes: usize) {
        self.bytes += bytes;
        self.lines.push_back((line, bytes));
    }

    /// Drops the oldest line, and gives its bytes.
    fn pop(&mut self) -> Option<usize> {
        let (_, bytes) = self.lines.pop_front()?;
        self.bytes -= bytes;
        Some(bytes)
    }
}

impl Line {
    fn json(self) -> Value {
        let Self { seconds, level, logger, message, raw } = self;
        let mut line = json!({ "ts": seconds, "level": level, "logger": logger, "message": message });
        if let (Value::Object(fields), false) = (&mut line, raw.is_empty()) {
            fields.insert("raw".to_owned(), Value::Object(raw));
        }
        line
    }
}

/// The line in the place of those that are missing.
fn mark(missing: u64, next: Option<&(Value, usize)>) -> Value {
    let ts = next.map_or(Value::Null, |(line, _)| line["ts"].clone());
    let message =
        format!("{missing} lines are missing here: a call log holds at most {LINES} lines and 1 MB of them");
    json!({ "ts": ts, "level": "WARN", "logger": "cekura", "message": message })
}

#[cfg(test)]
mod tests {
    use super::{BYTES, LINES, Line, Logs, Map, Room, Value};
    use crate::room::{Budget, Use};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    fn line(number: u32, message: &str) -> Line {
        let message = format!("{number} {message}");
        Line { seconds: number.into(), level: "INFO", logger: "agent".to_owned(), message, raw: Map::new() }
    }

    fn numbers(lines: &[Value]) -> Vec<String> {
        let first = |line: &Value| line["message"].as_str().unwrap().split(' ').next().unwrap().to_owned();
        lines.iter().map(first).collect()
    }

    #[test]
    fn of_too_many_lines_the_first_and_the_last_stay() {
        let logs = Logs::new(Room::default());
        (0..20_000).for_each(|number| logs.add(line(number, "")));
        let (lines, _) = logs.close();
        assert_eq!(lines.len(), LINES + 1);
        let numbers = numbers(&lines);
        assert_eq!((&*numbers[0], &*numbers[2_499], &*numbers[2_500]), ("0", "2499", "15000"));
        assert_eq!((&*numbers[2_501], &*numbers[5_000]), ("17500", "19999"));
        assert_eq!(lines[2_500]["ts"], 17_500.0);
        logs.add(line(1, "late"));
        assert!(logs.close().0.is_empty());
    }

    #[test]
    fn of_too_long_lines_no_more_stay_than_cekura_takes() {
        let logs = Logs::new(Room::default());
        (0..2_000).for_each(|number| logs.add(line(number, &"\u{1}".repeat(300))));
        let (lines, _) = logs.close();
        assert!(Value::from(lines.clone()).to_string().len() <= BYTES);
        assert!(lines.len() > 500 && numbers(&lines).last().unwrap() == "1999");
    }

    #[test]
    fn lines_take_their_share_of_the_memory_and_give_it_back() {
        struct Small(AtomicUsize);
        impl Budget for Small {
            fn take(&self, _: Use, bytes: usize) -> bool {
                let fits = self.0.load(Ordering::Relaxed) + bytes <= 10_000;
                if fits {
                    self.0.fetch_add(bytes, Ordering::Relaxed);
                }
                fits
            }

            fn give_back(&self, _: Use, bytes: usize) {
                self.0.fetch_sub(bytes, Ordering::Relaxed);
            }
        }
        let budget = Arc::new(Small(AtomicUsize::new(0)));
        let logs = Logs::new(Room::of(budget.clone(), Use::Open));
        (0..1_000).for_each(|number| logs.add(line(number, "")));
        assert!(budget.0.load(Ordering::Relaxed) > 9_000);
        let (lines, bytes) = logs.close();
        assert!((1_000..10_000).contains(&bytes) && lines.len() < 200);
        assert_eq!(budget.0.load(Ordering::Relaxed), 0);
    }
}
