//! What the metrics of a handle say is what its spans say, counted by hand, whatever the labels are.

use super::hex;
use crate::scraped::Scrape;
use cekura::opentelemetry::trace::TraceContextExt;
use cekura::{Cekura, Conversation, FlushReport, Metrics, Protocol, spans};
use cekura_trace_tests::backend::{Backend, text};
use cekura_trace_tests::handles::{LONG, to};
use opentelemetry_proto::tonic::trace::v1::Span;
use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

/// What a handle has counted of all that has ended.
fn scrape(handle: &Cekura) -> Scrape {
    handle.flush_blocking(LONG);
    Scrape::read(&handle.metrics().openmetrics())
}

fn start(backend: &Backend) -> Cekura {
    to(backend, Protocol::Http).build().unwrap()
}

#[cekura::conversation(client = handle, skip_all)]
fn call(handle: &Cekura, body: impl FnOnce()) {
    body();
}

#[cekura::turn(skip_all)]
fn turn(body: impl FnOnce()) {
    body();
}

#[cekura::llm(provider = "openai", model = model, input_tokens = 100, output_tokens = 7, skip_all)]
fn ask(model: &str, fails: bool) -> Result<String, std::fmt::Error> {
    if fails { Err(std::fmt::Error) } else { Ok("Yes.".to_owned()) }
}

#[cekura::tts(provider = "cartesia", model = "sonic", skip_all, text = words)]
fn speak(words: &str) -> Vec<u8> {
    words.bytes().collect()
}

#[cekura::tool_call(skip_all)]
fn find_slot(fails: bool) -> Result<u8, String> {
    if fails { Err("no such day".to_owned()) } else { Ok(3) }
}

/// The duration of a span, in seconds.
fn took(span: &Span) -> f64 {
    Duration::from_nanos(span.end_time_unix_nano - span.start_time_unix_nano).as_secs_f64()
}

/// How a span ended, as the metrics say it.
fn outcome(span: &Span) -> &'static str {
    let is = |key| span.attributes.iter().any(|attribute| attribute.key == key);
    if span.status.as_ref().is_some_and(|status| status.code == 2) {
        "error"
    } else if is("cekura.unfinished") {
        "unfinished"
    } else if is("cekura.interrupted") {
        "interrupted"
    } else {
        "ok"
    }
}

#[track_caller]
fn assert_near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 1e-6, "{found} instead of {expected}");
}

#[test]
fn metrics_are_the_spans_counted_by_hand() {
    let backend = Backend::new();
    let handle = start(&backend);
    for number in 0..30 {
        call(&handle, || {
            for _ in 0..=number % 3 {
                turn(|| {
                    drop(ask(if number % 2 == 0 { "gpt-4o" } else { "gpt-4o-mini" }, number % 5 == 0));
                    drop(find_slot(number % 7 == 0));
                    speak("At ten.");
                });
            }
        });
    }
    let metrics = scrape(&handle);
    let delivered = backend.spans();
    let mut stages: BTreeMap<(&str, &str), Vec<&Span>> = BTreeMap::new();
    for span in &delivered {
        stages.entry((&span.name, outcome(span))).or_default().push(span);
    }
    assert!(stages.len() >= 7, "{:?}", stages.keys());
    for ((stage, outcome), spans) in &stages {
        let labels = [("stage", *stage), ("outcome", *outcome)];
        let count = metrics.sum("stage_duration_seconds_count", &labels);
        assert_near(count, f64::from(u32::try_from(spans.len()).unwrap()));
        let seconds: f64 = spans.iter().map(|span| took(span)).sum();
        assert_near(metrics.sum("stage_duration_seconds_sum", &labels), seconds);
        let own = match *stage {
            "conversation" => "voice_call_duration_seconds".to_owned(),
            stage => format!("{stage}_duration_seconds"),
        };
        assert_near(metrics.sum(&format!("{own}_count"), &[("outcome", outcome)]), count);
        assert_near(metrics.sum(&format!("{own}_sum"), &[("outcome", outcome)]), seconds);
    }
    let by_model = |model| {
        let of = |span: &&Span| text(&span.attributes, "gen_ai.request.model") == Some(model);
        f64::from(u32::try_from(delivered.iter().filter(of).count()).unwrap())
    };
    for model in ["gpt-4o", "gpt-4o-mini"] {
        let labels = [("gen_ai_request_model", model), ("gen_ai_provider_name", "openai")];
        assert_near(metrics.sum("llm_duration_seconds_count", &labels), by_model(model));
        assert_near(metrics.sum("gen_ai_client_operation_duration_seconds_count", &labels), by_model(model));
        for (kind, tokens) in [("input", 100.0), ("output", 7.0)] {
            let labels = [labels[0], ("gen_ai_operation_name", "chat"), ("gen_ai_token_type", kind)];
            assert_near(metrics.sum("gen_ai_client_token_usage_sum", &labels), tokens * by_model(model));
        }
    }
    assert_near(metrics.sum("tts_characters_total", &[("gen_ai_request_model", "sonic")]), 60.0 * 7.0);
    assert_near(metrics.sum("voice_calls_total", &[("outcome", "ok")]), 30.0);
    assert_near(metrics.sum("voice_call_turns_sum", &[]), 60.0);
    assert_near(metrics.sum("voice_call_turns_bucket", &[("le", "1.0")]), 10.0);
    assert_near(metrics.sum("voice_calls_open", &[]), 0.0);
    let failed = |stage| metrics.sum("stage_errors_total", &[("stage", stage)]);
    assert_near(failed("llm"), 12.0);
    assert_near(metrics.sum("stage_errors_total", &[("error_type", "core::fmt::Error")]), 12.0);
    let tool = [("function_name", "find_slot"), ("outcome", "error")];
    assert_near(failed("tool_call"), metrics.sum("tool_call_duration_seconds_count", &tool));
    let all = f64::from(u32::try_from(delivered.len()).unwrap());
    for name in ["cekura_spans_accepted_total", "cekura_spans_delivered_total"] {
        assert_near(metrics.sum(name, &[]), all);
    }
}

#[test]
fn five_thousand_model_names_make_five_hundred_and_one_series_and_the_sum_stays_exact() {
    let backend = Backend::new();
    let handle = start(&backend);
    call(&handle, || {
        for number in 0..5_000 {
            drop(ask(&format!("model-{number}"), false));
        }
        // One that was among the first still has its own.
        drop(ask("model-3", false));
    });
    let metrics = scrape(&handle);
    let is_other = [("otel_metric_overflow", "true")];
    for name in ["llm_duration_seconds_count", "gen_ai_client_operation_duration_seconds_count"] {
        assert_eq!(metrics.all(name, &[]).len(), 501, "{name}");
        assert_near(metrics.sum(name, &[]), 5_001.0);
        assert_near(metrics.sum(name, &is_other), 4_500.0);
        assert_near(metrics.sum(name, &[("gen_ai_request_model", "model-3")]), 2.0);
    }
    // Two series of each model.
    assert_eq!(metrics.all("gen_ai_client_token_usage_sum", &[]).len(), 501);
    assert_near(metrics.sum("gen_ai_client_token_usage_sum", &[]), 5_001.0 * 107.0);
    assert_near(metrics.sum("stage_duration_seconds_count", &[("stage", "llm")]), 5_001.0);
    let beyond = 4_500.0 + 4_500.0 + 9_500.0;
    assert_near(metrics.sum("cekura_metrics_overflows_total", &[]), beyond);
}

#[test]
fn tools_errors_stages_and_scores_without_end_are_bounded_too() {
    let backend = Backend::new();
    let handle = start(&backend);
    for number in 0..600 {
        call(&handle, || {
            let name = format!("tool_{number}");
            spans::tool_call(&name).start().end();
            let mut stage = spans::span("stage").start();
            stage.context().span().update_name(format!("stage_{number}"));
            stage.fail("no");
            stage.end();
            let mut guarded = spans::span("guardrail").start();
            guarded.record("guardrail.name", format!("rule_{number}").as_str());
            guarded.record("guardrail.rejected", false);
            guarded.end();
            let call = cekura::current_conversation().unwrap();
            call.score(format!("score_{number}"), 1.0);
        });
    }
    let metrics = scrape(&handle);
    let bounded = [
        ("tool_call_duration_seconds_count", 600.0),
        ("stage_errors_total", 600.0),
        ("guardrail_checks_total", 600.0),
        ("voice_call_score_count", 600.0),
        ("stage_duration_seconds_count", 2_400.0),
    ];
    for (name, sum) in bounded {
        assert_eq!(metrics.all(name, &[]).len(), 501, "{name}");
        assert_near(metrics.sum(name, &[]), sum);
    }
}

#[test]
fn what_a_label_says_is_short_whole_and_escaped() {
    let backend = Backend::new();
    let handle = start(&backend);
    let long = format!("{}é tail", "x".repeat(63));
    let odd = "a \"quoted\" \\ name\nof two lines {le=\"1\"} # EOF";
    call(&handle, || {
        drop(ask(&long, false));
        drop(ask(odd, false));
        drop(ask("", false));
    });
    let metrics = scrape(&handle);
    let models: Vec<_> =
        metrics.all("llm_duration_seconds_count", &[]).iter().map(|sample| sample.labels.clone()).collect();
    let model = |labels: &BTreeMap<String, String>| labels.get("gen_ai_request_model").cloned();
    assert_eq!(
        models.iter().map(model).collect::<Vec<_>>(),
        [Some("x".repeat(63)), Some(odd.to_owned()), None]
    );
}

#[test]
fn an_own_label_has_one_of_its_values_or_other() {
    let backend = Backend::new();
    let builder = to(&backend, Protocol::Http).metric_label("tenant", ["acme", "globex"]);
    let handle = builder.metric_label("app.tier", ["1", "true"]).build().unwrap();
    for tenant in ["acme", "acme", "globex", "+49 30 1234567", ""] {
        call(&handle, || {
            cekura::record("tenant", tenant);
            cekura::record("app.tier", 1);
            cekura::record("secret", "canary");
            let mut llm = spans::llm().start();
            llm.record("tenant", tenant);
            llm.record("app.tier", tenant == "acme");
            llm.end();
        });
    }
    let metrics = scrape(&handle);
    for (tenant, calls) in [("acme", 2.0), ("globex", 1.0), ("other", 2.0)] {
        let labels = [("tenant", tenant), ("app_tier", "1")];
        assert_near(metrics.sum("voice_calls_total", &labels), calls);
        assert_near(metrics.sum("voice_call_turns_count", &labels), calls);
        assert_near(metrics.sum("llm_duration_seconds_count", &[("tenant", tenant)]), calls);
    }
    assert_near(metrics.sum("llm_duration_seconds_count", &[("app_tier", "true")]), 2.0);
    assert_near(metrics.sum("llm_duration_seconds_count", &[("app_tier", "other")]), 3.0);
    let shown = handle.metrics().openmetrics();
    assert!(!shown.contains("1234567") && !shown.contains("canary"), "{shown}");
}

#[test]
fn no_id_of_a_call_and_nothing_that_was_said_is_in_a_metric() {
    #[cekura::conversation(client = handle, call_id = "canary-call", record("customer" = "canary-name"))]
    fn answer(handle: &Cekura) {
        cekura::record("phone", "canary-phone");
        drop(heard("canary-audio"));
        drop(tool("canary-argument"));
    }
    #[cekura::stt(provider = "deepgram")]
    fn heard(audio: &str) -> String {
        format!("canary-transcript {audio}")
    }
    #[cekura::tool_call]
    fn tool(argument: &str) -> Result<(), String> {
        Err(format!("canary-error {argument}"))
    }
    let backend = Backend::new();
    let handle = start(&backend);
    answer(&handle);
    handle.flush_blocking(LONG);
    let shown = handle.metrics().openmetrics();
    assert!(shown.contains("stt_duration_seconds_count{gen_ai_provider_name=\"deepgram\""), "{shown}");
    assert!(!shown.contains("canary"), "{shown}");
    let traces: Vec<_> = backend.spans().iter().map(|span| hex(&span.trace_id)).collect();
    let outside = shown.lines().filter_map(|line| line.split(" # ").next());
    assert!(outside.clone().count() > 20);
    assert!(!outside.clone().any(|line| traces.iter().any(|trace| line.contains(trace))), "{shown}");
}

#[test]
fn an_exemplar_leads_to_a_span_that_was_delivered_and_has_its_value() {
    let backend = Backend::new();
    let handle = start(&backend);
    for _ in 0..5 {
        call(&handle, || turn(|| drop(ask("gpt-4o", true))));
    }
    let metrics = scrape(&handle);
    let delivered = backend.spans();
    assert!(metrics.exemplars().count() >= 8, "{metrics:?}");
    for exemplar in metrics.exemplars() {
        let is_it =
            |span: &&Span| hex(&span.trace_id) == exemplar.trace && hex(&span.span_id) == exemplar.span;
        assert!(delivered.iter().any(|span| is_it(&span)), "{exemplar:?}");
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs_f64();
        assert!((now - exemplar.time).abs() < 60.0, "{exemplar:?}");
    }
    let turns = metrics.samples.iter().filter(|sample| sample.name == "turn_duration_seconds_bucket");
    for exemplar in turns.filter_map(|sample| sample.exemplar.as_ref()) {
        let span = delivered.iter().find(|span| hex(&span.span_id) == exemplar.span).unwrap();
        assert_eq!(span.name, "turn");
        assert_near(exemplar.value, took(span));
    }
}

#[test]
fn interruptions_guardrails_latencies_and_first_tokens_are_counted() {
    let backend = Backend::new();
    let handle = start(&backend);
    let now = SystemTime::now();
    let at = |milliseconds| now + Duration::from_millis(milliseconds);
    for latency in [700, 1_250] {
        call(&handle, || {
            let call = cekura::current_conversation().unwrap();
            let turn = spans::turn().parent(&call).start();
            turn.user_stopped_at(at(0));
            turn.first_audio_at(at(latency));
            let mut llm = spans::llm().provider("openai").model("gpt-4o").parent(&turn).start();
            llm.record("llm.first_token_ms", 90.0);
            llm.end();
            // The caller cuts in.
            drop(spans::tts().provider("cartesia").parent(&turn).start());
            let mut guardrail = spans::span("guardrail").parent(&turn).start();
            guardrail.record("guardrail.rejected", latency == 700);
            guardrail.end();
            turn.end();
        });
    }
    let metrics = scrape(&handle);
    assert_near(metrics.sum("turn_user_bot_latency_seconds_sum", &[]), 1.95);
    assert_near(metrics.sum("turn_user_bot_latency_seconds_bucket", &[("le", "1.2")]), 1.0);
    assert_near(metrics.sum("turn_user_bot_latency_seconds_bucket", &[("le", "1.5")]), 2.0);
    let labels = [("gen_ai_provider_name", "openai"), ("gen_ai_request_model", "gpt-4o")];
    assert_near(metrics.sum("llm_first_token_seconds_sum", &labels), 0.18);
    assert_near(metrics.sum("voice_interruptions_total", &[("stage", "tts")]), 2.0);
    assert_near(metrics.sum("tts_duration_seconds_count", &[("outcome", "interrupted")]), 2.0);
    for verdict in ["rejected", "passed"] {
        let labels = [("guardrail", "guardrail"), ("verdict", verdict)];
        assert_near(metrics.sum("guardrail_checks_total", &labels), 1.0);
    }
    // A barge-in alone is no interrupted call.
    assert_near(metrics.sum("voice_calls_total", &[("outcome", "ok")]), 2.0);
}

#[test]
fn a_call_ends_as_its_root_does() {
    #[cekura::conversation(client = handle, skip_all)]
    async fn hangs(handle: &Cekura) {
        std::future::pending().await
    }
    let backend = Backend::new();
    let handle = start(&backend);
    call(&handle, || {});
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        call(&handle, || panic!("as the script says"));
    }));
    panicked.unwrap_err();
    let mut hung_up = Box::pin(hangs(&handle));
    assert!(
        hung_up.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())).is_pending()
    );
    assert_near(scrape(&handle).sum("voice_calls_open", &[]), 1.0);
    drop(hung_up);
    let metrics = scrape(&handle);
    assert_near(metrics.sum("voice_calls_open", &[]), 0.0);
    for outcome in ["ok", "error", "interrupted"] {
        assert_near(metrics.sum("voice_calls_total", &[("outcome", outcome)]), 1.0);
    }
    assert_near(metrics.sum("voice_calls_total", &[]), 3.0);
    // A span outside any call, and a call in a call, are no calls.
    call(&handle, || call(&handle, || {}));
    assert_near(scrape(&handle).sum("voice_calls_total", &[]), 4.0);
}

#[test]
fn the_turns_of_a_call_are_counted_on_whatever_thread_they_end() {
    let backend = Backend::new();
    let handle = start(&backend);
    for _ in 0..20 {
        call(&handle, || {
            let call = cekura::current_conversation().unwrap();
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| spans::turn().parent(&call).start().end());
                }
            });
        });
    }
    let metrics = scrape(&handle);
    assert_near(metrics.sum("voice_call_turns_count", &[]), 20.0);
    assert_near(metrics.sum("voice_call_turns_sum", &[]), 160.0);
    assert_near(metrics.sum("voice_call_turns_bucket", &[("le", "5.0")]), 0.0);
    assert_near(metrics.sum("voice_call_turns_bucket", &[("le", "8.0")]), 20.0);
}

#[test]
fn a_score_counts_during_the_call_and_after_it() {
    let backend = Backend::new();
    let handle = start(&backend);
    let kept = std::sync::Mutex::new(Conversation::default());
    call(&handle, || {
        let call = cekura::current_conversation().unwrap();
        call.score("sentiment", 0.2);
        call.score("sentiment", 0.7);
        for wrong in [-0.1, f64::NAN, f64::INFINITY] {
            call.score("sentiment", wrong);
        }
        call.score("", 1.0);
        *kept.lock().unwrap() = call;
    });
    let sum = |handle: &Cekura, score| {
        let metrics = scrape(handle);
        let labels = [("score", score)];
        (metrics.sum("voice_call_score_count", &labels), metrics.sum("voice_call_score_sum", &labels))
    };
    assert_eq!(sum(&handle, "sentiment"), (1.0, 0.7));
    let late = kept.into_inner().unwrap();
    late.score("grade", 4.0);
    assert_eq!(sum(&handle, "grade"), (1.0, 4.0));
    let trace = hex(&backend.spans()[0].trace_id);
    let metrics = Scrape::read(&handle.metrics().openmetrics());
    let of_scores = metrics.samples.iter().filter(|sample| sample.name == "voice_call_score_bucket");
    let exemplars: Vec<_> = of_scores.filter_map(|sample| sample.exemplar.as_ref()).collect();
    assert_eq!(exemplars.len(), 2);
    assert!(exemplars.iter().all(|exemplar| exemplar.trace == trace), "{exemplars:?}");
    Conversation::default().score("sentiment", 0.5);
}

#[test]
fn what_was_lost_is_in_the_metrics_with_its_reason() {
    let backend = Backend::scripted(|_, _| cekura_trace_tests::backend::Reply::fail(400, 3));
    let handle = start(&backend);
    call(&handle, || {});
    let report: FlushReport = handle.flush_blocking(LONG);
    let lost: Vec<_> = report.dropped.iter().map(|(reason, count)| (reason.to_string(), *count)).collect();
    let [(reason, 1)] = &lost[..] else { panic!("{lost:?}") };
    let metrics = scrape(&handle);
    assert_near(metrics.sum("cekura_spans_dropped_total", &[("reason", reason)]), 1.0);
    assert_near(metrics.sum("cekura_spans_delivered_total", &[]), 0.0);
    // The call took place, whatever became of its spans.
    assert_near(metrics.sum("voice_calls_total", &[]), 1.0);
}

#[test]
fn without_tracing_there_are_none() {
    let off = Cekura::builder().variables(|name| (name == "CEKURA_TRACER_ENABLED").then(|| "false".into()));
    let off = off.build().unwrap();
    assert_eq!(off.metrics().openmetrics(), "# EOF\n");
    assert_eq!(Metrics::default().openmetrics(), "# EOF\n");
    let local = Cekura::builder().variables(|_| None).local_without_key().build().unwrap();
    assert_near(scrape(&local).sum("cekura_spans_accepted_total", &[]), 0.0);
}

#[test]
fn metrics_stay_after_the_shutdown() {
    let backend = Backend::new();
    let handle = start(&backend);
    let metrics = handle.metrics();
    call(&handle, || turn(|| {}));
    handle.shutdown_blocking(LONG);
    drop(handle);
    let metrics = Scrape::read(&metrics.openmetrics());
    assert_near(metrics.sum("voice_calls_total", &[]), 1.0);
    assert_near(metrics.sum("voice_call_turns_sum", &[]), 1.0);
    assert_near(metrics.sum("cekura_spans_delivered_total", &[]), 2.0);
}
