//! The telephone: what caller and agent say → time that passes while the other hears it, and the recording.

use crate::caller::Utterance;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::time::{interval, sleep};

/// Samples a second of what the agent says: one channel, 16 bits.
const RATE: u32 = 24_000;
/// What is played in one go: 100 ms.
const FRAME: usize = 2_400;

/// How fast a call goes.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Pace {
    /// Ten times as fast as a real one, in which the caller has said everything before. Its sound would not fit into its time, so
    /// it is not recorded.
    Fast,
    Real,
}

/// A line whose caller may cut in while the agent speaks.
pub(crate) struct Phone {
    line: cekura::Line,
    pace: Pace,
    played: watch::Sender<Duration>,
}

impl Phone {
    pub(crate) fn new(line: cekura::Line, pace: Pace) -> Self {
        Self { line, pace, played: watch::Sender::default() }
    }

    /// Takes what the caller says as it comes, every 20 ms, until it is said.
    pub(crate) async fn listen(&self, utterance: &Utterance) {
        if self.pace == Pace::Fast {
            return;
        }
        let mut packets = interval(Duration::from_millis(20));
        packets.tick().await;
        for packet in utterance.samples.chunks((utterance.rate / 50) as usize) {
            packets.tick().await;
            self.line.user(packet, utterance.rate);
        }
    }

    /// Takes what the agent says as the voice gives it, which is long before it is played.
    pub(crate) fn queue(&self, samples: &[i16]) {
        if self.pace == Pace::Real {
            self.line.agent(samples, RATE);
        }
    }

    /// Plays samples as they come, until there are no more.
    #[cekura::span(name = "playback", skip(audio))]
    pub(crate) async fn play(&self, mut audio: UnboundedReceiver<Vec<i16>>) {
        while let Some(samples) = audio.recv().await {
            if let Some(turn) = cekura::current_turn() {
                turn.first_audio();
            }
            for frame in samples.chunks(FRAME) {
                let length = Duration::from_secs(frame.len() as u64) / RATE;
                sleep(if self.pace == Pace::Real { length } else { length / 10 }).await;
                self.played.send_modify(|played| *played += length);
            }
        }
    }

    /// Ends when the caller has heard `after` of the agent's answer and speaks again; never if there is no `after`.
    pub(crate) async fn cut_in(&self, after: Option<Duration>) {
        let Some(after) = after else { return std::future::pending().await };
        let mut played = self.played.subscribe();
        let moment = *played.borrow() + after;
        // An error means that the line is gone; it is borrowed here.
        let _ = played.wait_for(|played| *played >= moment).await;
    }
}
