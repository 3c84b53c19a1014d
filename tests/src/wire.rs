//! Reads requests and writes replies as bytes, for gRPC and for HTTP.

use crate::backend::Reply;
use flate2::read::GzDecoder;
use futures::StreamExt;
use http::header::{CONTENT_ENCODING, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::{Bytes, Frame};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use std::convert::Infallible;
use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(crate) type Body = UnsyncBoxBody<Bytes, Infallible>;

pub(crate) const GRPC_PATH: &str = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";

pub(crate) fn request(headers: &HeaderMap, body: &[u8], is_grpc: bool) -> ExportTraceServiceRequest {
    let (message, encoding) = if is_grpc {
        assert_eq!(u32::from_be_bytes(body[1..5].try_into().unwrap()) as usize, body.len() - 5);
        assert_eq!(body[0] == 1, headers.contains_key("grpc-encoding"));
        (&body[5..], headers.get("grpc-encoding"))
    } else {
        (body, headers.get(CONTENT_ENCODING))
    };
    let Some(encoding) = encoding else { return ExportTraceServiceRequest::decode(message).unwrap() };
    assert_eq!(encoding, "gzip");
    let mut unpacked = Vec::new();
    GzDecoder::new(message).read_to_end(&mut unpacked).unwrap();
    ExportTraceServiceRequest::decode(&*unpacked).unwrap()
}

/// `None` for silence.
pub(crate) fn response(reply: Reply, is_grpc: bool) -> Option<Response<Body>> {
    Some(match reply {
        Reply::Accept => success(None, is_grpc),
        Reply::Partial(rejected_spans, message) => {
            let partial = ExportTracePartialSuccess { rejected_spans, error_message: message.to_owned() };
            success(Some(partial), is_grpc)
        }
        Reply::Endless(left) => endless(left, is_grpc),
        Reply::Framed(data) => framed(data),
        Reply::Fail { code, wait, message, .. } if is_grpc => grpc_failure(code, wait, &message),
        Reply::Fail { status, wait, message, .. } => {
            let mut response = whole(status, "text/plain", message.into_bytes());
            if let Some(wait) = wait {
                response.headers_mut().insert(RETRY_AFTER, wait.parse().unwrap());
            }
            response
        }
        Reply::Page => whole(200, "text/html", b"<html>Please log in</html>".to_vec()),
        Reply::Raw(content_type, body) => whole(200, content_type, body),
        Reply::Redirect(url) => {
            let mut response = whole(307, "text/plain", Vec::new());
            response.headers_mut().insert(LOCATION, url.parse().unwrap());
            response
        }
        Reply::Held(_) | Reply::Silence => return None,
    })
}

fn whole(status: u16, content_type: &'static str, body: Vec<u8>) -> Response<Body> {
    let mut response = Response::new(Full::from(body).boxed_unsync());
    *response.status_mut() = status.try_into().unwrap();
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

fn endless(left: Arc<AtomicUsize>, is_grpc: bool) -> Response<Body> {
    const CHUNK: usize = 64 << 10;
    let chunk = Bytes::from(vec![0x0a; CHUNK]);
    let frames = futures::stream::iter(0..(1 << 30) / CHUNK).map(move |_| {
        left.fetch_add(CHUNK, Ordering::Relaxed);
        Ok(Frame::data(chunk.clone()))
    });
    let mut response = Response::new(StreamBody::new(frames).boxed_unsync());
    let kind = if is_grpc { "application/grpc" } else { "application/x-protobuf" };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

fn success(partial_success: Option<ExportTracePartialSuccess>, is_grpc: bool) -> Response<Body> {
    let message = ExportTraceServiceResponse { partial_success }.encode_to_vec();
    if !is_grpc {
        return whole(200, "application/x-protobuf", message);
    }
    let mut data = vec![0];
    data.extend(u32::try_from(message.len()).unwrap().to_be_bytes());
    data.extend(message);
    framed(data)
}

fn framed(data: Vec<u8>) -> Response<Body> {
    let frames = [Frame::data(Bytes::from(data)), Frame::trailers(grpc_status(0))];
    let body = StreamBody::new(futures::stream::iter(frames.map(Ok::<_, Infallible>)));
    let mut response = Response::new(body.boxed_unsync());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
    response
}

fn grpc_failure(code: i32, wait: Option<String>, message: &str) -> Response<Body> {
    let mut response = whole(200, "application/grpc", Vec::new());
    let headers = response.headers_mut();
    headers.extend(grpc_status(code));
    headers.insert("grpc-message", message.replace(' ', "%20").parse().unwrap());
    if let Some(wait) = wait {
        headers.insert("grpc-status-details-bin", wait.parse().unwrap());
    }
    response
}

fn grpc_status(code: i32) -> HeaderMap {
    HeaderMap::from_iter([(HeaderName::from_static("grpc-status"), HeaderValue::from(code))])
}
