//! Asks each endpoint whether it takes the key and one span, and puts the answers into words.

use super::origin::Origin;
use super::{Check, Finding};
use crate::call::nanoseconds;
use crate::delivery::config::{Endpoint, Identity, KEY_HEADER, Settings};
use crate::delivery::encode::Encoder;
use crate::delivery::error::Error;
use crate::delivery::parts;
use crate::delivery::transport::Payload;
use crate::delivery::transport::api::Api;
use crate::delivery::transport::{self, Answer, NO_ANSWER, Response, Transport};
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
    let origin = |endpoint: &Endpoint, variable| Origin {
        settings: settings.clone(),
        endpoint: endpoint.clone(),
        variable,
        deadline,
    };
    let asked = tokio::spawn(validate(origin(&settings.api, "CEKURA_API_URL")));
    let mut findings = send(&origin(&settings.endpoint, "CEKURA_OTEL_ENDPOINT"), transport).await;
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
    let shown = origin.shown();
    if answer.is_of_proxy() {
        let wrong = format!("the proxy asks for a user and password: {answer}");
        let remedy = "write them in HTTP_PROXY: http://user:password@host:port";
        return Finding::failed(Check::Span, wrong, remedy);
    }
    let has_key = origin.settings.headers.contains_key(KEY_HEADER);
    let (wrong, remedy) = match verdict(answer, bytes) {
        Verdict::Delivered { rejected: 0 } => {
            let words = if answer.has_message() { format!(" and says: {answer}") } else { String::new() };
            let wants = origin.settings.compresses(&origin.endpoint);
            let encoding = match (wants, is_compressed) {
                (false, _) => "",
                (true, true) => ", compressed with gzip",
                (true, false) => ", but not with gzip: it gets spans uncompressed",
            };
            let span = semconv::span::DOCTOR;
            return Finding::good(
                Check::Span,
                format!("{shown} accepted the span `{span}`{encoding}{words}"),
            );
        }
        Verdict::Delivered { .. } | Verdict::Isolate | Verdict::Shrink => {
            ("rejects the span", "ask its operator what is wrong with the span")
        }
        Verdict::Stop if answer.is_refusal() && has_key => {
            ("refuses the span", "check CEKURA_API_KEY, and CEKURA_AGENT_ID or CEKURA_PROJECT_ID")
        }
        Verdict::Stop if answer.is_refusal() => (
            "refuses the span",
            "set the credentials that it needs with .header(name, value); CEKURA_API_KEY is sent only to \
             Cekura's hosts",
        ),
        Verdict::Stop | Verdict::Drop(_) => {
            ("does not accept spans", "check CEKURA_OTEL_ENDPOINT (also its path) and CEKURA_PROTOCOL")
        }
        Verdict::Retry { .. } if matches!(answer, Answer::None { .. }) => {
            ("does not answer", "check the port in CEKURA_OTEL_ENDPOINT, and CEKURA_PROTOCOL")
        }
        Verdict::Retry { .. } | Verdict::RetryOnce(_) => (
            "accepts no spans at the moment",
            "try again later; an agent keeps its spans and retries for some minutes",
        ),
    };
    Finding::failed(Check::Span, format!("{shown} {wrong}: {answer}"), remedy)
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
    let message = match timeout(origin.within(origin.settings.timings.attempt), asking).await {
        Ok(Response::Whole { status, body, .. }) => return judged(origin, status, &body, identity),
        Ok(Response::None { message, .. }) => message,
        Err(_) => NO_ANSWER.to_owned(),
    };
    let wrong = format!("{} does not answer: {message}", origin.shown());
    Finding::failed(Check::Credentials, wrong, "check CEKURA_API_URL; if it is not set, try again later")
}

fn judged(origin: &Origin, status: u16, body: &str, identity: Identity) -> Finding {
    let (account, variable) = (identity, identity.variable());
    let shown = origin.shown();
    let said = detail(body).map(|said| format!(": {said}")).unwrap_or_default();
    let is_page = body.trim_start().starts_with('<');
    let (wrong, remedy) = match status {
        200..=299 if !is_page => {
            return Finding::good(Check::Credentials, format!("the API key is valid for {account}"));
        }
        401 => (
            format!("{shown} rejects the API key (status 401{said})"),
            "copy it again from Cekura's dashboard into CEKURA_API_KEY".to_owned(),
        ),
        403 => (
            format!("the API key is not valid for {account} (status 403{said})"),
            format!("check {variable}, and that CEKURA_API_KEY belongs to the same account"),
        ),
        402 => (
            format!("the Cekura account is out of credits (status 402{said})"),
            "add credits on Cekura's dashboard".to_owned(),
        ),
        400 | 422 => (
            format!("{shown} does not accept {account} (status {status}{said})"),
            format!("check {variable}"),
        ),
        200..=399 | 404 | 405 => (
            format!("{shown} is not Cekura's API (status {status}{said})"),
            "unset CEKURA_API_URL, or check it if you were given one".to_owned(),
        ),
        _ => (format!("{shown} answers with status {status}{said}"), "try again later".to_owned()),
    };
    Finding::failed(Check::Credentials, wrong, remedy)
}

/// What the API says to people.
fn detail(body: &str) -> Option<String> {
    let answer: Value = serde_json::from_str(body).ok()?;
    Some(one_line(answer.get("detail")?.as_str()?, EXCERPT))
}
