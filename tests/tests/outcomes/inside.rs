//! An `Err` inside an `Ok`, as a time limit around a `Result` gives it.

use cekura::opentelemetry::Value;
use cekura::testing::{Span, capture, capture_async};
use std::fmt::Debug;
use std::io;
use std::time::Duration;
use tokio::time::error::Elapsed;
use tokio::time::timeout;

fn seen(span: &Span) -> (bool, &str, Option<&str>) {
    (span.is_error(), span.error(), span.text("error.type"))
}

#[tokio::test(start_paused = true)]
async fn a_failure_inside_a_time_limit_is_a_failure() {
    #[cekura::tool_call]
    async fn limited(wait: u64, fail: bool) -> Result<Result<u8, io::Error>, Elapsed> {
        timeout(Duration::from_secs(1), async {
            tokio::time::sleep(Duration::from_secs(wait)).await;
            if fail { Err(io::Error::other("line is dead")) } else { Ok(3) }
        })
        .await
    }
    let trace = capture_async(async {
        let _ = (limited(0, false).await, limited(0, true).await, limited(5, false).await);
    })
    .await;
    let [fine, inner, outer] = trace.spans() else { panic!("{trace}") };
    assert_eq!(seen(fine), (false, "", None));
    assert_eq!(seen(inner), (true, "line is dead", Some("std::io::error::Error")));
    let elapsed = Some("tokio::time::error::Elapsed");
    assert_eq!(seen(outer), (true, "deadline has elapsed", elapsed));
}

#[test]
fn closures_see_what_is_inside_the_outer_result() {
    #[cekura::span(record("n" = |inner: &Result<i64, String>| inner.as_ref().ok().copied()))]
    fn nested(n: i64) -> Result<Result<i64, String>, ()> {
        match n {
            0 => Err(()),
            1 => Ok(Err("one".into())),
            n => Ok(Ok(n)),
        }
    }
    let trace = capture(|| (nested(0), nested(1), nested(2)));
    let [outer, inner, fine] = trace.spans() else { panic!("{trace}") };
    assert_eq!(seen(outer), (true, "()", Some("()")));
    assert_eq!(seen(inner), (true, "one", Some("alloc::string::String")));
    assert_eq!((fine.is_error(), fine.attribute("n")), (false, Some(&Value::I64(2))));
}

#[test]
fn both_errors_are_told_by_what_they_can_show() {
    struct Silent;
    #[cekura::span]
    fn anyhow_inside(fail: bool) -> Result<anyhow::Result<()>, Silent> {
        if fail { Err(Silent) } else { Ok(Err(io::Error::other("a").into())) }
    }
    #[cekura::span]
    fn silent_inside() -> anyhow::Result<Result<(), Silent>> {
        Ok(Err(Silent))
    }
    #[cekura::span]
    fn generic<T, E: Debug>(it: E) -> Result<Result<T, E>, Silent> {
        Ok(Err(it))
    }
    #[cekura::span]
    fn option_inside() -> Result<Result<Option<u8>, &'static str>, Silent> {
        Ok(Err("empty"))
    }
    let trace = capture(|| {
        let _ = (anyhow_inside(false), anyhow_inside(true), silent_inside(), option_inside());
        let _ = generic::<u8, _>(Some(1));
    });
    let said: Vec<_> = trace.spans().iter().map(Span::error).collect();
    let silent = std::any::type_name::<Silent>();
    assert_eq!(said, ["a", silent, silent, "empty", "Some(1)"]);
    assert!(trace.spans().iter().all(Span::is_error));
}
