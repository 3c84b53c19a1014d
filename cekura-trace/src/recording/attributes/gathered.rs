//! Records what the items of a stream say together, once, at the stream's end.
//!
//! Invariant: a value that holds only for the moment is read from an item before the next item comes.

use super::{Attributes, Extras, Value, View, clipped};
use crate::clip::append;
use crate::finished::{last_of_each, write};
use crate::policy::CaptureContent;
use crate::recording::json::{Root, walk};
use crate::recording::shapes::{Found, Shapes, Together};
use crate::recording::value::Form;
use crate::semconv;

/// What the items of a stream have said so far.
#[derive(Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact that items may tell or not")]
pub(super) struct Gathered {
    /// What `output = …` gave, part behind part.
    output: Option<String>,
    /// What `transcript = …` gave, part behind part.
    transcript: Option<String>,
    /// What `text = …` gave, part behind part, and how many characters that were.
    spoken: Option<String>,
    characters: i64,
    /// What the items say, as recognisers and models do: by their own form, or as the program names it.
    said: Together,
    /// Its transcript is the program's.
    is_named: bool,
    /// What is known of the item at hand.
    item: Item,
    elements: Option<i64>,
    bytes: Option<i64>,
    /// Whether the item that was taken last is a sentence that the recogniser will not change, or audio.
    tells_turn: Option<bool>,
    /// Whether it says something.
    says: Option<bool>,
    /// It says that the caller cut in.
    was_cut_off: bool,
    /// Of some item it was known whether it says something.
    was_judged: bool,
    has_audio: bool,
    /// An item was the last one of an answer.
    has_ended: bool,
    /// Bytes of what a recogniser will not change, as the last item that says so left them.
    complete: usize,
    /// What the caller said, as the last item of a session says.
    heard: Option<String>,
    /// The bytes of entries at which what was overwritten is dropped.
    room: usize,
}

const ROOM: usize = 4 << 10;

/// What is known of one item, until all of it is.
#[derive(Default)]
struct Item {
    /// What it says by itself.
    found: Option<Found>,
    /// What `transcript = …` gave.
    transcript: Option<String>,
    /// What `is_final = …` gave.
    is_final: Option<bool>,
    /// The program has named its words, even where they are empty.
    is_named: bool,
}

impl Attributes {
    /// For what the items of a stream say together.
    pub(in crate::recording) fn gathering(mut self) -> Self {
        self.extras().gathered = Some(Gathered { room: ROOM, ..Gathered::default() });
        self
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

    /// Whether the last item says when somebody spoke: a final transcript, or audio. `None` where that is not known.
    pub(in crate::recording) fn take_telling(&mut self) -> Option<bool> {
        gathered(&mut self.extras)?.tells_turn.take()
    }

    /// Whether the last item says something. `None` where that is not known.
    pub(in crate::recording) fn take_says(&mut self) -> Option<bool> {
        gathered(&mut self.extras)?.says.take()
    }

    /// Whether the last item says that the caller cut in on an answer.
    pub(in crate::recording) fn take_cut_off(&mut self) -> bool {
        gathered(&mut self.extras).is_some_and(|gathered| std::mem::take(&mut gathered.was_cut_off))
    }

    /// What the caller said, as the last item of a session says.
    pub(in crate::recording) fn take_heard(&mut self) -> Option<String> {
        let skips = self.skips_output();
        gathered(&mut self.extras)?.heard.take().filter(|_| !skips)
    }

    /// The text so far that is complete: sentences that a recogniser will not change, or answers that are over. And whether it
    /// is the agent's.
    pub(in crate::recording) fn complete(&self) -> (&str, bool) {
        let is_of_agent = self.view == View::S2s;
        let gathered = self.extras.as_ref().and_then(|extras| extras.gathered.as_ref());
        // What the program says of it is believed, at the end.
        let by_shape = |gathered: &&Gathered| gathered.output.is_none() && gathered.transcript.is_none();
        let is_shown = |gathered: &&Gathered| gathered.is_named || !self.skips_output();
        let text = match gathered.filter(by_shape).filter(is_shown) {
            Some(gathered) if is_of_agent => gathered.said.answers(),
            Some(gathered) if self.view == View::Stt => gathered.said.sentences().get(..gathered.complete),
            _ => None,
        };
        (text.unwrap_or_default(), is_of_agent)
    }

    fn skips_output(&self) -> bool {
        self.extras.as_ref().is_some_and(|extras| extras.skips_output)
    }

    /// Whether, at their end, all items together tell that somebody was heard, or that there was audio.
    pub(in crate::recording) fn tell_at_end(&self, items: Option<i64>) -> bool {
        let gathered = self.extras.as_ref().and_then(|extras| extras.gathered.as_ref());
        let Some(gathered) = gathered else { return false };
        match self.view {
            View::Stt => {
                let is_said = gathered.transcript.as_ref().is_some_and(|text| !text.is_empty());
                is_said || gathered.said.has_text() || items.is_some() && !gathered.was_judged
            }
            // Its text is no audio.
            _ => items.is_some() && !gathered.was_judged,
        }
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

    pub(in crate::recording) fn take_failure(&mut self) -> Option<String> {
        self.extras.as_mut()?.failure.take()
    }

    pub(in crate::recording) fn set_failure(&mut self, failure: Option<String>) {
        if failure.is_some() {
            self.extras().failure = failure;
        }
    }

    /// Takes what other items of the same stream said.
    pub(in crate::recording) fn add_items(&mut self, other: Self) {
        self.entries.extend_from_slice(&other.entries);
        self.told.is_unread |= other.told.is_unread;
        let (view, limit) = (self.view, self.limit);
        let Some(extras) = other.extras.map(|extras| *extras) else { return };
        let Extras { gathered: Some(other), failure, skips_output, .. } = extras else { return };
        self.set_failure(failure);
        self.extras().skips_output |= skips_output;
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
        gathered.was_judged |= other.was_judged;
        gathered.is_named |= other.is_named;
        gathered.has_audio |= other.has_audio;
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
        let Extras { gathered: Some(gathered), failure, skips_output, .. } = *extras else { return };
        // Where one of them has a known form, the others are what comes beside it.
        end.told.is_unread |= self.told.is_unread && !gathered.was_judged;
        end.entries.extend_from_slice(&last_of_each(&self.entries));
        if failure.is_some() {
            end.extras().failure = failure;
        }
        let Gathered { output, transcript, spoken, characters, said, is_named, elements, bytes, .. } =
            gathered;
        if let Some(spoken) = spoken {
            end.say_of(characters, &spoken);
        }
        for (key, text) in [(semconv::OUTPUT, output), (semconv::STT_TRANSCRIPT, transcript)] {
            end.content(key, text.as_deref().map_or(Value::Nothing, Value::Str));
        }
        let capture = end.capture;
        if skips_output && !is_named {
            end.capture = CaptureContent::Metadata;
        }
        if let Some(failed) = said.failure() {
            end.fail_found(failed);
        }
        match end.view {
            View::Stt => end.write_transcript(&said.found(end.limit).transcribed()),
            View::Llm | View::S2s => end.write_answer(&said.found(end.limit)),
            _ => {}
        }
        end.capture = capture;
        if let (Some(elements), View::Llm | View::S2s | View::Stt | View::Tts) = (elements, end.view) {
            write::integer(&mut end.entries, semconv::OUTPUT_LEN, elements);
        }
        if let Some(bytes) = bytes {
            write::integer(&mut end.entries, semconv::STREAM_BYTES, bytes);
        }
    }

    /// Writes a text; of the items of a stream, one part of it.
    pub(super) fn part(&mut self, key: &str, value: Value<'_>) {
        // The program names it, even where it is empty.
        self.told.is_unread = false;
        let Some(gathered) = gathered(&mut self.extras) else {
            let is_empty = match value {
                Value::Str(text) => text.is_empty(),
                Value::Serialize(_) => clipped(&value, 4).is_some_and(|text| text.is_empty()),
                _ => false,
            };
            // What the program says of it is believed.
            if key == semconv::STT_TRANSCRIPT && !matches!(value, Value::Nothing) {
                self.told.speech = Some(!is_empty && clipped(&value, 4).is_some());
            }
            if !is_empty {
                self.content(key, value);
            }
            return;
        };
        gathered.item.is_named = true;
        let part = clipped(&value, self.limit.saturating_add(1));
        let Some(part) = part.filter(|part| !part.is_empty()) else { return };
        if key == semconv::OUTPUT {
            append(&mut gathered.output, &part, self.limit);
        } else {
            append(&mut gathered.item.transcript, &part, self.limit);
        }
    }

    /// Whether the recogniser will change the transcript of an item no more, as the program says.
    pub(super) fn part_is_final(&mut self, is_final: bool) {
        if let Some(gathered) = gathered(&mut self.extras) {
            gathered.item.is_final = Some(is_final);
        }
    }

    /// Takes what is known of the item at hand, where it `is_item`. A transcript that is set beside the items is a part of the text.
    pub(in crate::recording) fn close_item(&mut self, is_item: bool) {
        let (view, limit) = (self.view, self.limit);
        let Some(gathered) = gathered(&mut self.extras) else { return };
        let Item { found, transcript, is_final, is_named } = std::mem::take(&mut gathered.item);
        let is_final = is_final.or(found.as_ref().and_then(|found| found.is_final));
        let is_sentence = is_item && view == View::Stt && (gathered.is_named || is_final.is_some());
        let found = match transcript {
            Some(transcript) if is_sentence => {
                gathered.name_sentences(limit);
                Some(found.unwrap_or_default().named(transcript, is_final))
            }
            Some(part) => {
                append(&mut gathered.transcript, &part, limit);
                found
            }
            None => found.map(|mut found| {
                found.is_final = is_final;
                found
            }),
        };
        if let Some(found) = found {
            gathered.take(view, found, limit);
            if !gathered.was_judged && !is_named {
                self.note_unread();
            }
        }
    }

    /// Forgets the parts of texts that came so far.
    #[cfg(feature = "tracing")]
    pub(super) fn forget_parts(&mut self) {
        if let Some(gathered) = gathered(&mut self.extras) {
            (gathered.output, gathered.transcript, gathered.spoken) = (None, None, None);
            gathered.characters = 0;
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
        let is_asked = gathered(&mut self.extras).is_some_and(|gathered| !gathered.has_audio);
        let has_audio = if self.view == View::Tts && is_asked { self.has_audio(value) } else { None };
        let Some(gathered) = gathered(&mut self.extras) else { return };
        gathered.has_audio |= has_audio == Some(true);
        match (self.view, value) {
            (_, Value::Len(length)) => {
                add(&mut gathered.elements, length.elements);
                gathered.tell(Some(length.elements > 0));
                if let Form::Bytes | Form::Wav(_) = length.form {
                    add(&mut gathered.bytes, length.elements);
                }
            }
            (View::Tts, _) => gathered.tell(has_audio),
            (View::Llm | View::S2s | View::Stt, Value::Str(text)) => {
                gathered.judge(!text.is_empty());
                gathered.said.text(text, self.limit);
            }
            (View::Llm | View::S2s | View::Stt, Value::Serialize(item)) => {
                let mut shapes = Shapes::default();
                let walked = walk(item, None, self.limit, Some(&mut shapes));
                match walked.root {
                    Root::Text => {
                        let text = clipped(&value, self.limit.saturating_add(1));
                        self.gather(text.as_deref().map_or(Value::Nothing, Value::Str));
                    }
                    // A name without anything is an event that brings nothing.
                    Root::Name | Root::Null => gathered.judge(false),
                    _ => gathered.item.found = Some(shapes.found()),
                }
            }
            (_, Value::Str(text)) => gathered.judge(!text.is_empty()),
            (_, Value::Debug(_) | Value::Nothing) => self.note_unread(),
            _ => gathered.says = Some(true),
        }
    }
}

impl Gathered {
    fn tell(&mut self, has_audio: Option<bool>) {
        (self.says, self.tells_turn) = (has_audio, has_audio);
        self.was_judged |= has_audio.is_some();
    }

    /// It is known whether the item says something.
    fn judge(&mut self, says: bool) {
        self.says = Some(says);
        self.was_judged = true;
    }

    /// From here on the program says of each transcript whether it is final: what it gave before is the first of them.
    fn name_sentences(&mut self, limit: usize) {
        self.is_named = true;
        if let Some(transcript) = self.transcript.take() {
            self.said.transcript(Found::default().named(transcript, None), limit);
        }
    }

    /// Takes what an item says that may have a known shape.
    fn take(&mut self, view: View, found: Found, limit: usize) {
        self.was_cut_off = found.cancelled;
        let says = if view == View::Stt { found.heard() } else { found.says };
        // Of a value without a known shape the first one counts.
        self.says = Some(says.unwrap_or(true));
        self.was_judged |= says.is_some();
        if view == View::Stt {
            let is_final = found.is_final_sentence();
            self.tells_turn = Some(is_final);
            self.said.transcript(found, limit);
            if is_final {
                self.complete = self.said.sentences().len();
            }
        } else {
            self.tells_turn = Some(found.is_audio);
            if view == View::S2s && found.is_final_sentence() {
                self.heard.clone_from(&found.transcript);
            }
            self.said.answer(found, limit);
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
