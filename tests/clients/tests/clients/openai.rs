//! async-openai: chat, responses, transcriptions and realtime.

use async_openai::error::OpenAIError;
use async_openai::types::audio::{
    CreateTranscriptionResponseJson, CreateTranscriptionResponseStreamEvent,
    CreateTranscriptionResponseVerboseJson, TranscriptionResponseStream,
};
use async_openai::types::chat::{
    ChatCompletionResponseStream, CreateChatCompletionResponse, CreateChatCompletionStreamResponse,
};
use async_openai::types::realtime::RealtimeServerEvent;
use async_openai::types::responses::{Response, ResponseStream, ResponseStreamEvent};
use cekura::testing::capture;
use cekura_trace_tests::vendors::{ALL, item, items, llm, llm_stream, s2s_stream, said, stt, stt_stream};
use futures::executor::{block_on, block_on_stream};
use futures::stream::{self, Stream, StreamExt};
use serde_json::Value;

#[test]
fn chat() {
    #[cekura::llm(provider = "openai")]
    async fn ask() -> Result<CreateChatCompletionResponse, OpenAIError> {
        Ok(item("openai-chat"))
    }
    let trace = capture(|| block_on(ask()).unwrap());
    let mut wire = said(&llm(item::<Value>("openai-chat")));
    wire.extend(["gen_ai.provider.name = openai".to_owned(), "gen_ai.system = openai".to_owned()]);
    wire.sort();
    assert_eq!(said(&trace), wire);
}

#[test]
fn chat_streams() {
    fn chunks() -> ChatCompletionResponseStream {
        stream::iter(items::<CreateChatCompletionStreamResponse>("openai-chat-stream")).map(Ok).boxed()
    }
    #[cekura::llm]
    fn ask() -> ChatCompletionResponseStream {
        chunks()
    }
    #[cekura::llm]
    async fn ask_later() -> Result<ChatCompletionResponseStream, OpenAIError> {
        Ok(chunks())
    }
    #[cekura::llm]
    fn ask_for_text() -> impl Stream<Item = Option<String>> {
        chunks().map(|chunk| chunk.ok()?.choices.first()?.delta.content.clone())
    }
    let wire = said(&llm_stream(items::<Value>("openai-chat-stream"), ALL));
    assert_eq!(said(&capture(|| block_on_stream(ask()).for_each(drop))), wire);
    assert_eq!(said(&capture(|| block_on_stream(block_on(ask_later()).unwrap()).for_each(drop))), wire);
    // Hung up behind the finish reason, before the usage; and before both.
    let taken = |count| capture(|| block_on_stream(ask()).take(count).for_each(drop));
    assert!(!taken(5).spans()[0].is_interrupted() && taken(4).spans()[0].is_interrupted());
    let text = capture(|| block_on_stream(ask_for_text()).for_each(drop));
    assert_eq!(said(&text), ["output = We are open until five.", "stream.items = 6"]);
}

#[test]
fn responses() {
    #[cekura::llm]
    fn ask() -> ResponseStream {
        stream::iter(items::<ResponseStreamEvent>("openai-responses-stream")).map(Ok).boxed()
    }
    let whole = said(&llm(item::<Response>("openai-responses")));
    assert_eq!(whole, said(&llm(item::<Value>("openai-responses"))));
    let wire = said(&llm_stream(items::<Value>("openai-responses-stream"), ALL));
    assert_eq!(said(&capture(|| block_on_stream(ask()).for_each(drop))), wire);
}

#[test]
fn transcriptions() {
    #[cekura::stt]
    fn hear() -> TranscriptionResponseStream {
        let events = items::<CreateTranscriptionResponseStreamEvent>("openai-transcription-stream");
        stream::iter(events).map(Ok).boxed()
    }
    let whole = said(&stt(item::<CreateTranscriptionResponseJson>("openai-transcription")));
    assert_eq!(whole, said(&stt(item::<Value>("openai-transcription"))));
    let verbose = said(&stt(item::<CreateTranscriptionResponseVerboseJson>("whisper-verbose")));
    assert_eq!(verbose, said(&stt(item::<Value>("whisper-verbose"))));
    let wire = said(&stt_stream(items::<Value>("openai-transcription-stream"), ALL));
    assert_eq!(said(&capture(|| block_on_stream(hear()).for_each(drop))), wire);
}

/// The events that the crate can read: of a caller's audio it wants the samples, which the server leaves out.
fn events(file: &str) -> (Vec<Value>, Vec<RealtimeServerEvent>) {
    let readable = |event: &Value| serde_json::from_value::<RealtimeServerEvent>(event.clone()).is_ok();
    let (read, unread): (Vec<_>, Vec<_>) = items::<Value>(file).into_iter().partition(readable);
    assert!(unread.iter().all(|event| event["item"]["role"] == "user"), "{unread:?}");
    let events = read.iter().cloned().map(serde_json::from_value).collect::<Result<_, _>>();
    (read, events.unwrap())
}

#[test]
fn realtime() {
    let (wire, events_of_session) = events("openai-realtime");
    assert_eq!(wire.len(), 29);
    let details = |event: &RealtimeServerEvent| match event {
        RealtimeServerEvent::ResponseDone(done) => done.response.usage.clone()?.input_token_details,
        _ => None,
    };
    // The crate expects the cached tokens' details under another name than the server's; their sum is there.
    let details = events_of_session.iter().find_map(details).unwrap();
    assert_eq!((details.cached_tokens, details.cached_token_details.is_none()), (Some(64), true));
    let of_wire = said(&s2s_stream(wire, ALL));
    assert!(of_wire.contains(&"gen_ai.usage.cache_read.input_tokens = 64".to_owned()), "{of_wire:#?}");
    assert_eq!(said(&s2s_stream(events_of_session, ALL)), of_wire);
    let (wire, events_of_session) = events("openai-realtime-transcription");
    assert_eq!(said(&stt_stream(events_of_session, ALL)), said(&stt_stream(wire, ALL)));
}
