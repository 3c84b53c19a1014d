//! The documented part of Cekura's API.

use super::server::Dev;
use cekura::{Audio, Calls, Protocol, Run};
use cekura_trace_tests::handles;
use serde_json::json;
use std::time::Duration;

const OBSERVE: &str = "/observability/v1/observe/";
const CALL_LOGS: &str = "/observability/v1/call-logs/";
const WEBHOOK: &str = "/test_framework/custom-provider-transcript-webhook/";

#[test]
fn a_call_log_is_found_by_the_callers_own_id_and_changed() {
    let dev = Dev::start("call-log", &[]);
    let log = json!({
        "call_id": "a/b 1", "agent": 5, "trace_id": "4bf92f3577b34da6a3ce929d0e0e4736",
        "transcript_type": "pipecat", "transcript_json": [{ "role": "user", "content": "hello there" }],
        "metadata": { "kept": 1, "changed": 1 }, "timestamp": "2026-11-01T10:00:00Z",
    });
    let (status, stored) = dev.post_json(OBSERVE, &log);
    assert_eq!(
        (status, &stored["call_id"], &stored["status"]),
        (201, &log["call_id"], &json!("evaluating")),
        "{stored}"
    );
    // The same again, as after an answer that was lost.
    assert_eq!(dev.post_json(OBSERVE, &log).1["id"], stored["id"]);
    let other = json!({ "call_id": "other", "agent": 5, "trace_id": log["trace_id"] });
    assert_ne!(dev.post_json(OBSERVE, &other).1["id"], stored["id"]);

    let filter = "%7B%22field%22%3A%22call_id%22%2C%22op%22%3A%22eq%22%2C%22value%22%3A%22a%2Fb%201%22%7D";
    for path in [CALL_LOGS, "/observability/v2/call-logs/"] {
        let found = dev.get(&format!("{path}?filters_v2={filter}&agent_id=5"));
        assert_eq!((&found["count"], &found["results"][0]["id"]), (&json!(1), &stored["id"]), "{found}");
    }
    let page = dev.get(&format!("{CALL_LOGS}?page=2&page_size=1&project_id=3"));
    assert_eq!((&page["count"], &page["results"][0]["call_id"]), (&json!(2), &json!("a/b 1")), "{page}");
    for (query, field) in [("filters_v2=%7B%7D", "filters_v2"), ("page=0", "page"), ("mood=good", "mood")] {
        let (status, answer) = dev.ask("GET", &format!("{CALL_LOGS}?{query}"), &[], &[]);
        assert!(status == 400 && answer.contains(field), "{query}: {status} {answer}");
    }

    let one = format!("{CALL_LOGS}{}/", stored["id"]);
    let change =
        json!({ "metadata": { "changed": 2 }, "call_ended_reason": "completed", "reevaluate_metrics": true });
    let (status, changed) = dev.send_json("PATCH", &one, &change);
    assert_eq!((status, &changed["metadata"]), (200, &json!({ "kept": 1, "changed": 2 })), "{changed}");
    assert_eq!(dev.get(&one)["call_ended_reason"], "completed");
    assert_eq!(dev.send_json("PATCH", &format!("{CALL_LOGS}999/"), &change).0, 404);
    assert_eq!(dev.stored("SELECT count(*) FROM words WHERE words MATCH 'hello'"), 1);
    assert_eq!(dev.get("/app/otel/validate/?agent_id=5")["valid"], true);
}

#[test]
fn what_cekura_refuses_is_refused_in_its_own_form() {
    let dev = Dev::start("refuses", &[]);
    let entry = |role: &str| json!([{ "role": role, "content": "x", "start_time": 0.0, "end_time": 1.0 }]);
    let cases = [
        (json!({ "agent": 5 }), "call_id"),
        (json!({ "call_id": "x".repeat(101) }), "call_id"),
        (json!({ "call_id": "" }), "call_id"),
        (json!({ "call_id": "a", "trace_id": "4BF92F3577B34DA6A3CE929D0E0E4736" }), "trace_id"),
        (json!({ "call_id": "a", "transcript_type": "custom" }), "transcript_type"),
        (json!({ "call_id": "a", "transcript_json": entry("agent") }), "transcript_json"),
        (
            json!({ "call_id": "a", "transcript_type": "pipecat", "transcript_json": entry("bot") }),
            "transcript_json",
        ),
        (json!({ "call_id": "a", "timestamp": "now" }), "timestamp"),
        (json!({ "call_id": "a", "metadata": [] }), "metadata"),
    ];
    for (log, field) in cases {
        let (status, answer) = dev.post_json(OBSERVE, &log);
        assert!(status == 400 && answer[field][0].is_string(), "{log}: {status} {answer}");
    }
    for body in ["", "[]", "{", "7"] {
        let (status, answer) = dev.ask("POST", OBSERVE, &["Content-Type: application/json"], body.as_bytes());
        assert!(status == 400 && answer.contains("detail"), "{body}: {status} {answer}");
    }
    assert_eq!(dev.stored("SELECT count(*) FROM calls"), 0);
    // Without --check what is merely undocumented passes.
    assert_eq!(dev.post_json(OBSERVE, &json!({ "call_id": "a", "mood": null })).0, 201);
    assert_eq!(dev.end().code, Some(0));
}

#[cekura::conversation(client = handle, call_id = "recorded-1", observe, skip_all)]
async fn recorded(handle: &cekura::Cekura) {
    let line = cekura::current_conversation().unwrap().audio();
    let sound = vec![7_i16; 16_000];
    line.user(&sound, 16_000);
    line.agent(&sound, 16_000);
}

#[test]
fn a_recording_is_kept_as_it_was_sent() {
    let dev = Dev::start("recording", &[]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let handle = handles::at(&format!("http://{}", dev.grpc), Protocol::Grpc)
        .api_url(format!("http://{}", dev.http))
        .api_key("any-key-at-all")
        .agent(5)
        .audio(Audio::stereo())
        .build()
        .unwrap();
    let report = runtime.block_on(async {
        recorded(&handle).await;
        handle.shutdown(handles::LONG).await
    });
    assert!(report.lost() == 0, "{report}");
    assert_eq!(
        dev.stored("SELECT count(*) FROM calls WHERE call_id = 'recorded-1' AND media_type LIKE 'audio/%'"),
        1
    );
    assert!(dev.stored("SELECT sum(length(data)) FROM sound") > 100);
    assert_eq!(
        dev.stored("SELECT hex(substr(data, 1, 4)) IN ('664C6143', '52494646') FROM sound WHERE part = 0"),
        1
    );

    // By hand, larger than one row of the database, with bytes that look like a boundary.
    let sound: Vec<u8> =
        (0..3_000_000_u32).map(|at| u8::try_from(at % 251).unwrap()).chain(*b"\r\n--x").collect();
    let mut form = Vec::new();
    for (name, text) in [("call_id", "by-hand"), ("agent", "5"), ("metadata", "{\"a\":1}")] {
        form.extend(
            format!("--xyz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n")
                .into_bytes(),
        );
    }
    form.extend(*b"--xyz\r\nContent-Disposition: form-data; name=\"voice_recording\"; filename=\"a.wav\"\r\nContent-Type: audio/wav\r\n\r\n");
    form.extend(&sound);
    form.extend(*b"\r\n--xyz--\r\n");
    let (status, answer) =
        dev.ask("POST", OBSERVE, &["Content-Type: multipart/form-data; boundary=xyz"], &form);
    assert!(status == 201 && answer.contains("\"agent\":5"), "{status} {answer}");
    let of = "FROM sound WHERE call = (SELECT id FROM calls WHERE call_id = 'by-hand')";
    assert_eq!(dev.stored(&format!("SELECT sum(length(data)) {of}")), i64::try_from(sound.len()).unwrap());
    let mut left: Vec<_> =
        std::fs::read_dir(&dev.data).unwrap().map(|file| file.unwrap().file_name()).collect();
    left.retain(|name| name.to_string_lossy().starts_with("upload"));
    assert!(left.is_empty(), "{left:?}");
}

#[cekura::conversation(client = handle, call_id = "simulated-1", observe, run = run, skip_all)]
fn simulated(handle: &cekura::Cekura, run: &Run) {
    let call = cekura::current_conversation().unwrap();
    call.user("hello");
    std::thread::sleep(Duration::from_millis(5));
    call.agent("good evening");
}

#[test]
fn simulations_go_to_the_webhook() {
    let dev = Dev::start("webhook", &["--check"]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let handle = handles::at(&format!("http://{}", dev.grpc), Protocol::Grpc)
        .api_url(format!("http://{}", dev.http))
        .api_key("any-key-at-all")
        .agent(5)
        .calls(Calls::Simulate)
        .build()
        .unwrap();
    simulated(&handle, &Run::from_json(json!({ "run_id": 77 })));
    let report = runtime.block_on(handle.shutdown(handles::LONG));
    assert!(report.lost() == 0, "{report}");
    let found = dev.get(&format!("{CALL_LOGS}?agent_id=5"));
    assert_eq!(found["results"][0]["transcript_object"][1]["role"], "Main Agent", "{found}");
    for body in [json!({ "calls": [{}] }), json!({ "agent_id": 5 }), json!({ "agent_id": 5, "calls": [7] })] {
        assert_eq!(dev.post_json(WEBHOOK, &body).0, 400, "{body}");
    }
}
