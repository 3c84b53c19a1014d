//! What a stream that goes on through many turns says for the transcript of its call, piece by piece: sentences that a recogniser
//! will not change, answers of a session. Invariant: each byte of the stream's text is given out once.

use super::attributes::Attributes;
use std::time::Instant;

/// One of them, with the stream's bytes until its end.
pub(super) struct Sentence {
    pub(super) is_of_agent: bool,
    pub(super) text: String,
    pub(super) start: Instant,
    pub(super) end: Instant,
}

#[derive(Default)]
pub(super) struct Sentences {
    /// Bytes of the stream's text that were given out.
    told: usize,
    /// When what comes next began, and when it was last heard.
    since: Option<(Instant, Instant)>,
    ready: Vec<Sentence>,
    is_news: bool,
}

/// What became ready, and where the rest of the stream's text begins.
pub(super) struct Ready {
    pub(super) sentences: Vec<Sentence>,
    pub(super) told: usize,
    pub(super) since: Option<Instant>,
}

impl Sentences {
    /// An item is here, and `attributes` hold what it says, behind those before it.
    pub(super) fn item(&mut self, at: Instant, says: bool, attributes: &mut Attributes) {
        if says {
            self.is_news |= self.since.is_none();
            self.since = Some((self.since.map_or(at, |(start, _)| start), at));
        }
        if let Some(text) = attributes.take_heard() {
            self.ready.push(Sentence { is_of_agent: false, text, start: at, end: at });
            self.is_news = true;
        }
        let (text, is_of_agent) = attributes.complete();
        let piece = text.get(self.told..).unwrap_or_default();
        self.told = self.told.max(text.len());
        if !piece.trim().is_empty() {
            let (start, end) = self.since.take().unwrap_or((at, at));
            let text = piece.trim().to_owned();
            self.ready.push(Sentence { is_of_agent, text, start, end });
            self.is_news = true;
        }
    }

    /// `None` where nothing is new.
    pub(super) fn take(&mut self) -> Option<Ready> {
        let since = self.since.map(|(start, _)| start);
        let is_news = std::mem::take(&mut self.is_news);
        is_news.then(|| Ready { sentences: std::mem::take(&mut self.ready), told: self.told, since })
    }
}
