//! The responses API: a loop that stops at the event which completes the answer.

use super::{assert_waited, stand_in, text};
use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::error::OpenAIError;
use async_openai::types::responses::{CreateResponseArgs, ResponseStreamEvent};
use cekura::testing::capture_async;
use futures::StreamExt;

#[cekura::llm(provider = "openai", model = "gpt-4.1")]
async fn responses_stream(client: &Client<OpenAIConfig>, prompt: &str) -> Result<String, OpenAIError> {
    let request = CreateResponseArgs::default().model("gpt-4.1").stream(true).input(prompt).build()?;
    let mut stream = cekura::follow(client.responses().create_stream(request).await?);
    let mut written = String::new();
    while let Some(event) = stream.next().await {
        match event? {
            ResponseStreamEvent::ResponseOutputTextDelta(delta) => written.push_str(&delta.delta),
            ResponseStreamEvent::ResponseCompleted(_) => break,
            _ => {}
        }
    }
    Ok(written)
}

#[tokio::test]
async fn a_response_that_is_read_until_it_is_complete() {
    let client = stand_in::start().await;
    let trace = capture_async(async { responses_stream(&client, "A haiku.").await.unwrap() }).await;
    let text = |key| text(&trace, "llm", key);
    assert_eq!(text("output"), "We are open until five.");
    assert_eq!(text("gen_ai.response.id"), "resp_67c9fdcecf488190");
    assert_eq!(text("gen_ai.response.finish_reasons"), r#"["completed"]"#);
    assert!(text("gen_ai.usage.input_tokens").parse::<u32>().unwrap() > 0);
    assert!(text("gen_ai.usage.output_tokens").parse::<u32>().unwrap() > 0);
    assert_waited(&trace, "llm");
    assert!(!trace.span("llm").unwrap().is_interrupted());
}
