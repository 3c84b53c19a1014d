//! An agent that is traced with `tracing` already, and joined by one attribute and one layer → the waterfall of its call, beside its
//! log.

use std::error::Error;
use std::time::Duration;
use tokio::time::sleep;
use tracing::{Span, info, instrument, warn};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::prelude::*;

#[cekura::conversation(call_id = call_id)]
async fn answer_call(call_id: &str) {
    for audio in [[0; 1600], [1; 1600]] {
        turn(&audio).await;
    }
    info!("the caller hung up");
}

#[instrument(skip_all)]
async fn turn(audio: &[i16]) {
    let Ok(heard) = transcribe(audio).await else { return };
    let answer = think(&heard).await;
    speak(&answer).await;
}

#[instrument(name = "stt", skip_all, fields(stt.provider = "deepgram", stt.transcript), err)]
async fn transcribe(audio: &[i16]) -> Result<String, String> {
    sleep(Duration::from_millis(30)).await;
    if audio.iter().all(|sample| *sample == 0) {
        return Err("nothing but silence".to_owned());
    }
    let heard = "Do you have time on Tuesday?".to_owned();
    Span::current().record("stt.transcript", &heard);
    Ok(heard)
}

#[instrument(name = "llm", fields(gen_ai.provider.name = "openai", gen_ai.request.model = "gpt-4o", output))]
async fn think(heard: &str) -> String {
    let slots = find_slots("tuesday").await;
    let answer = slots.first().map_or("I am sorry, no.".to_owned(), |slot| format!("Yes, at {slot}."));
    Span::current().record("output", &answer);
    answer
}

#[instrument(name = "tool_call", fields(function.name = "find_slots"))]
async fn find_slots(day: &str) -> Vec<&'static str> {
    let slots = query(day).await;
    info!(free = slots.len(), "looked into the calendar");
    slots
}

#[instrument]
async fn query(day: &str) -> Vec<&'static str> {
    sleep(Duration::from_millis(20)).await;
    warn!("the calendar is slow");
    vec!["ten", "half past two"]
}

#[instrument(name = "tts", skip_all, fields(tts.provider = "cartesia", text = said))]
async fn speak(said: &str) {
    sleep(Duration::from_millis(40)).await;
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    tracing_subscriber::registry()
        .with(tracing_subscriber::fmt::layer().with_filter(LevelFilter::WARN))
        .with(cekura::layer().with_filter(LevelFilter::INFO))
        .init();
    let cekura = cekura::Cekura::builder().service_name("clinic").local_without_key().install()?;
    answer_call("call-1").await;
    println!("{}", cekura.shutdown(Duration::from_secs(5)).await);
    Ok(())
}
