//! Turns values into span attributes, within the content policy and the content limit. Invariant: an entry is
//! marked as content or not where it is written.

#![expect(clippy::inline_always, reason = "each span passes here, and benches/gates.sh counts what it costs")]

use super::callsite::View;
use super::failure::{Failure, FailureText};
use super::json::{LONG, Root, Target, Walk, blob, walk, write_json};
use super::shapes::Scalar;
use super::told::Told;
use super::value::{Flag, Float, Form, Integer, Len, Samples, Value, clipped, debug, shown};
use super::wish::Wish;
use crate::clip::{clip, parts};
use crate::finished::{Marks, remove_content, write};
use crate::policy::CaptureContent;
use crate::room::Room;
use crate::say::{caught, say};
use crate::semconv;
use std::borrow::Cow;
use std::fmt;

mod arguments;
#[cfg(feature = "tracing")]
mod field;
mod found;
mod gathered;
mod own;
#[cfg(test)]
mod tests;

use arguments::ToolInput;
use gathered::Gathered;

/// The span attributes that one end of a function sets: before the body, or on its return.
pub struct Attributes {
    pub(super) view: View,
    pub(super) capture: CaptureContent,
    pub(super) limit: usize,
    pub(super) entries: Vec<u8>,
    /// Boxed, for most functions have none.
    extras: Option<Box<Extras>>,
    /// Not among these, for a tool has nothing else of them.
    tool_input: Option<ToolInput>,
    pub(super) told: Told,
}

/// What the argument is called that has the samples a second.
const RATES: [&str; 4] = ["hz", "rate", "sample_rate", "sample_rate_hz"];

/// What only some functions have.
#[derive(Default)]
pub(super) struct Extras {
    pub(super) wish: Wish,
    /// Description of the failure, empty without one.
    pub(super) failure: Option<String>,
    /// Where these are items of a stream.
    gathered: Option<Gathered>,
    /// What they say by themselves is not written, but for its measures and names.
    skips_output: bool,
    spoken: Spoken,
    given: Given,
    growth: Growth,
}

/// How far something grows that is open.
#[derive(Default)]
pub(super) struct Growth {
    pub(super) room: Room,
    /// The bytes of entries at which more room is taken.
    pub(super) limit: usize,
    pub(super) is_full: bool,
    /// Of `tracing`, which are not added without end.
    #[cfg(feature = "tracing")]
    pub(super) events: u32,
}

/// The audio that an `stt` function is given whole.
#[derive(Default)]
struct Given {
    buffers: u32,
    /// Of the last of them.
    samples: u32,
    /// Samples a second.
    rate: u32,
}

/// Which argument of a `tts` function is the text.
#[derive(Default)]
enum Spoken {
    /// Set by `text = …`, read from a stream, or more than one string was seen.
    Known,
    #[default]
    None,
    /// The only string so far, and its name.
    One(&'static str, String),
}

impl Attributes {
    pub(super) fn new(view: View, capture: CaptureContent, limit: usize, entries: Vec<u8>) -> Self {
        Self { view, capture, limit, entries, extras: None, tool_input: None, told: Told::default() }
    }

    /// What is asked of the span, and whatever else only some functions have.
    pub(super) fn take_extras(&mut self) -> Option<Box<Extras>> {
        self.extras.take()
    }

    /// Whether there is anything to close, or to take.
    pub(super) fn has_extras(&self) -> bool {
        self.extras.is_some() || self.tool_input.is_some()
    }

    pub(super) fn has_failed(&self) -> bool {
        self.extras.as_ref().is_some_and(|extras| extras.failure.is_some())
    }

    /// Calls code of the user's values, whose panics are not the traced function's.
    #[inline(always)]
    pub(super) fn guarded(&mut self, record: impl FnOnce(&mut Self)) {
        if caught(|| record(self)).is_none() {
            report_panic();
        }
    }

    pub(super) fn growth(&mut self) -> &mut Growth {
        &mut self.extras().growth
    }

    fn extras(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    pub(super) fn keeps_content(&self) -> bool {
        self.capture == CaptureContent::Full
    }

    /// Records an argument of the function under its name.
    pub fn argument(&mut self, name: &'static str, value: Value<'_>) {
        match (self.view, self.asked_for(value)) {
            (_, Value::Nothing) => {}
            (_, Value::Len(length)) => {
                self.length(&[semconv::INPUT_PREFIX, name, semconv::LEN_SUFFIX], length);
                if self.view == View::Stt {
                    self.given_audio(length);
                }
            }
            (View::Stt, Value::I64(rate)) if RATES.contains(&name) => {
                self.extras().given.rate = u32::try_from(rate).unwrap_or_default();
                self.input(name, value);
            }
            (View::Tts, Value::Str(text)) => self.spoken_argument(name, text),
            (View::ToolCall, value) => self.tool_argument(name, &value),
            (_, value) => self.input(name, value),
        }
    }

    /// Records an argument as `Debug` shows it: one that `debug(…)` names.
    pub fn debug_argument<T: fmt::Debug>(&mut self, name: &'static str, value: &T) {
        match (self.view, debug(value)) {
            (_, Value::Nothing) => {}
            (View::ToolCall, value) => self.argument(name, value),
            (_, value) => self.input(name, value),
        }
    }

    /// What is recorded of a value for which no argument of the attribute asks. Configurations derive `Debug` with the
    /// key in them, requests with the audio, so that it shows only what a tool call is given and gives.
    fn asked_for<'a>(&self, value: Value<'a>) -> Value<'a> {
        match (self.view, value) {
            (View::ToolCall, _) if !self.gathers() => value,
            (_, Value::Debug(_)) => Value::Nothing,
            (_, Value::Short(samples)) => Value::Len(samples.length()),
            _ => value,
        }
    }

    /// Records what the user names explicitly, whatever the content policy says.
    // In the program's code the key is known, and most often the type of the value.
    #[inline(always)]
    pub fn record(&mut self, key: &str, value: Value<'_>) {
        self.put(key, value, Marks::NONE);
    }

    /// Records a return value as its view asks, without an argument of the attribute asking for it.
    pub fn returned(&mut self, value: Value<'_>) {
        match (self.view, self.asked_for(value)) {
            (_, value) if self.gathers() => self.gather(value),
            (_, Value::Len(length)) => {
                self.told.speech = Some(length.elements > 0);
                self.length(&[semconv::OUTPUT_LEN], length);
            }
            (View::Tts, value) => self.found_audio(value),
            (_, Value::Nothing) => {
                self.told.is_opaque = true;
                self.note_unread();
            }
            (View::Stt, value) => self.found_transcript(value),
            (View::Llm | View::S2s, value) => self.found_answer(value),
            (View::ToolCall, value) => self.tool_output(&value),
            (View::Conversation | View::Span | View::Turn, value) => self.content(semconv::OUTPUT, value),
        }
    }

    /// Says that the function failed.
    pub(super) fn fail(&mut self, failure: &Failure<'_>) {
        // What follows may panic.
        self.extras().failure = Some(String::new());
        write::text(&mut self.entries, semconv::ERROR_TYPE, failure.error_type());
        let (keeps_content, limit) = (self.keeps_content(), self.limit);
        let text = self.extras().failure.insert(String::new());
        if keeps_content {
            failure.describe(limit, text);
        }
    }

    /// Says that what a span stands for failed.
    pub(super) fn fail_with<E: fmt::Display>(&mut self, error: &E) {
        self.fail(&Failure::display(error));
    }

    /// Says that the function panicked.
    pub(super) fn panic(&mut self, message: Option<&str>) {
        const PANIC: &str = "panic";
        self.fail(&Failure {
            declared: PANIC,
            text: message.as_ref().map_or(FailureText::TypeName, |message| FailureText::Display(message)),
        });
    }

    /// Writes what could only be decided when all arguments had been seen.
    pub(super) fn close_arguments(&mut self) {
        self.close_tool_input();
        let Some(extras) = &mut self.extras else { return };
        if let Given { buffers: 1, samples: 1.., rate: 1_000..=384_000 } = extras.given {
            let seconds = f64::from(extras.given.samples) / f64::from(extras.given.rate);
            write::float(&mut self.entries, semconv::METRICS_AUDIO_SECONDS, seconds);
        }
        let spoken = std::mem::replace(&mut extras.spoken, Spoken::Known);
        if let Spoken::One(_, text) = spoken {
            self.say(&text);
        }
    }

    /// Takes back the content that was written before the policy was known.
    pub(super) fn take_back_content(&mut self) {
        self.tool_input = None;
        remove_content(&mut self.entries);
    }

    /// Of bytes only a WAV file says how long it is.
    fn given_audio(&mut self, length: Len) {
        let given = &mut self.extras().given;
        given.buffers += 1;
        given.samples = 0;
        match length.form {
            Form::Samples => given.samples = u32::try_from(length.elements).unwrap_or_default(),
            Form::Wav(seconds) => write::float(&mut self.entries, semconv::METRICS_AUDIO_SECONDS, seconds),
            Form::Bytes | Form::Numbers => {}
        }
    }

    fn spoken_argument(&mut self, name: &'static str, text: &str) {
        match std::mem::replace(&mut self.extras().spoken, Spoken::Known) {
            Spoken::None => self.extras().spoken = Spoken::One(name, text.to_owned()),
            Spoken::One(first, first_text) => {
                self.input(first, Value::Str(&first_text));
                self.input(name, Value::Str(text));
            }
            Spoken::Known => self.input(name, Value::Str(text)),
        }
    }

    fn input(&mut self, name: &str, value: Value<'_>) {
        if self.keeps_content() {
            joined(&[semconv::INPUT_PREFIX, name], |key| self.put(key, value, Marks::CONTENT));
        }
    }

    /// Writes what somebody said, or a value of the program's: the content policy may keep it back.
    pub(super) fn content(&mut self, key: &str, value: Value<'_>) {
        if self.keeps_content() {
            self.put(key, value, Marks::CONTENT);
        }
    }

    /// The same of what was found in a value, so that what the user sets wins over it.
    fn found_content(&mut self, key: &str, value: Value<'_>) {
        if self.keeps_content() {
            self.put(key, value, Marks::FOUND_CONTENT);
        }
    }

    /// Writes what was found in a value and is no content.
    fn found(&mut self, key: &str, value: Option<Value<'_>>) {
        self.put(key, value.unwrap_or(Value::Nothing), Marks::FOUND);
    }

    #[inline(always)]
    fn put(&mut self, key: &str, value: Value<'_>, marks: Marks) {
        match value {
            Value::Str(text) if text.len() <= self.limit.min(LONG) => {
                write::marked_text(&mut self.entries, key, text, marks);
            }
            Value::I64(value) => write::marked_integer(&mut self.entries, key, value, marks),
            value => self.put_other(key, value, marks),
        }
    }

    // Out of line, for most values are short texts and integers.
    #[inline(never)]
    fn put_other(&mut self, key: &str, value: Value<'_>, marks: Marks) {
        let start = self.entries.len();
        match value {
            Value::I64(_) | Value::Nothing => return,
            Value::Bool(value) => write::flag(&mut self.entries, key, value),
            Value::F64(value) => write::float(&mut self.entries, key, value),
            // A size is no content.
            Value::Len(length) => return self.length(&[key, semconv::LEN_SUFFIX], length),
            Value::Short(samples) => return self.length(&[key, semconv::LEN_SUFFIX], samples.length()),
            Value::Str(text) => {
                let words = blob(text);
                return self.long_text(key, words.as_deref().unwrap_or(text), false, marks);
            }
            Value::Debug(value) => {
                if let Some(shown) = shown(value, self.limit) {
                    self.long_text(key, shown.as_str(), shown.is_cut, marks);
                }
                return;
            }
            Value::Serialize(value) => return self.serialized(key, value, marks),
        }
        write::mark(&mut self.entries, start, marks);
    }

    fn serialized(&mut self, key: &str, value: &dyn Walk, marks: Marks) {
        let start = self.entries.len();
        let limit = self.limit;
        let mut walked = None;
        write::text_with(&mut self.entries, key, |out| walked = Some(walk(value, Some(out), limit, None)));
        let Some(walked) = walked else { return };
        if let Root::Json | Root::Name | Root::Text = walked.root {
            write::mark(&mut self.entries, start, marks);
            return self.mark_truncated(key, walked.truncated, marks);
        }
        self.entries.truncate(start);
        self.put(key, walked.root.into(), marks);
    }

    /// Writes content that is JSON under two keys. `fill` appends it, and says whether something is missing in it; `None`
    /// where there is nothing to record.
    fn content_json(&mut self, keys: [&str; 2], fill: impl FnOnce(&mut Vec<u8>) -> Option<bool>) {
        if !self.keeps_content() {
            return;
        }
        let (start, mut text, mut is_truncated) = (self.entries.len(), 0, None);
        write::text_with(&mut self.entries, keys[0], |out| {
            text = out.len();
            is_truncated = fill(out);
        });
        match is_truncated {
            None => self.entries.truncate(start),
            Some(is_truncated) => {
                write::mark(&mut self.entries, start, Marks::CONTENT);
                self.repeat(keys, text, is_truncated);
            }
        }
    }

    /// Writes the content that ends the entries and begins at `text` under a second key too.
    fn repeat(&mut self, [first, second]: [&str; 2], text: usize, is_truncated: bool) {
        let text = text..self.entries.len();
        self.mark_truncated(first, is_truncated, Marks::CONTENT);
        let start = self.entries.len();
        write::text_with(&mut self.entries, second, |out| out.extend_from_within(text));
        write::mark(&mut self.entries, start, Marks::CONTENT);
        self.mark_truncated(second, is_truncated, Marks::CONTENT);
    }

    /// Writes a text, cut at the limit; `is_begun` says that it is only the first part of one.
    fn long_text(&mut self, key: &str, text: &str, is_begun: bool, marks: Marks) {
        // What was joined has been cut to the limit already, give or take a char.
        let is_cut_already = is_begun || text.len() <= self.limit.saturating_add(4);
        let kept =
            if is_cut_already { Cow::Borrowed(clip(text, self.limit)) } else { shortened(text, self.limit) };
        write::marked_text(&mut self.entries, key, &kept, marks);
        self.mark_truncated(key, is_begun || kept.len() < text.len(), marks);
    }

    /// Goes with its value, and is what that is: found, content.
    #[inline]
    fn mark_truncated(&mut self, key: &str, truncated: bool, marks: Marks) {
        if truncated {
            self.write_truncated(key, marks);
        }
    }

    #[cold]
    fn write_truncated(&mut self, key: &str, marks: Marks) {
        joined(&[key, semconv::TRUNCATED_SUFFIX], |key| {
            let start = self.entries.len();
            write::flag(&mut self.entries, key, true);
            write::mark(&mut self.entries, start, marks);
        });
    }

    fn length(&mut self, key: &[&str], length: Len) {
        let elements = i64::try_from(length.elements).unwrap_or(i64::MAX);
        joined(key, |key| write::integer(&mut self.entries, key, elements));
    }
}

#[cold]
fn report_panic() {
    say(|| {
        tracing::error!(
            target: "cekura",
            "recording a value panicked (in its Serialize, Debug or Display, or in an attribute's argument): \
             the span lacks this value and those to be recorded after it, and the call goes on"
        );
    });
}

/// Gives a key to `use_it` that is made of parts; most are so short that this takes no memory.
fn joined(parts: &[&str], use_it: impl FnOnce(&str)) {
    const SHORT: usize = 64;
    let (mut key, mut length) = ([0; SHORT], 0);
    for part in parts {
        let Some(room) = key.get_mut(length..length + part.len()) else { return use_it(&parts.concat()) };
        room.copy_from_slice(part.as_bytes());
        length += part.len();
    }
    // Parts are whole, so it is text.
    use_it(str::from_utf8(&key[..length]).unwrap_or_default());
}

/// The first and the last part of a text that is longer than `limit`.
fn shortened(text: &str, limit: usize) -> Cow<'_, str> {
    let kept = parts(text, limit, |_| 1);
    Cow::Owned([kept.first, &kept.words, kept.last].concat())
}

/// Appends a value as JSON, and says whether something is missing in it; `None` where it has no content. Most values
/// are scalars, which need no walk.
#[inline]
fn write_value(target: Target<'_>, out: &mut Vec<u8>, value: &Value<'_>) -> Option<bool> {
    let scalar = match value {
        Value::Bool(value) => Scalar::Bool(*value),
        Value::F64(value) => Scalar::F64(*value),
        Value::I64(value) => Scalar::I64(*value),
        Value::Str(text) => Scalar::Text(text),
        _ => return walk_value(target, out, value),
    };
    if target.write_scalar(out, scalar) { Some(false) } else { walk_value(target, out, value) }
}

#[inline(never)]
fn walk_value(target: Target<'_>, out: &mut Vec<u8>, value: &Value<'_>) -> Option<bool> {
    if let Value::Debug(value) = value {
        let Some(shown) = shown(*value, target.room(out)) else { return Some(true) };
        let text = if shown.is_cut { clip(shown.as_str(), target.room(out)) } else { shown.as_str() };
        return Some(target.write(out, &text, None).truncated || shown.is_cut);
    }
    as_walk(value, |value| target.write(out, value, None).truncated)
}

/// Gives a value that has content to `use_it`, as something to walk.
fn as_walk<R>(value: &Value<'_>, use_it: impl FnOnce(&dyn Walk) -> R) -> Option<R> {
    Some(match value {
        Value::Bool(value) => use_it(value),
        Value::Debug(value) => use_it(&shown(*value, 0)?.as_str()),
        Value::F64(value) => use_it(value),
        Value::I64(value) => use_it(value),
        Value::Serialize(value) => use_it(*value),
        Value::Short(Samples::Bytes(bytes)) => use_it(bytes),
        Value::Short(Samples::F32(samples)) => use_it(samples),
        Value::Short(Samples::I16(samples)) => use_it(samples),
        Value::Str(value) => use_it(value),
        Value::Len(_) | Value::Nothing => return None,
    })
}
