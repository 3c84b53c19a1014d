//! Values come in by argument name, entries of a record go out under their keys, as policy and limit allow. This file
//! does not know when a span starts or ends.

use super::callsite::View;
use super::json::{Object, Root, Walk, clip, walk, write_json};
use super::outcome::{Failure, FailureText};
use super::span::Opening;
use super::value::{Flag, Float, Integer, Len, Scalar, Value, value};
use crate::destination::CaptureContent;
use crate::finished::{remove, write};
use crate::semconv;
use std::fmt;

mod found;
mod gathered;
mod own;

use gathered::Gathered;

/// The span attributes that one end of a function sets: before the body, or on its return.
pub struct Attributes {
    pub(super) view: View,
    pub(super) capture: CaptureContent,
    pub(super) limit: usize,
    pub(super) entries: Vec<u8>,
    /// Boxed, for most functions have none.
    extras: Option<Box<Extras>>,
    /// Where the entry begins that is being written by a value's own code.
    unfinished: Option<usize>,
}

/// What only some functions have.
#[derive(Default)]
pub(super) struct Extras {
    pub(super) opening: Opening,
    /// Description of the failure, empty without one.
    pub(super) failure: Option<String>,
    /// Where these are items of a stream.
    gathered: Option<Gathered>,
    tool_input: Option<Object>,
    spoken: Spoken,
}

/// Which argument of a `tts` function is the text.
#[derive(Default)]
enum Spoken {
    /// Set by `text = …`, or more than one string was seen.
    Known,
    #[default]
    None,
    /// The only string so far, and its name.
    One(&'static str, String),
}

impl Attributes {
    pub(super) fn new(view: View, capture: CaptureContent, limit: usize, entries: Vec<u8>) -> Self {
        Self { view, capture, limit, entries, extras: None, unfinished: None }
    }

    /// What its opening asks for, and whatever else only some functions have.
    pub(super) fn take_extras(&mut self) -> Option<Box<Extras>> {
        self.extras.take()
    }

    pub(super) fn has_extras(&self) -> bool {
        self.extras.is_some()
    }

    pub(super) fn has_failed(&self) -> bool {
        self.extras.as_ref().is_some_and(|extras| extras.failure.is_some())
    }

    pub(super) fn take_failure(&mut self) -> Option<String> {
        self.extras.as_mut()?.failure.take()
    }

    pub(super) fn set_failure(&mut self, failure: Option<String>) {
        if failure.is_some() {
            self.extras().failure = failure;
        }
    }

    fn extras(&mut self) -> &mut Extras {
        self.extras.get_or_insert_default()
    }

    pub(super) fn keeps_content(&self) -> bool {
        self.capture == CaptureContent::Full
    }

    /// [`value`], as a method, which keeps generated code short.
    #[expect(clippy::unused_self, reason = "generated code has no other path to it")]
    pub fn value<'a, T>(&self, it: &'a T) -> Scalar<'a, T> {
        value(it)
    }

    /// Applies a closure of the attribute; as a function, so that it may give a reference into its parameter.
    #[expect(clippy::unused_self, reason = "generated code has no other path to it")]
    pub fn apply<'a, T, R>(&self, value: &'a T, closure: impl FnOnce(&'a T) -> R) -> R {
        closure(value)
    }

    /// Records an argument of the function under its name.
    pub fn argument(&mut self, name: &'static str, value: Value<'_>) {
        match (self.view, value) {
            (_, Value::Nothing) => {}
            (_, Value::Len(length)) => {
                self.length(&[semconv::INPUT_PREFIX, name, semconv::LEN_SUFFIX], length);
            }
            (View::Tts, Value::Str(text)) => self.spoken_argument(name, text),
            (View::ToolCall, value) if self.keeps_content() => {
                let limit = self.limit;
                let input = self.extras().tool_input.get_or_insert_with(|| Object::new(limit));
                let _ = as_walk(&value, |value| input.field(name, value));
            }
            (View::ToolCall, _) => {}
            (_, value) => self.input(name, value),
        }
    }

    /// Records what the user names explicitly, whatever the content policy says.
    pub fn record(&mut self, key: &str, value: Value<'_>) {
        self.put(key, value);
    }

    /// Records a return value as its view asks, without an argument of the attribute asking for it.
    pub fn returned(&mut self, value: Value<'_>) {
        match (self.view, value) {
            (_, value) if self.gathers() => self.gather(value),
            (_, Value::Len(length)) => self.length(&[semconv::OUTPUT_LEN], length),
            (View::Tts, _) | (_, Value::Nothing) => {}
            (View::Stt, value) => self.found_transcript(value),
            (View::Llm | View::S2s, value) => self.found_answer(value),
            (View::ToolCall, value) => self.tool_output(&value),
            (View::Conversation | View::Span | View::Turn, value) => self.content(semconv::OUTPUT, value),
        }
    }

    /// Says that the function failed.
    pub(super) fn fail(&mut self, failure: &Failure<'_>) {
        write::text(&mut self.entries, semconv::ERROR_TYPE, failure.error_type);
        // What follows may panic.
        self.extras().failure = Some(String::new());
        let mut text = Text { out: Vec::new(), limit: self.limit, truncated: false };
        if self.keeps_content() {
            // A formatter that fails has written what it could.
            let _ = match failure.text {
                FailureText::Debug(error) => fmt::write(&mut text, format_args!("{error:?}")),
                FailureText::Display(error) => fmt::write(&mut text, format_args!("{error}")),
                FailureText::TypeName => fmt::write(&mut text, format_args!("{}", failure.error_type)),
            };
        }
        self.extras().failure = Some(String::from_utf8(text.out).unwrap_or_default());
    }

    /// Says that what a span stands for failed.
    pub(super) fn fail_with<E: fmt::Display>(&mut self, error: &E) {
        let failure = Failure::of(error, |error| FailureText::Display(error));
        self.fail(&Failure { error_type: failure.error_type.trim_start_matches('&'), ..failure });
    }

    /// Says that the function panicked.
    pub(super) fn panic(&mut self, message: Option<&str>) {
        const PANIC: &str = "panic";
        self.fail(&Failure {
            error_type: PANIC,
            text: message.as_ref().map_or(FailureText::TypeName, |message| FailureText::Display(message)),
        });
    }

    /// Writes what could only be decided when all arguments had been seen.
    pub(super) fn close_arguments(&mut self) {
        let Some(extras) = &mut self.extras else { return };
        let spoken = std::mem::replace(&mut extras.spoken, Spoken::Known);
        if let Some(input) = extras.tool_input.take() {
            let mut json = Vec::new();
            let truncated = input.finish(&mut json);
            let json = String::from_utf8(json).unwrap_or_default();
            self.texts(&[semconv::FUNCTION_INPUT, semconv::GEN_AI_TOOL_CALL_ARGUMENTS], &json, truncated);
        }
        if let Spoken::One(_, text) = spoken {
            self.say(&text);
        }
    }

    /// Takes back the content that was written before the policy was known.
    fn take_back_content(&mut self) {
        const CONTENT: [&str; 3] =
            [semconv::TEXT, semconv::FUNCTION_INPUT, semconv::GEN_AI_TOOL_CALL_ARGUMENTS];
        self.extras().tool_input = None;
        remove(&mut self.entries, |key| {
            let of = key.strip_suffix(semconv::TRUNCATED_SUFFIX).unwrap_or(key);
            CONTENT.contains(&of)
                || of.starts_with(semconv::INPUT_PREFIX) && !of.ends_with(semconv::LEN_SUFFIX)
        });
    }

    /// Takes back what a value's own code began to write when it panicked.
    pub(super) fn drop_unfinished(&mut self) {
        if let Some(start) = self.unfinished.take() {
            self.entries.truncate(start);
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
            joined(&[semconv::INPUT_PREFIX, name], |key| self.put(key, value));
        }
    }

    /// Writes a value that the content policy may keep back.
    fn content(&mut self, key: &str, value: Value<'_>) {
        if self.keeps_content() {
            self.put(key, value);
        }
    }

    fn put(&mut self, key: &str, value: Value<'_>) {
        match value {
            Value::Nothing => {}
            Value::Bool(value) => write::flag(&mut self.entries, key, value),
            Value::F64(value) => write::float(&mut self.entries, key, value),
            Value::I64(value) => write::integer(&mut self.entries, key, value),
            Value::Len(length) => self.length(&[key, semconv::LEN_SUFFIX], length),
            Value::Str(text) if text.len() <= self.limit => write::text(&mut self.entries, key, text),
            Value::Str(text) => self.texts(&[key], text, false),
            Value::Debug(value) => {
                let mut text = Text { out: Vec::new(), limit: self.limit, truncated: false };
                // A formatter that fails has written what it could.
                let _ = fmt::write(&mut text, format_args!("{value:?}"));
                let truncated = text.truncated;
                self.texts(&[key], &String::from_utf8(text.out).unwrap_or_default(), truncated);
            }
            Value::Serialize(value) => self.serialized(key, value),
        }
    }

    fn serialized(&mut self, key: &str, value: &dyn Walk) {
        let start = self.entries.len();
        let limit = self.limit;
        self.unfinished = Some(start);
        let mut walked = None;
        write::text_with(&mut self.entries, key, |out| walked = Some(walk(value, Some(out), limit, None)));
        self.unfinished = None;
        let Some(walked) = walked else { return };
        let scalar = match walked.root {
            Root::Json | Root::Name | Root::Text => {
                self.mark_truncated(key, walked.truncated);
                return;
            }
            Root::Bool(value) => Value::Bool(value),
            Root::F64(value) => Value::F64(value),
            Root::I64(value) => Value::I64(value),
            Root::Null => Value::Nothing,
        };
        self.entries.truncate(start);
        self.put(key, scalar);
    }

    /// Writes a text under several keys, cut at the limit.
    fn texts(&mut self, keys: &[&str], text: &str, was_cut: bool) {
        let kept = clip(text, self.limit);
        for key in keys {
            write::text(&mut self.entries, key, kept);
            self.mark_truncated(key, was_cut || kept.len() < text.len());
        }
    }

    fn mark_truncated(&mut self, key: &str, truncated: bool) {
        if truncated {
            joined(&[key, semconv::TRUNCATED_SUFFIX], |key| write::flag(&mut self.entries, key, true));
        }
    }

    fn length(&mut self, key: &[&str], length: Len) {
        let elements = i64::try_from(length.elements).unwrap_or(i64::MAX);
        joined(key, |key| write::integer(&mut self.entries, key, elements));
    }
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

/// Gives a value that has content to `use_it`, as something to walk.
fn as_walk<R>(value: &Value<'_>, use_it: impl FnOnce(&dyn Walk) -> R) -> Option<R> {
    Some(match value {
        Value::Bool(value) => use_it(value),
        Value::Debug(value) => use_it(&format!("{value:?}")),
        Value::F64(value) => use_it(value),
        Value::I64(value) => use_it(value),
        Value::Serialize(value) => use_it(*value),
        Value::Str(value) => use_it(value),
        Value::Len(_) | Value::Nothing => return None,
    })
}

/// Takes formatted text up to a number of bytes, and stops the formatter there.
struct Text {
    out: Vec<u8>,
    limit: usize,
    truncated: bool,
}

impl fmt::Write for Text {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = self.limit - self.out.len();
        let kept = clip(text, room);
        self.out.extend_from_slice(kept.as_bytes());
        self.truncated = kept.len() < text.len();
        if self.truncated { Err(fmt::Error) } else { Ok(()) }
    }
}
