//! What is wrong with a call log ("Send Calls", "Update Call" and "Transcript format" in Cekura's documentation).

use super::Wrong;
use super::fields::{self, Fields, Holds, refused, strict};
use serde_json::Value;
use std::collections::HashMap;

const TYPES: &[&str] =
    &["cekura", "vocera", "vapi", "retell", "deepgram", "pipecat", "livekit", "elevenlabs", "none-mono"];
const LONG: usize = 1 << 20;

const POST: &[(&str, Holds)] = &[
    ("call_id", Holds::Text(100)),
    ("agent", Holds::Whole),
    ("assistant_id", Holds::Text(LONG)),
    ("trace_id", Holds::TraceId),
    ("voice_recording_url", Holds::Text(LONG)),
    ("transcript_type", Holds::OneOf(TYPES)),
    ("transcript_json", Holds::List),
    ("call_ended_reason", Holds::Text(100)),
    ("customer_number", Holds::Text(100)),
    ("metadata", Holds::Object),
    ("timestamp", Holds::Time),
    ("dynamic_variables", Holds::Object),
    ("feedback", Holds::Text(LONG)),
    ("redact_fields", Holds::List),
    ("metric_ids", Holds::Text(LONG)),
    ("logs", Holds::List),
    ("reconcile_with_cekura_transcript", Holds::Flag),
    ("main_agent_channel_index", Holds::Channel),
];

const PATCH: &[(&str, Holds)] = &[
    ("call_id", Holds::Text(100)),
    ("status", Holds::Text(100)),
    ("feedback", Holds::Text(LONG)),
    ("transcript_type", Holds::OneOf(TYPES)),
    ("transcript_json", Holds::List),
    ("timestamp", Holds::Time),
    ("duration", Holds::Number),
    ("call_ended_reason", Holds::Text(100)),
    ("customer_number", Holds::Text(100)),
    ("metadata", Holds::Object),
    ("dynamic_variables", Holds::Object),
    ("reevaluate_metrics", Holds::Flag),
];

/// What is wrong with a new call log.
pub(in crate::dev) fn check(log: &Fields) -> Vec<Wrong> {
    let mut found = fields::required("", log, &["call_id"]);
    found.extend(fields::check("", log, POST));
    if !log.contains_key("agent") && !log.contains_key("assistant_id") {
        found.push(strict("agent", "is missing: set CEKURA_AGENT_ID, or send `agent` or `assistant_id`"));
    }
    if log.get("call_id").is_some_and(|id| id == "") {
        found.push(refused("call_id", "This field may not be blank."));
    }
    found.extend(transcript(log));
    found
}

/// What is wrong with a change of a call log.
pub(in crate::dev) fn check_patch(changes: &Fields) -> Vec<Wrong> {
    let mut found = fields::check("", changes, PATCH);
    // Without a type it is found out.
    if changes.contains_key("transcript_type") {
        found.extend(transcript(changes));
    }
    found
}

/// Each role of a type of transcript, and whether it is a tool's.
type Roles = &'static [(&'static str, bool)];

const CEKURA: Roles = &[
    ("Testing Agent", false),
    ("Main Agent", false),
    ("Function Call", true),
    ("Function Call Result", true),
];
const PIPECAT: Roles =
    &[("user", false), ("assistant", false), ("tool_call", true), ("tool_call_result", true)];
const LIVEKIT: Roles = &[("user", false), ("assistant", false)];

fn transcript(log: &Fields) -> Vec<Wrong> {
    let Some(Value::Array(entries)) = log.get("transcript_json") else { return Vec::new() };
    let kind = log.get("transcript_type").and_then(Value::as_str).unwrap_or("cekura");
    let roles = match kind {
        "cekura" => CEKURA,
        "pipecat" => PIPECAT,
        "livekit" => LIVEKIT,
        _ => return Vec::new(),
    };
    let mut found = Vec::new();
    let mut begun: HashMap<&str, f64> = HashMap::new();
    for (at, entry) in entries.iter().enumerate() {
        let field = format!("transcript_json[{at}]");
        let role = entry["role"].as_str().unwrap_or_default();
        let Some((role, is_tool)) = roles.iter().find(|(known, _)| *known == role) else {
            found.push(refused(format!("{field}.role"), wrong_role(role, kind, roles)));
            continue;
        };
        found.extend(if *is_tool { tool(&field, entry) } else { said(&field, entry) });
        if kind == "cekura" && !is_tool {
            found.extend(needs_times(&field, entry));
        }
        found.extend(times(&field, entry, begun.entry(role).or_default()));
    }
    found
}

fn wrong_role(role: &str, kind: &str, roles: Roles) -> String {
    let known: Vec<_> = roles.iter().map(|(role, _)| *role).collect();
    let meant = match (kind, role) {
        ("cekura", "agent" | "assistant" | "bot") => "; who is tested is the `Main Agent`",
        ("cekura", "user" | "caller" | "human") => "; who calls is the `Testing Agent`",
        _ => "",
    };
    format!("with transcript_type `{kind}` the role is to be one of {}{meant}", known.join(", "))
}

fn said(field: &str, entry: &Value) -> Option<Wrong> {
    (!entry["content"].is_string())
        .then(|| refused(format!("{field}.content"), "is to be the text that was said"))
}

fn tool(field: &str, entry: &Value) -> Option<Wrong> {
    let is_good = entry["data"]["name"].is_string();
    (!is_good)
        .then(|| refused(format!("{field}.data"), "is to be an object with id, name and arguments or result"))
}

fn needs_times(field: &str, entry: &Value) -> Option<Wrong> {
    let has = |key: &str| entry[key].is_number();
    let is_good = has("start_time") && has("end_time");
    (!is_good).then(|| {
        strict(field, "has no start_time or end_time: give both in seconds since the call began, or use transcript_type `pipecat`")
    })
}

/// Longer than any call; a time that is larger is one of another clock.
const DAY: f64 = 86_400.0;

fn times(field: &str, entry: &Value, begun: &mut f64) -> Option<Wrong> {
    let start = entry["start_time"].as_f64()?;
    let end = entry["end_time"].as_f64().unwrap_or(start);
    let before = std::mem::replace(begun, start.max(*begun));
    let what = if start < 0.0 || end > DAY {
        "its times are to be seconds since the call began, not a time of day and not milliseconds"
    } else if end < start {
        "ends before it begins"
    } else if start < before {
        "begins before what the same speaker said earlier: sort the transcript by time"
    } else {
        return None;
    };
    Some(strict(field, what))
}
