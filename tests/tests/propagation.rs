//! Trace context across a real HTTP hop: what leaves an annotated function is what other W3C propagators read, and
//! what they send becomes a link.

use axum::Router;
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::routing::post;
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, PROTOCOLS, to};
use cekura_trace_tests::host::Kept;
use opentelemetry::Context;
use opentelemetry::propagation::TextMapPropagator;
use opentelemetry::trace::{
    SpanContext, SpanId, SpanKind, TraceContextExt, TraceFlags, TraceState, Tracer, TracerProvider,
};
use opentelemetry_http::{HeaderExtractor, HeaderInjector};
use opentelemetry_sdk::propagation::TraceContextPropagator;
use std::collections::HashMap;
use std::str::FromStr;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;

/// Starts a service and gives its URL.
async fn serve<F>(answer: F) -> String
where
    F: Fn(&HeaderMap) + Clone + Send + Sync + 'static,
{
    let route = post(move |headers: HeaderMap| async move { answer(&headers) });
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, Router::new().route("/", route)).await });
    url
}

/// A service that keeps what its own propagator finds, and all headers.
async fn listening() -> (String, Arc<Mutex<Vec<(SpanContext, HeaderMap)>>>) {
    let found = Arc::<Mutex<Vec<_>>>::default();
    let keep = found.clone();
    let url = serve(move |headers| {
        let context =
            TraceContextPropagator::new().extract_with_context(&Context::new(), &HeaderExtractor(headers));
        keep.lock().unwrap().push((context.span().span_context().clone(), headers.clone()));
    });
    (url.await, found)
}

async fn send(url: &str, headers: HeaderMap) {
    // Every test says so; the first one is heard.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let response = reqwest::Client::new().post(url).headers(headers).send().await.unwrap();
    assert!(response.status().is_success());
}

#[cekura::tool_call(skip_all)]
async fn ask_with_ours(url: &str) {
    send(url, (&cekura::context::headers()).try_into().unwrap()).await;
}

#[cekura::tool_call(skip_all)]
async fn ask_with_the_hosts(url: &str) {
    let mut headers = HeaderMap::new();
    let mut injector = HeaderInjector(&mut headers);
    TraceContextPropagator::new().inject_context(&Context::current(), &mut injector);
    send(url, headers).await;
}

#[cekura::conversation(skip_all)]
async fn call(url: &str) {
    ask_with_ours(url).await;
    ask_with_the_hosts(url).await;
}

#[tokio::test]
async fn what_leaves_an_annotated_function_names_its_span() {
    let (url, found) = listening().await;
    let trace = cekura::testing::capture_async(call(&url)).await;
    let tools: Vec<_> = trace.named("tool_call").collect();
    let found = found.lock().unwrap();
    assert_eq!((tools.len(), found.len()), (2, 2));
    for (tool, (context, headers)) in tools.iter().zip(found.iter()) {
        let sent = (context.trace_id(), context.span_id(), context.is_sampled(), context.is_remote());
        assert_eq!(sent, (tool.trace_id(), tool.span_id(), true, true));
        assert_eq!(headers.get_all("traceparent").iter().count(), 1);
        assert_eq!(headers.get("baggage"), None);
    }
    assert_eq!(found[0].1.get("tracestate"), None);
    assert_eq!(tools[0].trace_id(), trace.span("conversation").unwrap().trace_id());
}

#[tokio::test]
async fn the_other_process_continues_the_trace() {
    let kept = Kept::default();
    let tracer = kept.provider().tracer("other process");
    let url = serve(move |headers| {
        let context =
            TraceContextPropagator::new().extract_with_context(&Context::new(), &HeaderExtractor(headers));
        let span = tracer.span_builder("POST /").with_kind(SpanKind::Server);
        drop(tracer.build_with_context(span, &context));
    })
    .await;
    let trace = cekura::testing::capture_async(ask_with_ours(&url)).await;
    let (ours, theirs) = (trace.span("tool_call").unwrap(), kept.span("POST /"));
    assert_eq!(theirs.span_context.trace_id(), ours.trace_id());
    assert_eq!(theirs.parent_span_id, ours.span_id());
    assert!(theirs.parent_span_is_remote);
}

/// What the headers of a request say becomes a link of the conversation.
#[cekura::conversation(client = handle, link_headers = &HeaderExtractor(headers), skip_all)]
fn answer(handle: &cekura::Cekura, headers: &HeaderMap) {
    assert!(cekura::trace_id().is_some());
}

#[tokio::test]
async fn headers_of_a_request_become_a_link() {
    for protocol in PROTOCOLS {
        let backend = Backend::new();
        let handle = Arc::new(to(&backend, protocol).build().unwrap());
        let answering = handle.clone();
        let url = serve(move |headers| answer(&answering, headers)).await;
        let trace = cekura::testing::capture_async(ask_with_ours(&url)).await;
        let caller = trace.span("tool_call").unwrap();
        assert_eq!(handle.flush(LONG).await.delivered, 1);
        let root = backend.spans().remove(0);
        assert_ne!(root.trace_id, caller.trace_id().to_bytes());
        assert!(root.parent_span_id.is_empty());
        assert_eq!(root.links.len(), 1);
        assert_eq!(root.links[0].trace_id, caller.trace_id().to_bytes());
        assert_eq!(root.links[0].span_id, caller.span_id().to_bytes());
    }
}

/// A program's middleware makes what the caller sent the current context.
#[tokio::test]
async fn a_call_in_a_request_that_continues_another_trace_is_linked_to_it() {
    #[cekura::conversation(client = handle)]
    fn call(handle: &cekura::Cekura) {}
    let backend = Backend::new();
    let handle = Arc::new(to(&backend, PROTOCOLS[0]).build().unwrap());
    let exported = Kept::default();
    let tracer = exported.provider().tracer("server");
    let answering = handle.clone();
    let url = serve(move |headers| {
        let context = TraceContextPropagator::new().extract(&HeaderExtractor(headers));
        let _caller = context.clone().attach();
        call(&answering);
        let span = tracer.start_with_context("POST /", &context);
        let _request = Context::current_with_span(span).attach();
        call(&answering);
    })
    .await;
    send(&url, HeaderMap::from_iter([(HeaderName::from_static("traceparent"), PARENT.parse().unwrap())]))
        .await;
    handle.flush(LONG).await;
    let linked: Vec<_> =
        backend.spans().into_iter().flat_map(|span| span.links).map(|link| link.span_id).collect();
    let request = exported.span("POST /");
    assert_eq!(linked, [request.parent_span_id.to_bytes(), request.span_context.span_id().to_bytes()]);
}

#[tokio::test]
async fn a_host_that_sends_a_state_is_linked_with_it() {
    let backend = Backend::new();
    let handle = Arc::new(to(&backend, PROTOCOLS[0]).build().unwrap());
    let answering = handle.clone();
    let url = serve(move |headers| answer(&answering, headers)).await;
    let mut headers = HeaderMap::new();
    headers.insert("traceparent", PARENT.parse().unwrap());
    // A list header may come in parts.
    headers.append("tracestate", "one=1".parse().unwrap());
    headers.append("tracestate", "two=2".parse().unwrap());
    send(&url, headers).await;
    handle.flush(LONG).await;
    assert_eq!(backend.spans().remove(0).links.remove(0).trace_state, "one=1,two=2");
}

#[test]
fn the_state_of_a_span_goes_on_with_it() {
    assert_eq!(cekura::context::headers(), HashMap::new());
    let state = TraceState::from_str("one=1,two=2").unwrap();
    let flags = TraceFlags::NOT_SAMPLED;
    let (trace_id, span_id) = (cekura::TraceId::from(0xabc), SpanId::from(0xdef));
    let span = SpanContext::new(trace_id, span_id, flags, true, state);
    let _entered = Context::new().with_remote_span_context(span.clone()).attach();
    let headers = cekura::context::headers();
    let parent = "00-00000000000000000000000000000abc-0000000000000def-00";
    let expected = [("traceparent", parent), ("tracestate", "one=1,two=2")];
    assert_eq!(headers, expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into());
    let read = TraceContextPropagator::new().extract(&headers);
    assert_eq!(read.span().span_context(), &span);
}

const PARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

/// The links of a conversation that headers with these lines are given to.
fn links(lines: &[(&'static str, &str)]) -> usize {
    #[cekura::conversation(link_headers = &HeaderExtractor(headers), skip_all)]
    fn linked(headers: &HeaderMap) {
        assert!(!headers.is_empty());
    }
    let headers: HeaderMap = lines
        .iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_str(value).unwrap()))
        .collect();
    let trace = cekura::testing::capture(|| linked(&headers));
    trace.span("conversation").unwrap().links()
}

/// After the test suite of the W3C recommendation.
#[test]
fn headers_that_are_malformed_are_ignored() {
    assert_eq!(links(&[("traceparent", PARENT)]), 1);
    for value in [
        "",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00F067AA0BA902B7-01",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4bf92f3577b34da6a3ce929d0e0e47-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-extra",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-.1",
        "00_4bf92f3577b34da6a3ce929d0e0e4736_00f067aa0ba902b7_01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "01-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01.what",
        "00-+bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
    ] {
        assert_eq!(links(&[("traceparent", value)]), 0, "{value}");
    }
    assert_eq!(links(&[("tracestate", "one=1")]), 0);
    assert_eq!(links(&[("traceparent", PARENT), ("traceparent", PARENT)]), 0);
}

#[test]
fn a_later_version_and_a_state_that_is_malformed_still_link() {
    let later = PARENT.replacen("00", "cc", 1);
    assert_eq!(links(&[("traceparent", &later)]), 1);
    assert_eq!(links(&[("traceparent", &format!("{later}-what-the-future-holds"))]), 1);
    assert_eq!(links(&[("traceparent", PARENT), ("tracestate", "no state at all")]), 1);
}
