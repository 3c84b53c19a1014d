//! What fields of `tracing` spans become.

use crate::{call, captured, turn};
use cekura::CaptureContent;
use cekura::opentelemetry::Value;
use cekura::opentelemetry::trace::SpanKind;
use cekura::testing::{Span, Trace, capture_with};
use std::fmt;
use std::thread;
use std::time::Duration;
use tracing::field::{Empty, debug, display};
use tracing::subscriber::with_default;
use tracing::{info_span, instrument};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

fn span<'a>(trace: &'a Trace, name: &str) -> &'a Span {
    trace.span(name).unwrap_or_else(|| panic!("no {name} in {trace}"))
}

/// Whether a span has these texts.
fn assert_texts(span: &Span, expected: &[(&str, &str)]) {
    for (key, text) in expected {
        assert_eq!(span.text(key), Some(*text), "{key} of {}", span.name());
    }
}

#[instrument(name = "stt", skip_all, fields(stt.provider = "deepgram", stt.transcript, stt.confidence))]
fn hear() {
    tracing::Span::current().record("stt.transcript", "Tues");
    tracing::Span::current().record("stt.transcript", "Tuesday?").record("stt.confidence", 0.9);
}

#[instrument(name = "llm", fields(gen_ai.provider.name = "openai", gen_ai.request.model = "gpt-4o", output, gen_ai.usage.input_tokens, gen_ai.response.finish_reasons))]
fn think(heard: &str) {
    let span = tracing::Span::current();
    span.record("output", format!("You said: {heard}")).record("gen_ai.usage.input_tokens", 12_u32);
    span.record("gen_ai.response.finish_reasons", "stop");
}

#[instrument(name = "tool_call", fields(function.name = "book_slot", gen_ai.tool.call.id = "t-1", function.output))]
fn book(day: &str, seats: u8, who: Option<&str>) {
    tracing::Span::current().record("function.output", r#"{"free":["ten"]}"#);
}

#[instrument(name = "tts", skip_all, fields(tts.provider = "cartesia", voice_id = "nova", text = said))]
fn speak(said: &str) {}

#[instrument(name = "s2s", fields(gen_ai.system = "openai"))]
fn converse() {}

#[test]
fn names_give_views_and_our_keys_fill_them() {
    let trace = captured(|| {
        call(|| {
            hear();
            think("Tuesday?");
            book("tuesday", 2, Some("Jane"));
            speak("At té\u{200B}n.");
            converse();
        });
    });
    let of = |name| span(&trace, name);
    for name in ["stt", "llm", "tts", "s2s"] {
        assert_eq!(of(name).kind(), SpanKind::Client, "{name}");
    }
    assert_eq!(of("tool_call").kind(), SpanKind::Internal);
    let provider = ("gen_ai.provider.name", "deepgram");
    assert_texts(of("stt"), &[("stt.provider", "deepgram"), provider, ("stt.transcript", "Tuesday?")]);
    assert_eq!(of("stt").attribute("stt.confidence"), Some(&0.9.into()));
    let llm = of("llm");
    let names = [("gen_ai.provider.name", "openai"), ("gen_ai.system", "openai")];
    assert_texts(llm, &names);
    let said = [("heard", "Tuesday?"), ("output", "You said: Tuesday?"), ("gen_ai.operation.name", "chat")];
    assert_texts(llm, &said);
    assert_eq!(llm.attribute("gen_ai.usage.input_tokens"), Some(&12.into()));
    let reasons = llm.attribute("gen_ai.response.finish_reasons").map(ToString::to_string);
    assert_eq!(reasons.as_deref(), Some(r#"["stop"]"#));
    let tool = of("tool_call");
    let input = r#"{"day":"tuesday","seats":2,"who":"Some(\"Jane\")"}"#;
    assert_texts(tool, &[("function.name", "book_slot"), ("gen_ai.tool.name", "book_slot")]);
    assert_texts(tool, &[("function.input", input), ("gen_ai.tool.call.arguments", input)]);
    let output = r#"{"free":["ten"]}"#;
    assert_texts(tool, &[("function.output", output), ("gen_ai.tool.call.result", output)]);
    let tts = of("tts");
    assert_texts(
        tts,
        &[("tts.provider", "cartesia"), ("gen_ai.provider.name", "cartesia"), ("voice_id", "nova")],
    );
    assert_texts(tts, &[("text", "At té\u{200B}n.")]);
    assert_eq!(
        tts.attribute("tts.characters"),
        Some(&i64::try_from("At té\u{200B}n.".chars().count()).unwrap().into())
    );
    assert_texts(of("s2s"), &[("gen_ai.provider.name", "openai"), ("gen_ai.system", "openai")]);
    assert!(llm.text("code.file.path").unwrap().ends_with("fields.rs"));
    assert!(llm.attribute("code.line.number").is_some());
}

#[test]
fn a_turn_is_measured_by_spans_of_tracing() {
    let trace = captured(|| {
        call(|| {
            turn(|| {
                hear();
                // Something must be between both.
                thread::sleep(Duration::from_millis(2));
                speak("At ten.");
            });
        });
    });
    let Some(Value::F64(seconds)) = span(&trace, "turn").attribute("turn.user_bot_latency_seconds") else {
        panic!("no latency in {trace}")
    };
    assert!(*seconds >= 0.002);
}

struct Panics;

impl fmt::Debug for Panics {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        std::panic::resume_unwind(Box::new("no Debug"))
    }
}

/// Writes to the log while it shows itself.
struct Logs;

impl fmt::Debug for Logs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        info_span!("shown").in_scope(|| tracing::info!("shows"));
        f.write_str("logs")
    }
}

#[test]
fn values_of_every_type() {
    let error = std::io::Error::other("no disk");
    let trace = captured(|| {
        call(|| {
            let span = info_span!(
                "all",
                small = 1_u8,
                negative = -1_i64,
                large = u64::MAX,
                huge = u128::MAX,
                float = 0.5,
                flag = true,
                text = "text",
                shown = ?Some(1),
                displayed = %"plain",
                error = &error as &dyn std::error::Error,
                bytes = &[1_u8, 2, 3][..],
                panics = ?Panics,
                logs = ?Logs,
                late = Empty,
                never = Empty,
            );
            span.record("late", 1).record("late", debug(Logs)).record("never", None::<u8>);
            span.record("unknown", 1);
        });
    });
    let all = span(&trace, "all");
    let expected: [(&str, Value); 12] = [
        ("small", 1.into()),
        ("negative", (-1).into()),
        ("large", u64::MAX.to_string().into()),
        ("huge", u128::MAX.to_string().into()),
        ("float", 0.5.into()),
        ("flag", true.into()),
        ("text", "text".into()),
        ("shown", "Some(1)".into()),
        ("displayed", "plain".into()),
        ("error", "no disk".into()),
        ("bytes.len", 3.into()),
        ("late", "logs".into()),
    ];
    for (key, value) in &expected {
        assert_eq!(all.attribute(key), Some(value), "{key}");
    }
    assert_eq!(all.text("logs"), Some("logs"));
    for key in ["panics", "never", "unknown"] {
        assert_eq!(all.attribute(key), None, "{key}");
    }
}

#[test]
fn fields_are_content_unless_they_are_ours() {
    let body = || {
        call(|| {
            hear();
            think("Tuesday?");
            book("tuesday", 2, None);
            speak("At ten.");
            drop(info_span!(
                "query",
                sql = "select",
                rows = 3,
                gen_ai.request.model = "m",
                user.name = "Jane"
            ));
        });
    };
    let subscriber = Registry::default().with(cekura::layer());
    let trace = with_default(subscriber, || capture_with(CaptureContent::Metadata, body));
    let kept: Vec<_> = trace.spans()[1..]
        .iter()
        .map(|span| {
            let keys = span.attributes().map(|(key, _)| key).filter(|key| !key.starts_with("code."));
            let mut keys: Vec<_> = keys.collect();
            keys.sort_unstable();
            (span.name(), keys)
        })
        .collect();
    let expected = [
        ("stt", vec!["gen_ai.provider.name", "stt.confidence", "stt.provider"]),
        (
            "llm",
            vec![
                "gen_ai.operation.name",
                "gen_ai.provider.name",
                "gen_ai.request.model",
                "gen_ai.response.finish_reasons",
                "gen_ai.system",
                "gen_ai.usage.input_tokens",
            ],
        ),
        (
            "tool_call",
            vec!["function.name", "gen_ai.operation.name", "gen_ai.tool.call.id", "gen_ai.tool.name"],
        ),
        ("tts", vec!["gen_ai.provider.name", "tts.characters", "tts.provider", "voice_id"]),
        ("query", vec!["gen_ai.request.model"]),
    ];
    assert_eq!(kept, expected);
}

#[test]
fn long_fields_are_cut_as_others_are() {
    let long = "x".repeat(100_000);
    let trace = captured(|| {
        call(|| {
            drop(info_span!("query", sql = long.as_str(), shown = %long));
            info_span!("llm", output = Empty).record("output", display(&long));
        });
    });
    for (name, key) in [("query", "sql"), ("query", "shown"), ("llm", "output")] {
        let span = span(&trace, name);
        assert!(span.text(key).is_some_and(|text| text.len() <= 32 << 10 && text.len() > 30 << 10), "{key}");
        assert_eq!(span.attribute(&format!("{key}.truncated")), Some(&true.into()), "{key}");
    }
}

#[test]
fn fields_of_tracing_opentelemetry() {
    let trace = captured(|| {
        call(|| {
            let request = info_span!(
                "request",
                otel.name = "GET /slots",
                otel.kind = "client",
                otel.status_code = Empty
            );
            request.record("otel.status_code", "ERROR");
            drop(info_span!("described", otel.status_code = "error", otel.status_description = "no slot"));
            let fine = info_span!("fine", otel.status_code = "ok");
            fine.in_scope(|| tracing::error!("too late"));
        });
    });
    assert!(span(&trace, "GET /slots").is_error());
    assert_eq!(span(&trace, "described").error(), "no slot");
    assert!(!span(&trace, "fine").is_error());
    assert!(trace.spans().iter().all(|span| span.attributes().all(|(key, _)| !key.starts_with("otel."))));
}
