//! The telephone: the agent's audio → time that passes while the caller hears it. It does not know what is said.

use hound::WavReader;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::sleep;

/// The calls of this example go this many times faster than real ones.
const FASTER: u32 = 10;

/// A line whose caller may cut in while the agent speaks.
#[derive(Default)]
pub(crate) struct Phone {
    playing: Notify,
}

impl Phone {
    /// Plays a WAV file to its end.
    #[cekura::span(name = "playback")]
    pub(crate) async fn play(&self, wav: &[u8]) -> Result<(), hound::Error> {
        let spec = WavReader::new(wav)?.spec();
        // From the bytes there are: a service that streams does not know the length when it writes the header.
        let second = spec.sample_rate * u32::from(spec.channels) * u32::from(spec.bits_per_sample / 8);
        let bytes = u32::try_from(wav.len()).unwrap_or(u32::MAX);
        self.playing.notify_waiters();
        sleep(Duration::from_secs_f64(f64::from(bytes) / f64::from(second)) / FASTER).await;
        Ok(())
    }

    /// Ends when the caller has heard `after` of the agent's answer and speaks again; never if there is no `after`.
    pub(crate) async fn cut_in(&self, after: Option<Duration>) {
        let Some(after) = after else { return std::future::pending().await };
        self.playing.notified().await;
        sleep(after / FASTER).await;
    }
}
