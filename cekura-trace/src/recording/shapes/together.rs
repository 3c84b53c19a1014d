//! What the items of a stream say together: of one answer or transcript, or of several in a row.
//!
//! Invariant: each answer is counted once, however often its usage, its text or its end is repeated.

use super::found::{Failed, Found, Piece, Rare, Usage, is_said, join};
use super::tools::{self, Tool};
use crate::clip::append;

/// What the items of a stream have said so far: of one answer or transcript, or of several one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Together {
    found: Found,
    /// A transcript that the recogniser may still change.
    interim: Option<String>,
    /// What was counted for the answers before this one.
    earlier: Usage,
    /// Where the text of this answer begins, and its tools.
    start: (usize, usize),
    tools: Vec<Tool>,
    /// Came behind an answer's end under another id, and says nothing: it begins the next answer, or comes late.
    held: Option<Box<Found>>,
    /// The turns that were heard, in the order of their transcripts.
    turns: Vec<Turn>,
}

/// A turn, and where its transcript stands.
#[derive(Debug)]
struct Turn {
    order: i64,
    start: usize,
    end: usize,
}

impl Together {
    /// Takes an item of a model's stream. What a recogniser heard in between is none.
    pub(crate) fn answer(&mut self, mut next: Found, limit: usize) {
        let Rare { tools, failure, .. } = next.rare.take().map(|rare| *rare).unwrap_or_default();
        if let Some(failure) = failure {
            self.found.rare().failure.get_or_insert(failure);
            self.found.ended = true;
        }
        if !next.known {
            self.found.ended |= next.ended && self.found.known;
            return;
        }
        let text = next.text.take();
        let is_whole = next.piece == Some(Piece::Whole);
        let is_another = self.is_of_another(&next);
        let says = is_said(text.as_ref()) || !tools.is_empty() || is_another && next.says == Some(true);
        let is_more = says && !is_whole;
        self.release(&next, is_more);
        let is_another = self.is_of_another(&next);
        if self.found.ended
            && (is_more && !self.is_of_the_same(&next)
                || is_another && (is_whole || next.begins || self.ends_again(&next)))
        {
            self.begin(is_another);
        } else if self.found.ended && is_another {
            self.held = Some(Box::new(next));
            return;
        } else if is_more && self.found.ended {
            // It was the end of another choice, or none.
            self.found.ended = false;
        }
        let piece = next.piece;
        self.found.then(next);
        if is_whole && !tools.is_empty() {
            self.tools.truncate(self.start.1);
        }
        for tool in tools {
            tools::add(&mut self.tools, self.start.1, tool, limit);
        }
        let Some(text) = text else { return };
        if let (true, Some(so_far)) = (is_whole, &mut self.found.text) {
            so_far.truncate(self.start.0);
        }
        if self.start.0 > 0 && self.length() == self.start.0 {
            append(&mut self.found.text, "\n", limit);
        }
        let put = if piece == Some(Piece::Sentence) { join } else { append };
        put(&mut self.found.text, &text, limit);
    }

    /// Takes an item of a recogniser's stream, or of a model's that transcribes.
    pub(crate) fn transcript(&mut self, mut next: Found, limit: usize) {
        let transcript = next.transcript.take();
        let Found { is_final, piece, .. } = next;
        let Rare { changing, turn, failure, .. } = next.rare.as_deref().cloned().unwrap_or_default();
        let continues = piece == Some(Piece::Continuation);
        let put = match piece {
            Some(Piece::Continuation) if !self.found.ended => append,
            Some(Piece::Token) => append,
            _ => join,
        };
        let is_more = is_said(transcript.as_ref()) || is_said(changing.as_ref());
        if self.found.ended && is_more {
            self.begin(self.is_of_another(&next));
        }
        if next.known {
            self.answer(next, limit);
        } else {
            next.rare = None;
            self.found.then(next);
        }
        if let Some(failure) = failure {
            self.found.rare().failure.get_or_insert(failure);
            self.found.ended = true;
        }
        if let Some(changing) = changing {
            self.interim = Some(changing);
            if let Some(said) = transcript {
                put(&mut self.found.transcript, &said, limit);
            }
            self.found.ended |= is_more && is_final == Some(true);
            return;
        }
        let Some(transcript) = transcript else { return };
        if is_final.is_none() && self.found.is_final == Some(false) && is_more && !continues {
            // In the place of what the recogniser still changed.
            self.found.is_final = Some(true);
            self.found.ended = true;
        }
        if let Some(order) = turn {
            self.turn(order, &transcript, limit);
            self.found.ended |= is_final == Some(true);
            return;
        }
        if is_final != Some(false) || !continues {
            self.interim = None;
        }
        if is_final == Some(false) {
            return append(&mut self.interim, &transcript, limit);
        }
        put(&mut self.found.transcript, &transcript, limit);
        self.found.ended |= is_final == Some(true);
    }

    /// Puts all of a turn so far in its place.
    fn turn(&mut self, order: i64, text: &str, limit: usize) {
        let said = &mut self.found.transcript;
        let length = said.as_ref().map_or(0, String::len);
        let Some(at) = self.turns.iter().rposition(|turn| turn.order == order) else {
            join(said, text, limit);
            let end = said.as_ref().map_or(0, String::len);
            // Of what is over the limit nothing is kept.
            if end > length {
                self.turns.push(Turn { order, start: length, end });
            }
            return;
        };
        let Turn { start, end, .. } = self.turns[at];
        let behind = said.as_ref().and_then(|said| said.get(end..)).unwrap_or_default().to_owned();
        if let Some(said) = said {
            said.truncate(start);
        }
        join(said, text, limit);
        let new_end = said.as_ref().map_or(0, String::len);
        append(said, &behind, limit);
        let length = said.as_ref().map_or(0, String::len);
        self.turns[at].end = new_end;
        for turn in &mut self.turns[at + 1..] {
            turn.start = (turn.start.saturating_sub(end) + new_end).min(length);
            turn.end = (turn.end.saturating_sub(end) + new_end).min(length);
        }
    }

    /// Takes an item that is a text and nothing else.
    pub(crate) fn text(&mut self, text: &str, limit: usize) {
        self.found.known = true;
        if text.is_empty() {
            return;
        }
        append(&mut self.found.text, text, limit);
    }

    /// Whether the last of them ended the answer as it should, or left no transcript open.
    pub(crate) fn has_ended(&self) -> bool {
        self.found.ended && !self.found.cancelled
    }

    /// The answers that are over, as one text.
    pub(crate) fn answers(&self) -> Option<&str> {
        let text = self.found.text.as_deref()?;
        if self.found.ended { Some(text) } else { text.get(..self.start.0) }
    }

    /// What was heard and will not change, as one text. A turn may still be said again until the next one begins.
    pub(crate) fn sentences(&self) -> &str {
        let text = self.found.transcript.as_deref().unwrap_or_default();
        self.turns.last().map_or(text, |turn| &text[..turn.start])
    }

    /// Whether a word was heard, or said.
    pub(crate) fn has_text(&self) -> bool {
        let Found { text, transcript, .. } = &self.found;
        [text, transcript, &self.interim].into_iter().any(|text| is_said(text.as_ref()))
    }

    /// Whether an item told why there is no answer.
    pub(crate) fn failure(&self) -> Option<&Failed> {
        self.found.failure()
    }

    /// What all of them say.
    pub(crate) fn found(mut self, limit: usize) -> Found {
        if let Some(held) = self.held.take() {
            self.found.then(*held);
        }
        if let Some(interim) = self.interim {
            join(&mut self.found.transcript, &interim, limit);
        }
        self.found.usage = self.found.usage.settled().plus(self.earlier);
        if !self.tools.is_empty() {
            self.found.rare().tools = self.tools;
        }
        self.found
    }

    /// An answer or a transcript begins after one that has ended, with counts of its own.
    fn begin(&mut self, is_another: bool) {
        (self.found.ended, self.found.cancelled) = (false, false);
        // Without either, this may still be part of the one before it, that came late.
        if is_another || self.found.usage != Usage::default() {
            self.earlier = self.earlier.plus(std::mem::take(&mut self.found.usage).settled());
            self.found.finish_reasons.clear();
            self.start = (self.length(), self.tools.len());
        }
    }

    /// Decides what was held back, by what comes behind it.
    fn release(&mut self, next: &Found, is_more: bool) {
        let Some(held) = self.held.as_deref() else { return };
        let is_of_it = next.response_id == held.response_id || next.response_id.is_none() && is_more;
        if !is_of_it && next.response_id.is_none() {
            return;
        }
        if is_of_it {
            self.begin(true);
        }
        if let Some(held) = self.held.take() {
            self.found.then(*held);
        }
    }

    /// Whether this is the end of an answer of which the end is known.
    fn ends_again(&self, next: &Found) -> bool {
        let has_ended = |index| self.found.finish_reasons.iter().any(|(ended, _)| *ended == index);
        next.finish_reasons.iter().any(|(index, _)| has_ended(*index))
    }

    /// The length of the text so far.
    fn length(&self) -> usize {
        self.found.text.as_ref().map_or(0, String::len)
    }

    fn is_of_another(&self, next: &Found) -> bool {
        next.response_id.is_some() && next.response_id != self.found.response_id
    }

    fn is_of_the_same(&self, next: &Found) -> bool {
        next.response_id.is_some() && next.response_id == self.found.response_id
    }
}
