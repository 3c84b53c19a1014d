//! Items of a stream come in as they arrive; what they say together goes out once, at its end. This file does not know
//! when they arrived.

use super::super::json::{Root, clip, walk};
use super::super::shapes::{Found, Shapes};
use super::own::clipped;
use super::{Attributes, Value, View};
use crate::destination::CaptureContent;
use crate::finished::{last_of_each, write};
use crate::semconv;

/// What the items of a stream have said so far.
#[derive(Default)]
pub(super) struct Gathered {
    /// What `output = …` gave, part behind part.
    output: Option<String>,
    /// What `transcript = …` gave, part behind part.
    transcript: Option<String>,
    /// What the items themselves say; its texts grow, of the rest the last word counts.
    found: Found,
    /// A transcript that the recogniser may still change.
    interim: Option<String>,
    elements: Option<i64>,
    bytes: Option<i64>,
    /// The item that was taken last is a sentence that the recogniser will not change, or audio.
    tells_turn: bool,
    /// An item was the last one of an answer.
    has_ended: bool,
    /// The bytes of entries at which what was overwritten is dropped.
    room: usize,
}

const ROOM: usize = 4 << 10;

impl Attributes {
    /// For what the items of a stream say together.
    pub(in crate::recording) fn of_items(view: View, capture: CaptureContent, limit: usize) -> Self {
        let mut items = Self::new(view, capture, limit, Vec::new());
        items.gathered = Some(Box::new(Gathered { room: ROOM, ..Gathered::default() }));
        items
    }

    /// Whether an item said that it was the last one.
    pub(in crate::recording) fn has_ended(&self) -> bool {
        self.gathered.as_ref().is_some_and(|gathered| gathered.has_ended)
    }

    /// Whether the last item says when somebody spoke: a final transcript, or audio.
    pub(in crate::recording) fn take_telling(&mut self) -> bool {
        self.gathered.as_mut().is_some_and(|gathered| std::mem::take(&mut gathered.tells_turn))
    }

    /// Drops entries that later ones stand for.
    pub(in crate::recording) fn tidy(&mut self) {
        if let Some(gathered) = &mut self.gathered
            && self.entries.len() > gathered.room
        {
            self.entries = last_of_each(&self.entries);
            gathered.room = ROOM.max(2 * self.entries.len());
        }
    }

    /// Writes what the items said where the span's own end is written.
    pub(in crate::recording) fn write_items(self, end: &mut Self) {
        let Some(gathered) = self.gathered else { return };
        end.entries.extend_from_slice(&last_of_each(&self.entries));
        end.failure = self.failure;
        let Gathered { output, transcript, mut found, interim, elements, bytes, .. } = *gathered;
        for (key, text) in [(semconv::OUTPUT, output), (semconv::STT_TRANSCRIPT, transcript)] {
            end.content(key, text.as_deref().map_or(Value::Nothing, Value::Str));
        }
        match end.view {
            View::Stt => {
                if let Some(interim) = interim {
                    continue_with(&mut found.transcript, &interim, end.limit);
                }
                end.write_transcript(&found);
            }
            View::Llm | View::S2s => end.write_answer(&found),
            _ => {}
        }
        if let (Some(elements), View::Llm | View::S2s | View::Stt | View::Tts) = (elements, end.view) {
            write::integer(&mut end.entries, semconv::OUTPUT_LEN, elements);
        }
        if let Some(bytes) = bytes {
            write::integer(&mut end.entries, semconv::STREAM_BYTES, bytes);
        }
    }

    /// Writes a text; of the items of a stream, one part of it.
    pub(super) fn part(&mut self, key: &str, value: Value<'_>) {
        let Some(gathered) = &mut self.gathered else { return self.content(key, value) };
        let text = if key == semconv::OUTPUT { &mut gathered.output } else { &mut gathered.transcript };
        if let Some(part) = clipped(&value, self.limit.saturating_add(1)) {
            append(text, &part, self.limit);
        }
    }

    pub(super) fn mark_ended(&mut self) {
        if let Some(gathered) = &mut self.gathered {
            gathered.has_ended = true;
        }
    }

    /// What one item says by itself.
    pub(super) fn gather(&mut self, value: Value<'_>) {
        let Some(gathered) = &mut self.gathered else { return };
        match (self.view, value) {
            (_, Value::Len(length)) => {
                add(&mut gathered.elements, length.elements);
                gathered.tells_turn = length.elements > 0;
                if length.are_bytes {
                    add(&mut gathered.bytes, length.elements);
                }
            }
            (View::Llm | View::S2s, Value::Str(text)) => append(&mut gathered.found.text, text, self.limit),
            (View::Stt, Value::Str(text)) => append(&mut gathered.found.transcript, text, self.limit),
            (View::Llm | View::S2s | View::Stt, Value::Serialize(item)) => {
                let mut shapes = Shapes::default();
                let walked = walk(item, None, self.limit, Some(&mut shapes));
                if let Root::Text = walked.root {
                    let text = clipped(&value, self.limit.saturating_add(1));
                    return self.gather(text.as_deref().map_or(Value::Nothing, Value::Str));
                }
                gathered.take(shapes.found(), self.limit);
            }
            _ => {}
        }
    }
}

impl Gathered {
    fn take(&mut self, mut next: Found, limit: usize) {
        if let Some(text) = next.text.take() {
            if next.whole {
                self.found.text = None;
            }
            append(&mut self.found.text, &text, limit);
        }
        if let Some(transcript) = next.transcript.take() {
            self.interim = None;
            self.tells_turn = next.is_final == Some(true) && !transcript.is_empty();
            if next.is_final == Some(false) {
                self.interim = Some(transcript);
            } else {
                continue_with(&mut self.found.transcript, &transcript, limit);
            }
        }
        self.has_ended |= next.ended;
        next.fill(std::mem::take(&mut self.found));
        self.found = next;
    }
}

fn add(sum: &mut Option<i64>, elements: usize) {
    let elements = i64::try_from(elements).unwrap_or(i64::MAX);
    *sum = Some(sum.unwrap_or(0).saturating_add(elements));
}

/// Puts the next sentence of a recogniser behind those before it.
fn continue_with(transcript: &mut Option<String>, next: &str, limit: usize) {
    let is_joined =
        transcript.as_ref().is_none_or(|text| text.is_empty() || text.ends_with(char::is_whitespace));
    if !is_joined && !next.is_empty() && !next.starts_with(char::is_whitespace) {
        append(transcript, " ", limit);
    }
    append(transcript, next, limit);
}

/// Appends as much as shows that the limit was passed.
fn append(text: &mut Option<String>, part: &str, limit: usize) {
    let text = text.get_or_insert_default();
    if text.len() <= limit {
        // One more char, of at most four bytes, shows that there was more, and that no other part follows.
        text.push_str(clip(part, limit.saturating_add(4) - text.len()));
    }
}
