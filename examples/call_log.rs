//! What was said in a call → an entry in Cekura's list of calls, beside the trace.
//!
//!     cargo run --example call_log
//!
//! With `CEKURA_API_KEY` and `CEKURA_AGENT_ID` the call logs are posted. Without an account nothing leaves, and what
//! would be sent is printed.

use cekura::{CallLog, Entry, current_conversation};
use serde_json::json;
use std::time::{Duration, SystemTime};
use tokio::time::sleep;

/// The call log of this conversation is posted when it ends: returned, failed, panicked or hung up. Its spans write the
/// transcript.
#[cekura::conversation(call_id = call_id, observe)]
async fn answer_call(call_id: &str) {
    let call = current_conversation().unwrap_or_default();
    call.metadata(json!({ "bot_version": "1.0" }));
    let heard = transcribe(&[0; 8_000]).await;
    let answer = think(&heard).await;
    speak(&answer).await;
    call.ended("agent-ended-call");
}

#[cekura::stt(provider = "deepgram", model = "nova-3")]
async fn transcribe(_audio: &[i16]) -> String {
    sleep(Duration::from_millis(80)).await;
    "When do you open?".to_owned()
}

#[cekura::llm(provider = "openai", model = "gpt-4o")]
async fn think(heard: &str) -> String {
    sleep(Duration::from_millis(200)).await;
    if heard.contains("open") { "At eight o'clock.".to_owned() } else { "Pardon?".to_owned() }
}

#[cekura::tts(provider = "elevenlabs", voice = "rachel")]
async fn speak(text: &str) -> Vec<i16> {
    sleep(Duration::from_millis(120)).await;
    vec![0; text.len() * 1000]
}

/// A call log by hand, for a call of which everything is known already.
fn yesterdays_call() -> CallLog {
    CallLog::new("call-of-yesterday")
        .transcript([
            Entry::user("A table for two, please.").at(0.4, 1.9),
            Entry::tool_call("t1", "find_table", json!({ "people": 2 })).at(2.1, 2.1),
            Entry::tool_result("t1", "find_table", "19:30").at(2.4, 2.4),
            Entry::agent("At half past seven?").at(2.6, 3.8),
        ])
        .timestamp(SystemTime::now() - Duration::from_secs(24 * 60 * 60))
        .call_ended_reason("user-hangup")
        .redact_fields(["phone_number"])
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cekura = cekura::Cekura::builder().local_without_key().install()?;

    let call_log = yesterdays_call();
    println!("{call_log}");
    let sent = cekura.observe(call_log).await?;
    match sent.id() {
        Some(id) => println!("Cekura has stored it as {id}"),
        None if sent.was_sent() => println!("Cekura has stored it"),
        None => println!("There is no account, so it was not sent"),
    }

    answer_call("call-1").await;
    println!("{}", cekura.shutdown(Duration::from_secs(5)).await);
    Ok(())
}
