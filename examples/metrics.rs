//! A voice agent whose metrics Prometheus could scrape: some calls, and what a scrape of them says, without an account.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const ADDRESS: &str = "127.0.0.1:9464";

#[cekura::conversation(call_id = call_id)]
async fn answer_call(call_id: &str) {
    turn("When do you open?").await;
    // What your own analysis makes of the call.
    cekura::current_conversation().unwrap_or_default().score("sentiment", 0.7);
}

#[cekura::turn]
async fn turn(question: &str) {
    if allowed(question) {
        speak(&think(question).await).await;
    }
}

#[cekura::span(name = "guardrail", record("guardrail.rejected" = |is_allowed| !is_allowed))]
fn allowed(question: &str) -> bool {
    !question.contains("password")
}

#[cekura::llm(provider = "openai", model = "gpt-4o", input_tokens = 40, output_tokens = |answer| answer.len() / 4)]
async fn think(question: &str) -> String {
    tokio::time::sleep(Duration::from_millis(60)).await;
    if question.contains("open") { "At eight o'clock.".to_owned() } else { "Pardon?".to_owned() }
}

#[cekura::tts(provider = "elevenlabs", model = "flash")]
async fn speak(text: &str) -> Vec<i16> {
    tokio::time::sleep(Duration::from_millis(30)).await;
    vec![0; text.len() * 1000]
}

/// What Prometheus reads.
fn scrape() -> std::io::Result<String> {
    let mut stream = TcpStream::connect(ADDRESS)?;
    write!(stream, "GET /metrics HTTP/1.1\r\nHost: {ADDRESS}\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    // Or CEKURA_METRICS_LISTEN=127.0.0.1:9464.
    let cekura = cekura::Cekura::builder().local_without_key().metrics_listen(ADDRESS).install()?;
    for call in 1..=3 {
        answer_call(&format!("call-{call}")).await;
    }
    // A scrape sees what has ended a second ago; after a flush it sees all.
    cekura.flush(Duration::from_secs(5)).await;
    for line in scrape()?.lines().filter(|line| line.contains("_count") || line.contains("_total")) {
        println!("{line}");
    }
    cekura.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
