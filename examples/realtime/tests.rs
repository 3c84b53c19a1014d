//! The whole call against a service in this process: what the trace says of it.

use crate::agent::Agent;
use crate::caller::Caller;
use crate::phone::Phone;
use crate::session::Session;
use crate::{Error, stand_in};
use cekura::opentelemetry;
use cekura::testing::{Span, Trace, capture_async};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::OnceCell;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::Message;

/// The call takes its time, so that all tests look at the same one.
async fn trace() -> &'static Trace {
    static TRACE: OnceCell<Trace> = OnceCell::const_new();
    let call = async || {
        let (trace, outcome) = call(&stand_in::start().await.unwrap()).await;
        outcome.unwrap();
        trace.strict()
    };
    TRACE.get_or_init(call).await
}

async fn call(url: &str) -> (Trace, Result<(), Error>) {
    let session = Session::connect(url).await.unwrap();
    let phone = Phone::answer(Caller::new(stand_in::caller()));
    let mut outcome = Ok(());
    let take_call = async { outcome = Agent::new("call-1", session, phone).take_call().await };
    (capture_async(take_call).await, outcome)
}

fn integer(span: &Span, key: &str) -> usize {
    match span.attribute(key) {
        Some(opentelemetry::Value::I64(value)) => usize::try_from(*value).unwrap(),
        other => panic!("{key} is {other:?} in {span:?}"),
    }
}

#[tokio::test]
async fn each_exchange_is_a_turn_with_what_was_done_for_it() {
    assert_eq!(
        trace().await.to_string(),
        "\
conversation
  turn
    s2s
  turn
    stt
    s2s
    tool_call
    s2s
  turn interrupted
    stt
    s2s interrupted
  turn
    stt
    s2s
    tool_call
    s2s
  turn
    stt
    s2s
"
    );
}

#[tokio::test]
async fn the_trace_says_what_was_heard_said_and_called() {
    let trace = trace().await;
    let texts = |name, key| trace.named(name).filter_map(|span| span.text(key)).collect::<Vec<_>>();
    let heard = [
        "What is free on Tuesday?",
        "What does a visit cost?",
        "Thanks. Book four, please.",
        "Thank you, bye.",
    ];
    assert_eq!(texts("stt", "stt.transcript"), heard);

    // An answer that only asks for a function has that as its output.
    let (calls, said): (Vec<&str>, Vec<&str>) =
        texts("s2s", "output").into_iter().partition(|text| text.starts_with('['));
    assert_eq!(calls[0], r#"[{"name":"find_slot","arguments":{"day":"Tuesday"}}]"#);
    let (whole, cut_short): (Vec<&str>, Vec<&str>) =
        said.iter().partition(|text| !text.starts_with("The first visit"));
    let expected = ["Clinic, good morning.", "Half past two or four.", "Tuesday at four, then.", "Goodbye."];
    assert_eq!(whole, expected);
    assert!(!cut_short[0].contains("free"), "the end was never said: {cut_short:?}");

    assert_eq!(texts("tool_call", "function.name"), ["find_slot", "book_appointment"]);
    assert_eq!(texts("tool_call", "gen_ai.tool.call.id"), ["call_2", "call_5"]);
    let input = [r#"{"day":"tuesday"}"#, r#"{"day":"tuesday","time":"16:00"}"#];
    assert_eq!(texts("tool_call", "function.input"), input);
    let output = [r#"["09:30","14:30","16:00"]"#, r#"{"day":"tuesday","time":"16:00"}"#];
    assert_eq!(texts("tool_call", "function.output"), output);
}

#[tokio::test]
async fn each_response_says_what_it_cost_cut_short_or_not() {
    let mut read_before = 0;
    for (response, number) in trace().await.named("s2s").zip(1..) {
        assert_eq!(response.text("gen_ai.response.id"), Some(format!("resp_{number}").as_str()));
        let read = integer(response, "gen_ai.usage.input_tokens");
        assert!(read > read_before, "{response:?}");
        assert_eq!(integer(response, "gen_ai.usage.cache_read.input_tokens"), read_before);
        read_before = read;

        let written = integer(response, "gen_ai.usage.output_tokens");
        if let Some(said) = response.text("output").filter(|said| !said.starts_with('[')) {
            let audio = integer(response, "output.len") / 24 / 50;
            assert_eq!(integer(response, "gen_ai.usage.audio.output_tokens"), audio);
            assert_eq!(written, said.len().div_ceil(4) + audio);
        } else {
            assert!(written > 0);
        }
    }
}

#[tokio::test]
async fn a_turn_says_how_long_the_caller_waited_and_whether_it_was_heard_out() {
    let turns: Vec<&Span> = trace().await.named("turn").collect();
    let flag = |turn: &&Span| turn.attribute("turn.was_interrupted") == Some(&true.into());
    assert_eq!(turns.iter().map(flag).collect::<Vec<_>>(), [false, false, true, false, false]);

    let waited = |turn: &&Span| match turn.attribute("turn.user_bot_latency_seconds") {
        Some(opentelemetry::Value::F64(seconds)) => Some(*seconds),
        _ => None,
    };
    let waited: Vec<Option<f64>> = turns.iter().map(waited).collect();
    assert_eq!(waited[0], None, "the agent began");
    // The service waits for 200 ms of silence and thinks for 220 ms, before a function is called and after it.
    let least = [0.42, 0.72, 0.42, 0.72, 0.42];
    for (waited, least) in waited.iter().zip(least).skip(1) {
        assert!(waited.is_some_and(|waited| (least..least + 3.0).contains(&waited)), "{waited:?} {least}");
    }
}

#[tokio::test]
async fn speech_begins_before_its_transcript_and_audio_after_its_response() {
    let trace = trace().await;
    for stt in trace.named("stt") {
        assert_eq!(stt.text("gen_ai.request.model"), Some("gpt-4o-mini-transcribe"));
        let turn = trace.parent(stt).unwrap();
        assert!(stt.duration().as_millis() > 600 && stt.duration() < turn.duration(), "{stt:?}");
    }
    for s2s in trace.named("s2s") {
        let thought = match s2s.attribute("metrics.ttfb") {
            Some(opentelemetry::Value::F64(seconds)) => *seconds,
            other => panic!("{other:?}"),
        };
        assert!((0.1..3.0).contains(&thought), "{thought}");
    }
}

/// A service that sends these events and hangs up.
async fn service(events: Vec<Value>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("ws://{}", listener.local_addr().unwrap());
    tokio::spawn(async move {
        let mut socket = accept_async(listener.accept().await.unwrap().0).await.unwrap();
        for event in events {
            socket.send(Message::text(event.to_string())).await.unwrap();
        }
        socket.close(None).await.unwrap();
        while socket.next().await.is_some() {}
    });
    url
}

#[tokio::test]
async fn a_service_that_hangs_up_fails_the_call_and_leaves_no_span_open() {
    let response = json!({ "id": "resp_1", "status": "in_progress", "output": [] });
    let url = service(vec![json!({ "type": "response.created", "response": response })]).await;
    let (trace, outcome) = call(&url).await;
    assert_eq!(outcome.unwrap_err().to_string(), "the service hung up");
    assert_eq!(trace.span("conversation").unwrap().error(), "the service hung up");
    let expected = "conversation failed\n  turn interrupted\n    s2s interrupted\n";
    assert_eq!(trace.strict().to_string(), expected);
}

#[tokio::test]
async fn what_the_service_says_of_its_failures_is_in_the_trace() {
    let created = json!({ "id": "resp_1", "status": "in_progress", "output": [] });
    let details = json!({ "type": "failed", "error": { "code": "1", "message": "too many tokens" } });
    let failed = json!({ "id": "resp_1", "status": "failed", "status_details": details, "output": [] });
    let unheard = json!({ "code": "audio_unintelligible", "message": "it could not be transcribed" });
    let url = service(vec![
        json!({ "type": "response.created", "response": created }),
        json!({ "type": "response.done", "response": failed }),
        json!({ "type": "input_audio_buffer.speech_started", "audio_start_ms": 0, "item_id": "item_1" }),
        json!({
            "type": "conversation.item.input_audio_transcription.failed",
            "item_id": "item_1", "error": unheard,
        }),
    ]);
    let (trace, _) = call(&url.await).await;
    assert_eq!(trace.span("s2s").unwrap().error(), "too many tokens");
    assert_eq!(trace.span("stt").unwrap().error(), "it could not be transcribed");
}
