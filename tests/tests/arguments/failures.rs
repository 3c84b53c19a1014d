//! `error = |returned| …`: a returned value that stands for a failure.

use cekura::CaptureContent;
use cekura::opentelemetry::Value;
use cekura::testing::{Span, capture, capture_with};
use futures::Stream;
use futures::executor::block_on_stream;
use futures::stream;
use std::fmt;
use std::io;

struct Reply {
    status: u16,
    problem: Option<Problem>,
}

#[derive(Debug)]
struct Problem(io::Error);

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no answer")
    }
}

impl std::error::Error for Problem {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}

fn reply(status: u16) -> Reply {
    let problem = (status >= 500).then(|| Problem(io::Error::other("line is dead")));
    Reply { status, problem }
}

fn seen(span: &Span) -> (bool, &str, Option<&str>) {
    (span.is_error(), span.error(), span.text("error.type"))
}

#[test]
fn a_returned_value_may_stand_for_a_failure() {
    #[cekura::span(error = |reply| reply.problem.as_ref(), record("status" = |reply| reply.status))]
    fn problem(status: u16) -> Reply {
        reply(status)
    }
    #[cekura::tool_call(error = |reply| (reply.status >= 400).then(|| format!("status {}", reply.status)))]
    async fn text(status: u16) -> Result<Reply, io::Error> {
        Ok(reply(status))
    }
    #[cekura::llm(error = |reply: &Reply| if reply.status == 429 { Some("slow down") } else { None })]
    fn word(status: u16) -> Option<Reply> {
        Some(reply(status))
    }
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let trace = capture(|| {
        problem(200);
        problem(500);
        runtime.block_on(async { (text(200).await.unwrap(), text(404).await.unwrap()) });
        word(200);
        word(429);
    });
    let [fine, problem, fine_text, text, fine_word, word] = trace.spans() else { panic!("{trace}") };
    for span in [fine, fine_text, fine_word] {
        assert_eq!(seen(span), (false, "", None));
    }
    let name = Some("arguments::arguments::failures::Problem");
    assert_eq!(seen(problem), (true, "no answer: line is dead", name));
    assert_eq!(problem.attribute("status"), Some(&Value::I64(500)), "the rest is recorded as ever");
    assert_eq!(seen(text), (true, "status 404", Some("alloc::string::String")));
    assert_eq!(seen(word), (true, "slow down", Some("&str")));
}

#[test]
fn an_item_of_a_stream_may_stand_for_a_failure() {
    #[cekura::llm(error = |chunk| chunk.strip_prefix("error: "), output = |chunk| chunk)]
    fn chunks() -> impl Stream<Item = &'static str> {
        stream::iter(["one ", "error: overloaded", "two"])
    }
    let trace = capture(|| assert_eq!(block_on_stream(chunks()).count(), 3));
    let [span] = trace.spans() else { panic!("{trace}") };
    assert_eq!(seen(span), (true, "overloaded", Some("&str")));
    assert_eq!(span.attribute("stream.items"), Some(&Value::I64(2)), "the failure ends the span");
}

#[test]
fn the_text_of_such_a_failure_is_content() {
    #[cekura::span(error = |()| Some("secret"))]
    fn stage() {}
    let trace = capture_with(CaptureContent::Metadata, stage);
    assert_eq!(seen(&trace.spans()[0]), (true, "", Some("&str")));
}
