//! A clinic's appointment agent takes a recorded call: a WAV file → a conversation, drawn as a waterfall.
//!
//!     cargo run --example voice_agent [recording.wav] [--fast]
//!
//! The call takes as long as a real one and is recorded: the page plays it. With `--fast` it goes ten times as fast, unrecorded.
//!
//! Without variables a stand-in in this process transcribes, thinks and speaks; `OPENAI_BASE_URL` and `OPENAI_API_KEY`
//! name a real service. With `CEKURA_API_KEY` the trace and the call log go to Cekura, without it
//! the trace goes to the terminal. The agent is the same in all cases.

mod agent;
mod answer;
mod caller;
mod clinic;
mod desk;
mod openai;
mod phone;
mod sentences;
mod service;
mod stand_in;
#[cfg(test)]
mod stopwatch;
#[cfg(test)]
mod tests;
mod wish;
mod wording;

use phone::Pace;
use std::time::Duration;

const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/voice_agent/caller.wav");

#[tokio::main]
async fn main() -> Result<(), agent::Error> {
    let (flags, files): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|word| word == "--fast");
    let pace = if flags.is_empty() { Pace::Real } else { Pace::Fast };
    let cekura = cekura::Cekura::builder().service_name("clinic").local_without_key();
    let cekura = if pace == Pace::Real { cekura.audio(cekura::Audio::stereo()) } else { cekura };
    let cekura = cekura.install()?;

    let file = files.into_iter().next().unwrap_or_else(|| RECORDING.to_owned());
    let recording = std::fs::read(&file).map_err(|error| format!("{file}: {error}"))?;
    let utterances = caller::utterances(&recording)?;
    println!("Caller: {} utterances in {file}", utterances.len());

    let mut agent = agent::Agent::new(openai::service().await?, pace);
    let call = agent.answer_call("clinic-call-1", &utterances).await;
    for booking in agent.desk().clinic.booked() {
        println!("Booked: {booking}");
    }

    println!("Delivering the trace");
    println!("{}", cekura.shutdown(Duration::from_secs(10)).await);
    call
}
