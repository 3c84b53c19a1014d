//! Asks each endpoint whether it takes the key and one span, and puts the answers into words.

use super::origin::Origin;
use super::{Check, Finding};
use crate::call::nanoseconds;
use crate::delivery::causes::Place;
use crate::delivery::config::{Identity, Settings};
use crate::delivery::encode::Encoder;
use crate::delivery::error::Error;
use crate::delivery::parts;
use crate::delivery::transport::Payload;
use crate::delivery::transport::api::Api;
use crate::delivery::transport::{self, Answer, Failure, NO_ANSWER, Response, Transport};
use crate::delivery::verdict::{Verdict, verdict};
use crate::one_line::one_line;
use crate::room::Room;
use crate::{finished, semconv};
use http::Method;
use opentelemetry::trace::{SpanId, SpanKind, TraceId};
use serde_json::Value;
use std::sync::Arc;
use std::time::SystemTime;
use tokio::time::{Instant, timeout};

/// The most characters of the API's words that are shown.
const EXCERPT: usize = 200;

/// Every check but the first, of both origins at the same time.
pub(super) async fn ask(settings: &Arc<Settings>, deadline: Instant) -> Result<Vec<Finding>, Error> {
    let transport = transport::connect(settings, Room::default())?;
    let origin = |place| Origin { settings: settings.clone(), place, deadline };
    let asked = tokio::spawn(validate(origin(Place::of_api(settings))));
    let mut findings = send(&origin(Place::of_spans(settings)), transport).await;
    findings.extend(asked.await.map_err(Error::start)?);
    Ok(findings)
}

async fn send(origin: &Origin, transport: Arc<dyn Transport>) -> Vec<Finding> {
    let mut findings = origin.examine().await;
    findings.push(if findings.iter().any(Finding::is_failed) {
        Finding::skipped(Check::Span, "no span was sent")
    } else {
        let frame = Encoder::new(&origin.settings.resource).uncounted(&record());
        let bytes = frame.len();
        let limit = origin.within(origin.settings.timings.attempt);
        let answer = timeout(limit, transport.send(frame)).await.unwrap_or_else(|_| Answer::late());
        taken(origin, &answer, bytes, transport.compresses())
    });
    findings
}

/// A span that begins and ends now, in a trace of its own.
fn record() -> Vec<u8> {
    let now = nanoseconds(SystemTime::now());
    let head = finished::Head {
        trace_id: TraceId::from_bytes(rand::random()),
        span_id: SpanId::from_bytes(rand::random()),
        parent_id: SpanId::INVALID,
        kind: SpanKind::Internal,
        start: now,
        end: now,
        status: finished::Status::Unset,
    };
    let mut record = Vec::new();
    finished::begin(&mut record, semconv::span::DOCTOR, "");
    finished::seal(&mut record, &head, false);
    record
}

fn taken(origin: &Origin, answer: &Answer, bytes: usize, is_compressed: bool) -> Finding {
    if verdict(answer, bytes) != (Verdict::Delivered { rejected: 0 }) {
        return Finding::of(Check::Span, &origin.place.spans(answer, bytes, "the span"));
    }
    let words = if answer.has_message() { format!(" and says: {answer}") } else { String::new() };
    let encoding = match (origin.settings.compresses(&origin.settings.endpoint), is_compressed) {
        (false, _) => "",
        (true, true) => ", compressed with gzip",
        (true, false) => ", but not with gzip: it gets spans uncompressed",
    };
    let (shown, span) = (origin.place.shown(), semconv::span::DOCTOR);
    Finding::good(Check::Span, format!("{shown} accepted the span `{span}`{encoding}{words}"))
}

async fn validate(origin: Origin) -> Vec<Finding> {
    let settings = &origin.settings;
    let Some(identity) = settings.identity.filter(|_| !settings.api_headers.is_empty()) else {
        let why = "no API key is set; a collector of your own needs none";
        return vec![Finding::skipped(Check::Credentials, why)];
    };
    if !parts::HTTP {
        let why = "not checked: this build lacks the feature `http` of cekura-trace";
        return vec![Finding::skipped(Check::Credentials, why)];
    }
    let mut findings = origin.examine().await;
    findings.push(if findings.iter().any(Finding::is_failed) {
        Finding::skipped(Check::Credentials, "the API was not asked")
    } else {
        ask_api(&origin, identity).await
    });
    findings
}

async fn ask_api(origin: &Origin, identity: Identity) -> Finding {
    let query = identity.parameter();
    let asking = match Api::connect(&origin.settings) {
        Ok(api) => api.send(Method::GET, &format!("/app/otel/validate/?{query}"), Payload::Nothing),
        Err(error) => {
            return Finding::failed(Check::Credentials, format!("{error:?}"), "the API was not asked");
        }
    };
    let answered = timeout(origin.within(origin.settings.timings.attempt), asking).await;
    let cause = match answered {
        Ok(Response::Whole { status: 200..=299, body, .. }) if !body.trim_start().starts_with('<') => {
            return Finding::good(Check::Credentials, format!("the API key is valid for {identity}"));
        }
        Ok(Response::Whole { status, body, .. }) => {
            let mut cause = origin.place.api(status, &detail(&body).unwrap_or_default(), None);
            if cause.said.starts_with("status") {
                cause.wrong = format!("{} ({})", cause.wrong, std::mem::take(&mut cause.said));
            }
            cause
        }
        Ok(Response::None { failure, message, .. }) => origin.place.unanswered(failure, &message),
        Err(_) => origin.place.unanswered(Failure::Timeout, NO_ANSWER),
    };
    Finding::of(Check::Credentials, &cause)
}

/// What the API says to people.
fn detail(body: &str) -> Option<String> {
    let answer: Value = serde_json::from_str(body).ok()?;
    Some(one_line(answer.get("detail")?.as_str()?, EXCERPT))
}
