//! A clinic's appointment agent takes a recorded call: a WAV file → a conversation, drawn as a waterfall.
//!
//!     cargo run --example voice_agent [recording.wav]
//!
//! Without variables a stand-in in this process transcribes, thinks and speaks; `OPENAI_BASE_URL` and `OPENAI_API_KEY`
//! name a real service. With `CEKURA_API_KEY` the trace and the call log go to Cekura, without it
//! the trace goes to the terminal. The agent does not know which.

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

use std::time::Duration;

const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/voice_agent/caller.wav");

#[tokio::main]
async fn main() -> Result<(), agent::Error> {
    let cekura = cekura::Cekura::builder().service_name("clinic").local_without_key().install()?;

    let file = std::env::args().nth(1).unwrap_or_else(|| RECORDING.to_owned());
    let recording = std::fs::read(&file).map_err(|error| format!("{file}: {error}"))?;
    let utterances = caller::utterances(&recording)?;
    println!("Caller: {} utterances in {file}", utterances.len());

    let mut agent = agent::Agent::new(openai::service().await?);
    let call = agent.answer_call("clinic-call-1", &utterances).await;
    for booking in agent.desk().clinic.booked() {
        println!("Booked: {booking}");
    }

    println!("Delivering the trace");
    println!("{}", cekura.shutdown(Duration::from_secs(10)).await);
    call
}
