//! ollama-rs: chat and generate.

use cekura::testing::capture;
use cekura_trace_tests::vendors::{ALL, item, items, llm, llm_stream, said};
use futures::executor::block_on_stream;
use futures::stream::{self, StreamExt};
use ollama_rs::error::OllamaError;
use ollama_rs::generation::chat::{ChatMessageResponse, ChatMessageResponseStream};
use ollama_rs::generation::completion::{GenerationResponse, GenerationResponseStream};
use serde_json::Value;

/// What the wire says and the crate keeps: it drops the reason.
fn kept(mut wire: Vec<String>) -> Vec<String> {
    wire.retain(|line| !line.starts_with("gen_ai.response.finish_reasons"));
    wire
}

#[test]
fn chat() {
    let whole = said(&llm(item::<ChatMessageResponse>("ollama-chat")));
    assert_eq!(whole, kept(said(&llm(item::<Value>("ollama-chat")))));
    // The crate reads no counts at all where the server leaves one out.
    let cached = item::<ChatMessageResponse>("ollama-chat-cached");
    assert!(cached.final_data.is_none());
    let expected = ["gen_ai.response.model = llama3.2", "output = We are open until five."];
    assert_eq!(said(&llm(cached)), expected);
}

#[test]
fn chat_streams() {
    #[cekura::llm]
    fn ask() -> ChatMessageResponseStream {
        stream::iter(items::<ChatMessageResponse>("ollama-chat-stream")).map(Ok).boxed()
    }
    let wire = kept(said(&llm_stream(items::<Value>("ollama-chat-stream"), ALL)));
    assert_eq!(said(&capture(|| block_on_stream(ask()).for_each(drop))), wire);
    let taken = |count| capture(|| block_on_stream(ask()).take(count).for_each(drop));
    assert!(!taken(3).spans()[0].is_interrupted() && taken(2).spans()[0].is_interrupted());
}

#[test]
fn generate() {
    let whole = said(&llm(item::<GenerationResponse>("ollama-generate")));
    assert_eq!(whole, kept(said(&llm(item::<Value>("ollama-generate")))));
}

#[test]
fn generate_streams_several_at_once() {
    #[cekura::llm]
    fn ask() -> GenerationResponseStream {
        let mut chunks = items::<GenerationResponse>("ollama-generate-stream");
        let last = chunks.split_off(1);
        Box::pin(stream::iter([Ok::<_, OllamaError>(chunks), Ok(last)]))
    }
    let expected = [
        "gen_ai.response.model = llama3.2",
        "gen_ai.usage.input_tokens = 26",
        "gen_ai.usage.output_tokens = 282",
        "output = We are open until five.",
        "stream.items = 2",
    ];
    assert_eq!(said(&capture(|| block_on_stream(ask()).for_each(drop))), expected);
}
