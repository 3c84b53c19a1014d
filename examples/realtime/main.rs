//! A clinic's agent that hears and speaks by one realtime model: a phone call → a conversation, drawn as a waterfall.
//!
//!     cargo run --example realtime
//!
//! The model is a stand-in in this process that speaks OpenAI's realtime protocol over a websocket. All of the tracing is
//! in `trace`: no function stands for a turn or an answer, so their spans are held open by hand. If
//! `CEKURA_API_KEY` is set, the trace and the call log go to Cekura; if not, the trace is drawn in the terminal. The agent's
//! code is the same for both.

mod agent;
mod audio;
mod caller;
mod clinic;
mod event;
mod phone;
mod session;
mod stand_in;
#[cfg(test)]
mod tests;
mod trace;

use std::time::Duration;

pub(crate) type Error = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Error> {
    let cekura = cekura::Cekura::builder().service_name("clinic").local_without_key().install()?;

    let url = stand_in::start().await?;
    println!("Service: a stand-in at {url}");
    let session = session::Session::connect(&url).await?;
    let phone = phone::Phone::answer(caller::Caller::new(stand_in::caller()));
    let call = agent::Agent::new("clinic-call-2", session, phone).take_call().await;

    println!("Delivering the trace");
    println!("{}", cekura.shutdown(Duration::from_secs(10)).await);
    call
}
