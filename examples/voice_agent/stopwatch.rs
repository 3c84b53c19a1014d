//! A service's first tokens → how long they took, by the trace and by a stopwatch in the client's hand.

use crate::answer;
use crate::openai;
use crate::service::Service;
use crate::tests::{service, written};
use cekura::opentelemetry::Value;
use cekura::testing::capture_async;
use futures_util::{StreamExt, TryStreamExt, stream};
use std::time::{Duration, Instant};
use tokio::time::sleep;

const HEARD: [&str; 5] = [
    "Can I see someone on Monday morning?",
    "I would like an appointment next Tuesday afternoon.",
    "Is there anything on Friday?",
    "What is your address?",
    "No, thank you. Goodbye.",
];

/// How far apart the two may be: what a busy machine needs to go from one line to the next.
const TOLERANCE: Duration = Duration::from_millis(50);

async fn compare(service: &Service, heard: &str) {
    let (messages, format) = (answer::messages("", heard), answer::format(true).unwrap());
    let mut stopwatch = Duration::ZERO;
    let asked = async {
        let asked = Instant::now();
        let mut tokens = service.ask(&messages, &format).await.unwrap();
        tokens.try_next().await.unwrap();
        stopwatch = asked.elapsed();
        while tokens.try_next().await.unwrap().is_some() {}
    };
    let trace = capture_async(asked).await;
    let Some(Value::F64(traced)) = trace.span("llm").unwrap().attribute("metrics.ttfb") else {
        panic!("no time of a first token in {trace:?}");
    };
    let traced = Duration::from_secs_f64(*traced);
    println!("first token: stopwatch {stopwatch:.3?}, trace {traced:.3?}");
    assert!(stopwatch.abs_diff(traced) < TOLERANCE, "stopwatch {stopwatch:?}, trace {traced:?}");
}

#[tokio::test]
async fn the_trace_has_the_first_token_time_of_a_stopwatch() {
    // Neither the beginning of the response nor its end is near the first token.
    let slow = stream::iter([r#"{"name": ""#, r#"Ann""#]).then(async |token| {
        sleep(6 * TOLERANCE).await;
        written(token)
    });
    compare(&service(slow, || ()).await, HEARD[0]).await;
}

#[tokio::test]
#[ignore = "asks the service that OPENAI_BASE_URL names: local-models/run.sh stopwatch"]
async fn so_it_has_with_a_real_service() {
    let service = openai::service().await.unwrap();
    for heard in HEARD {
        compare(&service, heard).await;
    }
}
