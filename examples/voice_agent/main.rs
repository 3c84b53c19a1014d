//! A clinic's appointment agent takes a recorded call: a WAV file → a conversation, drawn as a waterfall.
//!
//!     cargo run --example voice_agent [recording.wav] [--fast] [--calls=N]
//!
//! The call takes as long as a real one and is recorded: the page plays it. With `--fast` it goes ten times as fast, unrecorded.
//! With `--calls` the same caller calls so many times, on ten lines.
//!
//! Without variables a stand-in in this process transcribes, thinks and speaks; `OPENAI_BASE_URL` and `OPENAI_API_KEY`
//! name a real service. `CHAT_MODEL=slow` names a model of the stand-in that thinks for two seconds. With `CEKURA_API_KEY` the trace and the call log go to Cekura, without it
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

use futures_util::{StreamExt, TryStreamExt, stream};
use phone::Pace;
use std::time::Duration;

const RECORDING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/voice_agent/caller.wav");
/// So many calls at once.
const LINES: usize = 10;

/// `cekura dev` on this machine takes any key and any agent.
fn account(builder: cekura::Builder) -> cekura::Builder {
    let set = |name: &str| std::env::var(name).unwrap_or_default();
    let is_here = ["CEKURA_OTEL_ENDPOINT", "CEKURA_API_URL"]
        .map(set)
        .iter()
        .all(|url| url.starts_with("http://127.0.0.1:"));
    if is_here && set("CEKURA_API_KEY").is_empty() { builder.api_key("any-key").agent(1) } else { builder }
}

#[tokio::main]
async fn main() -> Result<(), agent::Error> {
    let (flags, files): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|word| word.starts_with("--"));
    let calls = flags.iter().find_map(|flag| flag.strip_prefix("--calls="));
    let calls = calls.map_or(Ok(1), str::parse).map_err(|error| format!("--calls: {error}"))?;
    let pace = if flags.iter().any(|flag| flag == "--fast") { Pace::Fast } else { Pace::Real };
    let cekura = account(cekura::Cekura::builder().service_name("clinic").local_without_key());
    let cekura = if pace == Pace::Real { cekura.audio(cekura::Audio::stereo()) } else { cekura };
    let cekura = cekura.install()?;

    let file = files.into_iter().next().unwrap_or_else(|| RECORDING.to_owned());
    let recording = std::fs::read(&file).map_err(|error| format!("{file}: {error}"))?;
    let utterances = caller::utterances(&recording)?;
    println!("Caller: {} utterances in {file}", utterances.len());

    let service = openai::service().await?;
    let call = async |number: usize| {
        let mut agent = agent::Agent::new(service.clone(), pace);
        let call = agent.answer_call(&format!("clinic-call-{number}"), &utterances).await;
        for booking in agent.desk().clinic.booked() {
            println!("Booked: {booking}");
        }
        call
    };
    let done = stream::iter(1..=calls).map(call).buffer_unordered(LINES).try_collect().await;

    println!("Delivering the trace");
    println!("{}", cekura.shutdown(Duration::from_secs(10)).await);
    done
}
