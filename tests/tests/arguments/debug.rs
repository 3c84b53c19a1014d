//! `debug(a, b)`: arguments that are recorded by their `Debug`.

use cekura::CaptureContent;
use cekura::testing::{capture, capture_with};
use serde::Serialize;
use std::fmt::Debug;

#[derive(Debug)]
#[expect(dead_code, reason = "read by Debug")]
struct Slot {
    day: &'static str,
}

/// Both: `debug` asks for the one.
#[derive(Debug, Serialize)]
struct Both(u8);

#[test]
fn debug_records_by_debug_what_has_no_other_form() {
    #[cekura::span(debug(slot, both))]
    fn stage(slot: Slot, both: &Both, n: u8) {
        let _ = (slot, both, n);
    }
    #[cekura::llm(debug(slot))]
    async fn ask(slot: &Slot) {
        let _ = slot;
    }
    #[cekura::tts(debug(slot))]
    fn speak(text: &str, slot: &Slot) {
        let _ = (text, slot);
    }
    #[cekura::tool_call(debug(both))]
    fn tool(slot: &Slot, both: Both) {
        let _ = (slot, both);
    }
    let slot = Slot { day: "monday" };
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let trace = capture(|| {
        stage(Slot { day: "monday" }, &Both(1), 2);
        runtime.block_on(ask(&slot));
        speak("hello", &slot);
        tool(&slot, Both(1));
    });
    let [stage, ask, speak, tool] = trace.spans() else { panic!("{trace}") };
    let shown = r#"Slot { day: "monday" }"#;
    assert_eq!(stage.text("input.slot"), Some(shown));
    assert_eq!(stage.text("input.both"), Some("Both(1)"));
    assert_eq!(ask.text("input.slot"), Some(shown));
    assert_eq!((speak.text("input.slot"), speak.text("text")), (Some(shown), Some("hello")));
    let input: serde_json::Value = serde_json::from_str(tool.text("function.input").unwrap()).unwrap();
    assert_eq!(input, serde_json::json!({ "slot": shown, "both": "Both(1)" }));
}

#[test]
fn debug_in_generic_functions_and_under_metadata() {
    #[cekura::span(debug(it))]
    fn stage<T: Debug + ?Sized>(it: &T, text: impl Debug) {
        let _ = (it, text);
    }
    let trace = capture(|| stage("a", 1.5));
    assert_eq!(trace.spans()[0].text("input.it"), Some("\"a\""));
    let trace = capture_with(CaptureContent::Metadata, || stage("a", 1.5));
    assert_eq!(trace.spans()[0].attribute("input.it"), None);
}
