//! Takes spans: OTLP over HTTP in protobuf and JSON, and over gRPC, packed with gzip or not. Invariant: what is answered with success
//! is in the database.

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
    ExportTraceServiceRequest, ExportTraceServiceResponse,
};
use prost::Message;
use std::io::Read;
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
        .layer(DefaultBodyLimit::max(PACKED))
        .with_state(dev)
        .route_service("/opentelemetry.proto.collector.trace.v1.TraceService/Export", grpc)
}

async fn export(State(dev): State<Dev>, headers: HeaderMap, body: Bytes) -> Response {
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
    match take(&dev, request).await {
        Ok(()) if is_json => ([(CONTENT_TYPE, JSON)], "{}").into_response(),
        Ok(()) => ([(CONTENT_TYPE, PROTOBUF)], ExportTraceServiceResponse::default().encode_to_vec())
            .into_response(),
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
        let body = serde_json::json!({ "code": code as i32, "message": message }).to_string();
        return (status, [(CONTENT_TYPE, JSON)], body).into_response();
    }
    (status, [(CONTENT_TYPE, PROTOBUF)], Status { code: code as i32, message }.encode_to_vec())
        .into_response()
}

enum Refusal {
    Invalid(String),
    Unavailable(String),
}

async fn take(dev: &Dev, request: ExportTraceServiceRequest) -> Result<(), Refusal> {
    let findings = dev.findings.clone();
    let read = move || {
        findings.spans(&request.resource_spans);
        let batches = facts::batches(request.resource_spans).inspect_err(|why| findings.add(why))?;
        findings.took(&batches);
        Ok(batches)
    };
    let batches =
        tokio::task::spawn_blocking(read).await.map_err(|error| Refusal::Unavailable(error.to_string()))?;
    let batches = batches.map_err(Refusal::Invalid)?;
    let add = move |to: &rusqlite::Savepoint<'_>| {
        batches.iter().map(|batch| super::store::calls::add(to, batch)).collect::<Result<Vec<_>, _>>()
    };
    let changed = dev.store.write(add).await.map_err(Refusal::Unavailable)?;
    for call in changed {
        dev.watchers.tell(call);
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
