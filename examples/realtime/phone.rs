//! The telephone line: frames of sound in both directions, in real time, and how much of an answer was really
//! heard.

use crate::audio::{FRAME, FRAME_SAMPLES, SAMPLES_PER_MS};
use crate::caller::Caller;
use std::collections::VecDeque;
use std::time::Instant;
use tokio::time::{Interval, interval_at};

pub(crate) struct Phone {
    caller: Caller,
    answered: Instant,
    clock: Interval,
    item_id: String,
    waiting: VecDeque<i16>,
    heard: usize,
}

/// Of an answer that the caller did not hear out.
pub(crate) struct CutShort {
    pub(crate) item_id: String,
    pub(crate) heard_ms: usize,
}

impl Phone {
    pub(crate) fn answer(caller: Caller) -> Self {
        let answered = Instant::now();
        let clock = interval_at((answered + FRAME).into(), FRAME);
        Self { caller, answered, clock, item_id: String::new(), waiting: VecDeque::new(), heard: 0 }
    }

    /// What the caller said in the last 20 ms, of which the next 20 ms of the answer were heard; none when the caller
    /// has hung up. May be dropped before it is ready.
    pub(crate) async fn frame(&mut self) -> Option<Vec<i16>> {
        self.clock.tick().await;
        let heard: Vec<i16> = self.waiting.drain(..FRAME_SAMPLES.min(self.waiting.len())).collect();
        self.heard += heard.len();
        self.caller.frame(&heard)
    }

    /// When the sound in both directions began.
    pub(crate) fn answered(&self) -> Instant {
        self.answered
    }

    /// Plays sound of one item of the conversation after all that still waits.
    pub(crate) fn play(&mut self, item_id: &str, samples: &[i16]) {
        if self.item_id != item_id {
            item_id.clone_into(&mut self.item_id);
            self.heard = 0;
        }
        self.waiting.extend(samples);
    }

    pub(crate) fn is_quiet(&self) -> bool {
        self.waiting.is_empty()
    }

    /// Falls silent at once.
    pub(crate) fn hush(&mut self) -> Option<CutShort> {
        let unheard = std::mem::take(&mut self.waiting);
        let cut_short = || CutShort { item_id: self.item_id.clone(), heard_ms: self.heard / SAMPLES_PER_MS };
        (!unheard.is_empty()).then(cut_short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn an_answer_takes_as_long_as_it_is() {
        let mut phone = Phone::answer(Caller::new([]));
        phone.play("item_1", &[1; 5 * FRAME_SAMPLES]);
        for _ in 0..4 {
            phone.frame().await.unwrap();
        }
        assert!(!phone.is_quiet());
        phone.frame().await.unwrap();
        assert!(phone.is_quiet());
        assert!(phone.hush().is_none(), "all of it was heard");
    }

    #[tokio::test]
    async fn an_answer_cut_short_says_how_much_of_it_was_heard() {
        let mut phone = Phone::answer(Caller::new([]));
        for item_id in ["item_1", "item_2"] {
            phone.play(item_id, &[1; 5 * FRAME_SAMPLES]);
            for _ in 0..3 {
                phone.frame().await.unwrap();
            }
            let cut_short = phone.hush().unwrap();
            assert_eq!((cut_short.item_id.as_str(), cut_short.heard_ms), (item_id, 60));
            assert!(phone.is_quiet());
        }
    }
}
