//! `tracing` spans through tracing-opentelemetry, above and below annotated functions, with its context activation (the
//! default) and without.

use cekura::Cekura;
use cekura::opentelemetry::trace::{TraceContextExt, TracerProvider};
use cekura::opentelemetry::{Context, KeyValue};
use cekura_trace_tests::backend::text;
use cekura_trace_tests::host::{Beside, named};
use cekura_trace_tests::tree::tree;
use opentelemetry_proto::tonic::trace::v1::Span;
use std::thread;
use tokio::task::yield_now;
use tracing::Instrument;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt;

/// A program with the processor, and on this thread a subscriber that makes spans of `tracing`'s.
fn listening(activation: bool) -> (Beside, DefaultGuard) {
    let beside = Beside::new(|builder| builder);
    let layer = tracing_opentelemetry::layer()
        .with_tracer(beside.provider.tracer("tracing"))
        .with_context_activation(activation);
    let subscriber = Registry::default().with(layer);
    (beside, tracing::subscriber::set_default(subscriber))
}

#[tracing::instrument]
fn query() {
    parse();
}

#[tracing::instrument]
fn parse() {}

#[tracing::instrument]
async fn fetch() {
    yield_now().await;
    think().await;
    yield_now().await;
    cekura::spawn(store()).await.unwrap();
}

#[tracing::instrument]
async fn store() {
    yield_now().await;
    query();
}

#[cekura::llm]
async fn think() {
    yield_now().await;
    query();
    yield_now().await;
}

#[cekura::turn]
async fn turn() {
    query();
    fetch().await;
}

#[cekura::conversation(client = handle, skip_all)]
async fn call(handle: &Cekura) {
    turn().await;
}

#[cekura::conversation(client = handle, skip_all)]
fn sync_call(handle: &Cekura) {
    query();
    sync_stage();
}

#[tracing::instrument]
fn sync_stage() {
    sync_think();
}

#[cekura::llm]
fn sync_think() {
    query();
}

#[tracing::instrument(skip_all)]
async fn request(handle: &Cekura) {
    query();
    call(handle).await;
}

fn delivered(beside: &Beside) -> Vec<Span> {
    let spans = beside.delivered();
    assert!(spans.iter().all(|span| span.trace_id == spans[0].trace_id));
    spans
}

const NESTED: &str = "\
conversation
  turn
    query
      parse
    fetch
      llm
        query
          parse
      store
        query
          parse
";

#[tokio::test]
async fn spans_of_both_kinds_nest() {
    let (beside, _listening) = listening(true);
    call(&beside.handle).await;
    assert_eq!(tree(&delivered(&beside)), NESTED);
}

#[test]
fn spans_of_both_kinds_nest_in_functions_that_are_not_async() {
    for activation in [true, false] {
        let (beside, _listening) = listening(activation);
        sync_call(&beside.handle);
        let tree = tree(&delivered(&beside));
        let nested = "\
conversation
  query
    parse
  sync_stage
    llm
      query
        parse
";
        let apart = "\
conversation
  query
    parse
  sync_stage
    query
      parse
  llm
";
        assert_eq!(tree, if activation { nested } else { apart });
    }
}

#[tokio::test]
async fn a_conversation_under_a_tracing_span_is_its_own_trace_with_a_link() {
    let (beside, _listening) = listening(true);
    request(&beside.handle).await;
    let spans = delivered(&beside);
    let request = beside.exported.span("request");
    let conversation = named(&spans, "conversation");
    assert_eq!(conversation.links.len(), 1);
    assert_eq!(conversation.links[0].trace_id, request.span_context.trace_id().to_bytes());
    assert_eq!(conversation.links[0].span_id, request.span_context.span_id().to_bytes());
    assert_ne!(conversation.trace_id, request.span_context.trace_id().to_bytes());
    assert_eq!(tree(&spans), NESTED);
}

#[tokio::test]
async fn the_programs_own_exporter_gets_the_same_tree_when_attached() {
    let (beside, _listening) = listening(true);
    beside.handle.attach(&beside.provider).unwrap();
    request(&beside.handle).await;
    assert_eq!(tree(&delivered(&beside)), NESTED);
    assert_eq!(tree(&beside.exported.spans()), format!("request\n  query\n    parse\n{NESTED}"));
}

/// Without activation the OpenTelemetry context does not follow `tracing` spans, nor they it: the parent of a span is
/// the nearest of its own kind. All are in the conversation's trace.
#[tokio::test]
async fn without_activation_each_kind_nests_in_itself() {
    let (beside, _listening) = listening(false);
    call(&beside.handle).await;
    assert_eq!(
        tree(&delivered(&beside)),
        "\
conversation
  turn
    query
      parse
    fetch
      query
        parse
    llm
    store
      query
        parse
"
    );
}

/// Without activation a `tracing` span around the conversation stays the parent of those inside, and takes them to its
/// own trace; what is spawned is free of it. This library cannot see it, so there is no link either.
#[tokio::test]
async fn without_activation_a_tracing_span_around_the_conversation_keeps_those_inside() {
    let (beside, _listening) = listening(false);
    request(&beside.handle).await;
    let spans = delivered(&beside);
    assert_eq!(
        tree(&spans),
        "\
conversation
  turn
    llm
    store
      query
        parse
"
    );
    assert!(named(&spans, "conversation").links.is_empty());
    let request = beside.exported.span("request").span_context.trace_id();
    let fetch = beside.exported.span("fetch");
    assert_eq!(fetch.span_context.trace_id(), request);
}

#[tokio::test]
async fn a_task_in_a_tracing_span_is_in_the_conversation() {
    #[cekura::conversation(client = handle, skip_all)]
    async fn spawning(handle: &Cekura) {
        let span = tracing::info_span!("task");
        // Tokio's own `spawn`: the `tracing` span carries the conversation.
        tokio::spawn(think().instrument(span)).await.unwrap();
    }
    let (beside, _listening) = listening(true);
    spawning(&beside.handle).await;
    assert_eq!(tree(&delivered(&beside)), "conversation\n  task\n    llm\n      query\n        parse\n");
}

#[test]
fn a_thread_with_the_conversation_and_the_subscriber() {
    #[cekura::conversation(client = handle, skip_all)]
    fn threaded(handle: &Cekura) {
        let subscriber = tracing::dispatcher::get_default(Clone::clone);
        let carried = cekura::context::carry(());
        let work = move || carried.in_scope(|()| tracing::dispatcher::with_default(&subscriber, query));
        thread::spawn(work).join().unwrap();
    }
    for activation in [true, false] {
        let (beside, _listening) = listening(activation);
        threaded(&beside.handle);
        assert_eq!(tree(&delivered(&beside)), "conversation\n  query\n    parse\n");
    }
}

#[test]
fn what_is_recorded_lands_on_the_span_it_is_meant_for() {
    #[cekura::conversation(client = handle, skip_all)]
    fn recording(handle: &Cekura) {
        recorded();
    }
    #[cekura::tool_call(skip_all)]
    fn recorded() {
        let span = tracing::info_span!("inner", of_tracing = tracing::field::Empty);
        span.in_scope(|| {
            cekura::record("of.cekura", "tool_call");
            Context::current().span().set_attribute(KeyValue::new("of.context", "inner"));
            tracing::Span::current().record("of_tracing", "inner");
            tracing::info!("an event");
        });
        cekura::record("of.cekura", "tool_call again");
        Context::current().span().set_attribute(KeyValue::new("of.context", "tool_call"));
    }
    let (beside, _listening) = listening(true);
    recording(&beside.handle);
    let spans = delivered(&beside);
    let (tool, inner) = (named(&spans, "tool_call"), named(&spans, "inner"));
    assert_eq!(text(&tool.attributes, "of.cekura"), Some("tool_call again"));
    assert_eq!(text(&tool.attributes, "of.context"), Some("tool_call"));
    assert_eq!(text(&inner.attributes, "of.context"), Some("inner"));
    assert_eq!(text(&inner.attributes, "of_tracing"), Some("inner"));
    assert_eq!(text(&inner.attributes, "of.cekura"), None);
    assert_eq!(inner.events.len(), 1);
    assert_eq!(inner.events[0].name, "an event");
}

#[tokio::test]
async fn interrupted_work_leaves_no_tracing_span_behind() {
    #[cekura::conversation(client = handle, skip_all)]
    async fn hung_up(handle: &Cekura) {
        tokio::select! {
            biased;
            () = waiting() => {}
            () = yield_now() => {}
        }
        query();
    }
    #[tracing::instrument]
    async fn waiting() {
        speak().await;
    }
    #[cekura::tts]
    async fn speak() {
        query();
        std::future::pending::<()>().await;
    }
    let (beside, _listening) = listening(true);
    hung_up(&beside.handle).await;
    let spans = delivered(&beside);
    assert_eq!(
        tree(&spans),
        "conversation\n  waiting\n    tts\n      query\n        parse\n  query\n    parse\n"
    );
    assert!(!Context::current().has_active_span());
    let tts = named(&spans, "tts");
    assert!(tts.attributes.iter().any(|attribute| attribute.key == "cekura.interrupted"));
}
