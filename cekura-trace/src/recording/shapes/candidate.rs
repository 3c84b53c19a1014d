//! Collects the values at the known places of one possible response.
//!
//! Invariant: only what later fields cannot change is decided here; `conclusion` decides the rest at the end.

use super::events;
use super::found::Failed;
use super::place::{Count, Slot, mark};
use super::scalar::Scalar;
use super::tools::Tool;
use crate::clip::append;

mod conclusion;
mod parts;
mod speech;

use speech::Token;

/// Longer strings are neither ids nor names.
const NAME: usize = 256;
const REASONS: usize = 8;

/// One value that may be a response.
#[derive(Debug, Default)]
pub(super) struct Candidate {
    marks: u64,
    /// Fields of its own.
    pub(super) fields: u32,
    counts: [Option<i64>; 11],
    model: Option<String>,
    id: Option<String>,
    request_id: Option<String>,
    response_id: Option<String>,
    /// With the index of the choice that each belongs to.
    finish_reasons: Vec<(i64, String)>,
    status: Option<&'static str>,
    reason: Option<String>,
    answer: Option<String>,
    plain: Option<String>,
    delta: Option<String>,
    transcript: Option<String>,
    segments: Option<String>,
    confidence: Option<f64>,
    language: Option<String>,
    is_final: Option<bool>,
    choice: Choice,
    part: Part,
    row: Option<Row>,
    /// Boxed, for few responses have any of it.
    rare: Option<Box<Rare>>,
}

/// What stands in few responses.
#[derive(Debug, Default)]
struct Rare {
    /// Which part of an answer, or which of its tools, an event is about.
    index: Option<i64>,
    tools: Vec<Tool>,
    /// The last of `tools` is the one that is being read.
    is_in_tool: bool,
    error: Failed,
    turn: Option<i64>,
    token: Token,
    /// What follows `segments` and may still change.
    changing: Option<String>,
    /// The element before this one was a sign.
    after_sign: bool,
    is_sign: bool,
    /// What Rev's `type` tells.
    is_final: Option<bool>,
}

/// The one of several answers that is being read.
#[derive(Debug, Default)]
struct Choice {
    /// The lengths of the answer, of the reasons and of the tools before it.
    start: (usize, usize, usize),
    /// How many there were before it, or its own index.
    index: i64,
    is_open: bool,
    count: i64,
}

/// The part of an answer that is being read.
#[derive(Debug, Default)]
struct Part {
    /// The length of the answer before it.
    start: usize,
    is_thought: bool,
}

/// The tokens of one modality, whose two fields come in any order.
#[derive(Debug)]
struct Row {
    count: Count,
    is_audio: bool,
    tokens: Option<i64>,
}

impl Candidate {
    /// An object or array stands at a place.
    pub(super) fn enter(&mut self, slot: Slot) {
        match slot {
            Slot::Audio => self.marks |= mark::AUDIO,
            Slot::Choice => self.begin_choice(),
            Slot::Data => self.marks |= mark::DATA,
            Slot::Error => self.rare().error.is_object = true,
            Slot::IsFinal => self.is_final = Some(true),
            Slot::Partial => self.is_final = Some(false),
            Slot::Mark(marks) => self.marks |= marks,
            Slot::Part => {
                self.part = Part { start: self.length(), is_thought: false };
                self.leave_tool();
            }
            Slot::Row(count) => self.row = Some(Row { count, is_audio: false, tokens: None }),
            Slot::Token => self.begin_token(),
            Slot::Tool => self.leave_tool(),
            _ => {}
        }
    }

    /// A scalar stands at a place; texts are kept up to `limit`.
    pub(super) fn scalar(&mut self, slot: Slot, scalar: Scalar<'_>, limit: usize) {
        if let Slot::Confidence | Slot::IsFinal | Slot::Language = slot {
            self.marks |= mark::SPEECH;
        }
        match (slot, scalar) {
            (_, Scalar::Text(text)) => self.text(slot, text, limit),
            (Slot::Audio, Scalar::Null) => self.marks |= mark::AUDIO,
            (Slot::Finish, Scalar::Null) => self.marks |= mark::STOP,
            (_, Scalar::Null) => {}
            (Slot::ChoiceIndex, Scalar::I64(index)) => self.choice.index = index,
            (Slot::Confidence, Scalar::F64(value)) if (0.0..=1.0).contains(&value) => {
                self.confidence.get_or_insert(value);
            }
            // What is written as an integer, for it has no fraction.
            (Slot::Confidence, Scalar::I64(value @ 0..=1)) => {
                self.confidence.get_or_insert(if value == 1 { 1.0 } else { 0.0 });
            }
            (Slot::Count(count), Scalar::F64(tokens)) => self.count_whole(count, tokens),
            (Slot::Count(count), Scalar::I64(tokens)) if tokens >= 0 => {
                self.counts[count as usize] = Some(tokens);
            }
            (Slot::Done, Scalar::Bool(done)) => self.marks |= mark::DONE | ended_if(done),
            (Slot::ErrorCode, Scalar::I64(code)) => self.rare().error.code = Some(code),
            (Slot::Index, Scalar::I64(index)) => self.rare().index = Some(index),
            (Slot::Interrupted, Scalar::Bool(true)) => {
                self.marks |= mark::CANCELLED;
                self.finish("interrupted");
            }
            (Slot::IsFinal, Scalar::Bool(value)) => self.is_final = Some(value),
            (Slot::RowCount, Scalar::I64(tokens)) => self.count_row(|row| row.tokens = Some(tokens)),
            (Slot::Size, Scalar::I64(1..)) | (Slot::Sample, _) => self.marks |= mark::DATA,
            (Slot::Stability, Scalar::F64(stability)) if stability > 0.0 => self.is_final = Some(false),
            (Slot::Thought, Scalar::Bool(true)) => self.discard_part(),
            (Slot::TokenIsFinal, Scalar::Bool(is_final)) => self.rare().token.may_change = !is_final,
            (Slot::ToolIndex, Scalar::I64(index)) => self.tool().index = Some(index),
            (Slot::TurnOrder, Scalar::I64(turn)) => self.rare().turn = Some(turn),
            (Slot::WillChange, Scalar::Bool(value)) => self.is_final = Some(!value),
            // `turn_index` and `duration` are numbers, `usage` and its like only objects.
            (Slot::Mark(marks), _) if marks & mark::SPEECH != 0 => self.marks |= marks,
            _ => {}
        }
    }

    fn text(&mut self, slot: Slot, text: &str, limit: usize) {
        if text.is_empty() {
            return self.empty(slot);
        }
        match slot {
            Slot::Answer => {
                self.marks |= mark::SAYS;
                if !self.part.is_thought {
                    append(&mut self.answer, text, limit);
                }
            }
            // Audio in base64, where the type has come first.
            Slot::Chunk => {
                self.marks |= mark::EVENT | mark::SAYS;
                append(&mut self.answer, text, limit);
            }
            Slot::Audio | Slot::Sample => self.marks |= mark::AUDIO | mark::DATA,
            Slot::Data => self.marks |= mark::DATA,
            Slot::Delta => {
                self.marks |= mark::DATA;
                let is_unread =
                    self.has(mark::RESPONSE) && !self.has_any(mark::DELTA_IS_TEXT | mark::DELTA_IS_ARGUMENTS);
                if !is_unread {
                    append(&mut self.delta, text, limit);
                }
            }
            Slot::Language => name(&mut self.language, text),
            Slot::Mark(marks) if marks & mark::SPEECH != 0 => self.marks |= marks,
            Slot::MimeType if text.starts_with("audio/") => self.marks |= mark::AUDIO,
            Slot::PartType if matches!(text, "reasoning_text" | "thinking") => self.discard_part(),
            Slot::Plain | Slot::Text if self.plain.is_none() => {
                if let Slot::Text = slot {
                    self.marks |= mark::TEXT;
                }
                append(&mut self.plain, text, limit);
            }
            Slot::RowModality => {
                let is_audio = text.eq_ignore_ascii_case("audio");
                self.count_row(|row| row.is_audio = is_audio);
            }
            Slot::Thinking => self.marks |= mark::SAYS,
            Slot::Wrapped => self.marks |= mark::OTHER,
            Slot::PartName | Slot::ToolArguments | Slot::ToolName => self.tool_text(slot, text, limit),
            Slot::Display
            | Slot::Element
            | Slot::ElementKind
            | Slot::Partial
            | Slot::Segment
            | Slot::Sentence
            | Slot::TokenText
            | Slot::Transcript => self.speech(slot, text, limit),
            _ => self.label(slot, text),
        }
    }

    /// Names, ids, reasons, and what else is short.
    fn label(&mut self, slot: Slot, text: &str) {
        match slot {
            Slot::Blocked => {
                self.marks |= mark::GEMINI | mark::BLOCKED;
                self.finish(text);
            }
            Slot::Count(count) => self.counts[count as usize] = text.parse().ok().filter(|count| *count >= 0),
            Slot::Error => {
                let error = &mut self.rare().error;
                error.is_named = true;
                error.say(text);
            }
            Slot::ErrorMessage => self.rare().error.say(text),
            Slot::ErrorCode => name(&mut self.rare().error.name, text),
            Slot::ErrorKind => name(&mut self.rare().error.kind, text),
            Slot::Event => self.is_final = events::turn(text).or(self.is_final),
            Slot::Finish => self.finish(text),
            Slot::Id => name(&mut self.id, text),
            Slot::Message => {
                // Speechmatics names its events there, and other errors say there what went wrong.
                self.told(events::message(text));
                self.rare().error.say(text);
            }
            Slot::MessageType => self.told(events::message_type(text)),
            Slot::Model => name(&mut self.model, text),
            Slot::Object => self.marks |= events::object(text),
            Slot::Reason => name(&mut self.reason, text),
            Slot::RequestId => name(&mut self.request_id, text),
            Slot::ResponseId => name(&mut self.response_id, text),
            Slot::Role if text == "user" => self.marks |= mark::USER,
            Slot::Status => {
                self.marks |= mark::STATUS;
                self.status = ["cancelled", "completed", "failed", "incomplete"]
                    .into_iter()
                    .find(|status| *status == text);
                if text == "cancelled" {
                    self.marks |= mark::CANCELLED;
                }
            }
            Slot::Type => {
                self.marks |= events::event(text);
                // Rev's; of anything else it tells nothing.
                if text == "final" || text == "partial" {
                    self.rare().is_final = Some(text == "final");
                }
            }
            _ => {}
        }
    }

    /// An empty text is no value, but may be where one belongs.
    fn empty(&mut self, slot: Slot) {
        match slot {
            Slot::Finish => self.marks |= mark::STOP,
            Slot::Display | Slot::Partial | Slot::Sentence | Slot::Transcript => {
                self.marks |= mark::TRANSCRIPT;
            }
            Slot::Text => self.marks |= mark::TEXT,
            Slot::Chunk => self.marks |= mark::EVENT,
            Slot::Audio => self.marks |= mark::AUDIO,
            _ => {}
        }
    }

    fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    fn told(&mut self, (marks, is_final): (u64, Option<bool>)) {
        self.marks |= marks;
        self.is_final = is_final.or(self.is_final);
    }

    /// A count that was written as a float.
    #[expect(clippy::cast_possible_truncation, reason = "whole, and within what a float counts exactly")]
    fn count_whole(&mut self, count: Count, tokens: f64) {
        const EXACT: f64 = 9e15;
        if tokens.fract() == 0.0 && (0.0..EXACT).contains(&tokens) {
            self.counts[count as usize] = Some(tokens as i64);
        }
    }

    fn finish(&mut self, reason: &str) {
        self.marks |= mark::STOP;
        let is_one = !reason.is_empty() && reason.len() <= NAME;
        if is_one && self.finish_reasons.len() < REASONS {
            self.finish_reasons.push((0, reason.to_owned()));
        }
    }

    fn has(&self, marks: u64) -> bool {
        self.marks & marks == marks
    }

    fn has_any(&self, marks: u64) -> bool {
        self.marks & marks != 0
    }

    /// The length of the answer so far.
    fn length(&self) -> usize {
        self.answer.as_ref().map_or(0, String::len)
    }

    fn cut(&mut self, length: usize) {
        if let Some(answer) = &mut self.answer {
            answer.truncate(length);
        }
    }

    fn discard_part(&mut self) {
        self.part.is_thought = true;
        self.cut(self.part.start);
    }

    fn count_row(&mut self, set: impl FnOnce(&mut Row)) {
        let Some(row) = &mut self.row else { return };
        set(row);
        if let (true, Some(tokens)) = (row.is_audio, row.tokens) {
            let sum = self.counts[row.count as usize].unwrap_or(0).saturating_add(tokens);
            self.counts[row.count as usize] = Some(sum);
            self.row = None;
        }
    }
}

fn name(slot: &mut Option<String>, text: &str) {
    if slot.is_none() && !text.is_empty() && text.len() <= NAME {
        *slot = Some(text.to_owned());
    }
}

fn ended_if(done: bool) -> u64 {
    if done { mark::ENDED } else { 0 }
}
