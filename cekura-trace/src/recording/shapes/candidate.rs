//! What stands at the places of one possible response comes in; what the response says goes out, or nothing if it is
//! none. This file does not know where the places are.

use super::found::{Piece, Usage, join};
use super::place::{Count, Slot, mark};
use super::{Found, Scalar, append};

/// Longer strings are neither ids nor names.
const NAME: usize = 256;
const REASONS: usize = 8;

/// One value that may be a response.
#[derive(Debug, Default)]
pub(super) struct Candidate {
    marks: u32,
    /// Fields of its own.
    pub(super) fields: u32,
    counts: [Option<i64>; 10],
    model: Option<String>,
    id: Option<String>,
    request_id: Option<String>,
    response_id: Option<String>,
    finish_reasons: Vec<String>,
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
}

/// The one of several answers that is being read.
#[derive(Debug, Default)]
struct Choice {
    /// The length of the answer before it.
    start: usize,
    is_another: bool,
    seen: bool,
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
            Slot::Choice => {
                self.choice = Choice { start: self.length(), is_another: self.choice.seen, seen: true };
            }
            Slot::Mark(marks) => self.marks |= marks,
            Slot::Part => {
                self.part = Part { start: self.length(), is_thought: false };
            }
            Slot::Row(count) => self.row = Some(Row { count, is_audio: false, tokens: None }),
            _ => {}
        }
    }

    /// A scalar stands at a place; texts are kept up to `limit`.
    pub(super) fn scalar(&mut self, slot: Slot, scalar: Scalar<'_>, limit: usize) {
        match (slot, scalar) {
            (_, Scalar::Text(text)) => self.text(slot, text, limit),
            (Slot::Finish, Scalar::Null) => self.marks |= mark::STOP,
            (_, Scalar::Null) => {}
            (Slot::ChoiceIndex, Scalar::I64(1..)) => self.discard_choice(),
            (Slot::Confidence, Scalar::F64(value)) => {
                self.confidence.get_or_insert(value);
            }
            (Slot::Count(count), Scalar::I64(tokens)) => self.counts[count as usize] = Some(tokens),
            (Slot::Done, Scalar::Bool(done)) => self.marks |= mark::DONE | ended_if(done),
            (Slot::Interrupted, Scalar::Bool(true)) => {
                self.marks |= mark::CANCELLED;
                self.finish("interrupted");
            }
            (Slot::IsFinal, Scalar::Bool(value)) => self.is_final = Some(value),
            (Slot::RowCount, Scalar::I64(tokens)) => self.count_row(|row| row.tokens = Some(tokens)),
            (Slot::Thought, Scalar::Bool(true)) => self.discard_part(),
            // `turn_index` and `duration` are numbers, `usage` and its like only objects.
            (Slot::Mark(mark::SPEECH), _) => self.marks |= mark::SPEECH,
            _ => {}
        }
    }

    fn text(&mut self, slot: Slot, text: &str, limit: usize) {
        match slot {
            Slot::Answer if !self.choice.is_another && !self.part.is_thought => {
                append(&mut self.answer, text, limit);
            }
            // Audio in base64, where the type has come first.
            Slot::Chunk => {
                self.marks |= mark::EVENT;
                append(&mut self.answer, text, limit);
            }
            Slot::Delta if self.has(mark::RESPONSE) && !self.has(mark::DELTA_IS_TEXT) => {}
            Slot::Delta => append(&mut self.delta, text, limit),
            Slot::Event => self.event(text),
            Slot::Finish => self.finish(text),
            Slot::Id => name(&mut self.id, text),
            Slot::Language => name(&mut self.language, text),
            Slot::Mark(mark::SPEECH) => self.marks |= mark::SPEECH,
            Slot::MessageType => self.message_type(text),
            Slot::MimeType if text.starts_with("audio/") => self.marks |= mark::AUDIO,
            Slot::Model => name(&mut self.model, text),
            Slot::Object => self.marks |= object(text),
            Slot::PartType if matches!(text, "reasoning_text" | "thinking") => self.discard_part(),
            Slot::Plain | Slot::Text if self.plain.is_none() => {
                if let Slot::Text = slot {
                    self.marks |= mark::TEXT;
                }
                append(&mut self.plain, text, limit);
            }
            Slot::Reason => name(&mut self.reason, text),
            Slot::RequestId => name(&mut self.request_id, text),
            Slot::ResponseId => name(&mut self.response_id, text),
            Slot::Role if text == "user" => self.marks |= mark::USER,
            Slot::RowModality => {
                let is_audio = text.eq_ignore_ascii_case("audio");
                self.count_row(|row| row.is_audio = is_audio);
            }
            Slot::Segment if self.plain.is_none() => join(&mut self.segments, text, limit),
            Slot::Status => {
                self.marks |= mark::STATUS;
                self.status = ["cancelled", "completed", "failed", "incomplete"]
                    .into_iter()
                    .find(|status| *status == text);
                if text == "cancelled" {
                    self.marks |= mark::CANCELLED;
                }
            }
            Slot::Transcript => {
                if self.transcript.is_some() {
                    append(&mut self.transcript, "\n", limit);
                }
                append(&mut self.transcript, text, limit);
            }
            Slot::Type => self.marks |= event_type(text),
            _ => {}
        }
    }

    /// Deepgram's Flux says what a transcript is worth with the event that brings it.
    fn event(&mut self, event: &str) {
        match event {
            "EndOfTurn" => self.is_final = Some(true),
            "EagerEndOfTurn" | "StartOfTurn" | "TurnResumed" | "Update" => self.is_final = Some(false),
            _ => {}
        }
    }

    /// The realtime transcripts of `ElevenLabs`.
    fn message_type(&mut self, kind: &str) {
        let is_final = kind.starts_with("committed_transcript");
        if is_final || kind == "partial_transcript" {
            self.marks |= mark::SPEECH;
            self.is_final = Some(is_final);
        }
    }

    fn finish(&mut self, reason: &str) {
        self.marks |= mark::STOP;
        if self.finish_reasons.len() < REASONS && reason.len() <= NAME {
            self.finish_reasons.push(reason.to_owned());
        }
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

    fn discard_choice(&mut self) {
        self.choice.is_another = true;
        self.cut(self.choice.start);
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

    /// What the response says, if this is one.
    pub(super) fn found(mut self) -> Found {
        let mut found = Found::default();
        if self.has(mark::UTTERANCE) {
            let said = if self.has(mark::USER) { &mut self.transcript } else { &mut self.answer };
            *said = self.plain.take();
            found.piece = Some(Piece::Sentence);
        }
        found.ended = self.has(mark::END);
        if self.is_answer() || self.has(mark::HEARD) {
            found.known = !self.has(mark::HEARD);
            found.usage = self.usage();
            self.take_answer(&mut found);
        }
        self.take_transcript(&mut found);
        found
    }

    fn has(&self, marks: u32) -> bool {
        self.marks & marks == marks
    }

    fn has_any(&self, marks: u32) -> bool {
        self.marks & marks != 0
    }

    fn count(&self, count: Count) -> Option<i64> {
        self.counts[count as usize]
    }

    /// Whether a model's answer is known by more than its usage.
    fn is_vendor_answer(&self) -> bool {
        self.has_any(mark::CHAT | mark::EVENT | mark::GEMINI | mark::MODEL_IDENTITY | mark::RESPONSE)
            || self.has(mark::OUTPUT | mark::STATUS)
            || (self.has(mark::STOP) && (self.has(mark::MESSAGE) || self.has_usage()))
            || (self.has(mark::DONE) && self.model.is_some())
    }

    /// A usage needs its name or both of its counts: one count alone may be anything.
    fn has_usage(&self) -> bool {
        let (input, output) = (self.count(Count::Input), self.count(Count::Output));
        (input.is_some() && output.is_some())
            || (self.has(mark::USAGE) && (input.is_some() || output.is_some()))
    }

    fn is_answer(&self) -> bool {
        self.is_vendor_answer() || self.has_usage()
    }

    fn usage(&self) -> Usage {
        let extra = (self.count(Count::ExtraCacheRead), self.count(Count::ExtraCacheCreation));
        let (cache_read, thoughts) = (self.count(Count::CacheRead), self.count(Count::Thoughts));
        Usage {
            input: self.count(Count::Input),
            output: self.count(Count::Output),
            cache_read: cache_read.or(extra.0),
            cache_creation: self.count(Count::CacheCreation).or(extra.1),
            reasoning: self.count(Count::Reasoning).or(thoughts),
            audio_input: self.count(Count::AudioInput),
            audio_output: self.count(Count::AudioOutput),
            // rig-core counts the cache as Anthropic does but has one input for all vendors.
            cache_is_extra: cache_read.is_none() && (extra.0.is_some() || extra.1.is_some()),
            reasoning_is_extra: thoughts.is_some(),
        }
    }

    fn take_answer(&mut self, found: &mut Found) {
        found.model = self.model.take();
        let id = if self.is_vendor_answer() { self.id.take() } else { None };
        found.response_id = self.response_id.take().or(id);
        found.finish_reasons = std::mem::take(&mut self.finish_reasons);
        if found.finish_reasons.is_empty() && self.has_any(mark::OUTPUT | mark::RESPONSE) {
            let status = self.status.map(str::to_owned);
            found.finish_reasons.extend(self.reason.take().filter(|_| status.is_some()).or(status));
        }
        found.is_audio = self.has(mark::AUDIO);
        found.ended |= self.has(mark::ENDED) || !found.finish_reasons.is_empty();
        found.cancelled = self.has(mark::CANCELLED);
        if self.has(mark::WHOLE) {
            found.piece = Some(Piece::Whole);
        }
        if !self.has_any(mark::HEARD | mark::REPEATS) {
            let delta = if self.has(mark::DELTA_IS_TEXT) { self.delta.take() } else { None };
            let plain = self.plain.clone();
            found.text = self.answer.take().filter(|answer| !answer.is_empty()).or(delta).or(plain);
        }
    }

    /// A text is a transcript when nothing stands beside it, or something that only recognisers write.
    fn take_transcript(&mut self, found: &mut Found) {
        if self.has_any(mark::REPEATS | mark::RESPONSE) {
            return;
        }
        let plain_is_transcript = self.has(mark::TEXT)
            && !self.is_vendor_answer()
            && (self.fields == 1 || self.language.is_some() || self.has_any(mark::SPEECH | mark::USAGE));
        let plain = if plain_is_transcript { self.plain.take() } else { None };
        let delta = if self.has(mark::CONTINUES) { self.delta.take() } else { None };
        found.transcript = self.transcript.take().or(plain).or(delta).or(self.segments.take());
        if found.transcript.is_some() {
            found.confidence = self.confidence;
            found.language = self.language.take();
            let said_at_once = self.has_any(mark::HEARD | mark::UTTERANCE);
            found.is_final = self.is_final.or(said_at_once.then(|| !self.has(mark::CONTINUES)));
            if self.has_any(mark::CONTINUES | mark::GEMINI) {
                found.piece = Some(Piece::Continuation);
            }
            found.model = found.model.take().or(self.model.take());
            found.response_id = found.response_id.take().or(self.request_id.take());
        }
    }
}

fn name(slot: &mut Option<String>, text: &str) {
    if slot.is_none() && !text.is_empty() && text.len() <= NAME {
        *slot = Some(text.to_owned());
    }
}

fn ended_if(done: bool) -> u32 {
    if done { mark::ENDED } else { 0 }
}

fn object(object: &str) -> u32 {
    match object {
        "chat.completion" | "chat.completion.chunk" => mark::CHAT,
        "realtime.response" | "response" => mark::RESPONSE,
        _ => 0,
    }
}

fn event_type(kind: &str) -> u32 {
    match kind {
        "message" => mark::MESSAGE,
        "content_block_delta" | "content_block_start" | "message_delta" | "message_start" => mark::EVENT,
        "AgentAudioDone" | "message_stop" => mark::EVENT | mark::ENDED,
        "session.created" | "session.updated" => mark::EVENT | mark::REPEATS,
        "response.completed" | "response.done" | "response.failed" | "response.incomplete" => {
            mark::RESPONSE | mark::ENDED | mark::WHOLE
        }
        "response.audio.transcript.delta"
        | "response.audio_transcript.delta"
        | "response.output_audio_transcript.delta"
        | "response.output_text.delta"
        | "response.refusal.delta"
        | "response.text.delta" => mark::RESPONSE | mark::DELTA_IS_TEXT,
        "response.audio.delta" | "response.output_audio.delta" => {
            mark::RESPONSE | mark::REPEATS | mark::AUDIO
        }
        _ if kind.starts_with("response.") => mark::RESPONSE | mark::REPEATS,
        "conversation.item.input_audio_transcription.delta" | "transcript.text.delta" => {
            mark::HEARD | mark::CONTINUES
        }
        "conversation.item.input_audio_transcription.completed" | "transcript.text.done" => mark::HEARD,
        "conversation.item.input_audio_transcription.segment" | "transcript.text.segment" => {
            mark::HEARD | mark::REPEATS
        }
        "UtteranceEnd" => mark::HEARD | mark::ENDED,
        "ConversationText" => mark::EVENT | mark::UTTERANCE,
        _ => 0,
    }
}
