//! Items of a stream come in as they arrive; what they say together goes out once, at its end. This file does not know
//! when they arrived.

use super::super::json::{Root, walk};
use super::super::shapes::{Shapes, Together, append};
use super::own::clipped;
use super::{Attributes, Extras, Value, View};
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
    /// What `text = …` gave, part behind part, and how many characters that were.
    spoken: Option<String>,
    characters: i64,
    /// What the items themselves say.
    said: Together,
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
        items.extras().gathered = Some(Gathered { room: ROOM, ..Gathered::default() });
        items
    }

    /// Whether these are items of a stream.
    pub(super) fn gathers(&self) -> bool {
        self.extras.as_ref().is_some_and(|extras| extras.gathered.is_some())
    }

    /// Whether an item said that it was the last one.
    pub(in crate::recording) fn has_ended(&self) -> bool {
        self.extras
            .as_ref()
            .and_then(|extras| extras.gathered.as_ref())
            .is_some_and(|gathered| gathered.has_ended || gathered.said.has_ended())
    }

    /// Whether the last item says when somebody spoke: a final transcript, or audio.
    pub(in crate::recording) fn take_telling(&mut self) -> bool {
        gathered(&mut self.extras).is_some_and(|gathered| std::mem::take(&mut gathered.tells_turn))
    }

    /// Drops entries that later ones stand for.
    pub(in crate::recording) fn tidy(&mut self) {
        if let Some(gathered) = gathered(&mut self.extras)
            && self.entries.len() > gathered.room
        {
            self.entries = last_of_each(&self.entries);
            gathered.room = ROOM.max(2 * self.entries.len());
        }
    }

    /// Takes what other items of the same stream said.
    pub(in crate::recording) fn add_items(&mut self, other: Self) {
        self.entries.extend_from_slice(&other.entries);
        let (view, limit) = (self.view, self.limit);
        let Some(Extras { gathered: Some(other), failure, .. }) = other.extras.map(|extras| *extras) else {
            return;
        };
        self.set_failure(failure);
        let Some(gathered) = gathered(&mut self.extras) else { return };
        for (text, more) in
            [(&mut gathered.output, other.output), (&mut gathered.transcript, other.transcript)]
        {
            more.inspect(|more| append(text, more, limit));
        }
        for (sum, more) in [(&mut gathered.elements, other.elements), (&mut gathered.bytes, other.bytes)] {
            *sum = sum.map_or(more, |sum| Some(sum.saturating_add(more.unwrap_or(0))));
        }
        other.spoken.inspect(|more| append(&mut gathered.spoken, more, limit));
        gathered.characters = gathered.characters.saturating_add(other.characters);
        gathered.has_ended |= other.has_ended;
        let found = other.said.found(limit);
        if view == View::Stt {
            gathered.said.transcript(found, limit);
        } else {
            gathered.said.answer(found, limit);
        }
    }

    /// Writes what the items said where the span's own end is written.
    pub(in crate::recording) fn write_items(self, end: &mut Self) {
        let Some(extras) = self.extras else { return };
        let Extras { gathered: Some(gathered), failure, .. } = *extras else { return };
        end.entries.extend_from_slice(&last_of_each(&self.entries));
        if failure.is_some() {
            end.extras().failure = failure;
        }
        let Gathered { output, transcript, spoken, characters, said, elements, bytes, .. } = gathered;
        if let Some(spoken) = spoken {
            end.say_of(characters, &spoken);
        }
        for (key, text) in [(semconv::OUTPUT, output), (semconv::STT_TRANSCRIPT, transcript)] {
            end.content(key, text.as_deref().map_or(Value::Nothing, Value::Str));
        }
        match end.view {
            View::Stt => end.write_transcript(&said.found(end.limit).transcribed()),
            View::Llm | View::S2s => end.write_answer(&said.found(end.limit)),
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
        let Some(gathered) = gathered(&mut self.extras) else { return self.content(key, value) };
        let text = if key == semconv::OUTPUT { &mut gathered.output } else { &mut gathered.transcript };
        if let Some(part) = clipped(&value, self.limit.saturating_add(1)) {
            append(text, &part, self.limit);
        }
    }

    /// One part of a spoken text.
    pub(super) fn say_part(&mut self, part: &str) {
        let limit = self.limit;
        if let Some(gathered) = gathered(&mut self.extras) {
            let characters = i64::try_from(part.chars().count()).unwrap_or(i64::MAX);
            gathered.characters = gathered.characters.saturating_add(characters);
            append(&mut gathered.spoken, part, limit);
        }
    }

    pub(super) fn mark_ended(&mut self) {
        if let Some(gathered) = gathered(&mut self.extras) {
            gathered.has_ended = true;
        }
    }

    /// What one item says by itself.
    pub(super) fn gather(&mut self, value: Value<'_>) {
        let Some(gathered) = gathered(&mut self.extras) else { return };
        match (self.view, value) {
            (_, Value::Len(length)) => {
                add(&mut gathered.elements, length.elements);
                gathered.tells_turn = length.elements > 0;
                if length.are_bytes {
                    add(&mut gathered.bytes, length.elements);
                }
            }
            (View::Llm | View::S2s | View::Stt, Value::Str(text)) => gathered.said.text(text, self.limit),
            (View::Llm | View::S2s | View::Stt, Value::Serialize(item)) => {
                let mut shapes = Shapes::default();
                let walked = walk(item, None, self.limit, Some(&mut shapes));
                if let Root::Text = walked.root {
                    let text = clipped(&value, self.limit.saturating_add(1));
                    return self.gather(text.as_deref().map_or(Value::Nothing, Value::Str));
                }
                let found = shapes.found();
                if self.view == View::Stt {
                    gathered.tells_turn = found.is_final_sentence();
                    gathered.said.transcript(found, self.limit);
                } else {
                    gathered.tells_turn = found.is_audio;
                    gathered.said.answer(found, self.limit);
                }
            }
            _ => {}
        }
    }
}

/// What has come so far, where these are items of a stream.
fn gathered(extras: &mut Option<Box<Extras>>) -> Option<&mut Gathered> {
    extras.as_mut()?.gathered.as_mut()
}

fn add(sum: &mut Option<i64>, elements: usize) {
    let elements = i64::try_from(elements).unwrap_or(i64::MAX);
    *sum = Some(sum.unwrap_or(0).saturating_add(elements));
}
