//! The documented part of Cekura's API: new call logs with recordings, their list and changes, the check of a key, the webhook of
//! simulations. Invariant: what is answered with success is in the database.

mod simulated;

use super::Dev;
use super::check::fields::Fields;
use super::check::{self, Wrong, call_log, trace_id, webhook};
use super::form::{self, Refusal};
use super::store::calls::{self, Logged, Posted};
use axum::Router;
use axum::extract::{DefaultBodyLimit, Path, Query, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, middleware};
use serde_json::{Map, Value, json};
use std::fmt::Write;

/// A page of the list.
const PAGE: i64 = 30;
const LONGEST_PAGE: i64 = 1000;

pub(super) fn routes(dev: Dev) -> Router {
    let both = |path: &str| [path.to_owned(), path.trim_end_matches('/').to_owned()];
    let mut routes = Router::new();
    for version in ["v1", "v2"] {
        for path in both(&format!("/observability/{version}/call-logs/")) {
            routes = routes.route(&path, get(list));
        }
    }
    for path in both("/observability/v1/observe/") {
        routes = routes.route(&path, post(observe));
    }
    for path in both("/observability/v1/call-logs/{id}/") {
        routes = routes.route(&path, get(show).patch(patch));
    }
    for path in both("/test_framework/custom-provider-transcript-webhook/") {
        routes = routes.route(&path, post(simulated::take));
    }
    for path in both("/app/otel/validate/") {
        routes = routes.route(&path, get(validate));
    }
    // Each body has a limit of its own.
    routes
        .layer(middleware::from_fn_with_state(dev.clone(), key))
        .layer(DefaultBodyLimit::disable())
        .with_state(dev)
}

/// Notes the key of a request. Only `--check` asks for one, and any will do.
async fn key(State(dev): State<Dev>, request: Request, next: middleware::Next) -> Response {
    let headers = request.headers();
    let bearer = || headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer ");
    let key = headers.get("x-cekura-api-key").and_then(|key| key.to_str().ok()).or_else(bearer);
    match key.filter(|key| !key.is_empty()) {
        Some(key) => dev.findings.key(key),
        None if dev.findings.is_strict => {
            let why = "has no header X-CEKURA-API-KEY: set CEKURA_API_KEY, here to anything";
            dev.findings.add(&format!("{} {}: {why}", request.method(), request.uri().path()));
            return (StatusCode::UNAUTHORIZED, Json(json!({ "detail": why }))).into_response();
        }
        None => {}
    }
    next.run(request).await
}

/// An answer of the API that is no success.
struct Failure(StatusCode, Value);

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        (self.0, Json(self.1)).into_response()
    }
}

impl From<Refusal> for Failure {
    fn from((status, why): Refusal) -> Self {
        Self(status, json!({ "detail": why }))
    }
}

/// The database cannot be written or read.
impl From<String> for Failure {
    fn from(why: String) -> Self {
        Self(StatusCode::SERVICE_UNAVAILABLE, json!({ "detail": why }))
    }
}

/// Refuses what is wrong, in the form that Cekura's answers have, and notes it.
fn refuse(dev: &Dev, what: &str, wrong: Vec<Wrong>) -> Result<(), Failure> {
    let wrong: Vec<_> =
        wrong.into_iter().filter(|wrong| wrong.is_refused || dev.findings.is_strict).collect();
    let mut body = Map::new();
    for Wrong { field, what: why, .. } in wrong {
        dev.findings.add(&format!("{what}: {field}: {why}"));
        let top = field.split(['.', '[']).next().unwrap_or_default();
        let text = if top == field { why } else { format!("{field}: {why}") };
        if let Value::Array(all) = body.entry(top).or_insert_with(|| json!([])) {
            all.push(text.into());
        }
    }
    if body.is_empty() { Ok(()) } else { Err(Failure(StatusCode::BAD_REQUEST, body.into())) }
}

async fn observe(State(dev): State<Dev>, request: Request) -> Result<Response, Failure> {
    let body = form::read(request, &dev.folder)
        .await
        .inspect_err(|(_, why)| dev.findings.add(&format!("a call log: {why}")))?;
    let id = body.fields.get("call_id").and_then(Value::as_str).unwrap_or("without a call_id");
    refuse(&dev, &format!("call {id}"), call_log::check(&body.fields))?;
    let mut posted = posted(&body.fields);
    posted.recording = body.recording;
    let id = keep(&dev, posted).await?;
    let logged = dev.store.read(move |from| calls::logged(from, id)).await?;
    Ok((StatusCode::CREATED, Json(logged.map_or(Value::Null, |logged| shown(&logged)))).into_response())
}

async fn keep(dev: &Dev, mut posted: Posted) -> Result<i64, Failure> {
    let trace = posted.trace.as_deref().and_then(|trace| trace.try_into().ok());
    let call_id = posted.call_id.clone();
    let id = dev.store.write(move |to| calls::post(to, &mut posted)).await?;
    dev.findings.logged(&call_id, trace);
    dev.watchers.tell(id);
    Ok(id)
}

/// A call log as it is kept.
fn posted(fields: &Fields) -> Posted {
    let text = |key: &str| fields.get(key).and_then(Value::as_str);
    let mut words = String::new();
    said(fields.get("transcript_json").unwrap_or(&Value::Null), &mut words);
    Posted {
        call_id: text("call_id").unwrap_or_default().to_owned(),
        trace: text("trace_id").and_then(trace_id).map(Vec::from),
        log: Value::Object(fields.clone()).to_string(),
        words,
        began: text("timestamp").and_then(check::time::read),
        recording: None,
    }
}

/// The words of a transcript of any type.
fn said(value: &Value, words: &mut String) {
    match value {
        Value::Array(values) => values.iter().for_each(|value| said(value, words)),
        Value::Object(fields) => {
            for (key, value) in fields {
                match value {
                    Value::String(text)
                        if ["arguments", "content", "message", "name", "result", "text", "word"]
                            .contains(&&**key) =>
                    {
                        // Nothing is written that can fail.
                        let _ = writeln!(words, "{text}");
                    }
                    Value::String(_) => {}
                    _ => said(value, words),
                }
            }
        }
        _ => {}
    }
}

/// A call log as Cekura answers with it.
fn shown(call: &Logged) -> Value {
    let log: Value = serde_json::from_str(&call.log).unwrap_or_default();
    let seconds = call.times.map_or(0, |(began, ended)| ended.saturating_sub(began).max(0) / 1_000_000_000);
    json!({
        "id": call.id,
        "call_id": log["call_id"],
        "trace_id": log["trace_id"].as_str().unwrap_or_default(),
        "agent": log["agent"],
        "status": log["status"].as_str().unwrap_or("evaluating"),
        "success": null,
        "duration": format!("{:02}:{:02}", seconds / 60, seconds % 60),
        "call_ended_reason": log["call_ended_reason"],
        "customer_number": log["customer_number"],
        "timestamp": log["timestamp"],
        "metadata": log["metadata"],
        "dynamic_variables": log["dynamic_variables"],
        "feedback": log["feedback"],
        "transcript_object": log["transcript_json"],
        "metrics": [],
    })
}

async fn show(State(dev): State<Dev>, Path(id): Path<i64>) -> Result<Json<Value>, Failure> {
    let found = dev.store.read(move |from| calls::logged(from, id)).await?;
    found.map(|call| Json(shown(&call))).ok_or_else(missing)
}

fn missing() -> Failure {
    Failure(StatusCode::NOT_FOUND, json!({ "detail": "Not found." }))
}

async fn patch(
    State(dev): State<Dev>,
    Path(id): Path<i64>,
    request: Request,
) -> Result<Json<Value>, Failure> {
    let changes = form::json(request.into_body()).await?;
    refuse(&dev, &format!("PATCH of call log {id}"), call_log::check_patch(&changes))?;
    let change = move |log: &str| {
        let mut fields: Fields = serde_json::from_str(log).unwrap_or_default();
        for (key, value) in changes {
            match (key.as_str(), value) {
                ("reevaluate_metrics", _) => {}
                ("metadata" | "dynamic_variables", Value::Object(new)) => {
                    match fields.entry(key).or_insert_with(|| json!({})) {
                        Value::Object(old) => old.extend(new),
                        other => *other = Value::Object(new),
                    }
                }
                (_, value) => drop(fields.insert(key, value)),
            }
        }
        posted(&fields)
    };
    let call = dev.store.write(move |to| calls::patch(to, id, change)).await?;
    dev.watchers.tell(id);
    call.map(|call| Json(shown(&call))).ok_or_else(missing)
}

async fn list(
    State(dev): State<Dev>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Json<Value>, Failure> {
    let wrong = |key: &str, what: &str| {
        let wrong = vec![Wrong { field: key.to_owned(), what: what.to_owned(), is_refused: true }];
        refuse(&dev, "GET call-logs", wrong)
    };
    let (mut page, mut size, mut call_id, mut has_owner) = (1, PAGE, None, false);
    for (key, value) in query {
        let number = value.parse().ok().filter(|number: &i64| *number > 0);
        match (&*key, number) {
            ("agent_id" | "project_id", Some(_)) => has_owner = true,
            ("page", Some(number)) => page = number,
            ("page_size", Some(number)) => size = number.min(LONGEST_PAGE),
            ("filters_v2", _) => match filter(&value) {
                Some(id) => call_id = Some(id),
                None => wrong(
                    &key,
                    "is to be {\"field\":\"call_id\",\"op\":\"eq\",\"value\":\"…\"}; this server knows no other",
                )?,
            },
            ("agent_id" | "project_id" | "page" | "page_size", None) => {
                wrong(&key, "is to be a whole number")?;
            }
            _ => wrong(&key, "is not known to this server")?,
        }
    }
    if dev.findings.is_strict && !has_owner {
        wrong("agent_id", "is missing: name the agent_id or the project_id")?;
    }
    let offset = (page - 1).saturating_mul(size);
    let (count, found) =
        dev.store.read(move |from| calls::list(from, call_id.as_deref(), offset, size)).await?;
    let has_more = offset.saturating_add(size) < count;
    let next = has_more.then(|| format!("/observability/v1/call-logs/?page={}&page_size={size}", page + 1));
    let results: Vec<_> = found.iter().map(shown).collect();
    Ok(Json(json!({ "count": count, "next": next, "previous": null, "results": results })))
}

/// The caller's own id that a filter asks for.
fn filter(text: &str) -> Option<String> {
    let Ok(Value::Object(filter)) = serde_json::from_str(text) else { return None };
    let is_known = filter.len() == 3 && filter.get("field")? == "call_id" && filter.get("op")? == "eq";
    filter.get("value").filter(|_| is_known)?.as_str().map(str::to_owned)
}

async fn validate(
    Query(query): Query<Vec<(String, String)>>,
    headers: HeaderMap,
) -> Result<Json<Value>, Failure> {
    let owner = query.iter().find(|(key, _)| ["agent_id", "project_id"].contains(&&**key));
    let is_number = owner.is_some_and(|(_, id)| id.parse::<u64>().is_ok());
    if !is_number {
        let why = json!({ "detail": "name the agent_id or the project_id, a whole number" });
        return Err(Failure(StatusCode::BAD_REQUEST, why));
    }
    Ok(Json(json!({ "valid": true, "has_key": headers.contains_key("x-cekura-api-key") })))
}
