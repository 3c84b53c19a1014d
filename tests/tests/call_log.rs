//! Call logs: what is posted and when, and what each answer of Cekura's API means, over real sockets.

#[path = "call_log/answers.rs"]
mod answers;
#[path = "call_log/conversations.rs"]
mod conversations;
#[path = "call_log/handles.rs"]
mod handles;
#[path = "call_log/large.rs"]
mod large;
#[path = "call_log/later.rs"]
mod later;
#[path = "call_log/order.rs"]
mod order;
#[path = "call_log/runs.rs"]
mod runs;
#[path = "call_log/session_logs.rs"]
mod session_logs;
#[path = "call_log/simulated.rs"]
mod simulated;
#[path = "call_log/transcripts.rs"]
mod transcripts;

const OBSERVE: &str = "POST /observability/v1/observe/";

/// Who says what in the transcript of what was posted; of a tool its name and its arguments or its result.
fn said(body: &serde_json::Value) -> Vec<(String, String)> {
    let entries = body["transcript_json"].as_array().into_iter().flatten();
    let said = entries.map(|entry| {
        let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
        let data = &entry["data"];
        let what = match data["name"].as_str() {
            None => text(&entry["content"]),
            Some(name) => format!("{name} {}{}", text(&data["arguments"]), text(&data["result"])),
        };
        (text(&entry["role"]), what)
    });
    said.collect()
}
