//! What a page says of a conversation. Invariant: text from a call is never read as HTML.

use super::stages::stages;
use super::transcript::transcript;
use super::{Around, Bytes, Role, SCRIPT, STYLE, SoundFile, Spread, TEMPLATE, fill, write};
use crate::finished::{Tree, write as record};
use crate::local::tests::sample::{self, Sample};
use crate::semconv as key;
use opentelemetry::KeyValue;
use opentelemetry::trace::{SpanContext, SpanId, TraceFlags, TraceId, TraceState};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const EVIL: &str = "</script><script>alert(1)</script><!--<script>\u{2028}\u{2029}{{script}}\u{0}\"'&";

/// A page without a recording.
fn page(tree: &Tree, call_log: Option<&[u8]>) -> String {
    let mut page = Vec::new();
    write(
        &mut page,
        tree,
        call_log,
        Err("it was not recorded"),
        &[("service", EVIL.to_owned())],
        Around::Folder,
    )
    .unwrap();
    String::from_utf8(page).unwrap()
}

/// The data of a page, read as a browser finds it: up to the first thing that ends its element.
fn data(page: &str) -> (String, Value) {
    let (_, rest) = page.split_once(r#"<script id="data" type="application/json">"#).unwrap();
    let (text, _) = rest.split_once("</script").unwrap();
    (text.to_owned(), serde_json::from_str(text).unwrap())
}

#[test]
fn content_is_never_more_than_text() {
    let mut call = Sample::new();
    let root = call.failed(SpanId::INVALID, "conversation", [0, 10], EVIL, &|out| {
        record::text(out, key::CALL_ID, EVIL);
    });
    call.span(root, EVIL, [1, 2], &|out| record::text(out, EVIL, EVIL));
    call.span(root, "stt", [2, 3], &|out| record::text(out, key::STT_TRANSCRIPT, EVIL));
    let page = page(&call.tree(), None);
    let (text, data) = data(&page);
    assert!(!text.contains(['<', '\u{2028}', '\u{2029}', '\0']), "{text}");
    assert_eq!(data["call"], EVIL);
    assert_eq!(data["spans"][0]["description"], EVIL);
    assert_eq!(data["spans"][1]["attributes"], json!([[EVIL, EVIL]]));
    assert_eq!(data["transcript"][0]["text"], EVIL);
    assert_eq!(page.matches("<script").count(), 2, "the data and the script");
}

#[test]
fn a_part_is_not_filled_again() {
    assert_eq!(fill("a {{x}} b {{y}}{{z}}", &[("x", "{{y}}"), ("y", "}} {{x")]), "a {{y}} b }} {{x");
    assert_eq!(fill("open {{x", &[("x", "1")]), "open 1");
}

#[test]
fn a_page_needs_nothing_else_and_runs_nothing_else() {
    let (first, second) = (page(&sample::clinic(), None), page(&sample::clinic(), None));
    let nonce = |page: &str| page.split_once("script-src 'nonce-").unwrap().1[..32].to_owned();
    assert_ne!(nonce(&first), nonce(&second));
    assert_eq!(first.matches(&nonce(&first)).count(), 5, "the policy's two, two styles, the script");
    assert!(first.contains("default-src 'none'"));
    for text in [TEMPLATE, STYLE, SCRIPT] {
        for word in ["http:", "https:", "//cdn", " src=", "href=", "url(", "@import", "@font-face"] {
            assert!(!text.contains(word), "{word}");
        }
    }
    for word in
        ["innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "fetch(", "import("]
    {
        assert!(!SCRIPT.contains(word), "{word}");
    }
}

/// A call with a tool that failed, of which all is said that a span can say.
fn failed_booking() -> Sample {
    let mut call = Sample::new();
    let other =
        SpanContext::new(TraceId::from(7), SpanId::from(9), TraceFlags::SAMPLED, true, TraceState::NONE);
    let root = call.span(SpanId::INVALID, "conversation", [0, 3_000], &|_| {});
    call.failed(root, "tool_call", [1_000, 2_500], "no answer", &|out| {
        record::text(out, key::FUNCTION_NAME, "book");
        record::text(out, key::FUNCTION_INPUT, r#"{"id":12345678901234567890}"#);
        record::texts(out, key::GEN_AI_RESPONSE_FINISH_REASONS, &["a\"b", "c"]);
        record::flag(out, key::CEKURA_INTERRUPTED, true);
        record::float(out, key::GEN_AI_RESPONSE_TIME_TO_FIRST_CHUNK, 0.25);
        record::integer(out, key::STREAM_ITEMS, 7);
        record::float(out, key::STREAM_LONGEST_GAP_SECONDS, 0.5);
        let attributes = [KeyValue::new("attempt", i64::MAX), KeyValue::new("late", true)];
        record::event(out, "retried", sample::START + 1_200_000_000, &attributes);
        record::link(out, &other, &[]);
    });
    call
}

#[test]
fn what_a_span_says_is_kept_whole() {
    let call = failed_booking();
    let (_, data) = data(&page(&call.tree(), None));
    let expected = json!({
        "id": "0000000000000002",
        "trace": "4bf92f3577b34da6a3ce929d0e0e4736",
        "parent": "0000000000000001",
        "parts": [],
        "depth": 1,
        "kind": "tool_call",
        "look": "tool",
        "name": "tool_call book",
        "service": null,
        "start": 1_000_000_000,
        "length": 1_500_000_000,
        "open": false,
        "first": { "name": "first chunk", "after": 250_000_000 },
        "waited": false,
        "items": 7,
        "gap": 500_000_000,
        "latency": null,
        "counts": "",
        "words": [
            ["interrupted", "■ interrupted ·"],
            ["dim", "first chunk 250 ms ·"],
            ["other", r#"{"id":12345678901234567890}"#],
            ["error", "✗ no answer"],
        ],
        "failed": true,
        "interrupted": true,
        "cut": false,
        "description": "no answer",
        "attributes": [
            ["function.name", "book"],
            ["function.input", r#"{"id":12345678901234567890}"#],
            ["gen_ai.response.finish_reasons", r#"["a\"b","c"]"#],
            ["cekura.interrupted", "true"],
            ["gen_ai.response.time_to_first_chunk", "0.25"],
            ["stream.items", "7"],
            ["stream.longest_gap_seconds", "0.5"],
        ],
        "events": [{
            "name": "retried",
            "at": 1_200_000_000,
            "attributes": [["attempt", "9223372036854775807"], ["late", "true"]],
        }],
        "links": [{ "trace": "00000000000000000000000000000007", "id": "0000000000000009", "attributes": [] }],
    });
    assert_eq!((&data["spans"][1], &data["start"]), (&expected, &json!(sample::START / 1_000_000)));
}

/// Who says what, with the first words of it.
fn lines(tree: &Tree) -> Vec<(Role, String)> {
    let begin = |text: &str| text.split(' ').take(2).collect::<Vec<_>>().join(" ");
    transcript(tree, &Value::Null).iter().map(|entry| (entry.role, begin(&entry.text))).collect()
}

#[test]
fn the_agents_words_are_those_that_a_voice_spoke() {
    use Role::{Agent, Tool, User};
    let expected = [
        (Agent, "Riverside Clinic,"),
        (User, "Hi, I"),
        (Tool, "find_slot"),
        (Agent, "I have"),
        (User, "Tuesday half"),
        (Tool, "book_slot"),
        (Agent, "I could"),
        (User, "Yes, 谢谢"),
        (Agent, "Done: a"),
    ];
    assert_eq!(lines(&sample::clinic()), expected.map(|(role, text)| (role, text.to_owned())));
}

#[test]
fn what_was_cut_off_before_a_sound_was_not_said() {
    let mut call = Sample::new();
    let turn = call.span(SpanId::INVALID, "turn", [0, 90], &|_| {});
    call.span(turn, "llm", [0, 20], &|out| record::text(out, key::OUTPUT, "We open at ten. Come by."));
    for (at, text, items) in [(20, "We open at ten.", 3), (40, "Come by.", 0)] {
        call.span(turn, "tts", [at, at + 20], &|out| {
            record::text(out, key::TEXT, text);
            record::integer(out, key::STREAM_ITEMS, items);
            record::flag(out, key::CEKURA_INTERRUPTED, true);
        });
    }
    assert_eq!(lines(&call.tree()), [(Role::Agent, "We open".to_owned())]);
}

#[test]
fn without_a_voice_they_are_the_models() {
    let mut call = Sample::new();
    let turn = |call: &mut Sample, at| call.span(SpanId::INVALID, "turn", [at, at + 90], &|_| {});
    let first = turn(&mut call, 0);
    for (at, is_final) in [(1, false), (2, false), (3, true)] {
        call.span(first, "stt", [at, at + 1], &|out| {
            record::text(out, key::STT_TRANSCRIPT, &format!("heard {at}"));
            record::flag(out, key::IS_FINAL, is_final);
        });
    }
    call.span(first, "llm", [10, 20], &|out| {
        record::text(out, key::OUTPUT, "typed answer");
        record::flag(out, "output.truncated", true);
    });
    let second = turn(&mut call, 100);
    call.span(second, "stt", [101, 102], &|out| {
        record::text(out, key::STT_TRANSCRIPT, "only interim");
        record::flag(out, key::IS_FINAL, false);
    });
    call.span(second, "llm", [110, 120], &|out| record::text(out, key::OUTPUT, "thought silently"));
    call.span(second, "s2s", [110, 120], &|out| record::text(out, key::OUTPUT, "spoken answer"));
    let tree = call.tree();
    let said: Vec<_> =
        transcript(&tree, &Value::Null).into_iter().map(|entry| (entry.text, entry.truncated)).collect();
    let expected =
        [("heard 3", false), ("typed answer", true), ("only interim", false), ("spoken answer", false)];
    assert_eq!(said, expected.map(|(text, truncated)| (text.to_owned(), truncated)));
    let (_, data) = data(&page(&tree, None));
    let turns: Vec<_> = data["transcript"].as_array().unwrap().iter().map(|line| &line["turn"]).collect();
    assert_eq!(turns, [0, 0, 5, 5]);
}

#[test]
fn percentiles_are_times_that_were_measured() {
    let mut call = Sample::new();
    let root = call.span(SpanId::INVALID, "conversation", [0, 100_000], &|_| {});
    for length in 1..=40 {
        call.span(root, "llm", [length, length * 2], &|_| {});
    }
    call.span(root, "playback", [0, 7], &|out| record::float(out, key::METRICS_TTFB, 0.002));
    let tree = call.tree();
    let found = stages(&tree);
    let names: Vec<_> = found.iter().map(|stage| (stage.name, stage.count)).collect();
    assert_eq!(names, [("llm", 40), ("playback", 1)]);
    let spread = |count, p50, p95: Option<u64>, most| {
        let [p50, most] = [p50, most].map(|milliseconds: u64| milliseconds * 1_000_000);
        Spread { count, p50, p95: p95.map(|milliseconds| milliseconds * 1_000_000), most }
    };
    assert_eq!((found[0].spread, found[0].first), (spread(40, 20, Some(38), 40), None));
    // Of one value there is no 95th percentile.
    assert_eq!((found[1].spread, found[1].first), (spread(1, 7, None, 7), Some(spread(1, 2, None, 2))));
    assert_eq!(tree.rows[found[0].longest].1.head.span_id, SpanId::from(41));
}

/// A conversation that begins a second after the axis does.
fn late_call() -> Tree {
    let mut call = Sample::new();
    let root = call.span(SpanId::INVALID, "conversation", [1_000, 4_000], &|_| {});
    call.span(root, "ringing", [0, 1_000], &|_| {});
    call.tree()
}

#[test]
fn a_recording_and_log_lines_stand_where_the_conversation_does() {
    let parts = [&b"RIFF"[..], b"....", b"WAVE"].map(|part| Ok(Bytes::from_static(part)));
    let sound = SoundFile { media_type: "audio/wav", parts: Box::new(parts.into_iter()) };
    let line =
        |ts: Value, level: &str| json!({ "ts": ts, "level": level, "logger": "agent", "message": EVIL });
    let log = json!({ "call_id": "1", "logs": [line(json!(0.25), "WARN"), line(Value::Null, "INFO")] });
    let mut page = Vec::new();
    write(&mut page, &late_call(), Some(log.to_string().as_bytes()), Ok(sound), &[], Around::Folder).unwrap();
    let page = String::from_utf8(page).unwrap();
    let (text, data) = data(&page);
    assert!(!text.contains('<'));
    assert_eq!((&data["recording"], &data["unheard"]), (&json!(1_000_000_000), &Value::Null));
    let line = |start: Value, level: &str| json!({ "start": start, "level": level, "logger": "agent", "message": EVIL, "fields": null });
    assert_eq!(data["logs"], json!([line(json!(1_250_000_000), "WARN"), line(Value::Null, "INFO")]));
    assert_eq!(data["log"], r#"{"call_id":"1"}"#, "what is shown elsewhere is not shown again");
    assert!(page.contains(r#"<audio id="recording" controls preload="auto" src="data:audio/wav;base64,UklGRi4uLi5XQVZF"></audio>"#));
    assert_eq!(page.matches("media-src data:;").count(), 1, "nothing else may be loaded");
}

#[test]
fn a_page_without_a_recording_says_why() {
    let page = page(&sample::clinic(), None);
    let (_, data) = data(&page);
    assert_eq!((&data["recording"], &data["unheard"]), (&Value::Null, &json!("it was not recorded")));
    assert!(!page.contains("<audio") && !page.contains("data:audio"));
}

#[test]
fn an_empty_tree_has_a_page() {
    let (_, data) = data(&page(&Tree::default(), None));
    assert_eq!((&data["spans"], &data["call"], &data["length"]), (&json!([]), &Value::Null, &json!(1)));
}

#[test]
fn a_call_logs_own_words_win_and_find_their_spans() {
    let entry =
        |role: &str, text: &str, start: f64| json!({ "role": role, "content": text, "start_time": start });
    let log = json!({
        "call_id": "clinic-0931",
        "metadata": { "bot_version": EVIL },
        "transcript_json": [
            entry("Testing Agent", "Yes, 谢谢 🙏 that works. Bye! ", 21.6),
            { "role": "Function Call", "data": { "name": "book_slot" }, "start_time": 22.0 },
            { "role": "Function Call Result", "data": { "name": "book_slot" }, "start_time": 22.5 },
            entry("Main Agent", "said by no span", 2.5),
        ],
    });
    let tree = sample::clinic();
    let lines = transcript(&tree, &log);
    let seen: Vec<_> = lines.iter().map(|line| (line.role, line.start - sample::START, line.row)).collect();
    let row = |name: &str| tree.rows.iter().rposition(|(_, span)| span.name == name);
    let expected = [
        (Role::User, 21_600_000_000, row("stt")),
        (Role::Tool, 22_000_000_000, row("tool_call")),
        (Role::Agent, 2_500_000_000, None),
    ];
    assert_eq!(seen, expected);
    let (text, data) = data(&page(&tree, Some(log.to_string().as_bytes())));
    assert!(!text.contains('<'));
    let turn = &data["transcript"][2]["turn"];
    assert_eq!(
        data["spans"][turn.as_u64().and_then(|turn| usize::try_from(turn).ok()).unwrap()]["name"],
        "turn 1"
    );
    let shown: Value = serde_json::from_str(data["log"].as_str().unwrap()).unwrap();
    assert_eq!(shown, json!({ "call_id": "clinic-0931", "metadata": { "bot_version": EVIL } }));
    let untimed = json!({ "transcript_json": [{ "role": "assistant", "content": "Hello!" }] });
    let seen: Vec<_> = transcript(&tree, &untimed).iter().map(|line| (line.role, line.start)).collect();
    assert_eq!(seen[0], (Role::Agent, sample::START));
    let (user, tool) = (Role::User, Role::Tool);
    let roles: Vec<_> = seen.iter().map(|(role, _)| *role).collect();
    assert_eq!(roles, [Role::Agent, user, tool, user, tool, user], "whom the log leaves out the spans name");
}

#[test]
fn what_the_caller_says_before_a_turn_stands_in_the_turn_that_answers_it() {
    let mut call = Sample::new();
    let root = call.span(SpanId::INVALID, "conversation", [0, 9_000], &|_| {});
    let rows = [[1_000, 3_000], [5_000, 8_000]].map(|[begin, end]| {
        let turn = call.span(root, "turn", [begin, end], &|_| {});
        call.span(turn, "tts", [begin + 100, end], &|out| record::text(out, key::TEXT, "Answer."));
        turn
    });
    assert_ne!(rows[0], rows[1]);
    let entry = |role: &str, start: f64| json!({ "role": role, "content": "words", "start_time": start });
    let log = json!({ "transcript_json": [
        entry("Testing Agent", 0.2),
        entry("Main Agent", 1.1),
        // He goes on while he is answered, and cuts in.
        entry("Testing Agent", 1.5),
        entry("Main Agent", 2.0),
        entry("Testing Agent", 2.8),
        entry("Testing Agent", 4.2),
        entry("Main Agent", 5.1),
        entry("Testing Agent", 8.5),
    ] });
    let turns: Vec<_> = transcript(&call.tree(), &log).iter().map(|line| line.turn).collect();
    assert_eq!(turns, [1, 1, 1, 1, 3, 3, 3, 3].map(Some));
}

/// How long it takes to read a call in which so much was said, once by spans and once by its call log.
fn time_for(spans: &[(&str, &str)], log: impl Fn(u64) -> Value) -> Duration {
    const LINES: u64 = 100_000;
    let mut call = Sample::new();
    for (at, (name, key)) in (0..LINES).zip(spans.iter().cycle()) {
        call.span(SpanId::INVALID, name, [at, at + 1], &|out| record::text(out, key, &format!("line {at}")));
    }
    // The last come first.
    let log = json!({ "transcript_json": (0..LINES).rev().map(log).collect::<Vec<_>>() });
    let (tree, began) = (call.tree(), Instant::now());
    assert!(transcript(&tree, &log).len() as u64 >= LINES);
    began.elapsed()
}

#[test]
fn a_call_of_100000_lines_is_read_in_seconds() {
    let user = |at: u64| json!({ "role": "user", "content": format!("line {at}") });
    let unknown =
        |at: u64| json!({ "role": "user", "content": format!("no span says {at}"), "start_time": at });
    let heard = [("stt", key::STT_TRANSCRIPT)];
    let turns = [("turn", "a"), ("stt", key::STT_TRANSCRIPT)];
    let times = [time_for(&heard, user), time_for(&turns, unknown), time_for(&[("tts", key::TEXT)], user)];
    assert!(times.iter().all(|time| *time < Duration::from_secs(8)), "{times:?}");
}
