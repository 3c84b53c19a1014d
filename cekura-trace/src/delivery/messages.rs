//! Adds to the spans of models what they were given and what they answered, in the form of OpenTelemetry's GenAI conventions.
//! Invariant: what it adds was recorded as content already, and is content again.

mod request;

use crate::clip::{in_json, parts};
use crate::finished::{self, Marks, Record, Value, write};
use crate::semconv;
use request::Chat;
use serde_json::{Value as Json, json};
use std::borrow::Cow;

/// Where they are asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Messages {
    /// The most bytes of one value.
    pub(super) limit: usize,
}

/// What the arguments are called that hold the instructions of a model.
const INSTRUCTIONS: [&str; 3] = ["instructions", "system", "system_prompt"];

impl Messages {
    /// The records of a buffer, with messages.
    pub(super) fn records<'a>(self, buffer: &'a [u8]) -> Cow<'a, [u8]> {
        let (mut out, mut is_changed) = (Vec::new(), false);
        for (record, bytes) in finished::raw_records(buffer) {
            finished::append(bytes, &mut out, |out| {
                let before = out.len();
                self.add(&record, out);
                is_changed |= out.len() > before;
            });
        }
        if is_changed { out.into() } else { buffer.into() }
    }

    /// Writes the messages of a span, where it is that of a model and does not have them yet.
    fn add(self, record: &Record<'_>, out: &mut Vec<u8>) {
        if record.name != semconv::span::LLM && record.name != semconv::span::S2S {
            return;
        }
        let attributes = record.attributes();
        let is_known = |key: &str| attributes.iter().any(|(known, _)| *known == key);
        if !is_known(semconv::GEN_AI_INPUT_MESSAGES)
            && let Some((Chat { instructions, messages }, is_cut)) = given(&attributes)
        {
            self.write(semconv::GEN_AI_SYSTEM_INSTRUCTIONS, instructions, is_cut, out);
            self.write(semconv::GEN_AI_INPUT_MESSAGES, messages, is_cut, out);
        }
        if !is_known(semconv::GEN_AI_OUTPUT_MESSAGES)
            && let Some((message, is_cut)) = answered(&attributes)
        {
            self.write(semconv::GEN_AI_OUTPUT_MESSAGES, vec![message], is_cut, out);
        }
    }

    fn write(self, key: &str, list: Vec<Json>, mut is_cut: bool, out: &mut Vec<u8>) {
        if list.is_empty() {
            return;
        }
        let Some(text) = fitting(list, self.limit, &mut is_cut) else { return };
        write::marked_text(out, key, &text, Marks::CONTENT);
        if is_cut {
            let start = out.len();
            write::flag(out, &[key, semconv::TRUNCATED_SUFFIX].concat(), true);
            write::mark(out, start, Marks::CONTENT);
        }
    }
}

type Attributes<'a> = [(&'a str, Value<'a>)];

fn text<'a>(attributes: &Attributes<'a>, key: &str) -> Option<&'a str> {
    attributes.iter().find_map(|(known, value)| match value {
        Value::Str(text) if *known == key => Some(*text),
        _ => None,
    })
}

/// Whether the value of this key was cut when it was recorded.
fn is_cut(attributes: &Attributes<'_>, key: &str) -> bool {
    let suffix = |known: &str| known.strip_prefix(key) == Some(semconv::TRUNCATED_SUFFIX);
    attributes.iter().any(|(known, _)| suffix(known))
}

/// What a model was given: the first argument that is a known request, else the only text.
fn given(attributes: &Attributes<'_>) -> Option<(Chat, bool)> {
    let (mut texts, mut instructions) = (Vec::new(), Vec::new());
    for (key, value) in attributes {
        let (Some(name), Value::Str(value)) = (key.strip_prefix(semconv::INPUT_PREFIX), value) else {
            continue;
        };
        if value.starts_with(['[', '{'])
            && let Ok(value) = serde_json::from_str::<Json>(value)
        {
            if let Some(chat) = request::chat(&value) {
                return Some((chat, is_cut(attributes, key)));
            }
        } else if INSTRUCTIONS.contains(&name) {
            instructions.push((*key, *value));
        } else {
            texts.push((*key, *value));
        }
    }
    let [(key, text)] = texts[..] else { return None };
    let is_cut = is_cut(attributes, key) || instructions.iter().any(|(key, _)| is_cut(attributes, key));
    let instructions = instructions.into_iter().map(|(_, text)| request::text(text)).collect();
    Some((Chat { instructions, messages: vec![request::message("user", vec![request::text(text)])] }, is_cut))
}

/// What a model answered: a text, or the tools that it asks for.
fn answered(attributes: &Attributes<'_>) -> Option<(Json, bool)> {
    let output = text(attributes, semconv::OUTPUT)?;
    let parts = asked(output).unwrap_or_else(|| vec![request::text(output)]);
    let mut message = request::message("assistant", parts);
    let reasons = attributes.iter().find(|(key, _)| *key == semconv::GEN_AI_RESPONSE_FINISH_REASONS);
    if let Some((_, Value::Array(reasons))) = reasons
        && let Some(Value::Str(reason)) = reasons.first()
    {
        message["finish_reason"] = json!(reason);
    }
    Some((message, is_cut(attributes, semconv::OUTPUT)))
}

/// The tools that an answer asks for, as `recording/shapes/tools` writes them.
fn asked(output: &str) -> Option<Vec<Json>> {
    if !output.starts_with("[{") {
        return None;
    }
    let calls: Vec<Json> = serde_json::from_str(output).ok()?;
    let one = |call: &Json| {
        let call = call.as_object().filter(|call| call.len() == 2)?;
        Some(request::tool_call(None, call.get("name")?, call.get("arguments")?))
    };
    calls.iter().map(one).collect()
}

/// A list as JSON of at most `limit` bytes: long texts lose their middle first, then the list does.
fn fitting(mut list: Vec<Json>, limit: usize, is_cut: &mut bool) -> Option<String> {
    /// Shorter texts say nothing any more.
    const LEAST: usize = 128;
    let mut json = serde_json::to_string(&list).ok()?;
    let mut longest = limit / 2;
    while json.len() > limit {
        *is_cut = true;
        if longest >= LEAST {
            list.iter_mut().for_each(|item| shorten(item, longest));
            longest /= 2;
        } else if list.len() > 1 {
            // The first says who the model is, the last what it is asked.
            let first = usize::from(list.len() > 2);
            list.drain(first..first + list.len() / 2);
        } else {
            return None;
        }
        json = serde_json::to_string(&list).ok()?;
    }
    Some(json)
}

/// Shortens each text of a value that takes more bytes than this in JSON.
fn shorten(value: &mut Json, longest: usize) {
    match value {
        Json::Array(items) => items.iter_mut().for_each(|item| shorten(item, longest)),
        Json::Object(fields) => fields.values_mut().for_each(|field| shorten(field, longest)),
        Json::String(text) if text.bytes().map(in_json).sum::<usize>() > longest => {
            let kept = parts(text, longest, in_json);
            *text = [kept.first, &kept.words, kept.last].concat();
        }
        _ => {}
    }
}

#[cfg(test)]
#[path = "messages/tests.rs"]
mod tests;
