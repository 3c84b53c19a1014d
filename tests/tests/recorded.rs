//! What each attribute records: its own arguments, the function's arguments, the return value.

use cekura::opentelemetry::trace::SpanKind;
use cekura::opentelemetry::{Array, Value};
use cekura::semconv;
use cekura::testing::{Span, Trace, capture, capture_async};
use serde::Serialize;

/// The only span of a trace.
fn only(trace: &Trace) -> &Span {
    let [span] = trace.spans() else { panic!("one span expected:\n{trace}") };
    span
}

fn keys(span: &Span) -> Vec<&str> {
    let all = span.attributes().map(|(key, _)| key);
    let mut keys: Vec<_> = all.filter(|key| *key != semconv::CODE_FUNCTION_NAME).collect();
    keys.sort_unstable();
    keys
}

fn int(span: &Span, key: &str) -> Option<i64> {
    match span.attribute(key) {
        Some(Value::I64(value)) => Some(*value),
        None => None,
        other => panic!("{key} is {other:?}"),
    }
}

fn float(span: &Span, key: &str) -> Option<f64> {
    match span.attribute(key) {
        Some(Value::F64(value)) => Some(*value),
        None => None,
        other => panic!("{key} is {other:?}"),
    }
}

#[derive(Serialize)]
struct Usage {
    prompt_tokens: u32,
    completion_tokens: u32,
}

#[derive(Serialize)]
struct Choice {
    finish_reason: &'static str,
    message: Message,
}

#[derive(Serialize)]
struct Message {
    role: &'static str,
    content: String,
}

#[derive(Serialize)]
struct ChatCompletion {
    id: &'static str,
    object: &'static str,
    model: &'static str,
    choices: Vec<Choice>,
    usage: Usage,
}

fn completion(content: &str) -> ChatCompletion {
    ChatCompletion {
        id: "chatcmpl-7",
        object: "chat.completion",
        model: "gpt-4o-2026-08-06",
        choices: vec![Choice {
            finish_reason: "stop",
            message: Message { role: "assistant", content: content.into() },
        }],
        usage: Usage { prompt_tokens: 31, completion_tokens: 5 },
    }
}

struct Agent {
    model: String,
    provider: Option<&'static str>,
}

impl Agent {
    #[cekura::llm(model = self.model, provider = self.provider, temperature = 0.2, max_tokens = 256u32)]
    async fn ask(&self, prompt: &str) -> Result<ChatCompletion, std::io::Error> {
        Ok(completion(&format!("You said: {prompt}")))
    }
}

#[tokio::test]
async fn llm_finds_usage_model_id_reasons_and_text_in_the_response() {
    let agent = Agent { model: "gpt-4o".into(), provider: Some("openai") };
    let trace = capture_async(async { agent.ask("hello").await.unwrap() }).await;
    let span = only(&trace);
    assert_eq!((span.name(), span.kind()), (semconv::span::LLM, SpanKind::Client));
    assert_eq!(span.text("gen_ai.operation.name"), Some("chat"));
    assert_eq!(span.text("gen_ai.provider.name"), Some("openai"));
    assert_eq!(span.text("gen_ai.system"), Some("openai"));
    assert_eq!(span.text("gen_ai.request.model"), Some("gpt-4o"));
    assert_eq!(float(span, "gen_ai.request.temperature"), Some(0.2));
    assert_eq!(int(span, "gen_ai.request.max_tokens"), Some(256));
    assert_eq!(int(span, "gen_ai.usage.input_tokens"), Some(31));
    assert_eq!(int(span, "gen_ai.usage.output_tokens"), Some(5));
    assert_eq!(span.text("gen_ai.response.model"), Some("gpt-4o-2026-08-06"));
    assert_eq!(span.text("gen_ai.response.id"), Some("chatcmpl-7"));
    assert_eq!(
        span.attribute("gen_ai.response.finish_reasons"),
        Some(&Value::Array(Array::String(vec!["stop".into()])))
    );
    assert_eq!(span.text("output"), Some("You said: hello"));
    assert_eq!(span.text("input.prompt"), Some("hello"));
    assert_eq!(keys(span).len(), 13, "{:?}", keys(span));
}

#[test]
fn an_argument_of_the_attribute_wins_over_what_is_found() {
    #[cekura::llm(
        input_tokens = |reply| reply.usage.prompt_tokens + 1,
        response_model = |reply| reply.model.split('-').next(),
        output = |reply: &ChatCompletion| reply.choices.first().map(|choice| &choice.message.role),
        finish_reason = |_| None::<&str>
    )]
    fn ask() -> ChatCompletion {
        completion("found")
    }
    let trace = capture(ask);
    let span = only(&trace);
    assert_eq!(int(span, "gen_ai.usage.input_tokens"), Some(32));
    assert_eq!(int(span, "gen_ai.usage.output_tokens"), Some(5));
    assert_eq!(span.text("gen_ai.response.model"), Some("gpt"));
    assert_eq!(span.text("output"), Some("assistant"));
    // `None` records nothing, so what was found stays.
    assert!(span.attribute("gen_ai.response.finish_reasons").is_some());
}

#[test]
fn finish_reasons_are_always_a_list() {
    #[derive(Serialize)]
    #[serde(rename_all = "snake_case")]
    enum Reason {
        ToolCalls,
        Stop,
    }
    #[cekura::llm(skip_all, finish_reason = |reason| reason)]
    fn one() -> Reason {
        Reason::ToolCalls
    }
    #[cekura::llm(skip_all, finish_reason = |reasons| reasons)]
    fn several() -> Vec<Reason> {
        vec![Reason::Stop, Reason::ToolCalls]
    }
    let reasons = |trace: &Trace| only(trace).attribute("gen_ai.response.finish_reasons").cloned();
    let list = |texts: &[&'static str]| {
        Some(Value::Array(Array::String(texts.iter().map(|text| (*text).into()).collect())))
    };
    assert_eq!(reasons(&capture(one)), list(&["tool_calls"]));
    assert_eq!(reasons(&capture(several)), list(&["stop", "tool_calls"]));
}

#[test]
fn s2s_is_as_llm_without_the_operation_name() {
    #[cekura::s2s(provider = "openai", model = "gpt-realtime")]
    fn answer(audio: &[i16]) -> String {
        format!("{} samples", audio.len())
    }
    let trace = capture(|| answer(&[0; 160]));
    let span = only(&trace);
    assert_eq!((span.name(), span.kind()), ("s2s", SpanKind::Client));
    assert_eq!(span.text("output"), Some("160 samples"));
    assert_eq!(int(span, "input.audio.len"), Some(160));
    assert_eq!(
        keys(span),
        ["gen_ai.provider.name", "gen_ai.request.model", "gen_ai.system", "input.audio.len", "output"]
    );
}

#[test]
fn stt_takes_a_string_as_the_transcript() {
    #[cekura::stt(
        provider = "deepgram",
        model = "nova-3",
        language = "en",
        confidence = 0.5f32,
        is_final = true
    )]
    fn transcribe(audio: &[u8], hint: Option<&str>) -> Option<String> {
        (!audio.is_empty()).then(|| hint.unwrap_or("hello").to_owned())
    }
    let trace = capture(|| transcribe(&[1, 2, 3], None));
    let span = only(&trace);
    assert_eq!((span.name(), span.kind()), ("stt", SpanKind::Client));
    assert_eq!(span.text("stt.transcript"), Some("hello"));
    assert_eq!(span.text("stt.provider"), Some("deepgram"));
    assert_eq!(span.text("gen_ai.provider.name"), Some("deepgram"));
    assert_eq!(span.text("gen_ai.request.model"), Some("nova-3"));
    assert_eq!(span.text("language"), Some("en"));
    assert_eq!(float(span, "stt.confidence"), Some(0.5));
    assert_eq!(span.attribute("is_final"), Some(&Value::Bool(true)));
    assert_eq!(int(span, "input.audio.len"), Some(3));
    assert_eq!(span.attribute("input.hint"), None, "`None` records nothing");

    let trace = capture(|| transcribe(&[], None));
    assert_eq!(only(&trace).attribute("stt.transcript"), None);
    assert!(!only(&trace).is_error(), "`None` is not a failure");
}

#[test]
fn stt_finds_a_transcript_in_a_known_response() {
    #[cekura::stt]
    fn transcribe() -> serde_json::Value {
        serde_json::json!({
            "type": "Results", "start": 0.0, "duration": 1.2, "is_final": true, "speech_final": true,
            "channel": {"alternatives": [{"transcript": "book me in", "confidence": 0.98, "words": []}]},
        })
    }
    let trace = capture(transcribe);
    let span = only(&trace);
    assert_eq!(span.text("stt.transcript"), Some("book me in"));
    assert_eq!(float(span, "stt.confidence"), Some(0.98));
}

#[test]
fn what_the_attribute_says_before_the_body_wins_over_what_is_found_after_it() {
    #[cekura::stt(language = "de", confidence = 1, skip_all, record("later" = true))]
    fn said() {}
    #[cekura::stt(language = "de", confidence = 1)]
    fn transcribe() -> serde_json::Value {
        serde_json::json!({"text": "hallo", "language": "fr", "duration": 1.5})
    }
    let trace = capture(transcribe);
    assert_eq!(only(&trace).text("stt.transcript"), Some("hallo"));
    assert_eq!(only(&trace).text("language"), Some("de"));
    assert_eq!(float(only(&trace), "stt.confidence"), Some(1.0));
    assert_eq!(keys(only(&capture(said))), ["language", "later", "stt.confidence"]);
}

#[test]
fn what_the_user_records_wins_over_what_every_span_of_an_attribute_carries() {
    #[cekura::llm(skip_all, record("gen_ai.operation.name" = "generate_content"))]
    fn ask() {}
    #[cekura::tool_call(skip_all, record("gen_ai.tool.name" = "other"))]
    fn tool() {}
    assert_eq!(only(&capture(ask)).text("gen_ai.operation.name"), Some("generate_content"));
    let trace = capture(tool);
    assert_eq!(only(&trace).text("gen_ai.tool.name"), Some("other"));
    assert_eq!(only(&trace).text("function.name"), Some("tool"));
}

#[test]
fn tts_records_its_text_once_and_counts_it() {
    #[cekura::tts(provider = "cartesia", model = "sonic-3", voice = "ana")]
    fn speak(sentence: &str, speed: f32) -> Vec<i16> {
        vec![0; sentence.len() * if speed > 0.0 { 10 } else { 1 }]
    }
    let trace = capture(|| speak("Grüße", 1.5));
    let span = only(&trace);
    assert_eq!((span.name(), span.kind()), ("tts", SpanKind::Client));
    assert_eq!(span.text("text"), Some("Grüße"));
    assert_eq!(int(span, "tts.characters"), Some(5));
    assert_eq!(span.text("tts.provider"), Some("cartesia"));
    assert_eq!(span.text("gen_ai.provider.name"), Some("cartesia"));
    assert_eq!(span.text("voice_id"), Some("ana"));
    assert_eq!(float(span, "input.speed"), Some(1.5));
    assert_eq!(int(span, "output.len"), Some(70));
    assert_eq!(span.attribute("input.sentence"), None, "the text stands once");
}

#[test]
fn tts_with_two_strings_needs_to_be_told_its_text() {
    #[cekura::tts]
    fn ambiguous(text: &str, accent: &str) {
        let _ = (text, accent);
    }
    #[cekura::tts(text = text, characters = 99)]
    fn told(text: &str, accent: &str) {
        let _ = (text, accent);
    }
    let trace = capture(|| ambiguous("hello", "british"));
    assert_eq!(keys(only(&trace)), ["input.accent", "input.text"]);
    let trace = capture(|| told("hello", "british"));
    assert_eq!(only(&trace).text("text"), Some("hello"));
    assert_eq!(only(&trace).text("input.accent"), Some("british"));
    assert_eq!(int(only(&trace), "tts.characters"), Some(99), "the argument wins over the count");
}

#[derive(Serialize)]
struct Slot {
    day: &'static str,
    hour: u8,
}

#[test]
fn tool_call_records_input_and_output_as_json() {
    #[cekura::tool_call(id = "call_9")]
    fn find_slot(day: &'static str, after: Option<u8>, picture: &[u8]) -> Result<Slot, String> {
        let _ = picture;
        after.map(|hour| Slot { day, hour }).ok_or_else(|| "no slot".into())
    }
    let trace = capture(|| find_slot("tuesday", Some(14), &[0; 400]));
    let span = only(&trace);
    assert_eq!((span.name(), span.kind()), ("tool_call", SpanKind::Internal));
    assert_eq!(span.text("function.name"), Some("find_slot"));
    assert_eq!(span.text("gen_ai.tool.name"), Some("find_slot"));
    assert_eq!(span.text("gen_ai.operation.name"), Some("execute_tool"));
    assert_eq!(span.text("gen_ai.tool.call.id"), Some("call_9"));
    assert_eq!(span.text("function.input"), Some(r#"{"day":"tuesday","after":14}"#));
    assert_eq!(span.text("gen_ai.tool.call.arguments"), span.text("function.input"));
    assert_eq!(span.text("function.output"), Some(r#"{"day":"tuesday","hour":14}"#));
    assert_eq!(span.text("gen_ai.tool.call.result"), span.text("function.output"));
    assert_eq!(int(span, "input.picture.len"), Some(400), "a buffer is not part of the object");

    let trace = capture(|| find_slot("tuesday", None, &[]));
    let span = only(&trace);
    assert!(span.is_error());
    assert_eq!(span.attribute("function.output"), None);
    assert_eq!(span.error(), "no slot");
}

#[test]
fn tool_call_takes_another_name() {
    #[cekura::tool_call(name = "lookup")]
    fn look_up_in_the_database(_: u8) -> &'static str {
        "found"
    }
    let trace = capture(|| look_up_in_the_database(1));
    let span = only(&trace);
    assert_eq!(span.text("function.name"), Some("lookup"));
    assert_eq!(span.text("function.output"), Some("\"found\""), "always JSON");
}

#[test]
fn span_is_named_after_its_function_or_its_argument() {
    #[cekura::span]
    fn network_in(bytes: u64, _secret: &str) -> u64 {
        bytes * 2
    }
    #[cekura::span(name = "guardrail")]
    fn check(text: &str) {
        let _ = text;
    }
    let trace = capture(|| {
        network_in(4, "hidden");
        check("ok");
    });
    let [first, second] = trace.spans() else { panic!("{trace}") };
    assert_eq!((first.name(), first.kind()), ("network_in", SpanKind::Internal));
    assert_eq!(keys(first), ["input.bytes", "output"]);
    assert_eq!(int(first, "output"), Some(8));
    assert_eq!(second.name(), "guardrail");
    assert_eq!(keys(second), ["input.text"], "`()` records nothing");
}

#[test]
fn skip_and_record() {
    #[cekura::span(skip(token), record("retries" = attempts + 1, reply.size = |reply| reply.len(), absent = None::<u8>))]
    fn call(token: &str, attempts: u8) -> String {
        format!("{token}{attempts}")
    }
    #[cekura::span(skip_all, skip_output, record(kept = 1u8))]
    fn silent(secret: &str) -> String {
        secret.to_owned()
    }
    let trace = capture(|| call("abc", 2));
    let span = only(&trace);
    assert_eq!(keys(span), ["input.attempts", "output", "reply.size", "retries"]);
    assert_eq!((int(span, "retries"), int(span, "reply.size")), (Some(3), Some(4)));
    let trace = capture(|| silent("abc"));
    assert_eq!(keys(only(&trace)), ["kept"]);
}

#[test]
fn the_api_sees_the_span_as_the_current_one() {
    use cekura::opentelemetry::trace::{Status, TraceContextExt};
    use cekura::opentelemetry::{Context, KeyValue};
    #[cekura::span]
    fn stage() {
        let context = Context::current();
        let span = context.span();
        assert!(span.is_recording() && span.span_context().is_sampled());
        span.set_attribute(KeyValue::new("mine", "yes"));
        span.add_event("halfway", vec![KeyValue::new("percent", 50)]);
        span.set_status(Status::error("soft failure"));
        span.update_name("renamed");
        cekura::record("also.mine", 7);
    }
    let trace = capture(stage);
    let span = only(&trace);
    assert_eq!(span.name(), "renamed");
    assert_eq!(span.text("mine"), Some("yes"));
    assert_eq!(int(span, "also.mine"), Some(7));
    assert_eq!(span.events().collect::<Vec<_>>(), ["halfway"]);
    assert_eq!((span.is_error(), span.error()), (true, "soft failure"));
    cekura::record("outside", 1);
}

struct Heard {
    text: String,
    words: Vec<String>,
    speaker: Option<String>,
    language: Box<str>,
    certainty: f64,
    seconds: u32,
}

fn heard() -> Heard {
    Heard {
        text: "hello".into(),
        words: vec!["hello".into()],
        speaker: None,
        language: "en".into(),
        certainty: 0.5,
        seconds: 2,
    }
}

/// As `model = self.model` does, although nothing that is named here can be copied.
#[tokio::test]
async fn a_closure_that_names_a_part_of_the_returned_value_borrows_it() {
    #[cekura::stt(
        transcript = |heard| heard.text,
        confidence = |heard| heard.certainty,
        language = |heard| *heard.language,
        record(
            "word" = |heard| heard.words[0],
            "speaker" = |heard| heard.speaker,
            "typed" = |heard: &Heard| (heard.text),
            "pattern" = |Heard { text, .. }| text,
            "seconds" = |heard| heard.seconds,
            "copy" = |heard| heard.text.to_uppercase()
        )
    )]
    fn listen() -> Result<Option<Heard>, std::io::Error> {
        Ok(Some(heard()))
    }

    #[cekura::stt(transcript = |both| both.1.text, record("first" = |both| both.0))]
    async fn listen_later() -> (u8, Heard) {
        (7, heard())
    }

    let trace = capture(|| listen().is_ok());
    let span = only(&trace);
    let text = |key| span.attribute(key).map(ToString::to_string);
    assert_eq!(text(semconv::STT_TRANSCRIPT).as_deref(), Some("hello"));
    assert_eq!(float(span, semconv::STT_CONFIDENCE), Some(0.5));
    assert_eq!(text("language").as_deref(), Some("en"));
    for (key, expected) in [("word", "hello"), ("typed", "hello"), ("pattern", "hello"), ("copy", "HELLO")] {
        assert_eq!(text(key).as_deref(), Some(expected), "{key}");
    }
    assert_eq!(int(span, "seconds"), Some(2));
    assert_eq!(span.attribute("speaker"), None);

    let trace = capture_async(listen_later()).await;
    let span = only(&trace);
    assert_eq!(span.attribute(semconv::STT_TRANSCRIPT), Some(&"hello".into()));
    assert_eq!(int(span, "first"), Some(7));
}
