//! Two calls beside each other, and how long stages took by version.

use super::pages::{browse_with, whole};
use super::server::Dev;
use super::spans::{attribute, request, span};
use super::{PROTOBUF, spans};
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

#[test]
fn two_calls_are_chosen_by_keyboard_and_compared() {
    browse_with("pages.mjs", "two_calls_are_chosen_by_keyboard_and_compared");
}

#[test]
fn two_calls_are_compared_turn_by_turn() {
    browse_with("pages.mjs", "two_calls_are_compared_turn_by_turn");
}

#[test]
fn without_a_script_the_list_compares_and_filters_too() {
    browse_with("pages.mjs", "without_a_script_the_list_compares_and_filters_too");
}

#[test]
fn stages_are_shown_by_version() {
    browse_with("pages.mjs", "stages_are_shown_by_version");
}

#[test]
fn texts_of_calls_are_only_text_on_every_page() {
    browse_with("pages.mjs", "texts_of_calls_are_only_text_on_every_page");
}

#[test]
fn all_pages_are_readable_in_both_themes_and_at_every_width() {
    browse_with("pages.mjs", "all_pages_are_readable_in_both_themes_and_at_every_width");
}

/// A span that took so many milliseconds.
fn lasting(trace: u128, id: u64, name: &str, ms: u64, seconds: &[(&str, f64)]) -> Span {
    let mut span = span(trace, id, 0, name, &[]);
    span.end_time_unix_nano = span.start_time_unix_nano + ms * 1_000_000;
    span.attributes.extend(seconds.iter().map(|(key, value)| attribute(key, Value::DoubleValue(*value))));
    span
}

/// The cells of the rows of a table's group, one row after the other.
fn rows(page: &str, title: &str) -> Vec<Vec<String>> {
    let group = page.split("<tbody>").find(|group| group.contains(&format!("<bdi>{title}</bdi>")));
    let group = group.unwrap_or_else(|| panic!("no {title}: {page}")).split("</tbody>").next().unwrap();
    let text = |html: &str| {
        let parts = html.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
        parts.collect::<String>().trim().to_owned()
    };
    let cells = |row: &str| {
        row.split("</t")
            .map(text)
            .map(|cell| cell.trim_start_matches("d>").trim_start_matches("h>").to_owned())
            .filter(|cell| !cell.is_empty() && cell != "r>")
            .collect()
    };
    group.split("<tr>").skip(1).map(cells).collect()
}

#[test]
fn percentiles_are_those_of_all_spans_whatever_requests_they_came_in() {
    let dev = Dev::start("percentiles", &[]);
    let send = |spans: Vec<Span>| {
        assert_eq!(dev.ask("POST", "/v1/traces", &[PROTOBUF], &request("any", spans).encode_to_vec()).0, 200);
    };
    // 10, 20, … 1000 ms, over ten calls and many requests; the first of them twice.
    for round in 0..10 {
        for call in 1..=10 {
            let ms = u64::try_from(round * 10 + call).unwrap() * 10;
            send(vec![lasting(
                u128::try_from(call).unwrap(),
                ms,
                "llm",
                ms,
                &[("metrics.ttfb", f64::from(round * 10 + call) / 1000.0)],
            )]);
        }
    }
    send(vec![lasting(1, 10, "llm", 10, &[("metrics.ttfb", 0.001)])]);
    let (status, page) = dev.ask("GET", "/stages", &[], &[]);
    assert_eq!(status, 200);
    let found = rows(&page, "llm");
    let first = rows(&page, "llm first token");
    let of = |row: &[Vec<String>]| (row[0][1].clone(), row[0][2].clone(), row[0][3].clone());
    let near = |text: &str, ms: i64| {
        let found: i64 = text.trim_end_matches(" ms").parse().unwrap();
        assert!((found - ms).abs() <= ms / 100 + 1, "{text} is not {ms} ms");
    };
    let (_, p50, p95) = of(&found);
    near(&p50, 500);
    near(&p95, 950);
    let (_, p50, p95) = of(&first);
    near(&p50, 50);
    near(&p95, 95);
}

#[test]
fn what_recognition_took_is_what_turns_say_of_it() {
    let dev = Dev::start("recognition", &[]);
    let stt = |trace, ms| lasting(trace, 2, "stt", ms, &[]);
    let turn =
        |trace, seconds| lasting(trace, 3, "turn", 9000, &[("turn.latency.transcript_seconds", seconds)]);
    // The first call listens for seconds and says in its turn how long the caller waited; the second says nothing of that.
    let body = request("any", vec![stt(1, 8000), turn(1, 0.25), stt(2, 300)]);
    assert_eq!(dev.ask("POST", "/v1/traces", &[PROTOBUF], &body.encode_to_vec()).0, 200);
    let (_, page) = dev.ask("GET", "/stages", &[], &[]);
    assert!(page.contains("stt after the caller&#39;s last word"), "{page}");
    let told = rows(&page, "stt after the caller&#39;s last word");
    assert!(told[0][2].starts_with("24") || told[0][2].starts_with("25"), "{told:?}");
    let own = rows(&page, "stt");
    assert!(own.len() == 1 && (own[0][2].starts_with("29") || own[0][2].starts_with("30")), "{own:?}");
    // A recogniser that streams listens as long as the caller talks.
    let streams = vec![lasting(3, 1, "stt", 7000, &[("metrics.ttfb", 0.2)])];
    let before = dev.stored("SELECT count(*) FROM times");
    assert_eq!(dev.ask("POST", "/v1/traces", &[PROTOBUF], &request("any", streams).encode_to_vec()).0, 200);
    assert_eq!(dev.stored("SELECT count(*) FROM times"), before);
}

#[test]
fn a_call_whose_spans_all_have_names_of_their_own_is_bounded() {
    let dev = Dev::start("names", &[]);
    let all =
        (1..=500).map(|id| spans::span(5, id, 0, &format!("{}{id}", "name ".repeat(50)), &[])).collect();
    assert_eq!(dev.ask("POST", "/v1/traces", &[PROTOBUF], &request("any", all).encode_to_vec()).0, 200);
    assert!(dev.stored("SELECT count(*) FROM times") <= 64);
    assert!(dev.stored("SELECT max(length(stage)) FROM times") <= 64);
    assert_eq!(dev.ask("GET", "/stages", &[], &[]).0, 200);
}

/// The pages and files that take a question or the number of a call.
const PATHS: [&str; 6] = [
    "/stages",
    "/compare?call=1&call=2",
    "/calls/1/export.html",
    "/calls/1/export.json",
    "/calls/1/export.otlp.json",
    "/?service=agent",
];

#[test]
fn no_other_machine_and_no_other_page_reads_tables_or_files() {
    let dev = Dev::start("tables-guard", &[]);
    let all = [1, 2].map(|call| span(call, 1, 0, "conversation", &[("call_id", "private")]));
    assert_eq!(
        dev.ask("POST", "/v1/traces", &[PROTOBUF], &request("any", all.into()).encode_to_vec()).0,
        200
    );
    for path in PATHS {
        let (head, body) = whole(&dev, path);
        assert!(head.starts_with("HTTP/1.1 200") && !body.is_empty(), "{path}: {head}");
        let policy =
            head.lines().find_map(|line| line.strip_prefix("content-security-policy: ")).expect(path);
        assert!(
            policy.starts_with("default-src 'none'") && policy.contains("frame-ancestors"),
            "{path}: {policy}"
        );
        assert!(!policy.contains("unsafe") && !policy.contains('*'), "{path}: {policy}");
        for header in [
            "x-content-type-options: nosniff",
            "cross-origin-resource-policy: same-origin",
            "cache-control: no-store",
        ] {
            assert!(head.contains(header), "{path}: {head}");
        }
        assert!(!head.contains("access-control"), "{path}: {head}");
        let evil = format!("Host: evil.example:{}", dev.http.port());
        assert_eq!(dev.ask("GET", path, &[&evil], &[]).0, 403, "{path}");
        let origin = ["Origin: https://evil.example"];
        assert!(matches!(dev.ask("POST", path, &origin, &[]).0, 403 | 405), "{path}");
        assert_eq!(dev.ask("POST", path, &[], &[]).0, 405, "{path}");
    }
}

#[test]
fn no_question_breaks_a_page() {
    let dev = Dev::start("questions", &[]);
    let body = request("any", vec![span(1, 1, 0, "conversation", &[]), span(1, 2, 1, "llm", &[])]);
    assert_eq!(dev.ask("POST", "/v1/traces", &[PROTOBUF], &body.encode_to_vec()).0, 200);
    // Twice as much would be more than an address may have: the server then closes while the rest is being written.
    let long = "x".repeat(30_000);
    let values = [
        "%27%3B%20DROP%20TABLE%20calls%3B%20--",
        "%22%20OR%201%3D1",
        "%25%5F%00",
        "%ff%fe",
        "%zz",
        "-1",
        "9223372036854775807",
        "99999999999999999999999999",
        "1e9",
        "NaN",
        "NEAR(a%20b)*^",
        &long,
    ];
    for key in [
        "said",
        "id",
        "service",
        "version",
        "failed",
        "interrupted",
        "slower",
        "since",
        "before",
        "base",
        "call",
    ] {
        for value in values {
            for page in ["/", "/stages", "/compare"] {
                let (status, answer) =
                    dev.ask("GET", &format!("{page}?{key}={value}&call={value}"), &[], &[]);
                let text: String = answer.chars().take(300).collect();
                assert!(
                    matches!(status, 200 | 400 | 404 | 414 | 431),
                    "{page} {key}={value}: {status} {text}"
                );
            }
        }
    }
    for id in
        ["0", "-1", "9223372036854775807", "99999999999999999999", "1%00", "..%2f..%2fetc%2fpasswd", "1'--"]
    {
        for file in
            ["page", "export.html", "export.json", "export.otlp.json", "export.sqlite", "../../calls.sqlite"]
        {
            let (status, _) = dev.ask("GET", &format!("/calls/{id}/{file}"), &[], &[]);
            assert!(matches!(status, 400 | 404), "{id} {file}: {status}");
        }
    }
    assert_eq!(dev.stored("SELECT count(*) FROM calls"), 1);
    assert_eq!(dev.ask("GET", "/stages", &[], &[]).0, 200);
}
