//! What an OpenAI-compatible service does for the agent: an utterance → its words, messages → tokens as they
//! are written, a sentence → audio as it is spoken.

use crate::caller::Utterance;
use crate::openai::Models;
use crate::phone::Phone;
use async_openai::Client;
use async_openai::config::{Config, OpenAIConfig};
use async_openai::error::OpenAIError;
use async_openai::types::audio::{
    AudioInput, CreateSpeechRequestArgs, CreateTranscriptionRequestArgs, SpeechModel, SpeechResponseFormat,
    Voice,
};
use async_openai::types::chat::{
    ChatCompletionRequestMessage, ChatCompletionResponseStream, ChatCompletionStreamOptions,
};
use axum::body::Bytes;
use futures_util::Stream;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

#[derive(Clone)]
pub(crate) struct Service {
    pub(crate) openai: Client<OpenAIConfig>,
    pub(crate) http: reqwest::Client,
    pub(crate) models: Models,
}

impl Service {
    /// Hears the caller out, and has the words written down. The span lasts as long as both.
    #[cekura::stt(provider = "openai", model = self.models.transcription, language = "en", skip_all)]
    pub(crate) async fn transcribe(
        &self,
        utterance: &Utterance,
        phone: &Phone,
    ) -> Result<Transcription, OpenAIError> {
        phone.listen(utterance).await;
        cekura::current_turn().unwrap_or_default().user_stopped();
        let request = CreateTranscriptionRequestArgs::default()
            .file(AudioInput::from_vec_u8("utterance.wav".to_owned(), utterance.wav.clone()))
            .model(&self.models.transcription)
            .language("en")
            .build()?;
        self.openai.audio().transcription().create_byot(request).await
    }

    /// The model's answer, token by token. The span lasts until the last one, which has the usage.
    #[cekura::llm(provider = "openai", model = self.models.chat, temperature = 0.0, skip(format))]
    pub(crate) async fn ask(
        &self,
        messages: &[ChatCompletionRequestMessage],
        format: &RawValue,
    ) -> Result<ChatCompletionResponseStream, OpenAIError> {
        let request = ChatRequest {
            model: &self.models.chat,
            messages,
            response_format: format,
            temperature: 0.0,
            max_completion_tokens: 100,
            stream: true,
            stream_options: ChatCompletionStreamOptions {
                include_usage: Some(true),
                include_obfuscation: None,
            },
        };
        self.openai.chat().create_stream_byot(request).await
    }

    /// The sentence as samples (24 kHz, one channel, 16 bits), in pieces as they come.
    #[cekura::tts(provider = "openai", model = self.models.speech, voice = "alloy")]
    pub(crate) async fn synthesize(
        &self,
        text: &str,
    ) -> Result<impl Stream<Item = reqwest::Result<Bytes>> + use<>, OpenAIError> {
        let request = CreateSpeechRequestArgs::default()
            .model(SpeechModel::Other(self.models.speech.clone()))
            .voice(Voice::Alloy)
            .input(text)
            .response_format(SpeechResponseFormat::Pcm)
            .build()?;
        // The client's own request gives the audio when all of it is there.
        let config = self.openai.config();
        let request = self.http.post(config.url("/audio/speech")).headers(config.headers()).json(&request);
        Ok(request.send().await?.error_for_status()?.bytes_stream())
    }
}

/// The crate's own request sorts the properties of its schema; see [`crate::answer::format`].
#[derive(Serialize)]
struct ChatRequest<'a> {
    model: &'a str,
    messages: &'a [ChatCompletionRequestMessage],
    response_format: &'a RawValue,
    temperature: f32,
    max_completion_tokens: u32,
    stream: bool,
    stream_options: ChatCompletionStreamOptions,
}

/// What every compatible service answers. The one of OpenAI says more.
#[derive(Deserialize, Serialize)]
pub(crate) struct Transcription {
    pub(crate) text: String,
}
