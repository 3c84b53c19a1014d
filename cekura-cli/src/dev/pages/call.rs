//! One call: the page that local mode writes, in a frame that has it made anew when the call changes. Invariant: that page is served
//! under its own policy, as it is.

use super::Failure;
use super::convert;
use super::html;
use super::sent;
use crate::dev::Dev;
use crate::dev::check::{hex, trace_id};
use crate::dev::store::Store;
use crate::dev::store::shown::{self, Summary};
use axum::extract::{Path, State};
use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Redirect, Response};
use std::io;
use std::time::SystemTime;
use tokio::runtime::Handle;

pub(super) async fn summary(dev: &Dev, id: i64) -> Result<Summary, Failure> {
    dev.store.read(move |from| shown::one(from, id)).await?.ok_or(Failure::Missing)
}

pub(super) async fn frame(State(dev): State<Dev>, Path(id): Path<i64>) -> Result<Response, Failure> {
    let call = summary(&dev, id).await?;
    let name = name(&call);
    let standing = standing(&dev, id).await?.ok_or(Failure::Missing)?;
    let (revision, state) = (&standing.revision, standing.html());
    let safe = html::escape(&name);
    let before = dev.store.read(move |from| shown::before(from, id)).await?;
    let before = before.map(|before| {
        format!("<a href=\"/compare?call={before}&amp;call={id}\">Compare with the call before</a>")
    });
    let before = before.unwrap_or_default();
    let body = format!(
        "<body class=\"call\" data-events=\"/calls/{id}/events\" data-revision=\"{revision}\">\n\
         <nav aria-label=\"Calls\"><a href=\"/\">Calls</a> <span aria-hidden=\"true\">›</span> <bdi>{safe}</bdi>\
         <span id=\"state\">{state}</span><span id=\"live\" role=\"status\"></span>\
         <button id=\"update\" type=\"button\" hidden>Show what is new</button>\
         <span class=\"exports\">{before} Save as <a href=\"/calls/{id}/export.html\">HTML</a> \
         <a href=\"/calls/{id}/export.json\">JSON</a> <a href=\"/calls/{id}/export.otlp.json\">OTLP</a></span></nav>\n\
         <main id=\"frames\"><iframe title=\"{safe}\" src=\"/calls/{id}/page\"></iframe></main>\n</body>"
    );
    Ok(html::page(&format!("{name} · cekura dev"), &body))
}

/// The page of the call that a trace belongs to.
pub(super) async fn of_trace(State(dev): State<Dev>, Path(trace): Path<String>) -> Result<Redirect, Failure> {
    let trace = trace_id(&trace).ok_or(Failure::Missing)?;
    let found = dev.store.read(move |from| shown::of_trace(from, &trace)).await?;
    found.map(|id| Redirect::to(&format!("/calls/{id}"))).ok_or(Failure::Missing)
}

/// How a call stands.
pub(super) struct Standing {
    /// Another one when anything of it has changed.
    pub(super) revision: String,
    pub(super) words: &'static str,
    /// When it has ended, or since when nobody tells of it, in milliseconds since the Unix epoch; `None` while it goes on.
    pub(super) until: Option<i64>,
}

impl Standing {
    /// The words, with their time.
    pub(super) fn html(&self) -> String {
        let since = self.until.filter(|_| !self.words.is_empty()).map(html::clock);
        format!("{} {}", self.words, since.unwrap_or_default()).trim_end().to_owned()
    }
}

/// Milliseconds since the Unix epoch since when nobody tells of a call that goes on.
pub(super) fn silent(dev: &Dev, call: &Summary) -> Option<i64> {
    let since = dev.open.silent_since(call.trace.as_deref()?)?;
    i64::try_from(since.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_millis()).ok()
}

/// How a call stands; `None` where there is none.
pub(super) async fn standing(dev: &Dev, id: i64) -> Result<Option<Standing>, String> {
    let read = move |from: &rusqlite::Connection| Ok((shown::one(from, id)?, shown::is_whole(from, id)?));
    let (Some(call), is_whole) = dev.store.read(read).await? else { return Ok(None) };
    let open = call.trace.as_deref().map_or(0, |trace| dev.open.version(trace));
    let silent = silent(dev, &call);
    let words = match (is_whole, open, call.spans) {
        (false, ..) => "It has more spans than one page shows: these are the first 64 MiB.",
        _ if silent.is_some() => "The agent has ended or hangs: no news since",
        (_, 1.., _) => "The call goes on.",
        (.., 0) => "No spans of this call have come.",
        _ if call.is_over => "",
        _ => "Its end is not known: the root span has not come yet.",
    };
    let ended = call.ended.filter(|_| call.is_over).map(|ns| ns / 1_000_000);
    Ok(Some(Standing { revision: format!("{}.{open}", call.revision), words, until: silent.or(ended) }))
}

/// What a call is called.
pub(super) fn name(call: &Summary) -> String {
    let trace = || call.trace.as_ref().map(|trace| format!("trace {}", hex(&trace[..trace.len().min(4)])));
    call.call_id.clone().or_else(trace).unwrap_or_else(|| format!("call {}", call.id))
}

pub(super) async fn page(State(dev): State<Dev>, Path(id): Path<i64>) -> Result<Response, Failure> {
    whole(&dev, &summary(&dev, id).await?, true).await
}

/// The page of a call, sent while it is written. One that is saved stands still.
pub(super) async fn whole(dev: &Dev, call: &Summary, is_live: bool) -> Result<Response, Failure> {
    let id = call.id;
    // First of all, so that what ends meanwhile is there twice rather than not at all.
    let begun = call.trace.as_deref().map(|trace| dev.open.of(trace)).unwrap_or_default();
    let silent = call.trace.as_deref().and_then(|trace| dev.open.silent_since(trace));
    let (batches, log) =
        dev.store.read(move |from| Ok((shown::batches(from, id)?, shown::log(from, id)?))).await?;
    let is_live = is_live && silent.is_none();
    let (store, runtime) = (dev.store.clone(), Handle::current());
    let sound = call.media_type.as_deref().map(known);
    // It comes with the call log, after the call.
    let unheard = match (call.has_log, call.is_over) {
        (true, _) => "none came with the call log",
        (false, true) => "it comes with the call log, which has not come",
        (false, false) => "",
    };
    let program = [("service", call.service.clone()), ("version", call.version.clone())];
    let program: Vec<_> = program.into_iter().filter_map(|(title, text)| Some((title, text?))).collect();
    let mut parts = sent::parts(move |to| {
        let sound =
            sound.map_or(Err(unheard), |media_type| Ok((media_type, self::sound(store, runtime, id))));
        let log = log.as_deref().map(str::as_bytes);
        let (spans, open) = convert::spans(&batches, begun, silent.unwrap_or_else(SystemTime::now));
        cekura::__page::write(to, spans, |span| open.contains(&span), is_live, log, sound, &program)
    });
    let Some(Ok(first)) = parts.recv().await else {
        return Err(Failure::Unavailable("the page cannot be made".to_owned()));
    };
    let policy = policy(&first).ok_or_else(|| Failure::Unavailable("the page has no policy".to_owned()))?;
    let headers = [(CONTENT_TYPE, "text/html; charset=utf-8".to_owned()), (CONTENT_SECURITY_POLICY, policy)];
    Ok((headers, sent::body(Some(first), parts)).into_response())
}

/// The policy that the page itself names, and that only pages of this server may show it.
fn policy(first: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(first.get(..first.len().min(4096))?).into_owned();
    let (_, rest) = text.split_once("http-equiv=\"Content-Security-Policy\" content=\"")?;
    let (policy, _) = rest.split_once('"')?;
    policy.starts_with("default-src 'none'").then(|| format!("{policy}; frame-ancestors 'self'"))
}

/// A type that a browser plays; a page says nothing else of what it was sent.
fn known(media_type: &str) -> &'static str {
    let types =
        ["audio/wav", "audio/flac", "audio/mpeg", "audio/mp4", "audio/ogg", "audio/webm", "audio/aac"];
    let given = media_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let given = given.replace("x-", "");
    types.into_iter().find(|known| *known == given).unwrap_or("audio/wav")
}

/// The parts of a recording, each read when it is wanted, on a thread that may wait.
fn sound(store: Store, runtime: Handle, id: i64) -> Box<dyn Iterator<Item = io::Result<Vec<u8>>> + Send> {
    Box::new((0..).map_while(move |part| {
        let read = runtime.block_on(store.read(move |from| shown::sound(from, id, part)));
        read.map_err(io::Error::other).transpose()
    }))
}
