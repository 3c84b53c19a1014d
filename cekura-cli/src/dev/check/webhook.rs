//! What is wrong with what the webhook of simulations is sent ("Custom Integration" in Cekura's documentation).

use super::fields::{self, Fields, Holds, refused, strict};
use super::{Wrong, time};
use serde_json::Value;

const TOP: &[(&str, Holds)] = &[("agent_id", Holds::Whole), ("calls", Holds::List)];

const CALL: &[(&str, Holds)] = &[
    ("id", Holds::Text(255)),
    ("run_id", Holds::Text(255)),
    ("trace_id", Holds::TraceId),
    ("startedAt", Holds::Time),
    ("endedAt", Holds::Time),
    ("messages", Holds::List),
    ("metadata", Holds::Object),
    ("endedReason", Holds::Text(1 << 20)),
    ("from_phone_number", Holds::Text(15)),
    ("to_phone_number", Holds::Text(15)),
];

const ROLES: &[&str] = &["bot", "user", "system", "function_call", "function_call_result"];

const MESSAGE: &[(&str, Holds)] = &[
    ("role", Holds::OneOf(ROLES)),
    ("content", Holds::Text(1 << 20)),
    ("start_time", Holds::Number),
    ("end_time", Holds::Number),
    ("data", Holds::Object),
];

pub(in crate::dev) fn check(top: &Fields) -> Vec<Wrong> {
    let mut found = fields::check("", top, TOP);
    found.extend(fields::required("", top, &["calls"]));
    let Some(Value::Array(calls)) = top.get("calls") else { return found };
    let with_run = calls.iter().filter(|call| call["run_id"].is_string()).count();
    if with_run != calls.len() && !top.contains_key("agent_id") {
        found.push(refused("agent_id", "is missing: it may be left out only when every call has a run_id"));
    }
    if with_run > 0 && (with_run < calls.len() || top.contains_key("agent_id")) {
        found.push(strict("calls", "mix agent_id and run_id: give every call a run_id, or none"));
    }
    for (at, call) in calls.iter().enumerate() {
        let path = format!("calls[{at}]");
        let Value::Object(call) = call else {
            found.push(refused(path, "is to be an object"));
            continue;
        };
        found.extend(check_call(&format!("{path}."), call));
    }
    found
}

fn check_call(path: &str, call: &Fields) -> Vec<Wrong> {
    let mut found = fields::required(path, call, &["id", "startedAt", "endedAt", "messages"]);
    found.extend(fields::check(path, call, CALL));
    for name in ["from_phone_number", "to_phone_number"] {
        let is_number = |text: &str| {
            let digits = text.strip_prefix('+').unwrap_or(text);
            !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit())
        };
        if call.get(name).and_then(Value::as_str).is_some_and(|text| !is_number(text)) {
            found.push(refused(format!("{path}{name}"), "is to be + and digits"));
        }
    }
    let at = |name: &str| time::read(call.get(name)?.as_str()?);
    if let (Some(start), Some(end)) = (at("startedAt"), at("endedAt"))
        && end < start
    {
        found.push(strict(format!("{path}endedAt"), "is before startedAt"));
    }
    let messages = call.get("messages").and_then(Value::as_array).map_or(&[][..], |messages| messages);
    let mut last = at("startedAt").map_or(0.0, milliseconds);
    for (number, message) in messages.iter().enumerate() {
        found.extend(check_message(&format!("{path}messages[{number}]"), message, &mut last));
    }
    found
}

#[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are exact")]
fn milliseconds(time: i64) -> f64 {
    (time / 1_000_000) as f64
}

fn check_message(path: &str, message: &Value, last: &mut f64) -> Vec<Wrong> {
    let Value::Object(fields) = message else { return vec![refused(path, "is to be an object")] };
    let mut found = fields::check(&format!("{path}."), fields, MESSAGE);
    found.extend(fields::required(
        &format!("{path}."),
        fields,
        &["role", "content", "start_time", "end_time"],
    ));
    if matches!(message["role"].as_str(), Some("function_call" | "function_call_result"))
        && !message["data"]["name"].is_string()
    {
        found.push(refused(
            format!("{path}.data"),
            "is to be an object with id, name and arguments or result",
        ));
    }
    if let Some((start, end)) = message["start_time"].as_f64().zip(message["end_time"].as_f64()) {
        let before = std::mem::replace(last, start.max(*last));
        if end < start {
            found.push(strict(path, "ends before it begins"));
        } else if start < before {
            found.push(strict(path, "begins before the call or before the message above it: times are milliseconds since 1970, in order"));
        }
    }
    found
}
