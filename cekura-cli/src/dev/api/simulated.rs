//! Calls of simulations, as the webhook takes them → call logs. Invariant: a body is kept whole or refused.

use super::{Dev, Failure, form, keep, posted, refuse, webhook};
use crate::dev::check::fields::Fields;
use crate::dev::check::time;
use axum::Json;
use axum::extract::{Request, State};
use serde_json::{Value, json};

pub(super) async fn take(State(dev): State<Dev>, request: Request) -> Result<Json<Value>, Failure> {
    let body = form::json(request.into_body()).await?;
    refuse(&dev, "the webhook of simulations", webhook::check(&body))?;
    let calls = body.get("calls").and_then(Value::as_array);
    for call in calls.into_iter().flatten() {
        let mut log = call_log(call);
        if let Some(agent) = body.get("agent_id") {
            log.insert("agent".to_owned(), agent.clone());
        }
        keep(&dev, posted(&log)).await?;
    }
    Ok(Json(json!({ "status": "accepted" })))
}

/// A call of the webhook with the fields that call logs have.
fn call_log(call: &Value) -> Fields {
    const SAME: [(&str, &str); 6] = [
        ("id", "call_id"),
        ("trace_id", "trace_id"),
        ("run_id", "run_id"),
        ("startedAt", "timestamp"),
        ("endedReason", "call_ended_reason"),
        ("metadata", "metadata"),
    ];
    let same = SAME.iter().filter_map(|(from, to)| Some(((*to).to_owned(), call.get(from)?.clone())));
    let mut log: Fields = same.collect();
    let start = call["startedAt"].as_str().and_then(time::read).unwrap_or_default();
    let messages = call["messages"].as_array().into_iter().flatten();
    let entries: Vec<Value> = messages.map(|message| entry(message, start)).collect();
    log.insert("transcript_type".to_owned(), "cekura".into());
    log.insert("transcript_json".to_owned(), entries.into());
    log
}

/// A message of the webhook as an entry of a transcript, with seconds since the call began.
fn entry(message: &Value, start: i64) -> Value {
    let role = match message["role"].as_str().unwrap_or_default() {
        "bot" => "Main Agent",
        "function_call" => "Function Call",
        "function_call_result" => "Function Call Result",
        "system" => "system",
        _ => "Testing Agent",
    };
    #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are exact")]
    let passed = |key: &str| {
        let milliseconds = message[key].as_f64().unwrap_or_default();
        ((milliseconds - (start / 1_000_000) as f64) / 1_000.0).max(0.0)
    };
    let mut entry = json!({
        "role": role,
        "content": message["content"],
        "start_time": passed("start_time"),
        "end_time": passed("end_time"),
    });
    if let Some(data) = message.get("data") {
        entry["data"] = data.clone();
    }
    entry
}
