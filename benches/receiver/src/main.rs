//! Acknowledges requests for spans, over gRPC or HTTP, and call logs, on a port of 127.0.0.1, which it prints.
//! For each line of standard input it prints how many spans arrived.

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use prost::Message;
use std::convert::Infallible;
use std::future::ready;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

static SPANS: AtomicUsize = AtomicUsize::new(0);

/// `ExportTraceServiceRequest`, as far as it takes to count spans.
#[derive(Message)]
struct Traces {
    #[prost(message, repeated, tag = "1")]
    resources: Vec<Resource>,
}

#[derive(Message)]
struct Resource {
    #[prost(message, repeated, tag = "2")]
    scopes: Vec<Scope>,
}

#[derive(Message)]
struct Scope {
    #[prost(bytes = "bytes", repeated, tag = "2")]
    spans: Vec<Bytes>,
}

/// Waits so many milliseconds before each answer.
fn main() {
    let wait = std::env::args().nth(1).map_or(0, |wait| wait.parse().expect("milliseconds"));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
    println!("{}", listener.local_addr().unwrap().port());
    runtime.spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Duration::from_millis(wait)));
        }
    });
    for _ in std::io::stdin().lines().map_while(Result::ok) {
        println!("{}", SPANS.load(Ordering::Relaxed));
    }
}

async fn serve(stream: TcpStream, wait: Duration) {
    stream.set_nodelay(true).unwrap();
    let service = service_fn(|request| answer(request, wait));
    // An error is a client that has left.
    let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(
    request: Request<Incoming>,
    wait: Duration,
) -> Result<Response<impl Body<Data = Bytes, Error = Infallible>>, hyper::Error> {
    let content_type = request.headers()[CONTENT_TYPE].clone();
    let is_grpc = content_type.as_bytes().starts_with(b"application/grpc");
    let is_call_log = content_type == "application/json";
    let mut body = request.into_body().collect().await?.to_bytes();
    // A message of gRPC begins with one byte that says whether it is compressed, and four of its length.
    let frame = if is_grpc { body.split_to(5) } else { Bytes::new() };
    assert!(frame.first() != Some(&1), "compressed messages are not counted");
    let spans = if is_call_log { Bytes::new() } else { body };
    let traces = Traces::decode(spans).expect("a request for spans");
    let scopes = traces.resources.iter().flat_map(|resource| &resource.scopes);
    SPANS.fetch_add(scopes.map(|scope| scope.spans.len()).sum(), Ordering::Relaxed);
    if !wait.is_zero() {
        tokio::time::sleep(wait).await;
    }
    let status = HeaderMap::from_iter([("grpc-status".parse().unwrap(), HeaderValue::from_static("0"))]);
    let acknowledgement: &[u8] = match is_call_log {
        true => b"{}",
        false if is_grpc => &[0; 5],
        false => &[],
    };
    let body = Full::new(Bytes::from_static(acknowledgement));
    let mut response = Response::new(body.with_trailers(ready(is_grpc.then_some(Ok(status)))));
    response.headers_mut().insert(CONTENT_TYPE, content_type);
    Ok(response)
}
