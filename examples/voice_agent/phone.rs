//! The telephone: the agent's audio, as it comes → time that passes while the caller hears it.

use axum::body::Bytes;
use std::time::Duration;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::time::sleep;

/// The calls of this example go this many times faster than real ones.
const FASTER: u32 = 10;
/// Samples at 24 kHz, one channel, 16 bits.
const BYTES_A_SECOND: u32 = 48_000;
/// What is played in one go: 100 ms.
const FRAME_BYTES: usize = 4800;

/// A line whose caller may cut in while the agent speaks.
#[derive(Default)]
pub(crate) struct Phone {
    played: watch::Sender<Duration>,
}

impl Phone {
    /// Plays samples as they come, until there are no more.
    #[cekura::span(name = "playback", skip(audio))]
    pub(crate) async fn play(&self, mut audio: UnboundedReceiver<Bytes>) {
        while let Some(samples) = audio.recv().await {
            if let Some(turn) = cekura::current_turn() {
                turn.first_audio();
            }
            for frame in samples.chunks(FRAME_BYTES) {
                let length = Duration::from_secs(frame.len() as u64) / BYTES_A_SECOND;
                sleep(length / FASTER).await;
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
