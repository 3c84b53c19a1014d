//! The calls: what one wants to see of them, and a table. Invariant: it works without a script; with it, it is live.

use super::Failure;
use super::call::{name, silent};
use super::filter::{self, Query};
use super::html::{self, escape};
use crate::dev::Dev;
use crate::dev::store::shown::{self, Summary};
use axum::extract::{self, State};
use axum::response::Response;
use std::fmt::Write;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Calls on one page.
const MOST: i64 = 100;
/// What callers notice, in nanoseconds, as in the page of a call.
const SLOW: i64 = 1_200_000_000;

pub(super) async fn show(
    State(dev): State<Dev>,
    extract::Query(query): extract::Query<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let wanted = filter::wanted(&query);
    // First of all, so that what changes meanwhile is shown twice rather than not at all.
    let revision = revision(&dev).await?;
    let (calls, choices) = dev
        .store
        .read(move |from| Ok((shown::search(from, &wanted, MOST + 1)?, shown::choices(from)?)))
        .await?;
    let mut body = format!(
        "<body class=\"calls\" data-events=\"/events\" data-revision=\"{revision}\">\n{}",
        filter::header("Calls", &query)
    );
    body += &filter::form("/", &query, &choices);
    body += COMPARE;
    body += &table(&calls, &query, &dev);
    body.push_str("</body>");
    Ok(html::page("Calls · cekura dev", &body))
}

/// Another one when the list is.
pub(super) async fn revision(dev: &Dev) -> Result<String, String> {
    let revision = dev.store.read(shown::revision).await?;
    Ok(format!("{revision}.{}", dev.open.silent()))
}

/// The check boxes of calls belong to it.
const COMPARE: &str = "<form id=\"compare\" method=\"get\" action=\"/compare\"><button>Compare two calls</button> \
    <span id=\"chosen\" role=\"status\"></span>\
    <span class=\"keys\"><kbd>/</kbd> searches, <kbd>↑</kbd> <kbd>↓</kbd> go from call to call, <kbd>Enter</kbd> opens one, \
    <kbd>x</kbd> chooses it to be compared</span></form>\n";

fn table(calls: &[Summary], query: &Query, dev: &Dev) -> String {
    if calls.is_empty() {
        let why = if query.iter().all(|(_, value)| value.is_empty()) {
            format!("<p>No call has come yet. Start the agent after</p><pre>{}</pre>", dev.settings)
        } else {
            "<p>No call is like that.</p>".to_owned()
        };
        return format!("<main id=\"calls\">{why}</main>\n");
    }
    let mut html = "<main id=\"calls\"><table role=\"table\">\n<caption class=\"heard\">Calls, the newest first</caption>\n\
                    <thead role=\"rowgroup\"><tr role=\"row\">"
        .to_owned();
    for (head, title) in HEADS {
        let _ = write!(html, "<th role=\"columnheader\" scope=\"col\" title=\"{title}\">{head}</th>");
    }
    html.push_str("</tr></thead>\n<tbody role=\"rowgroup\">\n");
    let most = usize::try_from(MOST).unwrap_or(usize::MAX);
    for call in calls.iter().take(most) {
        row(&mut html, call, dev);
    }
    html.push_str("</tbody></table>\n");
    if let Some(last) = calls.get(most.wrapping_sub(1)).filter(|_| calls.len() > most) {
        let older = filter::address("/", query, "before", Some(&last.id.to_string()));
        let _ = write!(html, "<p><a rel=\"next\" href=\"{}\">Older calls</a></p>", escape(&older));
    }
    html + "</main>\n"
}

const HEADS: [(&str, &str); 12] = [
    ("<span class=\"heard\">Compare</span>", ""),
    ("Call", "Its id, or the beginning of its trace id"),
    ("Voice-to-voice, worst", "From the caller's last word to the first audio of the answer"),
    ("Failed", "Spans that failed"),
    ("Interrupted", "Turns in which the caller cut in"),
    ("Turns", ""),
    ("Duration", ""),
    ("Tokens", "In → out"),
    ("Began", ""),
    ("Service", "The name of the agent's service"),
    ("Version", "The version of the service"),
    ("State", "What has come of it"),
];

fn row(html: &mut String, call: &Summary, dev: &Dev) {
    let count = |number: i64| if number > 0 { number.to_string() } else { String::new() };
    let is_open = call.trace.as_deref().is_some_and(|trace| dev.open.version(trace) > 0);
    let silent = silent(dev, call);
    let began = call.began.map(|began| format!("<time data-ms=\"{}\"></time>", began / 1_000_000));
    let tokens = if call.input > 0 || call.output > 0 {
        format!("{} → {}", call.input, call.output)
    } else {
        String::new()
    };
    let is_slow = call.latency.is_some_and(|latency| latency > SLOW);
    let latency = call.latency.map(|latency| {
        let slow = if is_slow { " <span class=\"slow\">slow</span>" } else { "" };
        html::duration(latency) + slow
    });
    let foreign = |text: &Option<String>| text.as_deref().map(|text| format!("<bdi>{}</bdi>", escape(text)));
    let state = match (call.spans, call.is_over) {
        (_, false) if is_open => {
            silent.map_or("goes on".to_owned(), |ms| format!("no news since {}", html::clock(ms)))
        }
        (1.., false) => "no end yet".to_owned(),
        (0, _) => "no spans".to_owned(),
        _ if call.media_type.is_some() => "recorded".to_owned(),
        _ if call.has_log => "logged".to_owned(),
        _ => String::new(),
    };
    let (id, name) = (call.id, escape(&name(call)));
    // On a narrow page each cell says what it is, for there are no heads.
    let cells = [
        ("", "Voice-to-voice, worst", latency.unwrap_or_default()),
        ("bad", "Failed", count(call.failed)),
        ("cut", "Interrupted", count(call.interrupted)),
        ("", "Turns", count(call.turns)),
        ("", "Duration", duration(call, is_open && silent.is_none())),
        ("", "Tokens", tokens),
        ("", "Began", began.unwrap_or_default()),
        ("text", "Service", foreign(&call.service).unwrap_or_default()),
        ("text", "Version", foreign(&call.version).unwrap_or_default()),
        ("text", "State", state),
    ];
    let _ = write!(
        html,
        "<tr role=\"row\"><td role=\"cell\" class=\"choose\"><input type=\"checkbox\" form=\"compare\" name=\"call\" value=\"{id}\" \
         aria-label=\"Compare {name}\"></td><th role=\"rowheader\" scope=\"row\"><a href=\"/calls/{id}\"><bdi>{name}</bdi></a></th>"
    );
    for (class, head, text) in cells {
        let _ = write!(html, "<td role=\"cell\" class=\"{class}\" data-head=\"{head}\">{text}</td>");
    }
    html.push_str("</tr>\n");
}

/// How long a call was, or is up to now, which a script goes on with.
fn duration(call: &Summary, is_open: bool) -> String {
    let Some(began) = call.began else { return String::new() };
    if !is_open {
        return call
            .ended
            .map(|ended| html::duration(ended.saturating_sub(began).max(0)))
            .unwrap_or_default();
    }
    let passed = SystemTime::now().duration_since(UNIX_EPOCH + Duration::from_nanos(began.unsigned_abs()));
    let passed = passed.map_or(0, |passed| i64::try_from(passed.as_nanos()).unwrap_or(i64::MAX));
    format!("<span data-since=\"{}\">{}</span>", began / 1_000_000, html::duration(passed))
}
