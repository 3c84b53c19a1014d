//! Speech: all of it at once, and as events with pieces of audio.

use super::{stand_in, text};
use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::types::audio::{
    CreateSpeechRequestArgs, CreateSpeechResponse, CreateSpeechResponseStreamEvent, SpeechModel,
    SpeechResponseStream, StreamFormat, Voice,
};
use cekura::testing::capture_async;
use futures::StreamExt;

const SENTENCE: &str = "Today is a good day to build something.";

fn model() -> SpeechModel {
    SpeechModel::Other("gpt-4o-mini-tts".to_owned())
}

#[cekura::tts(provider = "openai", model = "gpt-4o-mini-tts", voice = "alloy", record("output.len" = |speech| speech.bytes.len()))]
async fn audio_speech(
    client: &Client<OpenAIConfig>,
    text: &str,
) -> Result<CreateSpeechResponse, OpenAIError> {
    let request =
        CreateSpeechRequestArgs::default().input(text).voice(Voice::Alloy).model(model()).build()?;
    client.audio().speech().create(request).await
}

#[cekura::tts(
    provider = "openai",
    input_tokens = |event| tokens(event).map(|(input, _)| input),
    output_tokens = |event| tokens(event).map(|(_, output)| output)
)]
async fn audio_speech_stream(
    client: &Client<OpenAIConfig>,
    text: &str,
) -> Result<SpeechResponseStream, OpenAIError> {
    let mut request = CreateSpeechRequestArgs::default();
    let request =
        request.input(text).voice(Voice::Alloy).model(model()).stream_format(StreamFormat::SSE).build()?;
    client.audio().speech().create_stream(request).await
}

fn tokens(event: &CreateSpeechResponseStreamEvent) -> Option<(u32, u32)> {
    match event {
        CreateSpeechResponseStreamEvent::SpeechAudioDone(done) => {
            Some((done.usage.input_tokens, done.usage.output_tokens))
        }
        CreateSpeechResponseStreamEvent::SpeechAudioDelta(_) => None,
    }
}

#[tokio::test]
async fn speech_that_comes_at_once() {
    let client = stand_in::start().await;
    let trace = capture_async(async { audio_speech(&client, SENTENCE).await.unwrap() }).await;
    let text = |key| text(&trace, "tts", key);
    assert_eq!((text("text"), text("tts.characters")), (SENTENCE.to_owned(), SENTENCE.len().to_string()));
    assert_eq!((text("voice_id"), text("output.len")), ("alloy".to_owned(), "480".to_owned()));
}

#[tokio::test]
async fn speech_that_comes_as_events() {
    let client = stand_in::start().await;
    let speak = async { audio_speech_stream(&client, SENTENCE).await.unwrap().count().await };
    let trace = capture_async(async { assert_eq!(speak.await, 3) }).await;
    let text = |key| text(&trace, "tts", key);
    assert_eq!(
        (text("gen_ai.usage.input_tokens"), text("gen_ai.usage.output_tokens")),
        ("14".into(), "101".into())
    );
    assert_eq!(text("stream.items"), "3");
    assert!(text("metrics.ttfb").parse::<f64>().unwrap() >= stand_in::PAUSE.as_secs_f64());
}
