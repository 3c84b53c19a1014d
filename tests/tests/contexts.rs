//! Contexts that are named, carried by hand, not sampled, suppressed or of another handle: where the spans that begin in
//! them arrive, and what is left alone.

use cekura::opentelemetry::Context;
use cekura::opentelemetry::trace::{FutureExt, Span, TraceContextExt, Tracer, TracerProvider};
use cekura::testing::capture;
use cekura::{CaptureContent, Cekura, Conversation, Protocol, spans};
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, SHORT, reasons, to};
use cekura_trace_tests::host::{Beside, Kept, ask, names, parent, provider};
use opentelemetry_sdk::trace::{Sampler, SdkTracer};
use std::cell::RefCell;
use std::panic;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

#[cekura::conversation(client = handle, skip_all)]
fn within<R>(handle: &Cekura, body: impl FnOnce() -> R) -> R {
    body()
}

#[cekura::turn(skip_all)]
fn turn<R>(body: impl FnOnce() -> R) -> R {
    body()
}

#[cekura::tool_call(parent = parent, skip_all)]
fn look_up(parent: &Context) -> &'static str {
    let _ = parent;
    "Anna Miller"
}

#[test]
fn a_named_parent_says_whose_span_it_is() {
    let backend = Backend::new();
    let handle = to(&backend, Protocol::Grpc).build().unwrap();
    let inside = within(&handle, Context::current);
    look_up(&inside);
    handle.flush_blocking(LONG);
    let spans = backend.spans();
    assert_eq!(names(&spans), ["conversation", "tool_call"]);
    assert_eq!(parent(&spans, "tool_call"), Some("conversation"));
}

#[test]
fn a_span_of_the_program_that_is_not_sampled_is_no_parent_in_a_context_carried_by_hand() {
    let beside = Beside::new(|builder| builder.with_sampler(Sampler::AlwaysOff));
    let carried = within(&beside.handle, || {
        let query = beside.tracer.start("query");
        Context::current_with_span(query)
    });
    futures::executor::block_on(async { ask("why?") }.with_context(carried));
    let spans = beside.delivered();
    assert_eq!(names(&spans), ["conversation", "llm"]);
    assert_eq!(parent(&spans, "llm"), Some("conversation"));
}

#[test]
fn a_turns_context_carried_by_hand_into_its_conversation_is_the_parent() {
    let beside = Beside::new(|builder| builder);
    within(&beside.handle, || {
        let of_turn = turn(Context::current);
        futures::executor::block_on(async { ask("why?") }.with_context(of_turn));
    });
    let spans = beside.delivered();
    assert_eq!(names(&spans), ["conversation", "llm", "turn"]);
    assert_eq!(parent(&spans, "llm"), Some("turn"));
}

#[test]
fn in_a_conversation_that_is_off_nothing_is_set_on_the_programs_span() {
    let exported = Kept::default();
    let off = |name: &str| (name == "CEKURA_TRACER_ENABLED").then(|| "false".to_owned());
    let handle = Cekura::builder().variables(off).build().unwrap();
    // Another one that is on.
    let beside = Beside::new(|builder| builder);
    let tracer: SdkTracer = provider(&exported).build().tracer("server");
    tracer.in_span("request", |_| within(&handle, || cekura::record("answer", "Anna Miller")));
    assert!(exported.span("request").attributes.is_empty(), "{:?}", exported.span("request").attributes);
    drop(beside);
}

#[test]
fn a_conversation_without_content_keeps_it_back_from_one_inside_it() {
    #[cekura::conversation(client = inner)]
    fn second(inner: &Cekura, name: &str) -> String {
        name.to_uppercase()
    }
    #[cekura::conversation(client = handle, capture = CaptureContent::Metadata, skip_all)]
    fn first(handle: &Cekura, inner: &Cekura) {
        second(inner, "Anna Miller");
    }
    let (one, two) = (Beside::new(|builder| builder), Beside::new(|builder| builder));
    first(&one.handle, &two.handle);
    let spans = one.delivered();
    assert_eq!(names(&spans), ["conversation", "conversation"]);
    let text = format!("{spans:?}");
    assert!(!text.contains("Miller") && !text.contains("MILLER"), "{text}");
}

#[test]
fn a_conversation_inside_another_may_keep_its_content_back() {
    #[cekura::conversation(capture = CaptureContent::Metadata)]
    fn second(name: &str) -> String {
        ask(name)
    }
    let one = Beside::new(|builder| builder);
    within(&one.handle, || drop(second("Anna Miller")));
    let text = format!("{:?}", one.delivered());
    assert!(!text.contains("Miller"), "{text}");
}

#[test]
fn after_the_handles_end_an_open_call_goes_on_and_is_counted() {
    let beside = Beside::new(|builder| builder);
    within(&beside.handle, || {
        let query = beside.tracer.start("query");
        turn(|| beside.handle.shutdown_blocking(SHORT));
        drop(query);
        assert_eq!(ask("still there?"), "still there?");
    });
    let report = beside.handle.ledger();
    assert!(report.accepted >= 3, "{report}");
    assert_eq!(reasons(&report), [("shutdown", report.accepted)]);
    assert_eq!(beside.exported.names(), ["query"]);
}

#[test]
fn where_telemetry_is_suppressed_nothing_is_recorded_of_either() {
    let beside = Beside::new(|builder| builder);
    within(&beside.handle, || {
        let _suppressed = Context::enter_telemetry_suppressed_scope();
        beside.tracer.in_span("query", |_| ask("hidden?"));
    });
    assert_eq!(names(&beside.delivered()), ["conversation"]);
    assert!(beside.exported.names().is_empty());
}

#[test]
fn a_capture_inside_a_conversation_takes_its_own_spans_only() {
    let beside = Beside::new(|builder| builder);
    let trace = within(&beside.handle, || {
        ask("before");
        cekura::testing::capture(|| ask("inside"))
    });
    assert_eq!(trace.to_string(), "llm\n");
    assert_eq!(names(&beside.delivered()), ["conversation", "llm"]);
}

#[test]
fn a_span_ended_by_hand_or_by_another_thread_arrives_once() {
    let beside = Beside::new(|builder| builder);
    let mut query = within(&beside.handle, || beside.tracer.start("query"));
    std::thread::spawn(move || {
        query.end();
        query.end();
    })
    .join()
    .unwrap();
    assert_eq!(names(&beside.delivered()), ["conversation", "query"]);
    let context = within(&beside.handle, Context::current);
    context.span().end();
    assert_eq!(beside.delivered().len(), 3);
}

#[test]
fn an_annotated_function_runs_where_no_context_can_be_attached() {
    let beside = Beside::new(|builder| builder);
    let answer = within(&beside.handle, || Context::map_current(|_| ask("where am I?")));
    assert_eq!(answer, "where am I?");
    let spans = beside.delivered();
    assert_eq!(parent(&spans, "llm"), Some("conversation"));
}

#[test]
fn a_future_that_is_dropped_as_its_thread_ends_is_interrupted() {
    thread_local! {
        static KEPT: RefCell<Option<Pin<Box<dyn Future<Output = ()>>>>> = const { RefCell::new(None) };
    }
    #[cekura::conversation(client = handle, skip_all)]
    async fn call(handle: Arc<Cekura>) {
        let _line = Line;
        std::future::pending::<()>().await;
    }
    struct Line;
    impl Drop for Line {
        fn drop(&mut self) {
            cekura::record("line", "closed");
            drop((cekura::trace_id(), cekura::current_turn(), cekura::current_conversation()));
            cekura::context::carry(()).in_scope(|()| drop(cekura::context::headers()));
        }
    }
    static PANICS: AtomicUsize = AtomicUsize::new(0);
    let hook = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        PANICS.fetch_add(usize::from(info.to_string().contains("Thread Local")), Ordering::Relaxed);
        hook(info);
    }));
    let backend = Backend::new();
    let handle = Arc::new(to(&backend, Protocol::Grpc).build().unwrap());
    let inner = handle.clone();
    std::thread::spawn(move || {
        KEPT.set(None);
        let mut future = Box::pin(call(inner));
        assert!(futures::FutureExt::now_or_never(future.as_mut()).is_none());
        KEPT.set(Some(future));
    })
    .join()
    .unwrap();
    handle.flush_blocking(LONG);
    let spans = backend.spans();
    assert_eq!(PANICS.load(Ordering::Relaxed), 0, "nobody hears of a panic that is caught");
    assert_eq!(names(&spans), ["conversation"]);
    assert!(spans[0].attributes.iter().any(|attribute| attribute.key == "cekura.interrupted"));
}

#[test]
fn a_span_begins_where_it_is_started() {
    let trace = capture(|| {
        let llm = spans::llm().provider("openai");
        Conversation::start("call-1").in_scope(|| llm.start().in_scope(|| drop(ask("who?"))));
    });
    assert_eq!(trace.to_string(), "conversation interrupted\n  llm interrupted\n    llm\n");
}
