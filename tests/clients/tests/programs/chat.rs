//! Chat completions: text token by token, and tools that the model calls.

use super::{assert_waited, stand_in, text};
use async_openai::Client;
use async_openai::config::OpenAIConfig;
use async_openai::types::chat::{
    ChatCompletionMessageToolCallChunk, ChatCompletionRequestMessage, ChatCompletionRequestToolMessageArgs,
    ChatCompletionRequestUserMessageArgs, ChatCompletionStreamOptions, ChatCompletionTool,
    ChatCompletionTools, CreateChatCompletionRequest, CreateChatCompletionRequestArgs, FunctionObjectArgs,
};
use cekura::testing::capture_async;
use futures::StreamExt;
use serde_json::json;
use std::error::Error;

type Failure = Box<dyn Error + Send + Sync>;

fn ask(question: &str) -> Result<ChatCompletionRequestMessage, Failure> {
    Ok(ChatCompletionRequestUserMessageArgs::default().content(question).build()?.into())
}

fn request(messages: Vec<ChatCompletionRequestMessage>) -> Result<CreateChatCompletionRequest, Failure> {
    let usage = ChatCompletionStreamOptions { include_usage: Some(true), include_obfuscation: None };
    let mut request = CreateChatCompletionRequestArgs::default();
    Ok(request
        .model("gpt-4.1")
        .stream(true)
        .max_tokens(512_u32)
        .stream_options(usage)
        .messages(messages)
        .build()?)
}

#[cekura::llm(provider = "openai", model = "gpt-4.1")]
async fn chat_stream(client: &Client<OpenAIConfig>, question: &str) -> Result<(), Failure> {
    let mut stream = client.chat().create_stream(request(vec![ask(question)?])?).await?;
    let mut printed = String::new();
    while let Some(chunk) = stream.next().await {
        let chunk = chunk?;
        cekura::current().item(&chunk);
        printed.extend(chunk.choices.iter().filter_map(|choice| choice.delta.content.as_deref()));
    }
    assert_eq!(printed, "We are open until five.");
    Ok(())
}

#[tokio::test]
async fn a_chat_that_is_read_inside_the_function() {
    let client = stand_in::start().await;
    let trace = capture_async(async { chat_stream(&client, "When do you close?").await.unwrap() }).await;
    let text = |key| text(&trace, "llm", key);
    assert_eq!(text("output"), "We are open until five.");
    assert_eq!(
        (text("gen_ai.usage.input_tokens"), text("gen_ai.usage.output_tokens")),
        ("1117".into(), "46".into())
    );
    assert_eq!(text("gen_ai.response.finish_reasons"), r#"["stop"]"#);
    assert_eq!(text("gen_ai.response.model"), "gpt-4o-mini-2024-07-18");
    assert_eq!(text("stream.items"), "6");
    assert_waited(&trace, "llm");
    assert!(text("llm.first_token_ms").parse::<f64>().unwrap() >= 200.0);
}

/// The calls that an answer asks for, put together from their pieces.
#[cekura::llm(provider = "openai", model = "gpt-4.1", skip_all)]
async fn choose(
    client: &Client<OpenAIConfig>,
    messages: &[ChatCompletionRequestMessage],
) -> Result<Vec<(String, String)>, Failure> {
    let function = FunctionObjectArgs::default()
        .name("get_current_weather")
        .parameters(json!({ "type": "object", "properties": { "location": { "type": "string" } } }))
        .build()?;
    let mut request = request(messages.to_vec())?;
    request.tools = Some(vec![ChatCompletionTools::Function(ChatCompletionTool { function })]);
    let mut stream = cekura::follow(client.chat().create_stream(request).await?);
    let mut calls: Vec<(String, String)> = Vec::new();
    while let Some(chunk) = stream.next().await {
        let pieces = chunk?.choices.into_iter().filter_map(|choice| choice.delta.tool_calls).flatten();
        for ChatCompletionMessageToolCallChunk { index, id, function, .. } in pieces {
            calls.resize_with(calls.len().max(index as usize + 1), Default::default);
            let (known, arguments) = &mut calls[index as usize];
            known.push_str(&id.unwrap_or_default());
            arguments.push_str(&function.and_then(|function| function.arguments).unwrap_or_default());
        }
    }
    Ok(calls)
}

#[cekura::tool_call(id = id, arguments = arguments)]
async fn get_current_weather(id: String, arguments: String) -> String {
    assert!(arguments.contains("location"));
    json!({ "call": id, "forecast": "sunny" }).to_string()
}

#[cekura::conversation(call_id = "weather")]
async fn tool_call_stream(client: &Client<OpenAIConfig>) -> Result<(), Failure> {
    let question = "What's the weather like in Boston and Atlanta?";
    let mut messages = vec![ask(question)?];
    let calls = choose(client, &messages).await?;
    let tools = calls.into_iter().map(|(id, arguments)| {
        let running = cekura::spawn(get_current_weather(id.clone(), arguments));
        async move { (id, running.await) }
    });
    for tool in tools.collect::<Vec<_>>() {
        let (id, result) = tool.await;
        let answer =
            ChatCompletionRequestToolMessageArgs::default().tool_call_id(id).content(result?).build()?;
        messages.push(answer.into());
    }
    answer(client, messages).await
}

#[cekura::llm(provider = "openai", model = "gpt-4.1", skip_all)]
async fn answer(
    client: &Client<OpenAIConfig>,
    messages: Vec<ChatCompletionRequestMessage>,
) -> Result<(), Failure> {
    let mut stream = cekura::follow(client.chat().create_stream(request(messages)?).await?);
    while let Some(chunk) = stream.next().await {
        chunk?;
    }
    Ok(())
}

#[tokio::test]
async fn tools_that_a_streamed_answer_calls() {
    let client = stand_in::start().await;
    let trace = capture_async(async { tool_call_stream(&client).await.unwrap() }).await;
    assert_eq!(trace.to_string(), "conversation\n  llm\n  tool_call\n  tool_call\n  llm\n");
    let llms: Vec<_> = trace.spans().iter().filter(|span| span.name() == "llm").collect();
    let said = llms[0].text("output").unwrap_or_default();
    for part in ["get_current_weather", "Boston", "Atlanta"] {
        assert!(said.contains(part), "{said}");
    }
    assert_eq!(llms[0].attribute("gen_ai.usage.output_tokens"), Some(&51.into()));
    let reasons = llms[0].attribute("gen_ai.response.finish_reasons").unwrap();
    assert_eq!(reasons.to_string(), r#"["tool_calls"]"#);
    assert_eq!(llms[1].text("output"), Some("We are open until five."));
    let mut tools: Vec<_> = trace
        .spans()
        .iter()
        .filter(|span| span.name() == "tool_call")
        .map(|span| (span.text("gen_ai.tool.call.id").unwrap(), span.text("function.input").unwrap()))
        .collect();
    tools.sort_unstable();
    let (boston, atlanta) = (r#"{"location": "Boston"}"#, r#"{"location": "Atlanta"}"#);
    assert_eq!(tools, [("call_1", boston), ("call_2", atlanta)]);
    assert!(trace.spans().iter().all(|span| !span.is_error() && !span.is_interrupted()));
}

#[tokio::test]
async fn a_request_that_the_service_refuses() {
    #[cekura::llm(provider = "openai")]
    async fn ask_nothing(client: &Client<OpenAIConfig>) -> Result<(), Failure> {
        let mut request = request(Vec::new())?;
        request.model = String::new();
        (request.stream, request.stream_options) = (None, None);
        client.chat().create(request).await?;
        Ok(())
    }
    let client = stand_in::start().await;
    let trace = capture_async(async { drop(ask_nothing(&client).await) }).await;
    let span = trace.span("llm").unwrap();
    assert!(span.is_error() && span.error().contains("this server streams"), "{}", span.error());
}
