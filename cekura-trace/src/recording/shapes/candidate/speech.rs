//! Joins transcripts that come in pieces: words and signs, tokens, sentences, segments.
//!
//! Invariant: the fields of a piece may come in any order.

use super::Candidate;
use crate::clip::{append, clip};
use crate::recording::shapes::found::join;
use crate::recording::shapes::place::{Slot, mark};

/// The piece of a transcript that is being read, whose fields come in any order.
#[derive(Debug, Default)]
pub(super) struct Token {
    pub(super) text: String,
    pub(super) may_change: bool,
    pub(super) is_open: bool,
    pub(super) limit: usize,
}

impl Candidate {
    pub(super) fn speech(&mut self, slot: Slot, text: &str, limit: usize) {
        self.marks |= mark::TRANSCRIPT;
        match slot {
            Slot::Display if self.transcript.is_some() => {}
            Slot::Display => append(&mut self.transcript, text, limit),
            Slot::Element => self.element(text, limit),
            Slot::ElementKind => self.rare().is_sign = text != "text",
            Slot::Partial => {
                self.is_final = Some(false);
                append(&mut self.transcript, text, limit);
            }
            Slot::Segment if self.plain.is_none() => join(&mut self.segments, text, limit),
            Slot::Sentence => join(&mut self.transcript, text, limit),
            Slot::TokenText => {
                let token = &mut self.rare().token;
                clip(text, limit.saturating_add(4)).clone_into(&mut token.text);
                token.limit = limit;
            }
            Slot::Transcript => {
                if self.transcript.is_some() {
                    append(&mut self.transcript, "\n", limit);
                }
                append(&mut self.transcript, text, limit);
            }
            _ => {}
        }
    }

    /// Words stand beside each other; signs have their own spaces, where there are any.
    pub(super) fn element(&mut self, text: &str, limit: usize) {
        let rare = self.rare();
        let is_sign = rare.is_sign;
        let after_sign = std::mem::replace(&mut rare.after_sign, is_sign);
        self.marks |= mark::ELEMENTS;
        let put = if is_sign || after_sign { append } else { join };
        put(&mut self.segments, text, limit);
    }

    pub(super) fn begin_token(&mut self) {
        self.end_token();
        self.marks |= mark::TOKENS | mark::TRANSCRIPT;
        self.rare().token.is_open = true;
    }

    /// Soniox ends an utterance with a token that is no word.
    pub(super) fn end_token(&mut self) {
        let Some(rare) = self.rare.as_mut().filter(|rare| rare.token.is_open) else { return };
        let Token { text, may_change, limit, .. } = std::mem::take(&mut rare.token);
        if text != "<end>" && text != "<fin>" {
            let place = if may_change { &mut rare.changing } else { &mut self.segments };
            append(place, &text, limit);
        }
    }
}
