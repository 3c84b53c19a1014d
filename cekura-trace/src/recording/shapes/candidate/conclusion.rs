//! Decides which of the collected values make a response, once all places have been visited.
//!
//! Invariant: nothing is recorded of a value that is not a response.

use super::Candidate;
use crate::recording::shapes::found::{Failed, Found, Piece, Rare, Usage};
use crate::recording::shapes::place::{Count, mark};
use crate::recording::shapes::tools::Tool;

impl Candidate {
    /// What the response says, if this is one. At the root a text is a transcript whatever stands beside it.
    pub(in crate::recording::shapes) fn found(mut self, is_root: bool) -> Found {
        self.end_choice();
        self.end_token();
        let mut found = Found::default();
        if self.has(mark::UTTERANCE) {
            let said = if self.has(mark::USER) { &mut self.transcript } else { &mut self.answer };
            *said = self.plain.take();
            found.piece = Some(Piece::Sentence);
        }
        found.ended = self.has(mark::END);
        self.take_failure(&mut found);
        if self.is_answer() || self.has(mark::HEARD) {
            found.known = !self.has(mark::HEARD);
            found.begins = self.has(mark::BEGINS);
            found.is_blocked = self.has(mark::BLOCKED);
            found.usage = self.usage();
            self.take_tools(&mut found);
            self.take_answer(&mut found);
        }
        found.cancelled = self.has(mark::CANCELLED) && (found.known || self.has(mark::SILENT));
        found.says = self.says(&found);
        self.take_transcript(&mut found, is_root);
        found
    }

    /// Whether there is audio; `None` where there is no place for it.
    pub(in crate::recording::shapes) fn has_audio(&self) -> Option<bool> {
        let is_judged = self.has_any(mark::AUDIO | mark::SILENT);
        is_judged.then(|| self.has(mark::DATA))
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

    /// Whether something of an answer is said; `None` where it is not known what the value is.
    fn says(&self, found: &Found) -> Option<bool> {
        if self.has(mark::HEARD) || self.has(mark::UTTERANCE | mark::USER) {
            return Some(false);
        }
        if found.known {
            let is_beside_usage = !self.is_vendor_answer() && self.has(mark::OTHER);
            let by_delta = self.has(mark::DATA)
                && self.has_any(mark::DELTA_IS_TEXT | mark::DELTA_IS_ARGUMENTS | mark::DELTA_IS_THOUGHT);
            let has_text = found.text.as_ref().is_some_and(|text| !text.is_empty());
            let says = self.has(mark::SAYS) || by_delta || found.is_audio || has_text || is_beside_usage;
            return Some(says || found.rare.as_ref().is_some_and(|rare| !rare.tools.is_empty()));
        }
        (self.has_any(mark::SILENT) || found.failure().is_some()).then_some(false)
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
            tool_use: self.count(Count::ToolUse),
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
        found.finish_reasons.sort_by_key(|(index, _)| *index);
        if found.finish_reasons.is_empty() && self.has_any(mark::OUTPUT | mark::RESPONSE) {
            let status = self.status.map(str::to_owned);
            let reason = self.reason.take().filter(|_| status.is_some()).or(status);
            found.finish_reasons.extend(reason.map(|reason| (0, reason)));
        }
        found.is_audio = self.has(mark::AUDIO | mark::DATA);
        found.ended |= self.has(mark::ENDED) || !found.finish_reasons.is_empty();
        if self.has(mark::WHOLE) {
            found.piece = Some(Piece::Whole);
        }
        if !self.has_any(mark::HEARD | mark::REPEATS) {
            let delta = if self.has(mark::DELTA_IS_TEXT) { self.delta.take() } else { None };
            let plain = self.plain.clone();
            found.text = self.answer.take().filter(|answer| !answer.is_empty()).or(delta).or(plain);
        }
    }

    /// The tools that the answer asks for, whole or piece by piece.
    fn take_tools(&mut self, found: &mut Found) {
        if self.has(mark::DELTA_IS_ARGUMENTS)
            && let Some(arguments) = self.delta.take()
        {
            let index = self.rare.as_ref().and_then(|rare| rare.index);
            found.rare().tools = vec![Tool { index, arguments, ..Tool::default() }];
        }
        if self.has(mark::REPEATS) && !self.has(mark::TOOL) {
            return;
        }
        let Some(rare) = &mut self.rare else { return };
        let mut tools = std::mem::take(&mut rare.tools);
        tools.retain(|tool| !tool.is_doubtful && (!tool.name.is_empty() || !tool.arguments.is_empty()));
        for tool in &mut tools {
            tool.index = tool.index.or(rare.index);
        }
        if !tools.is_empty() {
            found.rare().tools = tools;
        }
    }

    /// An error that is the answer, or stands in one.
    fn take_failure(&mut self, found: &mut Found) {
        let status_failed = self.status == Some("failed") && self.has(mark::RESPONSE);
        let has_failed = self.has(mark::FAILED) || status_failed;
        let error = self.rare.as_mut().map(|rare| std::mem::take(&mut rare.error)).unwrap_or_default();
        let is_alone = self.fields == 1 || self.is_vendor_answer();
        if !has_failed && !(error.message.is_some() && (error.is_object || is_alone && error.is_named)) {
            return;
        }
        let reason = self.reason.clone();
        found.rare().failure = Some(Failed { message: error.message.or(reason), ..error });
        found.ended = true;
    }

    /// A text is a transcript at the root, or where only recognisers write what stands beside it.
    fn take_transcript(&mut self, found: &mut Found, is_root: bool) {
        if self.has_any(mark::REPEATS | mark::RESPONSE) {
            return;
        }
        let plain_is_transcript = self.has(mark::TEXT)
            && !self.is_vendor_answer()
            && (is_root
                || self.fields == 1
                || self.language.is_some()
                || self.has_any(mark::SPEECH | mark::USAGE));
        let plain = if plain_is_transcript { self.plain.take() } else { None };
        let delta = if self.has(mark::CONTINUES) { self.delta.take() } else { None };
        let is_whole = plain.is_some() || self.transcript.is_some();
        let pieces = self.segments.take().filter(|pieces| !pieces.is_empty());
        found.transcript = self.transcript.take().or(plain).or(delta).or(pieces);
        let is_known = plain_is_transcript || self.has(mark::TRANSCRIPT);
        if let Some(rare) = &mut self.rare {
            if self.marks & mark::TOKENS != 0 && !is_whole {
                let changing = rare.changing.take().unwrap_or_default();
                self.is_final = Some(changing.is_empty());
                found.piece = Some(Piece::Token);
                found.rare().changing = Some(changing);
            }
            if self.marks & mark::ELEMENTS != 0 {
                self.is_final = rare.is_final;
            }
        }
        let is_changing = found.rare.as_ref().and_then(|rare| rare.changing.as_ref());
        let is_said = found.transcript.is_some() || is_changing.is_some_and(|text| !text.is_empty());
        if is_known && !found.known {
            found.says = Some(is_said);
        }
        if is_said {
            found.confidence = self.confidence.filter(|_| !self.has(mark::WORD_BY_WORD));
            found.language = self.language.take();
            let said_at_once = self.has_any(mark::HEARD | mark::UTTERANCE);
            found.is_final = self.is_final.or(said_at_once.then(|| !self.has(mark::CONTINUES)));
            if self.has_any(mark::CONTINUES | mark::GEMINI) {
                found.piece = Some(Piece::Continuation);
            }
            if let Some(turn) = self.rare.as_ref().and_then(|rare| rare.turn) {
                found.rare().turn = Some(turn);
            }
        }
        if is_said || is_known {
            found.model = found.model.take().or(self.model.take());
            found.response_id = found.response_id.take().or(self.request_id.take());
        }
    }
}

impl Found {
    pub(in crate::recording::shapes) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }
}
