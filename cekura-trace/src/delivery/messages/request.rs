//! A known request of a model → messages. Invariant: what is not text is named by its type, and its data is left out.

use serde_json::{Map, Value as Json, json};

/// What a model was given.
pub(super) struct Chat {
    /// The instructions that stand beside the messages, as parts.
    pub(super) instructions: Vec<Json>,
    pub(super) messages: Vec<Json>,
}

/// Reads a list of messages, or a request that holds one: of `OpenAI`'s chat and responses, Anthropic, Gemini, Ollama and those that
/// speak as these do. `None` for anything else.
pub(super) fn chat(value: &Json) -> Option<Chat> {
    let Json::Object(request) = value else {
        return Some(Chat { instructions: Vec::new(), messages: messages(value)? });
    };
    let field = |names: &[&str]| names.iter().find_map(|name| request.get(*name));
    let asked = ["messages", "contents", "input", "prompt"].iter().find_map(|name| request.get(*name))?;
    let beside = field(&["system", "instructions", "system_instruction", "systemInstruction"]);
    let beside = beside.map(|beside| beside.get("parts").unwrap_or(beside));
    let messages = match asked {
        Json::String(prompt) => vec![message("user", vec![text(prompt)])],
        list => messages(list)?,
    };
    Some(Chat { instructions: beside.map(parts).unwrap_or_default(), messages })
}

/// All messages of a list; `None` where it has none.
fn messages(list: &Json) -> Option<Vec<Json>> {
    // What was recorded of a list that is too long has a text in the place of what is missing.
    let items = list.as_array()?.iter().filter_map(Json::as_object);
    Some(items.filter_map(one).collect()).filter(|messages: &Vec<Json>| !messages.is_empty())
}

fn one(item: &Map<String, Json>) -> Option<Json> {
    match item.get("type").and_then(Json::as_str) {
        Some("function_call") => {
            let call = tool_call(item.get("call_id"), item.get("name")?, item.get("arguments")?);
            return Some(message("assistant", vec![call]));
        }
        Some("function_call_output") => {
            return Some(message("tool", vec![tool_response(item.get("call_id"), item.get("output")?)]));
        }
        _ => {}
    }
    let role = item.get("role")?.as_str()?;
    let content = item.get("content").or_else(|| item.get("parts")).unwrap_or(&Json::Null);
    if role == "tool" {
        return Some(message("tool", vec![tool_response(item.get("tool_call_id"), content)]));
    }
    let mut parts = parts(content);
    let calls = item.get("tool_calls").and_then(Json::as_array);
    for call in calls.into_iter().flatten() {
        let function = call.get("function").unwrap_or(call);
        if let (Some(name), Some(arguments)) = (function.get("name"), function.get("arguments")) {
            parts.push(tool_call(call.get("id"), name, arguments));
        }
    }
    let answers = |part: &Json| part["type"] == TOOL_RESPONSE;
    let role = match role {
        "developer" => "system",
        "model" => "assistant",
        // Anthropic and Gemini have the user give what a tool gave.
        _ if !parts.is_empty() && parts.iter().all(answers) => "tool",
        role => role,
    };
    Some(message(role, parts))
}

/// The parts of a content: a text, or a list of parts.
fn parts(content: &Json) -> Vec<Json> {
    match content {
        Json::Array(items) => items.iter().filter_map(part).collect(),
        Json::Null => Vec::new(),
        one => part(one).into_iter().collect(),
    }
}

fn part(item: &Json) -> Option<Json> {
    if let Json::String(said) = item {
        return Some(text(said));
    }
    if let Some(call) = item.get("functionCall").or_else(|| item.get("function_call")) {
        return Some(tool_call(call.get("id"), call.get("name")?, call.get("args")?));
    }
    if let Some(gave) = item.get("functionResponse").or_else(|| item.get("function_response")) {
        return Some(tool_response(gave.get("id"), gave.get("response")?));
    }
    let said = |name| item.get(name).and_then(Json::as_str);
    match said("type") {
        Some("tool_use") => Some(tool_call(item.get("id"), item.get("name")?, item.get("input")?)),
        Some("tool_result") => {
            Some(tool_response(item.get("tool_use_id"), item.get("content").unwrap_or(&Json::Null)))
        }
        Some("thinking") => Some(json!({ "type": "reasoning", "content": said("thinking")? })),
        Some("text" | "input_text" | "output_text") | None => said("text").map(text),
        Some(other) => Some(json!({ "type": other })),
    }
}

pub(super) fn message(role: &str, parts: Vec<Json>) -> Json {
    json!({ "role": role, "parts": parts })
}

pub(super) fn text(said: &str) -> Json {
    json!({ "type": "text", "content": said })
}

/// Arguments that are JSON in a text are taken out of it.
pub(super) fn tool_call(id: Option<&Json>, name: &Json, arguments: &Json) -> Json {
    let read = arguments.as_str().and_then(|text| serde_json::from_str::<Json>(text).ok());
    let mut call =
        json!({ "type": "tool_call", "name": name, "arguments": read.unwrap_or_else(|| arguments.clone()) });
    name_id(&mut call, id);
    call
}

const TOOL_RESPONSE: &str = "tool_call_response";

fn tool_response(id: Option<&Json>, response: &Json) -> Json {
    // Of parts only the texts are kept.
    let texts = response.as_array().map(|parts| {
        let texts = parts.iter().filter_map(|part| part.get("text")?.as_str());
        Json::String(texts.collect::<Vec<_>>().join("\n"))
    });
    let mut gave = json!({ "type": TOOL_RESPONSE, "response": texts.unwrap_or_else(|| response.clone()) });
    name_id(&mut gave, id);
    gave
}

fn name_id(part: &mut Json, id: Option<&Json>) {
    if let Some(id) = id.filter(|id| !id.is_null()) {
        part["id"] = id.clone();
    }
}
