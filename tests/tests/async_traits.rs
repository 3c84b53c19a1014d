//! `#[async_trait]` turns `async fn` into functions that return boxed futures; the attributes see those.

use async_trait::async_trait;
use cekura::testing::{Span, Trace, capture_async};
use std::sync::Arc;

struct Wav {
    rate: u32,
    samples: Vec<i16>,
}

#[async_trait]
trait Service: Send + Sync {
    async fn transcribe(&self, audio: &[i16], language: &str) -> Result<String, String>;

    #[cekura::tts(provider = self.provider())]
    async fn speak(&self, text: &str) -> Vec<i16> {
        tokio::task::yield_now().await;
        vec![0; text.len()]
    }

    fn provider(&self) -> &'static str;
}

struct Deepgram;

#[async_trait]
impl Service for Deepgram {
    #[cekura::stt(provider = self.provider(), language = language)]
    async fn transcribe(&self, audio: &[i16], language: &str) -> Result<String, String> {
        tokio::task::yield_now().await;
        let first = audio.first().ok_or("silence")?;
        Ok(format!("{first} in {language}"))
    }

    fn provider(&self) -> &'static str {
        "deepgram"
    }
}

#[async_trait(?Send)]
trait Player {
    async fn play(&mut self, wav: Wav) -> usize;
}

#[async_trait(?Send)]
impl Player for Vec<i16> {
    #[cekura::span]
    async fn play(&mut self, Wav { rate, samples }: Wav) -> usize {
        self.extend(samples);
        self.len() * rate as usize
    }
}

fn only(trace: &Trace) -> &Span {
    let [span] = trace.spans() else { panic!("one span expected:\n{trace}") };
    span
}

#[tokio::test(flavor = "multi_thread")]
async fn a_method_of_an_impl() {
    let service: Arc<dyn Service> = Arc::new(Deepgram);
    let trace = capture_async(async {
        let heard = cekura::spawn(async move { service.transcribe(&[7], "en").await }).await.unwrap();
        assert_eq!(heard.unwrap(), "7 in en");
    })
    .await;
    let span = only(&trace);
    assert_eq!(span.text("stt.provider"), Some("deepgram"));
    assert_eq!(span.text("stt.transcript"), Some("7 in en"));
    assert_eq!(span.text("language"), Some("en"));
    assert_eq!(span.attribute("input.audio.len"), Some(&1.into()));
    let trace = capture_async(async { Deepgram.transcribe(&[], "en").await.unwrap_err() }).await;
    assert_eq!((only(&trace).is_error(), only(&trace).error()), (true, "silence"));
}

#[tokio::test]
async fn a_default_method_of_a_trait() {
    let trace = capture_async(async { Deepgram.speak("hello").await }).await;
    let span = only(&trace);
    assert_eq!((span.name(), span.text("text")), ("tts", Some("hello")));
    assert_eq!(span.text("tts.provider"), Some("deepgram"));
    assert_eq!(span.attribute("output.len"), Some(&5.into()));
}

#[tokio::test]
async fn a_destructured_argument_is_not_recorded() {
    let trace = capture_async(async {
        let mut speaker = vec![1];
        assert_eq!(speaker.play(Wav { rate: 8, samples: vec![2, 3] }).await, 24);
    })
    .await;
    let keys: Vec<_> = only(&trace).attributes().map(|(key, _)| key).collect();
    assert_eq!(keys, ["code.function.name", "output"]);
}
