//! Conversations of requests that axum takes, with `cekura::tower::layer()` before it: each has a link to who has sent the request.

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::Response;
use axum::routing::get;
use cekura::{Cekura, Protocol, spans};
use cekura_trace_tests::backend::Backend;
use cekura_trace_tests::handles::{LONG, to};
use futures::stream::{self, StreamExt};
use futures::{Stream, channel::oneshot};
use opentelemetry_proto::tonic::trace::v1::Span;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use tokio::net::TcpListener;
use tokio::sync::Barrier;
use tokio::time::timeout;

const TRACES: [&str; 2] = ["0af7651916cd43dd8448eb211c80319c", "1bf7651916cd43dd8448eb211c80319c"];
const SPAN: &str = "b7ad6b7169203331";

/// What handlers share.
#[derive(Clone)]
struct Service {
    handle: Arc<Cekura>,
    /// Where two requests meet.
    both: Arc<Barrier>,
    /// Lets the second part of a streamed answer go.
    second: Arc<Mutex<Option<oneshot::Receiver<()>>>>,
}

async fn at_once(State(Service { handle, .. }): State<Service>) -> &'static str {
    call(&handle).await
}

#[cekura::conversation(client = handle, skip_all)]
async fn call(handle: &Cekura) -> &'static str {
    handle.ledger();
    "done"
}

/// Begins when both requests are there, so that one thread has looked after each in turn.
async fn late(State(service): State<Service>) -> &'static str {
    service.both.wait().await;
    let answer = call(&service.handle).await;
    service.both.wait().await;
    answer
}

async fn by_hand(State(Service { handle, .. }): State<Service>, headers: HeaderMap) -> &'static str {
    let named = HeaderMap::from_iter([("traceparent".parse().unwrap(), headers["x-other"].clone())]);
    call_of(&handle, named).await
}

#[cekura::conversation(client = handle, link_headers = headers, skip_all)]
async fn call_of(handle: &Cekura, headers: HeaderMap) -> &'static str {
    handle.ledger();
    "done"
}

async fn streamed(State(service): State<Service>) -> Response {
    let second = service.second.lock().unwrap().take().unwrap();
    let answer = told(&service.handle, second).map(|part| Ok::<_, Infallible>(part));
    Response::builder().header("x-kept", "yes").body(Body::from_stream(answer)).unwrap()
}

#[cekura::conversation(client = handle, skip_all)]
fn told(handle: &Cekura, second: oneshot::Receiver<()>) -> impl Stream<Item = String> + use<> {
    let first = stream::once(async { "first ".to_owned() });
    let rest = stream::once(async move {
        second.await.unwrap();
        spans::llm().model("gpt").start().end();
        "second".to_owned()
    });
    first.chain(rest)
}

/// A service on a socket, with the layer or without.
struct Served {
    backend: Backend,
    service: Service,
    url: String,
    release: Mutex<Option<oneshot::Sender<()>>>,
}

async fn served(is_layered: bool) -> Served {
    let backend = Backend::new();
    let (release, second) = oneshot::channel();
    let service = Service {
        handle: Arc::new(to(&backend, Protocol::Http).build().unwrap()),
        both: Arc::new(Barrier::new(2)),
        second: Arc::new(Mutex::new(Some(second))),
    };
    let routes =
        [("/", get(at_once)), ("/late", get(late)), ("/by-hand", get(by_hand)), ("/streamed", get(streamed))];
    let mut router =
        routes.into_iter().fold(Router::new(), |router, (path, route)| router.route(path, route));
    if is_layered {
        router = router.layer(cekura::tower::layer());
    }
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = router.with_state(service.clone());
    tokio::spawn(async move { axum::serve(listener, router).await });
    Served { backend, service, url, release: Mutex::new(Some(release)) }
}

impl Served {
    async fn ask(&self, path: &str, headers: &[(&str, String)]) -> reqwest::Response {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let request = client.get(format!("{}{path}", self.url));
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
        timeout(LONG, request.send()).await.unwrap().unwrap().error_for_status().unwrap()
    }

    /// The traces that the conversations have links to, sorted.
    async fn links(&self) -> Vec<String> {
        let mut links: Vec<_> = self.roots().await.iter().flat_map(linked).collect();
        links.sort();
        links
    }

    async fn roots(&self) -> Vec<Span> {
        self.service.handle.flush(LONG).await;
        self.backend.spans().into_iter().filter(|span| span.name == "conversation").collect()
    }
}

fn linked(span: &Span) -> Vec<String> {
    span.links.iter().map(|link| hex(&link.trace_id)).collect()
}

fn hex(id: &[u8]) -> String {
    use std::fmt::Write;
    id.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").unwrap();
        text
    })
}

fn parent(trace: &str) -> String {
    format!("00-{trace}-{SPAN}-01")
}

#[tokio::test]
async fn a_conversation_has_a_link_to_the_span_that_has_sent_the_request() {
    let served = served(true).await;
    served.ask("/", &[("traceparent", parent(TRACES[0])), ("tracestate", "vendor=1".to_owned())]).await;
    let roots = served.roots().await;
    let [root] = &roots[..] else { panic!("{roots:?}") };
    let [link] = &root.links[..] else { panic!("{:?}", root.links) };
    assert_eq!((hex(&link.trace_id), hex(&link.span_id)), (TRACES[0].to_owned(), SPAN.to_owned()));
    assert_eq!(link.trace_state, "vendor=1");
    assert_ne!(hex(&root.trace_id), TRACES[0]);
    assert!(root.parent_span_id.is_empty());
}

#[tokio::test]
async fn without_headers_or_layer_there_is_none() {
    let headers = [("traceparent", parent(TRACES[0]))];
    let bad = [("traceparent", "nonsense".to_owned())];
    for (is_layered, headers) in [(true, &[][..]), (true, &bad), (false, &headers)] {
        let served = served(is_layered).await;
        served.ask("/", headers).await;
        assert_eq!(served.roots().await.len(), 1);
        assert!(served.links().await.is_empty());
    }
}

#[tokio::test]
async fn two_requests_on_one_thread_are_not_mixed_up() {
    let served = served(true).await;
    let headers = TRACES.map(|trace| [("traceparent", parent(trace))]);
    tokio::join!(served.ask("/late", &headers[0]), served.ask("/late", &headers[1]));
    assert_eq!(served.links().await, TRACES);
}

#[tokio::test]
async fn headers_that_are_named_win() {
    let served = served(true).await;
    let headers = [("traceparent", parent(TRACES[0])), ("x-other", parent(TRACES[1]))];
    served.ask("/by-hand", &headers).await;
    assert_eq!(served.links().await, [TRACES[1]]);
}

#[tokio::test]
async fn a_body_that_is_a_stream_arrives_part_by_part_and_keeps_its_conversation_open() {
    let served = served(true).await;
    let mut answer = served.ask("/streamed", &[("traceparent", parent(TRACES[0]))]).await;
    assert_eq!(answer.headers()["x-kept"], "yes");
    let first = timeout(LONG, answer.chunk()).await.unwrap().unwrap();
    assert_eq!(first.as_deref(), Some(&b"first "[..]));
    // The rest is made only now.
    served.release.lock().unwrap().take().unwrap().send(()).unwrap();
    let rest = timeout(LONG, answer.text()).await.unwrap().unwrap();
    assert_eq!(rest, "second");
    let roots = served.roots().await;
    assert_eq!(served.backend.names(), ["conversation", "llm"]);
    assert_eq!(roots.iter().flat_map(linked).collect::<Vec<_>>(), [TRACES[0]]);
}
