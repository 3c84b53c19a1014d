//! The example programs of async-openai, annotated, against a server that sends the documented events over a socket.
//! Each program reads its stream inside the annotated function, as the originals do.

#[path = "programs/stand_in.rs"]
mod stand_in;

#[path = "programs/audio.rs"]
mod audio;
#[path = "programs/chat.rs"]
mod chat;
#[path = "programs/realtime.rs"]
mod realtime;
#[path = "programs/responses.rs"]
mod responses;

use cekura::testing::Trace;

/// A span attribute as text, empty where the span lacks it.
fn text(trace: &Trace, span: &str, key: &str) -> String {
    let span = trace.span(span).unwrap_or_else(|| panic!("no {span} in\n{trace}"));
    span.attribute(key).map(ToString::to_string).unwrap_or_default()
}

/// Checks that the first token came after the server's pause, and the first item before it.
fn assert_waited(trace: &Trace, span: &str) {
    let seconds =
        |key| text(trace, span, key).parse::<f64>().unwrap_or_else(|_| panic!("no {key} in\n{trace}"));
    let (first_item, first_token) = (seconds("gen_ai.response.time_to_first_chunk"), seconds("metrics.ttfb"));
    let pause = stand_in::PAUSE.as_secs_f64();
    assert!(first_token >= pause, "the first token after {first_token} s");
    assert!(first_token - first_item >= pause / 2.0, "the first item after {first_item} s");
}
