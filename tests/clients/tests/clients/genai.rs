//! genai, whose values are not what any server sends.

use cekura::testing::capture;
use cekura_trace_tests::vendors::{ALL, item, items, llm, llm_stream, said};
use futures::executor::{block_on, block_on_stream};
use futures::stream::{self, BoxStream, Stream, StreamExt};
use genai::ModelIden;
use genai::adapter::AdapterKind;
use genai::chat::{ChatResponse, ChatStreamEvent, ContentPart, MessageContent, StopReason, Usage};
use serde_json::{Value, json};

fn response() -> ChatResponse {
    let parts =
        [ContentPart::ReasoningContent("Hours.".into()), ContentPart::from_text("We are open until five.")];
    let usage = json!({ "prompt_tokens": 1117, "completion_tokens": 46, "total_tokens": 1163,
        "prompt_tokens_details": { "cached_tokens": 1024, "cache_write_tokens": 9, "audio_tokens": 0 },
        "completion_tokens_details": { "reasoning_tokens": 20, "audio_tokens": 0 } });
    ChatResponse {
        content: MessageContent::from_parts(parts),
        reasoning_content: Some("Hours.".into()),
        model_iden: ModelIden::new(AdapterKind::OpenAI, "gpt-4o"),
        provider_model_iden: ModelIden::new(AdapterKind::OpenAI, "gpt-4o-2024-08-06"),
        stop_reason: Some(StopReason::from("stop".to_owned())),
        usage: serde_json::from_value(usage).unwrap(),
        captured_raw_body: None,
        response_id: Some("chatcmpl-1".into()),
    }
}

#[test]
fn chat() {
    #[cekura::llm]
    async fn ask() -> genai::Result<ChatResponse> {
        Ok(response())
    }
    assert_eq!(serde_json::to_value(response()).unwrap(), item::<Value>("genai"));
    let trace = capture(|| block_on(ask()).unwrap());
    assert_eq!(said(&trace), said(&llm(item::<Value>("genai"))));
    // A count of zero is one that the crate does not have.
    assert_eq!(trace.spans()[0].attribute("gen_ai.usage.audio.input_tokens"), None);
}

#[test]
fn a_name_that_is_known_at_compile_time() {
    let model = ModelIden::from_static(AdapterKind::Anthropic, "claude-sonnet-4-5");
    let answer = ChatResponse { provider_model_iden: model, ..response() };
    let said = said(&llm(answer));
    assert!(said.contains(&"gen_ai.response.model = claude-sonnet-4-5".to_owned()), "{said:#?}");
}

#[test]
fn chat_streams() {
    fn events() -> BoxStream<'static, genai::Result<ChatStreamEvent>> {
        stream::iter(items::<ChatStreamEvent>("genai-stream")).map(Ok).boxed()
    }
    #[cekura::llm]
    async fn ask() -> genai::Result<BoxStream<'static, genai::Result<ChatStreamEvent>>> {
        Ok(events())
    }
    #[cekura::llm]
    fn ask_at_once() -> impl Stream<Item = genai::Result<ChatStreamEvent>> {
        events()
    }
    let wire = said(&llm_stream(items::<Value>("genai-stream"), ALL));
    // Events without data are no part of the answer.
    assert!(wire.contains(&"output = We are open until five.".to_owned()), "{wire:#?}");
    assert_eq!(said(&capture(|| block_on_stream(ask_at_once()).for_each(drop))), wire);
    assert_eq!(said(&capture(|| block_on_stream(block_on(ask()).unwrap()).for_each(drop))), wire);
    let taken = |count| capture(|| block_on_stream(ask_at_once()).take(count).for_each(drop));
    assert!(!taken(6).spans()[0].is_interrupted() && taken(5).spans()[0].is_interrupted());
}

#[test]
fn a_usage_without_counts_says_nothing() {
    let usage: Usage = serde_json::from_value(json!({})).unwrap();
    let answer = ChatResponse { usage, ..response() };
    let said = said(&llm(answer));
    assert!(!said.iter().any(|line| line.starts_with("gen_ai.usage")), "{said:#?}");
}
