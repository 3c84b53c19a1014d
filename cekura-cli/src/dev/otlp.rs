//! Takes spans: OTLP over HTTP in protobuf and JSON, and over gRPC, packed with gzip or not; over HTTP also spans that have only begun.
//! Invariant: of what has ended, what is answered with success is in the database.

use super::Dev;
use super::facts;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::trace::v1::trace_service_server::{
    TraceService, TraceServiceServer,
};
use opentelemetry_proto::tonic::collector::trace::v1::{
    ExportTracePartialSuccess, ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use serde_json::json;
use std::collections::HashMap;
use std::io::Read;
use std::sync::Arc;
use tonic::codec::CompressionEncoding;

/// Bytes of a request as it comes.
const PACKED: usize = 16 << 20;
/// Bytes of it unpacked.
const UNPACKED: usize = 64 << 20;

const PROTOBUF: &str = "application/x-protobuf";
const JSON: &str = "application/json";

pub(super) fn routes(dev: Dev) -> Router {
    let grpc = TraceServiceServer::new(dev.clone())
        .accept_compressed(CompressionEncoding::Gzip)
        .max_decoding_message_size(UNPACKED);
    Router::new()
        .route("/v1/traces", post(export))
        .route("/dev/begun", post(begun))
        .layer(DefaultBodyLimit::max(PACKED))
        .with_state(dev)
        .route_service("/opentelemetry.proto.collector.trace.v1.TraceService/Export", grpc)
}

async fn export(State(dev): State<Dev>, headers: HeaderMap, body: Bytes) -> Response {
    respond(headers, body, "", async |request| take(&dev, request).await).await
}

/// Tells an agent who it is that takes its notices, where OTLP has a place for a warning.
const WORDS: &str = "cekura dev";

async fn begun(State(dev): State<Dev>, headers: HeaderMap, body: Bytes) -> Response {
    respond(headers, body, WORDS, async |request| begin(&dev, request).await).await
}

/// Answers a request as OTLP asks for it, with these words.
async fn respond(
    headers: HeaderMap,
    body: Bytes,
    words: &str,
    take: impl AsyncFnOnce(ExportTraceServiceRequest) -> Result<(), Refusal>,
) -> Response {
    let content_type = headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    let is_json = match content_type.split(';').next().unwrap_or_default().trim() {
        PROTOBUF => false,
        JSON => true,
        other => {
            let why = format!("the content type is to be {PROTOBUF} or {JSON}, not `{other}`\n");
            return (StatusCode::UNSUPPORTED_MEDIA_TYPE, why).into_response();
        }
    };
    let request = match tokio::task::spawn_blocking(move || decode(&headers, &body, is_json)).await {
        Ok(Ok(request)) => request,
        Ok(Err(why)) => return failure(StatusCode::BAD_REQUEST, why, is_json),
        Err(error) => return failure(StatusCode::INTERNAL_SERVER_ERROR, error.to_string(), is_json),
    };
    let partial = (!words.is_empty()).then(|| words.to_owned());
    match take(request).await {
        Ok(()) if is_json => {
            let body =
                partial.map_or(json!({}), |words| json!({ "partialSuccess": { "errorMessage": words } }));
            ([(CONTENT_TYPE, JSON)], body.to_string()).into_response()
        }
        Ok(()) => {
            let partial_success =
                partial.map(|words| ExportTracePartialSuccess { rejected_spans: 0, error_message: words });
            let body = ExportTraceServiceResponse { partial_success }.encode_to_vec();
            ([(CONTENT_TYPE, PROTOBUF)], body).into_response()
        }
        Err(Refusal::Invalid(why)) => failure(StatusCode::BAD_REQUEST, why, is_json),
        // Clients try again.
        Err(Refusal::Unavailable(why)) => failure(StatusCode::SERVICE_UNAVAILABLE, why, is_json),
    }
}

fn decode(headers: &HeaderMap, body: &[u8], is_json: bool) -> Result<ExportTraceServiceRequest, String> {
    let mut unpacked = Vec::new();
    let bytes = match headers.get(CONTENT_ENCODING).map_or(&b"identity"[..], |encoding| encoding.as_bytes()) {
        b"identity" => body,
        b"gzip" => {
            let read = GzDecoder::new(body).take(UNPACKED as u64 + 1).read_to_end(&mut unpacked);
            read.map_err(|error| format!("the body is no gzip: {error}"))?;
            if unpacked.len() > UNPACKED {
                return Err(format!("the body has more than {UNPACKED} bytes when it is unpacked"));
            }
            &unpacked
        }
        _ => return Err("the content encoding is to be gzip or identity".to_owned()),
    };
    if is_json {
        serde_json::from_slice(bytes).map_err(|error| format!("the body is no OTLP in JSON: {error}"))
    } else {
        ExportTraceServiceRequest::decode(bytes).map_err(|error| format!("the body is no OTLP: {error}"))
    }
}

/// `google.rpc.Status`, as OTLP asks for it.
#[derive(Clone, PartialEq, Message)]
struct Status {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

fn failure(status: StatusCode, message: String, is_json: bool) -> Response {
    let code = if status == StatusCode::BAD_REQUEST {
        tonic::Code::InvalidArgument
    } else {
        tonic::Code::Unavailable
    };
    if is_json {
        let body = json!({ "code": code as i32, "message": message }).to_string();
        return (status, [(CONTENT_TYPE, JSON)], body).into_response();
    }
    (status, [(CONTENT_TYPE, PROTOBUF)], Status { code: code as i32, message }.encode_to_vec())
        .into_response()
}

enum Refusal {
    Invalid(String),
    Unavailable(String),
}

/// Keeps what has begun until it ends. A call of which nothing has ended yet is in the list by that.
async fn begin(dev: &Dev, request: ExportTraceServiceRequest) -> Result<(), Refusal> {
    let spans = request.resource_spans.clone();
    let batches = facts::batches(request.resource_spans).map_err(Refusal::Invalid)?;
    let (known, new): (Vec<_>, Vec<_>) =
        batches.into_iter().partition(|batch| dev.open.call(&batch.trace).is_some());
    let known = known.iter().filter_map(|batch| Some((batch.trace, dev.open.call(&batch.trace)?)));
    let mut calls: HashMap<_, _> = known.collect();
    if !new.is_empty() {
        let add = move |to: &rusqlite::Savepoint<'_>| {
            let begun = new.iter().map(|batch| Ok((batch.trace, super::store::calls::begin(to, batch)?)));
            begun.collect::<Result<Vec<_>, rusqlite::Error>>()
        };
        let begun = dev.store.write(add).await.map_err(Refusal::Unavailable)?;
        // What comes after the end of its call has ended by now, or never will.
        calls.extend(begun.into_iter().filter_map(|(trace, call)| Some((trace, call?))));
    }
    dev.open.begin(spans, &calls);
    for call in calls.into_values() {
        dev.watchers.tell(call);
    }
    Ok(())
}

async fn take(dev: &Dev, request: ExportTraceServiceRequest) -> Result<(), Refusal> {
    let (findings, open) = (dev.findings.clone(), dev.open.clone());
    let read = move || {
        findings.spans(&request.resource_spans);
        let ends = open.ends(&request.resource_spans);
        let batches = facts::batches(request.resource_spans).inspect_err(|why| findings.add(why))?;
        findings.took(&batches);
        Ok((batches, ends))
    };
    let batches =
        tokio::task::spawn_blocking(read).await.map_err(|error| Refusal::Unavailable(error.to_string()))?;
    let (batches, ends) = batches.map_err(Refusal::Invalid)?;
    let add = move |to: &rusqlite::Savepoint<'_>| {
        batches.iter().map(|batch| super::store::calls::add(to, batch)).collect::<Result<Vec<_>, _>>()
    };
    let changed = dev.store.write(add).await.map_err(Refusal::Unavailable)?;
    let ended: Arc<[_]> = dev.open.end(ends).into();
    for call in changed {
        dev.watchers.tell_ends(call, ended.clone());
    }
    Ok(())
}

#[tonic::async_trait]
impl TraceService for Dev {
    async fn export(
        &self,
        request: tonic::Request<ExportTraceServiceRequest>,
    ) -> Result<tonic::Response<ExportTraceServiceResponse>, tonic::Status> {
        match take(self, request.into_inner()).await {
            Ok(()) => Ok(tonic::Response::new(ExportTraceServiceResponse::default())),
            Err(Refusal::Invalid(why)) => Err(tonic::Status::invalid_argument(why)),
            Err(Refusal::Unavailable(why)) => Err(tonic::Status::unavailable(why)),
        }
    }
}
