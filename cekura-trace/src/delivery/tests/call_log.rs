//! Call logs as they are written, and what is said of those that cannot be.

use super::sealed::Account;
use super::{CallLog, Duration, Entry, SystemTime, TraceId, TranscriptType};
use crate::delivery::config::{Builder, resolve};
use serde_json::{Value, json};

fn account(builder: impl FnOnce(Builder) -> Builder) -> Account {
    let builder = builder(Builder::default().variables(|_| None).api_key("canary"));
    Account::of(&resolve(builder).unwrap().unwrap())
}

fn agent() -> Account {
    account(|builder| builder.agent(5))
}

fn body(log: CallLog) -> Value {
    let mut log = log.seal(&agent()).unwrap();
    log.name_trace();
    serde_json::from_slice(&log.body).unwrap()
}

fn mistakes(log: CallLog) -> String {
    let error = log.seal(&agent()).unwrap_err();
    assert!(error.is_invalid() && error.status().is_none());
    error.to_string()
}

#[test]
fn the_least_call_log_has_an_id_and_an_agent() {
    assert_eq!(body(CallLog::new("c")), json!({ "call_id": "c", "agent": 5 }));
}

#[test]
fn every_field_has_the_apis_name_and_form() {
    let log = CallLog::new("call-1")
        .trace_id(TraceId::from(0xab))
        .agent(7)
        .assistant_id("asst")
        .transcript([Entry::user("Hello?").at(0.5, 1.0)])
        .metadata(json!({ "bot_version": "1.0", "nothing": null, "list": [1, null] }))
        .dynamic_variables(json!({ "name": "Anna" }))
        .voice_recording_url("https://example.com/a.wav")
        .call_ended_reason("user-hangup")
        .customer_number("+15550100")
        .timestamp(SystemTime::UNIX_EPOCH + Duration::from_millis(1_709_210_096_789))
        .feedback("good")
        .redact_fields(["ssn", "dob"])
        .metric_ids([118, 119])
        .main_agent_channel_index(1);
    let expected = json!({
        "call_id": "call-1",
        "trace_id": "000000000000000000000000000000ab",
        "agent": 7,
        "assistant_id": "asst",
        "transcript_type": "cekura",
        "transcript_json": [
            { "role": "Testing Agent", "content": "Hello?", "start_time": 0.5, "end_time": 1.0 },
        ],
        "metadata": { "bot_version": "1.0", "list": [1] },
        "dynamic_variables": { "name": "Anna" },
        "voice_recording_url": "https://example.com/a.wav",
        "call_ended_reason": "user-hangup",
        "customer_number": "+15550100",
        "timestamp": "2024-02-29T12:34:56.789Z",
        "feedback": "good",
        "redact_fields": ["ssn", "dob"],
        "metric_ids": "118,119",
        "main_agent_channel_index": 1,
    });
    assert_eq!(body(log), expected);
}

#[test]
fn it_prints_what_is_posted() {
    let log = CallLog::new("c").transcript([Entry::agent("Hello.")]).trace_id(TraceId::from(1));
    let printed: Value = serde_json::from_str(&log.to_string()).unwrap();
    let entries = json!([{ "role": "assistant", "content": "Hello." }]);
    assert_eq!(printed, json!({ "call_id": "c", "transcript_type": "pipecat", "transcript_json": entries }));
}

#[test]
fn what_is_empty_is_left_out() {
    let log = CallLog::new("c")
        .trace_id(TraceId::INVALID)
        .assistant_id("")
        .transcript([Entry::user(" "), Entry::agent("")])
        .metadata(json!({}))
        .dynamic_variables(None::<Value>)
        .voice_recording_url("")
        .call_ended_reason("")
        .feedback("")
        .redact_fields([""; 0])
        .metric_ids([]);
    assert_eq!(body(log), json!({ "call_id": "c", "agent": 5 }));
    assert_eq!(body(CallLog::new("c").feedback("good").feedback("")).get("feedback"), None);
}

#[test]
fn entries_are_sent_by_their_starts() {
    let log = CallLog::new("c").transcript([
        Entry::user("One.").at(0.0, 1.0),
        Entry::user("Three.").at(2.0, 3.0),
        Entry::agent("Two.").at(1.5, 2.5),
        Entry::tool_call("t1", "find", json!({ "day": "monday", "none": null })),
        Entry::tool_result("t1", "find", "09:00").at(2.6, 2.7),
    ]);
    let sent = body(log);
    let call = json!({
        "role": "Function Call", "content": "", "start_time": 2.5, "end_time": 2.5,
        "data": { "id": "t1", "name": "find", "arguments": "{\"day\":\"monday\",\"none\":null}" },
    });
    let result = json!({
        "role": "Function Call Result", "start_time": 2.6, "end_time": 2.7,
        "data": { "id": "t1", "name": "find", "result": "09:00" },
    });
    let entries = sent["transcript_json"].as_array().unwrap();
    let said: Vec<_> = entries.iter().filter_map(|entry| entry["content"].as_str()).collect();
    assert_eq!(said, ["One.", "Two.", "Three.", ""]);
    assert_eq!(entries[1]["role"], "Main Agent");
    assert_eq!((&entries[3], &entries[4]), (&call, &result));
}

#[test]
fn without_times_the_form_has_none() {
    let log = CallLog::new("c").transcript([
        Entry::user("Hello?"),
        Entry::tool_call("t1", "find", "{\"day\":1}"),
        Entry::tool_result("t1", "find", json!(["09:00"])),
        Entry::agent("At nine."),
    ]);
    let sent = body(log);
    assert_eq!(sent["transcript_type"], "pipecat");
    assert_eq!(
        sent["transcript_json"],
        json!([
            { "role": "user", "content": "Hello?" },
            { "role": "tool_call", "data": { "id": "t1", "name": "find", "arguments": "{\"day\":1}" } },
            { "role": "tool_call_result", "data": { "id": "t1", "name": "find", "result": "[\"09:00\"]" } },
            { "role": "assistant", "content": "At nine." },
        ])
    );
}

#[test]
fn a_providers_transcript_goes_as_it_is() {
    let words = json!([{ "word": "hello", "start": 0.1, "end": 0.4, "speaker": 0 }]);
    let sent = body(CallLog::new("c").provider_transcript(TranscriptType::Deepgram, &words));
    assert_eq!((&sent["transcript_type"], &sent["transcript_json"]), (&json!("deepgram"), &words));
    let both =
        CallLog::new("c").provider_transcript(TranscriptType::Vapi, words).transcript([Entry::user("a")]);
    assert_eq!(body(both)["transcript_type"], "pipecat");
}

#[test]
fn every_mistake_is_named_at_once() {
    let log = CallLog::new("x".repeat(101))
        .metadata("text")
        .voice_recording_url("a.wav")
        .main_agent_channel_index(2)
        .transcript([
            Entry::user("a").at(1.0, 0.5),
            Entry::agent("b").at(f64::NAN, 1.0),
            Entry::user("c").at(-1.0, 1.0),
            Entry::user("d").at(5.0, 6.0),
            Entry::user("e").at(4.0, 7.0),
            Entry::agent("f"),
        ]);
    assert_eq!(
        mistakes(log),
        "metadata must be an object, such as `json!({ \"key\": \"value\" })`; \
         voice_recording_url must be a URL that begins with `https://` or `http://`; \
         main_agent_channel_index must be 0 or 1; \
         call_id has 101 characters: Cekura accepts at most 100; \
         transcript entry 1 ends before it starts (1 to 0.5); \
         transcript entry 2 is at NaN to 1: give seconds from the call's start, at least 0; \
         transcript entry 3 is at -1 to 1: give seconds from the call's start, at least 0; \
         transcript entry 5 starts at 4, before the user's previous entry at 5; \
         transcript entry 6 has no times: give times to all entries, or to none"
    );
}

#[test]
fn an_id_has_1_to_100_characters() {
    assert_eq!(body(CallLog::new("é".repeat(100)))["call_id"], "é".repeat(100));
    assert_eq!(
        mistakes(CallLog::new("é".repeat(101))),
        "call_id has 101 characters: Cekura accepts at most 100"
    );
    assert_eq!(mistakes(CallLog::new(" ")), "call_id is empty: give the call an id of your own");
}

#[test]
fn a_field_that_cannot_be_redacted_is_told_with_those_that_can() {
    let said = mistakes(CallLog::new("c").redact_fields(["ssn", "nme"]));
    assert!(said.starts_with("redact_fields has no kind `nme`; it takes person_name, age, "), "{said}");
}

/// Panics when it is serialised.
struct Panics;

impl serde::Serialize for Panics {
    fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
        panic!("as the test says")
    }
}

#[test]
fn what_cannot_be_written_is_a_mistake_and_no_panic() {
    let log = CallLog::new("c").metadata(Panics).transcript([Entry::tool_call("t", "find", Panics)]);
    assert_eq!(
        mistakes(log),
        "metadata cannot be written as JSON; \
         transcript entry 1: the arguments or the result of the tool `find` cannot be written as JSON"
    );
}

#[test]
fn a_project_does_not_know_its_agent() {
    let project = account(|builder| builder.project(42));
    let error = CallLog::new("c").seal(&project).unwrap_err().to_string();
    assert!(error.starts_with("agent is missing, because the handle has only a project"), "{error}");
    for log in [CallLog::new("c").agent(1), CallLog::new("c").assistant_id("a")] {
        log.seal(&project).unwrap();
    }
    let log = CallLog::new("c").assistant_id("a").seal(&project).unwrap();
    assert_eq!(log.owner.as_deref(), Some("project_id=42"));
    assert_eq!(CallLog::new("c").seal(&agent()).unwrap().owner.as_deref(), Some("agent_id=5"));
}

#[test]
fn without_a_key_there_is_nobody_to_send_it_to() {
    let builder = Builder::default().variables(|_| None).otel_endpoint("http://127.0.0.1:1");
    let collector = Account::of(&resolve(builder).unwrap().unwrap());
    let error = CallLog::new("c").seal(&collector).unwrap_err();
    assert_eq!(error.to_string(), "CEKURA_API_KEY is not set; a call log needs it, and CEKURA_AGENT_ID");
}

#[test]
fn times_of_the_calendar() {
    for (seconds, expected) in [
        (0, "1970-01-01T00:00:00.000Z"),
        (951_782_400, "2000-02-29T00:00:00.000Z"),
        (4_107_542_399, "2100-02-28T23:59:59.000Z"),
        (4_107_542_400, "2100-03-01T00:00:00.000Z"),
        (253_402_300_799, "9999-12-31T23:59:59.000Z"),
    ] {
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        assert_eq!(body(CallLog::new("c").timestamp(time))["timestamp"], expected);
    }
    for wrong in [-1, 253_402_300_800] {
        let span = Duration::from_secs(u64::try_from(i64::abs(wrong)).unwrap());
        let epoch = SystemTime::UNIX_EPOCH;
        let time = if wrong < 0 { epoch - span } else { epoch + span };
        assert_eq!(
            mistakes(CallLog::new("c").timestamp(time)),
            "timestamp must lie between the years 1970 and 9999"
        );
    }
}
