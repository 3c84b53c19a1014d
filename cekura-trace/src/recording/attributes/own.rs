//! The attributes' own arguments, one method each. The macro crate decides which attribute has which argument.

use super::{Attributes, Failure, Flag, Float, Integer, Marks, Spoken, Value, View, clipped, write};
use crate::call::NamesRun;
use crate::clip::clip;
use crate::recording::names::{NAME_LIMIT, id_from, is_blank, trace_id_from};
use crate::recording::w3c::LinkHeaders;
use crate::recording::wish::Observed;
use crate::recording::wish::Wish;
use crate::semconv;
use std::borrow::Cow;
use std::time::Instant;

// What is asked of the span before it begins; those that decide its content policy are in `span/opening`.
impl Attributes {
    /// What is asked of the span that these begin.
    pub(in crate::recording) fn wish(&mut self) -> &mut Wish {
        &mut self.extras().wish
    }

    pub fn trace_id_from(&mut self, sid: Value<'_>) {
        if let Some(sid) = text(&sid) {
            self.wish().trace_id = trace_id_from(&sid);
            // Unless another one is given, in whatever order.
            let wish = self.wish();
            wish.call_id = wish.call_id.take().or_else(|| id_from(&sid));
        }
    }

    pub fn run(&mut self, run: &impl NamesRun) {
        self.wish().run = run.named().cloned().map(Box::new);
    }

    pub fn link_headers(&mut self, headers: &impl LinkHeaders) {
        self.wish().links.extend(headers.span_context());
    }

    pub fn call_id(&mut self, id: Value<'_>) {
        if let Some(id) = text(&id) {
            self.wish().call_id = Some(id.into_owned());
        }
    }

    pub fn observe(&mut self) {
        self.wish().observed = Some(Observed::BySpans);
    }

    pub fn observe_manual(&mut self) {
        self.wish().observed = Some(Observed::ByHand);
    }

    pub fn number(&mut self, number: &impl Integer) {
        self.wish().number = number.integer();
    }

    pub fn name(&mut self, name: Value<'_>) {
        self.wish().name = clipped(&name, NAME_LIMIT).map(Cow::into_owned);
    }

    pub(in crate::recording) fn begins_by_hand(&mut self) {
        self.wish().is_by_hand = true;
    }

    pub(in crate::recording) fn started_at(&mut self, at: Instant) {
        self.wish().start = Some(at);
    }
}

impl Attributes {
    pub fn provider(&mut self, provider: Value<'_>) {
        let Some(provider) = text(&provider) else { return };
        let second = match self.view {
            View::Stt => semconv::STT_PROVIDER,
            View::Tts => semconv::TTS_PROVIDER,
            _ => semconv::GEN_AI_SYSTEM,
        };
        write::text(&mut self.entries, semconv::GEN_AI_PROVIDER_NAME, &provider);
        write::text(&mut self.entries, second, &provider);
    }

    pub fn operation(&mut self, operation: Value<'_>) {
        self.named(semconv::GEN_AI_OPERATION_NAME, &operation);
    }

    pub fn user_id(&mut self, id: Value<'_>) {
        self.named(semconv::USER_ID, &id);
    }

    pub fn session_id(&mut self, id: Value<'_>) {
        self.named(semconv::SESSION_ID, &id);
        self.named(semconv::GEN_AI_CONVERSATION_ID, &id);
    }

    pub fn model(&mut self, model: Value<'_>) {
        self.named(semconv::GEN_AI_REQUEST_MODEL, &model);
    }

    pub fn response_model(&mut self, model: Value<'_>) {
        self.named(semconv::GEN_AI_RESPONSE_MODEL, &model);
    }

    pub fn response_id(&mut self, id: Value<'_>) {
        self.named(semconv::GEN_AI_RESPONSE_ID, &id);
    }

    pub fn language(&mut self, language: Value<'_>) {
        self.named(semconv::LANGUAGE, &language);
    }

    pub fn voice(&mut self, voice: Value<'_>) {
        self.named(semconv::VOICE_ID, &voice);
    }

    pub fn id(&mut self, id: Value<'_>) {
        self.named(semconv::GEN_AI_TOOL_CALL_ID, &id);
    }

    /// Says that the returned value stands for a failure.
    pub fn error(&mut self, failure: Option<Failure<'_>>) {
        if let Some(failure) = failure {
            self.fail(&failure);
        }
    }

    pub fn finish_reason(&mut self, reason: Value<'_>) {
        let Some(reason) = text(&reason) else { return };
        // Several are a JSON list here. Reasons are words: no commas, nothing escaped.
        let list = reason.strip_prefix('[').and_then(|list| list.strip_suffix(']'));
        let reasons: Vec<&str> = match list {
            None => vec![&reason],
            Some(list) => {
                let said = list.split(',').filter(|reason| *reason != "null");
                said.map(|reason| reason.trim_matches('"')).filter(|reason| !is_blank(reason)).collect()
            }
        };
        if reasons.is_empty() {
            return;
        }
        write::texts(&mut self.entries, semconv::GEN_AI_RESPONSE_FINISH_REASONS, &reasons);
        self.mark_ended();
    }

    pub fn transcript(&mut self, transcript: Value<'_>) {
        self.part(semconv::STT_TRANSCRIPT, transcript);
    }

    pub fn output(&mut self, output: Value<'_>) {
        self.part(semconv::OUTPUT, output);
    }

    pub fn text(&mut self, spoken: Value<'_>) {
        let Some(spoken) = clipped(&spoken, usize::MAX) else { return };
        if self.gathers() {
            return self.say_part(&spoken);
        }
        self.know_spoken(Some(&spoken));
        self.say(&spoken);
    }

    /// Says that the text is an argument that the body reads from.
    pub fn text_follows(&mut self) {
        self.know_spoken(None);
    }

    /// The argument that was taken for the text stands for itself, unless it is the very text.
    fn know_spoken(&mut self, spoken: Option<&str>) {
        if let Spoken::One(name, other) = std::mem::replace(&mut self.extras().spoken, Spoken::Known)
            && spoken != Some(&*other)
        {
            self.input(name, Value::Str(&other));
        }
    }

    pub fn confidence(&mut self, confidence: &impl Float) {
        self.float(semconv::STT_CONFIDENCE, confidence);
    }

    pub fn temperature(&mut self, temperature: &impl Float) {
        self.float(semconv::GEN_AI_REQUEST_TEMPERATURE, temperature);
    }

    pub fn is_final(&mut self, is_final: &impl Flag) {
        if let Some(is_final) = is_final.flag() {
            write::flag(&mut self.entries, semconv::IS_FINAL, is_final);
            self.part_is_final(is_final);
        }
    }

    pub fn characters(&mut self, characters: &impl Integer) {
        self.integer(semconv::TTS_CHARACTERS, characters);
    }

    pub fn input_tokens(&mut self, tokens: &impl Integer) {
        self.integer(semconv::GEN_AI_USAGE_INPUT_TOKENS, tokens);
    }

    pub fn output_tokens(&mut self, tokens: &impl Integer) {
        self.integer(semconv::GEN_AI_USAGE_OUTPUT_TOKENS, tokens);
    }

    pub fn max_tokens(&mut self, tokens: &impl Integer) {
        self.integer(semconv::GEN_AI_REQUEST_MAX_TOKENS, tokens);
    }

    /// Records a list of texts of the program's own, under any content policy.
    pub(in crate::recording) fn record_texts<T: AsRef<str>>(&mut self, key: &str, texts: &[T]) {
        let (mut room, mut is_cut) = (self.limit, false);
        let mut kept = Vec::with_capacity(texts.len());
        for text in texts.iter().map(AsRef::as_ref) {
            let part = clip(text, room);
            room -= part.len();
            kept.push(part);
            is_cut = part.len() < text.len();
            if is_cut {
                break;
            }
        }
        write::texts(&mut self.entries, key, &kept);
        self.mark_truncated(key, is_cut, Marks::NONE);
    }

    /// The spoken text, counted under any content policy.
    pub(super) fn say(&mut self, spoken: &str) {
        self.say_of(i64::try_from(spoken.chars().count()).unwrap_or(i64::MAX), spoken);
    }

    /// As [`say`](Self::say), of a text with so many characters.
    pub(super) fn say_of(&mut self, characters: i64, spoken: &str) {
        write::marked_integer(&mut self.entries, semconv::TTS_CHARACTERS, characters, Marks::FOUND);
        self.content(semconv::TEXT, Value::Str(spoken));
    }

    fn named(&mut self, key: &str, value: &Value<'_>) {
        if let Some(text) = text(value) {
            write::text(&mut self.entries, key, &text);
        }
    }

    fn float(&mut self, key: &str, value: &impl Float) {
        if let Some(value) = value.float() {
            write::float(&mut self.entries, key, value);
        }
    }

    fn integer(&mut self, key: &str, value: &impl Integer) {
        if let Some(value) = value.integer() {
            write::integer(&mut self.entries, key, value);
        }
    }
}

/// A value as the text of a name or an id; `None` for what is absent, has no text, or is blank.
fn text<'a>(value: &Value<'a>) -> Option<Cow<'a, str>> {
    clipped(value, NAME_LIMIT).filter(|text| !is_blank(text))
}
