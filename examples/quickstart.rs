//! Four annotated functions → the waterfall of a call in the terminal, without an account.

use std::time::Duration;

#[cekura::conversation(call_id = call_id)]
async fn answer_call(call_id: &str) {
    let heard = transcribe(&[0; 8_000]).await;
    let answer = think(&heard).await;
    speak(&answer).await;
}

#[cekura::stt(provider = "deepgram", model = "nova-3")]
async fn transcribe(_audio: &[i16]) -> String {
    tokio::time::sleep(Duration::from_millis(80)).await;
    "When do you open?".to_owned()
}

#[cekura::llm(provider = "openai", model = "gpt-4o", output_tokens = |answer| answer.len() / 4)]
async fn think(heard: &str) -> String {
    tokio::time::sleep(Duration::from_millis(200)).await;
    if heard.contains("open") { "At eight o'clock.".to_owned() } else { "Pardon?".to_owned() }
}

#[cekura::tts(provider = "elevenlabs", voice = "rachel")]
async fn speak(text: &str) -> Vec<i16> {
    tokio::time::sleep(Duration::from_millis(120)).await;
    vec![0; text.len() * 1000]
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cekura = cekura::Cekura::builder().local_without_key().install()?;
    answer_call("call-1").await;
    println!("{}", cekura.shutdown(Duration::from_secs(5)).await);
    Ok(())
}
