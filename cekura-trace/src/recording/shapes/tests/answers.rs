//! Answers of language models.

use super::{counts, found, reasons};
use crate::recording::shapes::found::{Found, Piece, Usage};
use serde::Serialize;
use serde_json::json;

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "async-openai's names")]
struct PromptTokensDetails {
    audio_tokens: Option<u32>,
    cached_tokens: Option<u32>,
    cache_write_tokens: Option<i64>,
}

#[derive(Serialize)]
#[expect(clippy::struct_field_names, reason = "async-openai's names")]
struct CompletionTokensDetails {
    accepted_prediction_tokens: Option<u32>,
    audio_tokens: Option<u32>,
    reasoning_tokens: Option<u32>,
}

#[derive(Serialize)]
struct CompletionUsage {
    prompt_tokens: u32,
    completion_tokens: u32,
    total_tokens: u32,
    prompt_tokens_details: Option<PromptTokensDetails>,
    completion_tokens_details: Option<CompletionTokensDetails>,
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum FinishReason {
    Length,
    ToolCalls,
}

#[derive(Serialize)]
struct ResponseMessage {
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<&'static str>,
    role: &'static str,
}

#[derive(Serialize)]
struct ChatChoice {
    index: u32,
    message: ResponseMessage,
    finish_reason: Option<FinishReason>,
}

/// As `async_openai::types::chat::CreateChatCompletionResponse`.
#[derive(Serialize)]
struct ChatCompletion {
    id: &'static str,
    choices: Vec<ChatChoice>,
    created: u32,
    model: &'static str,
    object: &'static str,
    usage: Option<CompletionUsage>,
}

fn choice(content: Option<&'static str>, finish_reason: FinishReason) -> ChatChoice {
    let message = ResponseMessage { content, role: "assistant" };
    ChatChoice { index: 0, message, finish_reason: Some(finish_reason) }
}

fn usage() -> CompletionUsage {
    CompletionUsage {
        prompt_tokens: 1117,
        completion_tokens: 46,
        total_tokens: 1163,
        prompt_tokens_details: Some(PromptTokensDetails {
            audio_tokens: Some(11),
            cached_tokens: Some(1024),
            cache_write_tokens: Some(9),
        }),
        completion_tokens_details: Some(CompletionTokensDetails {
            accepted_prediction_tokens: None,
            audio_tokens: Some(0),
            reasoning_tokens: Some(20),
        }),
    }
}

fn usage_found() -> Found {
    Found {
        usage: Usage {
            cache_read: Some(1024),
            cache_creation: Some(9),
            reasoning: Some(20),
            audio_input: Some(11),
            audio_output: Some(0),
            ..counts(1117, 46)
        },
        ..Found::default()
    }
}

#[test]
fn openai_chat() {
    let mut completion = ChatCompletion {
        id: "chatcmpl-1",
        choices: vec![
            choice(Some("First."), FinishReason::Length),
            ChatChoice { index: 1, ..choice(Some("Second."), FinishReason::ToolCalls) },
        ],
        created: 1,
        model: "gpt-4o-2024-08-06",
        object: "chat.completion",
        usage: Some(usage()),
    };
    let expected = Found {
        model: Some("gpt-4o-2024-08-06".into()),
        response_id: Some("chatcmpl-1".into()),
        finish_reasons: reasons(&["length", "tool_calls"]),
        text: Some("First.".into()),
        ended: true,
        ..usage_found()
    };
    assert_eq!(found(&completion), expected);
    completion.choices = vec![choice(None, FinishReason::ToolCalls)];
    assert_eq!(found(&completion).text, None);

    // A usage alone, and in a user's wrapper.
    assert_eq!(found(&usage()), usage_found());
    assert_eq!(found(&("text", usage())), usage_found());
    assert_eq!(found(&json!({"tokens": usage()})), usage_found());
}

#[test]
fn openai_chat_stream() {
    let chunk = |delta, reason: Option<&str>| {
        found(&json!({
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "gpt-4o",
            "choices": [{"index": 0, "delta": delta, "finish_reason": reason}], "usage": null,
        }))
    };
    let middle = chunk(json!({"content": "Hel"}), None);
    assert_eq!((middle.text.as_deref(), middle.ended, middle.piece), (Some("Hel"), false, None));
    let last = chunk(json!({}), Some("stop"));
    assert_eq!((last.text, last.finish_reasons, last.ended), (None, reasons(&["stop"]), true));
    let usage = found(&json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "model": "m", "choices": [],
        "usage": {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3},
    }));
    assert_eq!((usage.usage.input, usage.usage.output, usage.ended), (Some(1), Some(2), false));
}

#[test]
fn openai_responses() {
    let response = json!({
        "id": "resp_1", "object": "response", "created_at": 1, "status": "incomplete", "model": "gpt-5",
        "incomplete_details": {"reason": "max_output_tokens"},
        "output": [
            {"type": "reasoning", "id": "rs_1", "summary": [], "content": [{"type": "reasoning_text", "text": "Hm."}]},
            {"type": "message", "id": "msg_1", "status": "completed", "role": "assistant", "content": [
                {"type": "output_text", "text": "Good ", "annotations": []},
                {"type": "output_text", "text": "day.", "annotations": []},
            ]},
        ],
        "usage": {"input_tokens": 36, "input_tokens_details": {"cached_tokens": 12}, "output_tokens": 87,
            "output_tokens_details": {"reasoning_tokens": 64}, "total_tokens": 123},
    });
    let expected = Found {
        model: Some("gpt-5".into()),
        response_id: Some("resp_1".into()),
        finish_reasons: reasons(&["max_output_tokens"]),
        text: Some("Good day.".into()),
        ended: true,
        usage: Usage { cache_read: Some(12), reasoning: Some(64), ..counts(36, 87) },
        ..Found::default()
    };
    assert_eq!(found(&response), expected);

    let event = json!({"type": "response.incomplete", "sequence_number": 9, "response": response});
    assert_eq!(found(&event), Found { piece: Some(Piece::Whole), ..expected });
    let delta = json!({"type": "response.output_text.delta", "item_id": "msg_1", "delta": "Good "});
    assert_eq!(found(&delta), Found { text: Some("Good ".into()), ..Found::default() });
    let repeated = json!({"type": "response.output_text.done", "item_id": "msg_1", "text": "Good day."});
    assert_eq!(found(&repeated).text, None);
    let begun = json!({"type": "response.created", "response": {"id": "resp_1", "status": "in_progress", "output": []}});
    assert_eq!(found(&begun), Found { response_id: Some("resp_1".into()), ..Found::default() });
}

#[test]
fn openai_realtime() {
    let done = json!({
        "type": "response.done", "event_id": "event_1", "response": {
            "object": "realtime.response", "id": "resp_2", "status": "cancelled",
            "status_details": {"type": "cancelled", "reason": "turn_detected"},
            "output": [{"id": "item_1", "type": "message", "role": "assistant", "content": [
                {"type": "output_audio", "transcript": "Hello there"},
            ]}],
            "usage": {"total_tokens": 253, "input_tokens": 132, "output_tokens": 121,
                "input_token_details": {"text_tokens": 119, "audio_tokens": 13, "cached_tokens": 64},
                "output_token_details": {"text_tokens": 30, "audio_tokens": 91}},
        },
    });
    let expected = Found {
        response_id: Some("resp_2".into()),
        finish_reasons: reasons(&["turn_detected"]),
        text: Some("Hello there".into()),
        ended: true,
        cancelled: true,
        piece: Some(Piece::Whole),
        usage: Usage {
            cache_read: Some(64),
            audio_input: Some(13),
            audio_output: Some(91),
            ..counts(132, 121)
        },
        ..Found::default()
    };
    assert_eq!(found(&done), expected);
    let spoken = json!({"type": "response.output_audio_transcript.delta", "delta": "Hel"});
    assert_eq!(found(&spoken).text.as_deref(), Some("Hel"));
    let audio = json!({"type": "response.output_audio.delta", "delta": "UklGRg=="});
    assert_eq!(found(&audio), Found { is_audio: true, ..Found::default() });
}

#[test]
fn anthropic_messages() {
    let message = json!({
        "id": "msg_1", "type": "message", "role": "assistant", "model": "claude-sonnet-4-5",
        "content": [{"type": "thinking", "thinking": "Hm.", "signature": "s"}, {"type": "text", "text": "Hi!"}],
        "stop_reason": "end_turn", "stop_sequence": null,
        "usage": {"input_tokens": 10, "cache_creation_input_tokens": 200, "cache_read_input_tokens": 3000,
            "output_tokens": 25, "cache_creation": {"ephemeral_5m_input_tokens": 200}, "service_tier": "standard",
            "output_tokens_details": {"thinking_tokens": 5}},
    });
    let expected = Found {
        model: Some("claude-sonnet-4-5".into()),
        response_id: Some("msg_1".into()),
        finish_reasons: reasons(&["end_turn"]),
        text: Some("Hi!".into()),
        ended: true,
        usage: Usage {
            cache_read: Some(3000),
            cache_creation: Some(200),
            reasoning: Some(5),
            ..counts(3210, 25)
        },
        ..Found::default()
    };
    assert_eq!(found(&message), expected);
}

#[test]
fn anthropic_stream() {
    let start = found(&json!({"type": "message_start", "message": {
        "id": "msg_1", "type": "message", "role": "assistant", "content": [], "model": "claude-haiku",
        "stop_reason": null, "usage": {"input_tokens": 25, "cache_read_input_tokens": 5, "output_tokens": 1},
    }}));
    assert_eq!((start.usage.input, start.usage.output, start.ended), (Some(30), Some(1), false));
    assert_eq!((start.model.as_deref(), start.response_id.as_deref()), (Some("claude-haiku"), Some("msg_1")));
    let text =
        json!({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "He"}});
    assert_eq!(found(&text), Found { text: Some("He".into()), ..Found::default() });
    let end = json!({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 15}});
    let expected = Found {
        usage: Usage { output: Some(15), ..Usage::default() },
        finish_reasons: reasons(&["end_turn"]),
        ended: true,
        ..Found::default()
    };
    assert_eq!(found(&end), expected);
    assert!(found(&json!({"type": "message_stop"})).ended);
}

#[test]
fn gemini() {
    let wire = json!({
        "candidates": [{"content": {"role": "model", "parts": [
            {"text": "Let me think.", "thought": true}, {"text": "Hel"}, {"thought": true, "text": "Hm."}, {"text": "lo"},
        ]}, "finishReason": "STOP", "index": 0}],
        "usageMetadata": {"promptTokenCount": 8, "candidatesTokenCount": 5, "thoughtsTokenCount": 30,
            "cachedContentTokenCount": 4, "totalTokenCount": 43,
            "promptTokensDetails": [{"modality": "TEXT", "tokenCount": 2}, {"modality": "AUDIO", "tokenCount": 6}]},
        "modelVersion": "gemini-2.5-flash", "responseId": "r1",
    });
    let expected = Found {
        model: Some("gemini-2.5-flash".into()),
        response_id: Some("r1".into()),
        finish_reasons: reasons(&["STOP"]),
        text: Some("Hello".into()),
        ended: true,
        usage: Usage { cache_read: Some(4), reasoning: Some(30), audio_input: Some(6), ..counts(8, 35) },
        ..Found::default()
    };
    assert_eq!(found(&wire), expected);
    let snake = wire.to_string();
    let names = [
        "finishReason",
        "usageMetadata",
        "promptTokenCount",
        "candidatesTokenCount",
        "thoughtsTokenCount",
        "cachedContentTokenCount",
        "promptTokensDetails",
        "tokenCount",
        "modelVersion",
        "responseId",
    ];
    let snake = names.iter().fold(snake, |json, name| {
        let lower: String = name
            .chars()
            .map(|c| if c.is_uppercase() { format!("_{}", c.to_ascii_lowercase()) } else { c.into() })
            .collect();
        json.replace(&format!("\"{name}\""), &format!("\"{lower}\""))
    });
    assert_eq!(found(&serde_json::from_str::<serde_json::Value>(&snake).unwrap()), expected);
}

#[test]
fn gemini_live() {
    let part = json!({"serverContent": {"modelTurn": {"parts": [{"text": "Hi"}]}}});
    assert_eq!(found(&part), Found { text: Some("Hi".into()), ..Found::default() });
    let spoken = json!({"serverContent": {"outputTranscription": {"text": "Hi"}}});
    assert_eq!(found(&spoken).text.as_deref(), Some("Hi"));
    let end = json!({
        "serverContent": {"turnComplete": true},
        "usageMetadata": {"promptTokenCount": 10, "responseTokenCount": 20, "thoughtsTokenCount": 1,
            "responseTokensDetails": [{"tokenCount": 19, "modality": "AUDIO"}, {"modality": "TEXT", "tokenCount": 1}]},
    });
    let expected = Found {
        ended: true,
        usage: Usage { audio_output: Some(19), reasoning: Some(1), ..counts(10, 21) },
        ..Found::default()
    };
    assert_eq!(found(&end), expected);
    assert!(!found(&json!({"serverContent": {"turnComplete": false}})).ended);
}

#[test]
fn ollama() {
    #[derive(Serialize)]
    struct FinalData {
        total_duration: u64,
        prompt_eval_count: u64,
        eval_count: u64,
    }
    /// As `ollama_rs::generation::chat::ChatMessageResponse`.
    #[derive(Serialize)]
    struct ChatResponse {
        model: &'static str,
        message: ResponseMessage,
        done: bool,
        #[serde(flatten)]
        final_data: Option<FinalData>,
    }
    let message = || ResponseMessage { content: Some("Hi"), role: "assistant" };
    let part = ChatResponse { model: "llama3", message: message(), done: false, final_data: None };
    let expected = Found { model: Some("llama3".into()), text: Some("Hi".into()), ..Found::default() };
    assert_eq!(found(&part), expected);
    let data = FinalData { total_duration: 1, prompt_eval_count: 26, eval_count: 298 };
    let last = ChatResponse { done: true, final_data: Some(data), ..part };
    let expected = Found { ended: true, usage: counts(26, 298), ..expected };
    assert_eq!(found(&last), expected);

    let nested = json!({"model": "llama3", "message": message(), "done": true,
        "final_data": {"prompt_eval_count": 26, "eval_count": 298}});
    assert_eq!(found(&nested), expected);
    let generated = json!({"model": "llama3", "response": "Hi", "done": true, "done_reason": "stop",
        "prompt_eval_count": 26, "eval_count": 298});
    assert_eq!(found(&generated), Found { finish_reasons: reasons(&["stop"]), ..expected });
}

#[test]
fn rig_core_and_genai() {
    let rig = json!({
        "choice": [{"text": "Hi"}],
        "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15, "cached_input_tokens": 4,
            "cache_creation_input_tokens": 2, "reasoning_tokens": 3},
        "raw_response": {"id": "chatcmpl-1", "object": "chat.completion", "model": "gpt-4o", "choices": []},
    });
    let expected = Found {
        model: Some("gpt-4o".into()),
        response_id: Some("chatcmpl-1".into()),
        text: Some("Hi".into()),
        usage: Usage { cache_read: Some(4), cache_creation: Some(2), reasoning: Some(3), ..counts(10, 5) },
        ..Found::default()
    };
    assert_eq!(found(&rig), expected);
    let genai = json!({
        "content": {"parts": [{"Text": "Hi"}]}, "reasoning_content": null,
        "model_iden": {"adapter_kind": "OpenAI", "model_name": "gpt-4o"},
        "provider_model_iden": {"adapter_kind": "OpenAI", "model_name": "gpt-4o-2024"},
        "usage": {"prompt_tokens": 3, "prompt_tokens_details": {"cache_creation_tokens": 1}, "completion_tokens": 4},
    });
    let expected = Found {
        model: Some("gpt-4o-2024".into()),
        text: Some("Hi".into()),
        usage: Usage { cache_creation: Some(1), ..counts(3, 4) },
        ..Found::default()
    };
    assert_eq!(found(&genai), expected);
}
