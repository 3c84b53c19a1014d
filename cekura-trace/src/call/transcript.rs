//! Notes and what spans say → one transcript. Invariant: entries stand in the order of their starts, and those of a speaker never
//! overlap backwards.

use super::clock::of_seconds;
use super::said::{Said, What};
use crate::transcript::{Content, Entry, Role, by_start};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// An entry that a program has noted, and the turn in which it did.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Note {
    pub(crate) entry: Entry,
    pub(crate) turn: Option<i64>,
}

/// Words of the agent's of which the program says that the caller has heard them.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Heard {
    pub(crate) turn: i64,
    pub(crate) text: String,
    /// Nanoseconds since the Unix epoch.
    pub(crate) at: u64,
}

/// How much of a speech of the agent's was heard, as the recording of the call shows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Played {
    /// Of its sound, from 0 to 1.
    pub(crate) share: f64,
    /// Nanoseconds since the call's start.
    pub(crate) start: u64,
    pub(crate) end: u64,
}

/// All that is known of what was said in a call; times in nanoseconds since the Unix epoch.
pub(super) struct Sources<'a> {
    pub(super) notes: Vec<Note>,
    pub(super) said: &'a [Said],
    pub(super) heard: &'a [Heard],
    /// For each speech of the agent's, in the order of `said`, what the recording shows of it.
    pub(super) played: &'a [Option<Played>],
    /// When the caller stopped speaking, as the program says.
    pub(super) stops: &'a [u64],
    /// Of the conversation.
    pub(super) start: u64,
    pub(super) end: u64,
}

/// Whose words an entry has: words noted by hand stand in place of those that spans say of the same.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    User,
    Agent,
    Tool,
}

/// A turn of the call, or an exchange where it has none: in each of them, notes and spans speak of the same. `None` is what comes
/// before the first turn.
type Part = Option<i64>;

struct Parts {
    /// The turns, with when they began and ended.
    turns: Vec<(i64, u64, u64)>,
    /// Where there is no turn: when the caller spoke after the agent had.
    exchanges: Vec<u64>,
}

impl Sources<'_> {
    pub(super) fn write(mut self) -> Vec<Entry> {
        let notes = std::mem::take(&mut self.notes);
        let (parts, stops) = (Parts::of(&notes, &self), Stops::of(&self));
        let mut heard = BTreeMap::<i64, Vec<&Heard>>::new();
        self.heard.iter().for_each(|words| heard.entry(words.turn).or_default().push(words));
        let replaced: BTreeSet<(Part, Kind)> = notes
            .iter()
            .map(|note| {
                let kind = kind(&note.entry.content);
                (parts.of_entry(kind, note.turn, self.nanoseconds(&note.entry)), kind)
            })
            .collect();
        let mut entries = Vec::new();
        let cut: BTreeSet<i64> = self.interrupted().collect();
        let mut speeches = self.played.iter();
        for said in self.said {
            let Some(kind) = kind_of(said) else { continue };
            let played = if kind == Kind::Agent { speeches.next().copied().flatten() } else { None };
            if said.start >= self.end {
                continue;
            }
            let part = parts.of_entry(kind, said.turn, said.start);
            let was_cut = kind == Kind::Agent
                && part.is_some_and(|turn| cut.contains(&turn) && heard.contains_key(&turn));
            if !replaced.contains(&(part, kind)) && !was_cut {
                self.push(said, played, &stops, &mut entries);
            }
        }
        for turn in cut {
            if !replaced.contains(&(Some(turn), Kind::Agent)) {
                entries.extend(heard.get(&turn).and_then(|heard| self.heard_in(heard)));
            }
        }
        part_speakers(&mut entries);
        entries.extend(notes.into_iter().map(|note| note.entry));
        entries.sort_by(by_start);
        entries
    }

    fn push(&self, said: &Said, played: Option<Played>, stops: &Stops, entries: &mut Vec<Entry>) {
        let (start, end) = (self.seconds(said.start), self.seconds(said.end.min(self.end)));
        match &said.what {
            What::User(text, length) => {
                let (stop, before) = stops.of_speech(said.start);
                let end = stop.unwrap_or(said.end.min(self.end));
                // A recogniser that is given what it was given before as well does not say when the rest began.
                let began = end.checked_sub(*length).filter(|began| *length > 0 && *began >= before);
                let start = began.unwrap_or(said.start.min(end));
                entries.push(Entry::user(text).at(self.seconds(start), self.seconds(end)));
            }
            What::Agent(text) => entries.push(match played {
                None => Entry::agent(text).at(start, end),
                Some(Played { share, start, end }) => {
                    let [start, end] =
                        [start, end].map(|at| self.seconds(self.start.saturating_add(at).min(self.end)));
                    Entry::agent(cut(text, share)).at(start, end)
                }
            }),
            What::Tool { id, name, arguments, result } => {
                let (id, name) = (id.clone(), name.clone());
                let call =
                    Content::ToolCall { id: id.clone(), name: name.clone(), arguments: arguments.clone() };
                let result = Content::ToolResult { id, name, result: result.clone() };
                entries.push(Entry { content: call, times: Some((start, start)) });
                entries.push(Entry { content: result, times: Some((end, end)) });
            }
            What::Turn { .. } => {}
        }
    }

    /// The turns that were interrupted.
    fn interrupted(&self) -> impl Iterator<Item = i64> {
        let turn = |said: &Said| said.turn.filter(|_| said.what == What::Turn { was_interrupted: true });
        self.said.iter().filter_map(turn)
    }

    /// What the program says was heard in a turn, as one entry.
    fn heard_in(&self, heard: &[&Heard]) -> Option<Entry> {
        let words: Vec<&str> = heard.iter().map(|heard| heard.text.trim()).collect();
        let start = heard.iter().map(|heard| heard.at).min()?;
        let end = heard.iter().map(|heard| heard.at).max()?;
        Some(Entry::agent(words.join(" ")).at(self.seconds(start), self.seconds(end)))
    }

    fn seconds(&self, at: u64) -> f64 {
        let milliseconds = at.saturating_sub(self.start).saturating_add(500_000) / 1_000_000;
        Duration::from_millis(milliseconds).as_secs_f64()
    }

    fn nanoseconds(&self, entry: &Entry) -> u64 {
        let (start, _) = entry.times.unwrap_or_default();
        self.start.saturating_add(of_seconds(start))
    }
}

/// When the caller stopped speaking, as the program says.
struct Stops {
    /// In their order.
    said: Vec<u64>,
    /// When somebody began to speak.
    starts: Vec<u64>,
    /// When the caller began, and had ended all that was begun until then.
    users: Vec<(u64, u64)>,
}

impl Stops {
    fn of(sources: &Sources<'_>) -> Self {
        let mut said = sources.stops.to_vec();
        let is_speech = |said: &&Said| matches!(said.what, What::User(..) | What::Agent(_));
        let mut starts: Vec<u64> = sources.said.iter().filter(is_speech).map(|said| said.start).collect();
        let is_user = |said: &&Said| matches!(said.what, What::User(..));
        let mut users: Vec<_> =
            sources.said.iter().filter(is_user).map(|said| (said.start, said.end)).collect();
        said.sort_unstable();
        starts.sort_unstable();
        users.sort_unstable();
        let mut last = 0;
        for (_, end) in &mut users {
            last = last.max(*end);
            *end = last;
        }
        Self { said, starts, users }
    }

    /// When the caller stopped saying what began then: before the agent answers, and before the caller speaks again. Also when
    /// what the caller said before began to be understood.
    fn of_speech(&self, start: u64) -> (Option<u64>, u64) {
        let next = self.starts.get(self.starts.partition_point(|other| *other <= start));
        let earlier = self.users.partition_point(|(other, _)| *other < start).checked_sub(1);
        let (begin, last) = earlier.map_or((0, 0), |at| self.users[at]);
        let before = next.map_or(self.said.len(), |next| self.said.partition_point(|stop| stop < next));
        (before.checked_sub(1).map(|at| self.said[at]).filter(|stop| *stop > last), begin)
    }
}

impl Parts {
    fn of(notes: &[Note], sources: &Sources<'_>) -> Self {
        let mut spans = BTreeMap::<i64, (u64, u64)>::new();
        for said in sources.said {
            let Some(turn) = said.turn else { continue };
            let (start, end) = spans.entry(turn).or_insert((said.start, said.end));
            (*start, *end) = ((*start).min(said.start), (*end).max(said.end));
        }
        let mut turns: Vec<_> = spans.into_iter().map(|(turn, (start, end))| (turn, start, end)).collect();
        turns.sort_by_key(|(_, start, _)| *start);
        let said = sources.said.iter().filter_map(|said| Some((said.start, kind_of(said)?)));
        let said: Vec<_> = said.filter(|(_, kind)| *kind != Kind::Tool).collect();
        let by_hand = notes.iter().map(|note| (sources.nanoseconds(&note.entry), kind(&note.entry.content)));
        // The moment of a note is when it was written down.
        let spans_say_it = said.iter().any(|(_, kind)| *kind == Kind::User);
        let by_hand =
            by_hand.filter(|(_, kind)| *kind == Kind::Agent || *kind == Kind::User && !spans_say_it);
        let mut speech: Vec<_> = said.iter().copied().chain(by_hand).collect();
        speech.sort_unstable();
        let pairs = speech.windows(2).filter(|pair| pair[0].1 == Kind::Agent && pair[1].1 == Kind::User);
        Self { turns, exchanges: pairs.map(|pair| pair[1].0).collect() }
    }

    fn of_entry(&self, kind: Kind, turn: Option<i64>, at: u64) -> Part {
        if turn.is_some() {
            return turn;
        }
        if self.turns.is_empty() {
            return i64::try_from(self.exchanges.partition_point(|start| *start <= at)).ok();
        }
        let next = self.turns.partition_point(|(_, start, _)| *start <= at);
        let begun = next.checked_sub(1).map(|at| &self.turns[at]);
        let found = match kind {
            // What the caller says is answered by the turn that comes.
            Kind::User => {
                let open = begun.filter(|(.., end)| at < *end);
                open.or(self.turns.get(next)).or(self.turns.last())
            }
            Kind::Agent | Kind::Tool => begun,
        };
        found.map(|(turn, ..)| *turn)
    }
}

fn kind(content: &Content) -> Kind {
    match content {
        Content::Speech { role: Role::User, .. } => Kind::User,
        Content::Speech { role: Role::Agent, .. } => Kind::Agent,
        Content::ToolCall { .. } | Content::ToolResult { .. } | Content::Unreadable { .. } => Kind::Tool,
    }
}

fn kind_of(said: &Said) -> Option<Kind> {
    match said.what {
        What::User(..) => Some(Kind::User),
        What::Agent(_) => Some(Kind::Agent),
        What::Tool { .. } => Some(Kind::Tool),
        What::Turn { .. } => None,
    }
}

/// The words of a text that were heard of it, when so much of its sound was.
fn cut(text: &str, share: f64) -> &str {
    // A word is heard by less than its end.
    const ALMOST: f64 = 0.98;
    if share >= ALMOST {
        return text;
    }
    let length = text.chars().count();
    let heard = (0..length)
        .take_while(|at| {
            f64::from(u32::try_from(*at).unwrap_or(u32::MAX))
                < share * f64::from(u32::try_from(length).unwrap_or(u32::MAX))
        })
        .count();
    let place = text.char_indices().nth(heard).map_or(text.len(), |(at, _)| at);
    let is_whole = text[place..].starts_with(char::is_whitespace);
    let end = if is_whole { Some(place) } else { text[..place].rfind(char::is_whitespace) };
    text[..end.unwrap_or_default()].trim_end()
}

/// Ends what a speaker says where the same speaker goes on.
fn part_speakers(entries: &mut [Entry]) {
    entries.sort_by(by_start);
    for kind_of_speech in [Kind::User, Kind::Agent] {
        let of_kind = entries.iter_mut().rev().filter(|entry| kind(&entry.content) == kind_of_speech);
        let mut next = f64::INFINITY;
        for (start, end) in of_kind.filter_map(|entry| entry.times.as_mut()) {
            *end = end.min(next);
            next = *start;
        }
    }
}

#[cfg(test)]
#[path = "tests/transcript.rs"]
mod tests;
