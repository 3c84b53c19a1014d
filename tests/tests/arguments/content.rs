//! `skip`, `skip_all` and `skip_output`: what of arguments and return value stays away, and what stays.

use cekura::opentelemetry::Value;
use cekura::testing::{Span, capture};
use futures::Stream;
use futures::executor::block_on_stream;
use futures::stream;
use serde_json::{Value as Json, json};

/// The keys of what a span says of its function's values.
fn keys(span: &Span) -> Vec<&str> {
    let fixed = |key: &&str| !key.starts_with("gen_ai.operation") && *key != "code.function.name";
    span.attributes().map(|(key, _)| key).filter(fixed).collect()
}

fn answer() -> Json {
    json!({
        "id": "a1", "object": "chat.completion", "model": "gpt-4o",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "secret"}}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7},
    })
}

const FOUND: [&str; 5] = [
    "gen_ai.usage.input_tokens",
    "gen_ai.usage.output_tokens",
    "gen_ai.response.model",
    "gen_ai.response.id",
    "gen_ai.response.finish_reasons",
];

#[test]
fn skip_all_skips_the_arguments_and_not_what_is_found_in_the_answer() {
    #[cekura::llm(skip_all)]
    fn ask(prompt: &str) -> Json {
        let _ = prompt;
        answer()
    }
    #[cekura::tool_call(skip_all)]
    fn tool(day: &str) -> usize {
        day.len()
    }
    #[cekura::stt(skip_all)]
    fn hear(audio: &[u8]) -> Result<String, ()> {
        Ok(format!("{} bytes", audio.len()))
    }
    #[cekura::tts(skip_all)]
    fn speak(text: &str) -> Vec<u8> {
        text.into()
    }
    #[cekura::span(skip_all)]
    fn stage(n: u8) -> u8 {
        n + 1
    }
    let trace = capture(|| {
        ask("private");
        tool("monday");
        hear(&[0; 3]).unwrap();
        speak("private");
        stage(1);
    });
    let [ask, tool, hear, speak, stage] = trace.spans() else { panic!("{trace}") };
    assert_eq!(ask.text("output"), Some("secret"));
    assert!(FOUND.iter().all(|key| ask.attribute(key).is_some()), "{ask:?}");
    assert!(keys(ask).iter().all(|key| !key.starts_with("input.")), "{ask:?}");
    assert_eq!((tool.text("function.input"), tool.text("function.output")), (None, Some("6")));
    assert_eq!(keys(hear), ["stt.transcript"]);
    assert_eq!(hear.text("stt.transcript"), Some("3 bytes"));
    assert_eq!(keys(speak), ["output.len"]);
    assert_eq!((keys(stage), stage.attribute("output")), (vec!["output"], Some(&Value::I64(2))));
}

#[test]
fn skip_output_keeps_tokens_model_ids_and_finish_reasons() {
    #[cekura::llm(skip_output)]
    fn ask(prompt: &str) -> Json {
        let _ = prompt;
        answer()
    }
    #[cekura::llm(skip_output)]
    async fn ask_later() -> Result<Json, ()> {
        Ok(answer())
    }
    #[cekura::llm(skip_output)]
    fn say() -> String {
        "secret".into()
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let trace = capture(|| {
        ask("hello");
        runtime.block_on(ask_later()).unwrap();
        say();
    });
    let [ask, later, say] = trace.spans() else { panic!("{trace}") };
    assert_eq!(ask.text("input.prompt"), Some("hello"), "the arguments are not the output");
    for span in [ask, later] {
        assert!(FOUND.iter().all(|key| span.attribute(key).is_some()), "{span:?}");
        assert_eq!(span.attribute("output"), None);
    }
    assert_eq!(keys(say), [""; 0]);
    assert!(!format!("{trace:?}").contains("secret"), "{trace:?}");
}

#[test]
fn skip_output_of_other_spans_keeps_sizes_confidence_and_language() {
    #[cekura::stt(skip_output)]
    fn hear() -> Json {
        json!({"results": {"channels": [{"alternatives": [{"transcript": "secret", "confidence": 0.5}],
            "detected_language": "en"}]}})
    }
    #[cekura::tts(skip_output)]
    fn speak(text: &str) -> Vec<u8> {
        text.into()
    }
    #[cekura::tool_call(skip_output)]
    fn tool() -> &'static str {
        "secret"
    }
    #[cekura::turn(skip_output)]
    fn turn() -> &'static str {
        "secret"
    }
    let trace = capture(|| {
        hear();
        speak("hello");
        tool();
        turn();
    });
    let [hear, speak, tool, _turn] = trace.spans() else { panic!("{trace}") };
    assert_eq!(hear.attribute("stt.confidence"), Some(&Value::F64(0.5)));
    assert_eq!(hear.text("language"), Some("en"));
    assert_eq!(speak.attribute("output.len"), Some(&Value::I64(5)));
    assert_eq!(speak.text("text"), Some("hello"));
    assert_eq!(tool.text("function.name"), Some("tool"));
    assert!(!format!("{trace:?}").contains("secret"), "{trace:?}");
}

#[test]
fn skip_output_of_a_stream_counts_its_items_and_says_no_word_of_them() {
    fn chunks() -> impl Stream<Item = Json> {
        let text = json!({"id": "c1", "object": "chat.completion.chunk", "model": "gpt-4o",
            "choices": [{"index": 0, "delta": {"content": "secret"}, "finish_reason": null}]});
        let last = json!({"id": "c1", "object": "chat.completion.chunk", "model": "gpt-4o",
            "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}});
        stream::iter([text, last])
    }
    #[cekura::llm(skip_output)]
    fn ask() -> impl Stream<Item = Json> {
        chunks()
    }
    #[cekura::llm(skip_output)]
    fn try_ask() -> impl Stream<Item = Result<String, ()>> {
        stream::iter([Ok("secret".to_owned())])
    }
    #[cekura::llm(skip_output, output = |chunk| chunk["id"].as_str())]
    fn named() -> impl Stream<Item = Json> {
        chunks()
    }
    let trace = capture(|| {
        block_on_stream(ask()).for_each(drop);
        block_on_stream(try_ask()).for_each(drop);
        block_on_stream(named()).for_each(drop);
    });
    let [ask, try_ask, named] = trace.spans() else { panic!("{trace}") };
    assert!(FOUND.iter().all(|key| ask.attribute(key).is_some()), "{ask:?}");
    assert_eq!(ask.attribute("stream.items"), Some(&Value::I64(2)));
    assert_eq!(try_ask.attribute("stream.items"), Some(&Value::I64(1)));
    assert_eq!(named.text("output"), Some("c1c1"), "what is asked for by name is recorded");
    assert!(!format!("{trace:?}").contains("secret"), "{trace:?}");
}

#[test]
fn skip_all_and_skip_output_leave_nothing_of_the_content() {
    #[cekura::span(skip_all, skip_output)]
    fn stage(secret: &str) -> String {
        secret.to_owned()
    }
    #[cekura::tool_call(skip_output, skip_all)]
    fn tool(secret: &str) -> Option<String> {
        Some(secret.to_owned())
    }
    let trace = capture(|| {
        stage("secret");
        tool("secret");
    });
    assert_eq!(trace.spans().len(), 2);
    assert!(!format!("{trace:?}").contains("secret\""), "{trace:?}");
    assert_eq!(keys(&trace.spans()[0]), [""; 0]);
}

#[test]
fn self_and_names_with_an_underscore_may_be_skipped() {
    struct Agent(u8);
    impl Agent {
        #[cekura::span(skip(self, _name, kept, r#type))]
        fn work(&self, _name: &str, kept: u8, r#type: u8, seen: u8) -> u8 {
            self.0 + kept + r#type + seen
        }
        #[cekura::llm(skip(self))]
        async fn later(self, n: u8) -> u8 {
            self.0 + n
        }
    }
    #[cekura::span(skip(_name, absent, n))]
    fn alone(_name: &str, #[cfg(any())] absent: u8, n: u8) -> u8 {
        n
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let trace = capture(|| {
        Agent(1).work("a", 1, 2, 3);
        runtime.block_on(Agent(1).later(4));
        alone("b", 5);
    });
    let [work, later, alone] = trace.spans() else { panic!("{trace}") };
    assert_eq!(keys(work), ["input.seen", "output"]);
    assert_eq!(keys(later), ["input.n", "output"]);
    assert_eq!(keys(alone), ["output"]);
}
