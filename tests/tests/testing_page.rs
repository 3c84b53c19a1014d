//! The examples of `docs/testing.md`, as their reader would run them. Invariant: each stands here word for
//! word.

use std::fs;
use std::path::Path;

#[test]
fn the_page_shows_what_is_run_here() {
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/testing.md");
    let page = fs::read_to_string(page).unwrap();
    let flat = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    let run = flat(include_str!("testing_page.rs"));
    let examples: Vec<_> =
        page.split("```rust\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert_eq!(examples.len(), 8);
    for example in examples {
        assert!(run.contains(flat(example).trim_end()), "not run, or not so:\n{example}");
    }
}

mod first_capture {
    #[cekura::tool_call]
    fn find_slots(day: &str) -> Vec<&'static str> {
        if day == "tuesday" { vec!["14:30", "16:00"] } else { vec![] }
    }

    #[test]
    fn a_tool_says_what_it_was_given_and_gave() {
        let trace = cekura::testing::capture(|| find_slots("tuesday"));
        let span = trace.span("tool_call").unwrap();
        assert_eq!(span.text("function.name"), Some("find_slots"));
        assert_eq!(span.text("function.input"), Some(r#"{"day":"tuesday"}"#));
        assert_eq!(span.text("function.output"), Some(r#"["14:30","16:00"]"#));
    }
}

mod whole_tree {
    #[cekura::stt]
    fn hear(audio: &[i16]) -> String {
        format!("{} samples", audio.len())
    }

    #[cekura::tool_call]
    fn book(slot: &str) -> Result<(), String> {
        Err(format!("{slot} is taken"))
    }

    #[cekura::turn]
    fn turn(audio: &[i16]) {
        hear(audio);
        book("14:30").ok();
    }

    #[cekura::conversation(call_id = id)]
    fn call(id: &str) {
        turn(&[0; 160]);
    }

    #[test]
    fn a_call_is_a_tree() {
        let trace = cekura::testing::capture(|| call("call-1"));

        let tree = "\
conversation
  turn
    stt
    tool_call failed
";
        assert_eq!(trace.to_string(), tree);

        let tree = "\
conversation
  turn turn.number=1
    stt stt.transcript=\"160 samples\"
    tool_call failed function.name=\"book\"
";
        assert_eq!(trace.draw(&["turn.number", "stt.transcript", "function.name"]), tree);
    }
}

mod async_code {
    use cekura::testing::capture_async;

    #[cekura::llm(model = "small")]
    async fn think(heard: &str) -> String {
        tokio::task::yield_now().await;
        heard.to_owned()
    }

    #[cekura::conversation(call_id = id)]
    async fn call(id: &str) {
        think("hello").await;
    }

    #[tokio::test]
    async fn a_call_asks_the_small_model() {
        let trace = capture_async(call("call-1")).await;
        assert_eq!(
            trace.draw(&["gen_ai.request.model"]),
            "conversation\n  llm gen_ai.request.model=\"small\"\n"
        );
    }
}

mod barge_in {
    use cekura::testing::capture_async;
    use std::time::Duration;

    #[cekura::tts]
    async fn speak(text: &str) {
        println!("plays {text} for ever");
        std::future::pending::<()>().await;
    }

    #[cekura::turn]
    async fn turn() {
        let barge_in = tokio::time::timeout(Duration::from_millis(5), speak("We open at ten, and …"));
        barge_in.await.ok();
    }

    #[tokio::test]
    async fn who_speaks_over_the_agent_interrupts_it() {
        let trace = capture_async(turn()).await;
        assert_eq!(
            trace.draw(&["turn.was_interrupted"]),
            "turn turn.was_interrupted=true\n  tts interrupted\n"
        );
    }
}

mod strict {
    use cekura::testing::capture_async;

    #[cekura::tool_call]
    async fn look_up(name: &str) -> String {
        name.to_uppercase()
    }

    #[cekura::conversation]
    async fn call() {
        cekura::spawn(look_up("Anna Miller")).await.ok();
    }

    #[tokio::test]
    async fn nothing_is_lost() {
        let trace = capture_async(call()).await.strict();
        assert_eq!(trace.to_string(), "conversation\n  tool_call\n");
    }
}

mod content {
    use cekura::CaptureContent::Metadata;
    use cekura::testing::capture_with;

    #[cekura::tool_call(record("customer.tier" = "gold"))]
    fn look_up(name: &str) -> Result<u32, String> {
        Err(format!("no such customer: {name}"))
    }

    #[test]
    fn no_name_leaves() {
        let trace = capture_with(Metadata, || look_up("Anna Miller"));
        let span = trace.span("tool_call").unwrap();
        assert!(span.attributes().all(|(_, value)| !value.as_str().contains("Miller")));
        assert!(span.is_error() && !span.error().contains("Miller"));
        assert_eq!(span.text("customer.tier"), Some("gold"), "what `record` names is kept");
    }
}

mod streams {
    use cekura::testing::capture_async;
    use futures::StreamExt;
    use futures::stream::{self, BoxStream};

    #[cekura::llm]
    fn answer() -> BoxStream<'static, &'static str> {
        stream::iter(["We open ", "at ten."]).boxed()
    }

    #[tokio::test]
    async fn tokens_are_counted_and_joined() {
        let trace = capture_async(async { answer().for_each(async |_| {}).await }).await;
        assert_eq!(
            trace.draw(&["output", "stream.items"]),
            "llm output=\"We open at ten.\" stream.items=2\n"
        );

        let trace = capture_async(async { answer().next().await }).await;
        assert_eq!(trace.draw(&["output"]), "llm interrupted output=\"We open \"\n");
    }
}

mod spans_by_hand {
    fn answer(tokens: &[Result<&str, std::fmt::Error>]) -> Result<(), std::fmt::Error> {
        let mut llm = cekura::spans::llm().model("small").start();
        for token in tokens {
            llm.output((*token)?); // should tell the guard: `llm.fail(&error)`
        }
        llm.end();
        Ok(())
    }

    #[test]
    fn a_guard_that_is_forgotten_was_interrupted() {
        let trace = cekura::testing::capture(|| answer(&[Ok("We open "), Ok("at ten.")]));
        assert_eq!(trace.draw(&["output"]), "llm output=\"We open at ten.\"\n");

        let trace = cekura::testing::capture(|| answer(&[Ok("We open "), Err(std::fmt::Error)]));
        assert_eq!(trace.draw(&["output"]), "llm interrupted output=\"We open \"\n");
    }
}
