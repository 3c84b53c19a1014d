//! The environment → an OpenAI-compatible service and the names of its models.

use crate::service::Service;
use crate::stand_in;
use async_openai::Client;
use async_openai::config::{Config, OpenAIConfig};
use std::{env, io};

/// The models that the agent asks for.
#[derive(Clone)]
pub(crate) struct Models {
    pub(crate) transcription: String,
    pub(crate) chat: String,
    pub(crate) speech: String,
}

impl Default for Models {
    fn default() -> Self {
        let model = str::to_owned;
        Self { transcription: model("whisper-1"), chat: model("gpt-4o-mini"), speech: model("tts-1") }
    }
}

impl Models {
    fn from_env() -> Self {
        let default = Self::default();
        let model = |variable, default| env::var(variable).unwrap_or(default);
        Self {
            transcription: model("TRANSCRIPTION_MODEL", default.transcription),
            chat: model("CHAT_MODEL", default.chat),
            speech: model("SPEECH_MODEL", default.speech),
        }
    }
}

/// The service that `OPENAI_BASE_URL` and `OPENAI_API_KEY` name, or one that starts in this process.
pub(crate) async fn service() -> io::Result<Service> {
    let models = Models::from_env();
    if env::var_os("OPENAI_BASE_URL").is_some() || env::var_os("OPENAI_API_KEY").is_some() {
        let config = OpenAIConfig::new();
        println!("Service: {}", config.api_base());
        return Ok(service_of(config, models));
    }
    let url = stand_in::start().await?;
    println!("Service: a stand-in at {url} (OPENAI_BASE_URL and OPENAI_API_KEY name a real one)");
    Ok(service_at(url, models))
}

/// A service that wants no key.
pub(crate) fn service_at(url: String, models: Models) -> Service {
    service_of(OpenAIConfig::new().with_api_base(url).with_api_key("none"), models)
}

fn service_of(config: OpenAIConfig, models: Models) -> Service {
    // The client brings no TLS provider of its own. An error means that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::new();
    Service { openai: Client::build(http.clone(), config), http, models }
}
