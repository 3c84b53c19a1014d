//! A voice agent of one file. It is traced with `cekura`, with `tracing`, or not at all, as the features say.

use std::fmt;
use std::future::ready;

#[derive(Debug)]
pub struct Failed(pub String);

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One call, from the first word to the last.
#[cfg_attr(feature = "cekura", cekura::conversation(call_id = call_id))]
#[cfg_attr(feature = "tracing", tracing::instrument(err))]
pub async fn call(call_id: &str, audio: &[&[u8]]) -> Result<usize, Failed> {
    if audio.is_empty() {
        return Err(Failed(format!("{call_id}: nobody spoke")));
    }
    let mut spoken = 0;
    for utterance in audio {
        spoken += turn(utterance).await?.len();
    }
    Ok(spoken)
}

#[cfg_attr(feature = "cekura", cekura::turn(skip_all))]
#[cfg_attr(feature = "tracing", tracing::instrument(skip_all, err))]
async fn turn(audio: &[u8]) -> Result<Vec<u8>, Failed> {
    let said = transcribe(audio).await?;
    if !is_allowed(&said) {
        return speak("I cannot talk about that.", "nova").await;
    }
    let mut answer = reply("gpt-4o", &said).await?;
    if answer.contains("order") {
        answer.push_str(&look_up(&said, 3).await?);
    }
    speak(&answer, "nova").await
}

#[cfg_attr(feature = "cekura", cekura::stt(provider = "deepgram", model = "nova-3", transcript = |said| said))]
#[cfg_attr(
    feature = "tracing",
    tracing::instrument(skip_all, err, fields(provider = "deepgram", model = "nova-3"))
)]
async fn transcribe(audio: &[u8]) -> Result<String, Failed> {
    ready(String::from_utf8(audio.to_vec())).await.map_err(|error| Failed(error.to_string()))
}

#[cfg_attr(feature = "cekura", cekura::span(name = "guardrail"))]
#[cfg_attr(feature = "tracing", tracing::instrument(name = "guardrail", ret))]
fn is_allowed(said: &str) -> bool {
    !said.contains("password")
}

#[cfg_attr(feature = "cekura", cekura::llm(provider = "openai", model = model, output = |answer| answer))]
#[cfg_attr(feature = "tracing", tracing::instrument(err, fields(provider = "openai")))]
async fn reply(model: &str, said: &str) -> Result<String, Failed> {
    ready(Ok(format!("{model} has heard of your order: {said}"))).await
}

#[cfg_attr(feature = "cekura", cekura::tool_call(name = "find_order"))]
#[cfg_attr(feature = "tracing", tracing::instrument(name = "find_order", ret, err))]
async fn look_up(query: &str, limit: u32) -> Result<String, Failed> {
    if limit == 0 {
        return Err(Failed("nothing to look for".to_owned()));
    }
    ready(Ok(format!("{} orders", query.len()))).await
}

#[cfg_attr(feature = "cekura", cekura::tts(provider = "elevenlabs", voice = voice, text = text))]
#[cfg_attr(feature = "tracing", tracing::instrument(skip_all, err, fields(provider = "elevenlabs", voice)))]
async fn speak(text: &str, voice: &str) -> Result<Vec<u8>, Failed> {
    ready(Ok([voice.as_bytes(), text.as_bytes()].concat())).await
}
