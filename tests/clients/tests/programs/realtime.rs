//! A realtime session over a websocket, read event by event; the caller cuts the second answer off.

use super::{assert_waited, stand_in, text};
use cekura::testing::capture_async;
use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::{Error, Message};

#[cekura::s2s(provider = "openai", model = "gpt-realtime")]
async fn realtime(url: &str, question: &str) -> Result<usize, Error> {
    let (mut socket, _) = connect_async(url).await?;
    let content = json!([{ "type": "input_text", "text": question }]);
    let item = json!({ "type": "message", "role": "user", "content": content });
    let create = json!({ "type": "conversation.item.create", "item": item });
    for event in [create, json!({ "type": "response.create" })] {
        socket.send(Message::text(event.to_string())).await?;
    }
    let mut answers = 0;
    while let Some(message) = socket.next().await {
        let Message::Text(text) = message? else { continue };
        cekura::current().item_json(text.as_str());
        let event: Value = serde_json::from_str(&text).unwrap_or_default();
        answers += usize::from(event["type"] == "response.done");
    }
    Ok(answers)
}

#[cekura::turn]
async fn turn(url: &str) -> Result<usize, Error> {
    realtime(url, "When do you close?").await
}

#[tokio::test]
async fn a_session_with_an_answer_that_is_cut_off() {
    let url = stand_in::start_realtime().await;
    let trace = capture_async(async { assert_eq!(turn(&url).await.unwrap(), 2) }).await;
    let text = |key| text(&trace, "s2s", key);
    assert_eq!(text("output"), "We are open until five.\nOn Sundays we");
    assert!(text("gen_ai.usage.output_tokens").parse::<u32>().unwrap() > 0);
    assert!(text("gen_ai.usage.audio.output_tokens").parse::<u32>().unwrap() > 0);
    assert_eq!(text("stream.items"), "30");
    assert_waited(&trace, "s2s");
    assert_eq!(super::text(&trace, "turn", "turn.was_interrupted"), "true");
}
