//! Receives OTLP requests over gRPC or HTTP, answers each after a delay, and prints the number of spans at the
//! end. It only counts spans.

use crate::meter;
use flate2::read::GzDecoder;
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderValue};
use hyper::service::service_fn;
use hyper::{HeaderMap, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use std::convert::Infallible;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};

#[derive(Default)]
struct Seen {
    requests: AtomicU64,
    spans: AtomicU64,
}

/// Says its port, serves until its input ends, then says requests, spans and the CPU time it took.
pub fn serve(delay: &str) {
    let delay = Duration::from_millis(delay.parse().expect("milliseconds"));
    let seen = Arc::<Seen>::default();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build();
    let runtime = runtime.expect("a runtime");
    runtime.spawn(accept(seen.clone(), delay));
    std::io::stdin().read_to_end(&mut Vec::new()).expect("an input");
    let [requests, spans] = [&seen.requests, &seen.spans].map(|count| count.load(Relaxed));
    println!("{requests} {spans} {}", meter::process_cpu());
    std::process::exit(0);
}

async fn accept(seen: Arc<Seen>, delay: Duration) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    println!("{}", listener.local_addr().expect("an address").port());
    loop {
        let (stream, _) = listener.accept().await.expect("a connection");
        tokio::spawn(converse(stream, seen.clone(), delay));
    }
}

async fn converse(stream: TcpStream, seen: Arc<Seen>, delay: Duration) {
    stream.set_nodelay(true).expect("a socket");
    let service = service_fn(move |request| answer(request, seen.clone(), delay));
    // A sender that leaves ends it.
    drop(Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await);
}

async fn answer(
    request: Request<Incoming>,
    seen: Arc<Seen>,
    delay: Duration,
) -> Result<Response<BoxBody<Bytes, Infallible>>, Infallible> {
    let is_grpc = request.headers().get(CONTENT_TYPE).is_some_and(|kind| kind == "application/grpc");
    let is_encoded = request.headers().contains_key(CONTENT_ENCODING);
    let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    let message = if is_grpc { body.get(5..).unwrap_or_default() } else { &body };
    seen.requests.fetch_add(1, Relaxed);
    // Of gRPC the first byte says it.
    let is_compressed = if is_grpc { body.first() == Some(&1) } else { is_encoded };
    let message = if is_compressed { &inflated(message) } else { message };
    seen.spans.fetch_add(spans(message).unwrap_or_default(), Relaxed);
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    let (kind, body) = if is_grpc {
        let trailers = HeaderMap::from_iter([(
            hyper::header::HeaderName::from_static("grpc-status"),
            HeaderValue::from_static("0"),
        )]);
        let body = Full::from(Bytes::from_static(&[0; 5])).with_trailers(async { Some(Ok(trailers)) });
        ("application/grpc", body.boxed())
    } else {
        ("application/x-protobuf", Full::default().boxed())
    };
    Ok(Response::builder().header(CONTENT_TYPE, kind).body(body).expect("a response"))
}

/// Nothing where it cannot be decompressed.
fn inflated(message: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    GzDecoder::new(message).read_to_end(&mut whole).map(|_| whole).unwrap_or_default()
}

/// How many spans a request holds: requests hold resources (field 1), these hold scopes (2), these hold spans (2).
fn spans(request: &[u8]) -> Option<u64> {
    let mut count = 0;
    let mut span = |_: &[u8]| {
        count += 1;
        Some(())
    };
    each(request, 1, |resource| each(resource, 2, |scope| each(scope, 2, &mut span)))?;
    Some(count)
}

/// Goes through a message all of whose fields are length-delimited.
fn each<'m>(mut message: &'m [u8], field: u8, mut found: impl FnMut(&'m [u8]) -> Option<()>) -> Option<()> {
    while let Some((key, rest)) = message.split_first() {
        let (length, rest) = varint(rest)?;
        let (part, rest) = rest.split_at_checked(length)?;
        if *key == field << 3 | 2 {
            found(part)?;
        }
        message = rest;
    }
    Some(())
}

fn varint(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let end = bytes.iter().position(|byte| byte & 0x80 == 0)?;
    let (bytes, rest) = bytes.split_at(end + 1);
    Some((bytes.iter().rev().fold(0, |value, byte| value << 7 | usize::from(byte & 0x7f)), rest))
}
