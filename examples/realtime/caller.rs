//! The person at the other end: what is heard, frame by frame → what is said, frame by frame.

use crate::audio::{self, FRAME, FRAME_SAMPLES};
use std::collections::VecDeque;
use std::time::Duration;

/// A caller who hears nothing for this long takes it as the end of an answer.
const PAUSE: Duration = Duration::from_millis(240);

/// What the caller says in one go.
pub(crate) struct Line {
    pub(crate) words: &'static str,
    /// How much of the agent's answer the caller hears before cutting in with these words, if it is not heard out.
    pub(crate) cuts_in: Option<Duration>,
}

/// Says one line after each answer of the agent, and hangs up after the last answer.
pub(crate) struct Caller {
    lines: VecDeque<Line>,
    saying: VecDeque<i16>,
    /// How much of the answer to what the caller said last, which begins after a silence.
    heard: Option<Duration>,
    silence: Duration,
}

impl Caller {
    pub(crate) fn new(lines: impl IntoIterator<Item = Line>) -> Self {
        let lines = lines.into_iter().collect();
        Self { lines, saying: VecDeque::new(), heard: None, silence: Duration::ZERO }
    }

    /// One frame of what the caller says; none when the caller has hung up.
    pub(crate) fn frame(&mut self, heard: &[i16]) -> Option<Vec<i16>> {
        if !self.saying.is_empty() {
            self.heard = None;
        } else if heard.is_empty() {
            self.heard.get_or_insert_default();
            self.silence += FRAME;
        } else {
            self.heard = self.heard.map(|heard| heard + FRAME);
            self.silence = Duration::ZERO;
        }
        if self.wants_to_speak() {
            let line = self.lines.pop_front()?;
            self.saying = audio::hum(line.words).into();
        }
        let mut frame: Vec<i16> = self.saying.drain(..FRAME_SAMPLES.min(self.saying.len())).collect();
        frame.resize(FRAME_SAMPLES, 0);
        Some(frame)
    }

    fn wants_to_speak(&self) -> bool {
        let heard = self.heard.unwrap_or_default();
        match self.lines.front().and_then(|line| line.cuts_in) {
            Some(after) => heard >= after,
            None => heard > Duration::ZERO && self.silence >= PAUSE,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// For each frame: whether the caller speaks.
    fn hear(caller: &mut Caller, frame: &[i16], frames: u32) -> Vec<Option<bool>> {
        let speaks = |said: Vec<i16>| said.iter().any(|sample| *sample != 0);
        (0..frames).map(|_| caller.frame(frame).map(speaks)).collect()
    }

    fn frames(time: Duration) -> u32 {
        u32::try_from(time.as_millis() / FRAME.as_millis()).unwrap()
    }

    #[test]
    fn a_caller_hears_the_answer_out_and_hangs_up_after_the_last_one() {
        let mut caller = Caller::new([Line { words: "Hm", cuts_in: None }]);
        assert_eq!(hear(&mut caller, &[], 100), [Some(false); 100]);
        assert_eq!(hear(&mut caller, &[1], 10), [Some(false); 10]);
        assert_eq!(hear(&mut caller, &[], frames(PAUSE)).last(), Some(&Some(true)));
        assert_eq!(hear(&mut caller, &[], 100)[5..], [Some(false); 95]);
        assert_eq!(hear(&mut caller, &[1], 10), [Some(false); 10]);
        assert_eq!(hear(&mut caller, &[], frames(PAUSE)).last(), Some(&None));
    }

    #[test]
    fn a_caller_who_cuts_in_does_not_wait() {
        let after = Duration::from_millis(200);
        let mut caller = Caller::new([Line { words: "Hm", cuts_in: Some(after) }]);
        assert_eq!(hear(&mut caller, &[], 1), [Some(false)]);
        let heard = hear(&mut caller, &[1], frames(after));
        let (last, before) = heard.split_last().unwrap();
        assert_eq!(before, [Some(false); 9]);
        assert_eq!(*last, Some(true));
    }
}
