//! Which stream is the text, and how much of it is recorded.

use cekura::CaptureContent;
use cekura::opentelemetry::Value;
use cekura::testing::{Span, capture};
use futures::executor::{block_on, block_on_stream};
use futures::future::poll_immediate;
use futures::stream::{self, BoxStream, Stream, StreamExt};
use std::pin::pin;

fn parts<'a>(parts: &'a [&str]) -> BoxStream<'a, String> {
    stream::iter(parts).map(|part| (*part).to_owned()).boxed()
}

async fn read(text: impl Stream<Item = String>) {
    pin!(text).for_each(async |part| drop(part)).await;
}

#[track_caller]
fn spoke(span: &Span, text: Option<&str>, characters: Option<i64>) {
    assert_eq!(span.text("text"), text, "{span:?}");
    assert_eq!(span.attribute("tts.characters"), characters.map(Value::I64).as_ref(), "{span:?}");
}

#[test]
fn a_voice_that_is_cut_off_has_said_what_it_had_read() {
    #[cekura::tts]
    async fn speak(mut text: impl Stream<Item = String> + Unpin) {
        text.next().await;
        std::future::pending::<()>().await;
    }
    #[cekura::tts]
    fn lazily<'a>(text: BoxStream<'a, String>) -> BoxStream<'a, Vec<u8>> {
        text.map(String::into_bytes).boxed()
    }
    let trace = capture(|| {
        block_on(poll_immediate(speak(parts(&["Hello, ", "again"]))));
        block_on_stream(lazily(parts(&["Hello, ", "again", "!"]))).next();
        drop(lazily(parts(&["nobody asks"])));
    });
    let [speak, lazily, unread] = trace.spans() else { panic!("{trace}") };
    for span in [speak, lazily] {
        spoke(span, Some("Hello, "), Some(7));
    }
    spoke(unread, None, None);
    assert!(trace.spans().iter().all(Span::is_interrupted), "{trace}");
}

#[test]
fn without_content_the_characters_are_counted_all_the_same() {
    #[cekura::conversation(capture = CaptureContent::Metadata, skip_all)]
    fn call(talk: impl FnOnce()) {
        talk();
    }
    #[cekura::tts]
    async fn speak(text: impl Stream<Item = String>) {
        read(text).await;
    }
    let trace = capture(|| call(|| block_on(speak(parts(&["secret ", "words"])))));
    spoke(trace.span("tts").unwrap(), None, Some(12));
    assert!(!format!("{trace:?}").contains("secret"), "{trace:?}");
}

#[test]
fn a_long_text_is_cut_and_counted_whole() {
    #[cekura::tts]
    async fn speak(text: BoxStream<'_, String>) {
        read(text).await;
    }
    let trace = capture(|| block_on(speak(parts(&vec!["word "; 10_000]))));
    let tts = trace.span("tts").unwrap();
    assert_eq!(tts.attribute("tts.characters"), Some(&Value::I64(50_000)));
    assert_eq!(tts.attribute("text.truncated"), Some(&Value::Bool(true)));
    assert!(tts.text("text").is_some_and(|text| text.len() <= 32 << 10 && text.len() > 30 << 10));
}

#[test]
fn strings_beside_the_text_are_arguments() {
    #[cekura::tts]
    async fn speak(voice: &str, text: impl Stream<Item = String>, language: String) {
        let _ = (voice, language);
        read(text).await;
    }
    #[cekura::tts(voice = voice)]
    async fn named(text: BoxStream<'_, String>, voice: &str) {
        read(text).await;
    }
    let trace = capture(|| {
        block_on(speak("ana", parts(&["hello"]), "en".to_owned()));
        block_on(named(parts(&["hello"]), "ana"));
    });
    for span in trace.spans() {
        spoke(span, Some("hello"), Some(5));
        assert_eq!(span.text("input.voice"), Some("ana"));
    }
    assert_eq!(trace.spans()[0].text("input.language"), Some("en"));
    assert_eq!(trace.spans()[1].text("voice_id"), Some("ana"));
}

#[test]
fn of_two_streams_the_attribute_says_which_is_the_text() {
    #[cekura::tts]
    async fn neither(text: BoxStream<'_, String>, hints: BoxStream<'_, String>) {
        read(text.chain(hints)).await;
    }
    #[cekura::tts(text = text)]
    async fn named(hints: impl Stream<Item = String>, text: impl Stream<Item = String>) {
        read(hints).await;
        read(text).await;
    }
    #[cekura::tts(text = (&text), skip_all)]
    async fn borrowed(hints: BoxStream<'_, String>, text: BoxStream<'_, String>, _voice: &str) {
        read(text.chain(hints)).await;
    }
    #[cekura::tts(skip(hints))]
    async fn skipped(hints: BoxStream<'_, String>, text: BoxStream<'_, String>) {
        read(text.chain(hints)).await;
    }
    let trace = capture(|| {
        block_on(neither(parts(&["hello"]), parts(&["slow"])));
        block_on(named(parts(&["slow"]), parts(&["hello"])));
        block_on(borrowed(parts(&["slow"]), parts(&["hello"]), "ana"));
        block_on(skipped(parts(&["slow"]), parts(&["hello"])));
    });
    let [neither, named @ ..] = trace.spans() else { panic!("{trace}") };
    spoke(neither, None, None);
    assert_eq!(named.len(), 3);
    for span in named {
        spoke(span, Some("hello"), Some(5));
    }
}

#[test]
fn what_is_skipped_is_neither_recorded_nor_counted() {
    #[cekura::tts(skip(text))]
    async fn skipped(text: impl Stream<Item = String>) {
        read(text).await;
    }
    #[cekura::tts(skip_all)]
    async fn all(text: BoxStream<'_, String>) {
        read(text).await;
    }
    #[cekura::tts]
    #[expect(clippy::used_underscore_binding, reason = "its name keeps it from being recorded, no more")]
    async fn hidden(_text: BoxStream<'_, String>) {
        read(_text).await;
    }
    let trace = capture(|| {
        block_on(skipped(parts(&["secret"])));
        block_on(all(parts(&["secret"])));
        block_on(hidden(parts(&["secret"])));
    });
    assert_eq!(trace.spans().len(), 3);
    trace.spans().iter().for_each(|span| spoke(span, None, None));
}

#[test]
fn what_the_attribute_says_of_the_text_wins() {
    #[cekura::tts(text = |spoken| spoken.as_str(), characters = |spoken| spoken.len() * 2)]
    async fn returned(text: impl Stream<Item = String>) -> String {
        text.collect::<String>().await.to_uppercase()
    }
    #[cekura::tts(characters = 100)]
    async fn counted(text: impl Stream<Item = String>) {
        read(text).await;
    }
    #[cekura::tts(text = title)]
    async fn other(text: impl Stream<Item = String>, title: &str) {
        read(text).await;
    }
    let trace = capture(|| {
        block_on(returned(parts(&["hel", "lo"])));
        block_on(counted(parts(&["hel", "lo"])));
        block_on(other(parts(&["hel", "lo"]), "greeting"));
    });
    let [returned, counted, other] = trace.spans() else { panic!("{trace}") };
    spoke(returned, Some("HELLO"), Some(10));
    spoke(counted, Some("hello"), Some(100));
    spoke(other, Some("greeting"), Some(8));
}

#[test]
fn a_text_is_told_where_no_signature_shows_it() {
    #[cekura::tts]
    fn speak(words: std::sync::mpsc::Receiver<String>, voice: &str) -> Vec<u8> {
        let _ = voice;
        words.iter().inspect(|word| cekura::current().text(word)).flat_map(String::into_bytes).collect()
    }
    let (sender, words) = std::sync::mpsc::channel();
    for part in ["Hel", "lo"] {
        sender.send(part.to_owned()).unwrap();
    }
    drop(sender);
    let trace = capture(|| speak(words, "ana"));
    let tts = trace.span("tts").unwrap();
    spoke(tts, Some("Hello"), Some(5));
    cekura::current().text("nobody hears it");
}

#[test]
fn a_text_belongs_to_the_voice_that_was_given_it() {
    #[cekura::span]
    async fn helper(mut text: BoxStream<'_, String>) {
        while text.next().await.is_some() {}
    }
    #[cekura::tts]
    async fn inner(text: BoxStream<'_, String>) {
        helper(text).await;
    }
    #[cekura::tts]
    async fn outer(text: impl Stream<Item = String> + Send) {
        inner(text.map(|part| part.to_uppercase()).boxed()).await;
    }
    let trace = capture(|| block_on(outer(parts(&["hel", "lo"]))));
    let [outer, inner, helper] = trace.spans() else { panic!("{trace}") };
    spoke(outer, Some("hello"), Some(5));
    spoke(inner, Some("HELLO"), Some(5));
    spoke(helper, None, None);
}
