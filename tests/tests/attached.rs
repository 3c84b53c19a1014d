//! With a program's tracer provider attached: its exporter gets the same spans, and its ids count.

use cekura::opentelemetry::trace::noop::NoopTracerProvider;
use cekura::opentelemetry::trace::{Span as _, SpanId, SpanKind, Status, TraceContextExt, Tracer};
use cekura::opentelemetry::{Context, KeyValue, Value};
use cekura::{Protocol, spans};
use cekura_trace_tests::backend::{Backend, text};
use cekura_trace_tests::handles::{LONG, to};
use cekura_trace_tests::host::{Beside, CountingIds, ask, named, names, parent, turn, value};
use futures::FutureExt;
use futures::stream::{self, Stream, StreamExt};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracer, SpanData, SpanProcessor, TracerProviderBuilder};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

#[path = "attached/sampler.rs"]
mod sampler;
#[path = "attached/turns.rs"]
mod turns;

static DEFAULT: Mutex<()> = Mutex::new(());

/// Attaches the program's tracer provider, for as long as no other test is the process's default.
fn attached<R>(
    build: impl FnOnce(TracerProviderBuilder) -> TracerProviderBuilder,
    test: impl FnOnce(&Beside) -> R,
) -> R {
    let _only = DEFAULT.lock().unwrap_or_else(PoisonError::into_inner);
    let beside = Beside::new(build);
    beside.handle.attach(&beside.provider).unwrap();
    test(&beside)
}

/// A call of whatever handle is the default.
#[cekura::conversation(call_id = "call-2")]
fn default_call(tracer: &SdkTracer) {
    turn(tracer);
}

#[test]
fn the_programs_exporter_gets_the_same_spans() {
    attached(
        |builder| builder.with_id_generator(CountingIds::default()),
        |beside| {
            beside.tracer.in_span("request", |_| default_call(&beside.tracer));
            let spans = beside.delivered();
            assert_eq!(names(&spans), ["conversation", "llm", "query", "turn"]);
            let mut all = beside.exported.names();
            all.retain(|name| name != "request");
            assert_eq!(all, names(&spans));
            for span in &spans {
                let twin = beside.exported.span(&span.name);
                assert_eq!(twin.span_context.trace_id().to_bytes(), *span.trace_id, "{}", span.name);
                assert_eq!(twin.span_context.span_id().to_bytes(), *span.span_id, "{}", span.name);
                assert!(span.trace_id.starts_with(&[0; 8]), "the program's generator counts");
                let parent = twin.parent_span_id;
                assert_eq!(parent != SpanId::INVALID, !span.parent_span_id.is_empty());
                assert!(parent == SpanId::INVALID || parent.to_bytes() == *span.parent_span_id);
                assert_eq!(nanoseconds(twin.start_time), span.start_time_unix_nano, "{}", span.name);
                assert_eq!(nanoseconds(twin.end_time), span.end_time_unix_nano, "{}", span.name);
                assert_eq!(twin.attributes.len(), span.attributes.len(), "{:?}", twin.attributes);
                assert_eq!(twin.links.len(), span.links.len());
                for attribute in &span.attributes {
                    assert!(value(&twin, &attribute.key).is_some(), "{}", attribute.key);
                }
            }
            let llm = beside.exported.span("llm");
            assert_eq!(value(&llm, "gen_ai.request.model"), Some(&Value::from("gpt-4o")));
            assert_eq!(llm.span_kind, SpanKind::Client);
            assert_eq!(llm.instrumentation_scope.name(), "cekura");
            assert!(llm.instrumentation_scope.version().is_some());
        },
    );
}

fn nanoseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap().as_nanos().try_into().unwrap()
}

#[test]
fn a_failure_and_what_is_renamed_or_overridden_is_the_same_on_both_sides() {
    #[cekura::tool_call(name = "book", record("gen_ai.operation.name" = "mine"))]
    fn book(day: &str) -> Result<(), std::num::ParseIntError> {
        cekura::record("function.name", "rebooked");
        Context::map_current(|context| context.span().update_name("booking"));
        day.parse::<u8>().map(|_| ())
    }
    attached(
        |builder| builder,
        |beside| {
            #[cekura::conversation]
            fn call() {
                drop(book("Monday"));
            }
            call();
            let spans = beside.delivered();
            let (ours, twin) = (named(&spans, "booking"), beside.exported.span("booking"));
            let Status::Error { description } = &twin.status else { panic!("{:?}", twin.status) };
            assert_eq!(ours.status.as_ref().unwrap().message, *description);
            assert_eq!(value(&twin, "gen_ai.operation.name"), Some(&Value::from("mine")));
            assert_eq!(text(&ours.attributes, "gen_ai.operation.name"), Some("mine"));
            assert_eq!(value(&twin, "error.type"), Some(&Value::from("core::num::error::ParseIntError")));
        },
    );
}

#[test]
fn the_programs_span_limits_are_its_own() {
    attached(
        |builder| builder.with_max_attributes_per_span(1),
        |beside| {
            default_call(&beside.tracer);
            let spans = beside.delivered();
            assert_eq!(text(&named(&spans, "llm").attributes, "gen_ai.request.model"), Some("gpt-4o"));
            assert_eq!(beside.exported.span("llm").attributes.len(), 1);
        },
    );
}

#[test]
fn a_future_that_is_never_polled_leaves_nothing_here() {
    #[cekura::tool_call]
    fn later() -> impl Future<Output = ()> {
        std::future::ready(())
    }
    attached(
        |builder| builder,
        |beside| {
            #[cekura::conversation]
            fn call() {
                drop(later());
            }
            call();
            assert_eq!(names(&beside.delivered()), ["conversation"]);
            let twin = beside.exported.span("tool_call");
            assert_eq!(value(&twin, "cekura.interrupted"), Some(&Value::Bool(true)));
        },
    );
}

#[test]
fn to_a_tracer_provider_that_is_shut_down_the_spans_still_arrive() {
    attached(
        |builder| builder,
        |beside| {
            beside.provider.shutdown().unwrap();
            default_call(&beside.tracer);
            assert_eq!(names(&beside.delivered()), ["conversation", "llm", "turn"]);
        },
    );
}

#[test]
fn with_a_tracer_provider_that_makes_no_spans_each_of_ours_has_an_id_of_its_own() {
    #[cekura::conversation]
    fn call() {
        direct();
    }
    #[cekura::turn]
    fn direct() {
        ask("why?");
    }
    let _only = DEFAULT.lock().unwrap_or_else(PoisonError::into_inner);
    let backend = Backend::new();
    let handle = to(&backend, Protocol::Grpc).build().unwrap();
    // The global one, where a program has set none, is of this kind.
    handle.attach(&NoopTracerProvider::new()).unwrap();
    call();
    handle.flush_blocking(LONG);
    let spans = backend.spans();
    let parents = ["conversation", "llm", "turn"].map(|name| parent(&spans, name));
    assert_eq!(parents, [None, Some("turn"), Some("conversation")]);
}

#[test]
fn attaching_makes_the_default_and_is_done_once() {
    attached(
        |builder| builder,
        |beside| {
            let again = beside.handle.attach(&beside.provider).unwrap_err();
            assert!(again.to_string().contains("call `attach` once"), "{again}");
            let other = to(&beside.backend, Protocol::Grpc).build().unwrap();
            let taken = other.attach(&beside.provider).unwrap_err();
            assert!(taken.is_already_installed() && taken.to_string().contains("client = …"), "{taken}");
            let installed = to(&beside.backend, Protocol::Grpc).install();
            assert!(installed.unwrap_err().is_already_installed());
        },
    );
}

#[test]
fn a_processor_of_the_programs_may_use_what_is_current() {
    #[derive(Debug)]
    struct Curious;
    impl SpanProcessor for Curious {
        fn on_start(&self, span: &mut opentelemetry_sdk::trace::Span, context: &Context) {
            context.span().set_attribute(KeyValue::new("child", true));
            Context::current().span().set_attribute(KeyValue::new("seen", "start"));
            cekura::record("recorded", true);
            span.set_attribute(KeyValue::new("mine", 1));
        }
        fn on_end(&self, _: SpanData) {
            Context::current().span().set_attribute(KeyValue::new("seen", "end"));
            cekura::record("recorded", false);
        }
        fn force_flush(&self) -> OTelSdkResult {
            Ok(())
        }
        fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
            Ok(())
        }
    }
    attached(
        |builder| builder.with_span_processor(Curious),
        |beside| {
            default_call(&beside.tracer);
            let spans = beside.delivered();
            assert_eq!(names(&spans), ["conversation", "llm", "query", "turn"]);
            assert_eq!(text(&named(&spans, "turn").attributes, "seen"), Some("end"));
        },
    );
}

#[test]
fn a_processor_of_the_programs_that_panics_stops_nothing() {
    #[derive(Debug)]
    struct Panics;
    impl SpanProcessor for Panics {
        fn on_start(&self, span: &mut opentelemetry_sdk::trace::Span, _: &Context) {
            assert!(!format!("{span:?}").contains("turn"), "at the start");
        }
        fn on_end(&self, span: SpanData) {
            assert_ne!(span.name, "llm", "at the end");
        }
        fn force_flush(&self) -> OTelSdkResult {
            Ok(())
        }
        fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
            Ok(())
        }
    }
    attached(
        |builder| builder.with_span_processor(Panics),
        |beside| {
            #[cekura::conversation]
            fn call() -> String {
                direct()
            }
            #[cekura::turn]
            fn direct() -> String {
                ask("why?")
            }
            assert_eq!(call(), "why?");
            let spans = beside.delivered();
            assert_eq!(names(&spans), ["conversation", "llm", "turn"]);
            assert_eq!(beside.handle.ledger().accepted, 3);
        },
    );
}

#[test]
fn a_processor_of_the_programs_may_call_an_annotated_function() {
    #[derive(Debug)]
    struct Annotated;
    #[cekura::span]
    fn redact() {}
    impl SpanProcessor for Annotated {
        fn on_start(&self, _: &mut opentelemetry_sdk::trace::Span, _: &Context) {
            redact();
        }
        fn on_end(&self, _: SpanData) {
            redact();
        }
        fn force_flush(&self) -> OTelSdkResult {
            Ok(())
        }
        fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
            Ok(())
        }
    }
    attached(
        |builder| builder.with_span_processor(Annotated),
        |beside| {
            default_call(&beside.tracer);
            let spans = beside.delivered();
            let all = names(&spans);
            for name in ["conversation", "llm", "query", "turn"] {
                assert!(all.contains(&name), "{all:?}");
            }
        },
    );
}

#[test]
fn streams_and_spans_by_hand_are_the_same_on_both_sides() {
    #[cekura::llm]
    fn think(question: &str) -> impl Stream<Item = String> + use<> {
        stream::iter([question.to_owned(), "!".to_owned()])
    }
    attached(
        |builder| builder,
        |beside| {
            let began = Instant::now().checked_sub(Duration::from_secs(5)).unwrap();
            let call = spans::conversation().started_at(began).start();
            let turn = call.in_scope(|| spans::turn().started_at(began).start());
            turn.user_stopped_at(began);
            let mut answer = turn.in_scope(|| Box::pin(think("why?")));
            while let Some(Some(_)) = answer.next().now_or_never() {}
            let mut tts = spans::tts().parent(&turn.context()).text("why!").start();
            tts.in_scope(|| beside.tracer.in_span("query", |_| drop(turn.in_scope(|| think("dropped")))));
            tts.audio(320);
            tts.fail("broken");
            tts.end_at(SystemTime::now());
            turn.end();
            call.end();
            let spans = beside.delivered();
            assert_eq!(names(&spans), ["conversation", "llm", "llm", "query", "tts", "turn"]);
            assert_eq!(beside.exported.names(), names(&spans));
            for twin in beside.exported.spans() {
                let id = twin.span_context.span_id().to_bytes();
                let span = spans.iter().find(|span| *span.span_id == id).unwrap();
                let keys = twin.attributes.iter().map(|attribute| attribute.key.as_str());
                let known: Vec<_> = span.attributes.iter().map(|attribute| &*attribute.key).collect();
                assert_eq!(keys.clone().filter(|key| known.contains(key)).count(), known.len(), "{twin:?}");
                assert_eq!(keys.count(), known.len(), "{twin:?}");
                assert_eq!(nanoseconds(twin.start_time), span.start_time_unix_nano, "{}", span.name);
                assert_eq!(nanoseconds(twin.end_time), span.end_time_unix_nano, "{}", span.name);
            }
        },
    );
}
