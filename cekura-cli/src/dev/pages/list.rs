//! The calls: what one wants to see of them, and a table. Invariant: it works without a script; with it, it is live.

use super::Failure;
use super::call::name;
use super::filter::{self, Query};
use super::html::{self, escape};
use crate::dev::Dev;
use crate::dev::store::shown::{self, Summary};
use axum::extract::{self, State};
use axum::response::Response;
use std::fmt::Write;

/// Calls on one page.
const MOST: i64 = 100;
/// What callers notice, in nanoseconds, as in the page of a call.
const SLOW: i64 = 1_200_000_000;

pub(super) async fn show(
    State(dev): State<Dev>,
    extract::Query(query): extract::Query<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let wanted = filter::wanted(&query);
    let (calls, choices, revision) = dev
        .store
        .read(move |from| {
            let revision = shown::revision(from)?;
            Ok((shown::search(from, &wanted, MOST + 1)?, shown::choices(from)?, revision))
        })
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
        let is_open = call.trace.as_deref().is_some_and(|trace| dev.open.version(trace) > 0);
        row(&mut html, call, is_open);
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
    ("Answer", "The longest time from the caller's last word to the first audio of the answer"),
    ("Errors", "Spans that failed"),
    ("Interrupted", "Turns in which the caller cut in"),
    ("Turns", ""),
    ("Length", ""),
    ("Tokens", "Read and written"),
    ("Began", ""),
    ("Agent", "The name of the service"),
    ("Version", "The version of the service"),
    ("State", "What has come of it"),
];

fn row(html: &mut String, call: &Summary, is_open: bool) {
    let count = |number: i64| if number > 0 { number.to_string() } else { String::new() };
    let length =
        call.began.zip(call.ended).map(|(began, ended)| html::duration(ended.saturating_sub(began).max(0)));
    let began = call.began.map(|began| format!("<time data-ms=\"{}\"></time>", began / 1_000_000));
    let tokens = if call.input > 0 || call.output > 0 {
        format!("{} → {}", call.input, call.output)
    } else {
        String::new()
    };
    let is_slow = call.latency.is_some_and(|latency| latency > SLOW);
    let answer = call.latency.map(|latency| {
        let slow = if is_slow { " <span class=\"slow\">slow</span>" } else { "" };
        html::duration(latency) + slow
    });
    let foreign = |text: &Option<String>| text.as_deref().map(|text| format!("<bdi>{}</bdi>", escape(text)));
    let state = match (call.spans, call.is_over) {
        (_, false) if is_open || call.spans > 0 => "goes on",
        (0, _) => "no spans",
        _ if call.media_type.is_some() => "recorded",
        _ if call.has_log => "logged",
        _ => "",
    };
    let (id, name) = (call.id, escape(&name(call)));
    // On a narrow page each cell says what it is, for there are no heads.
    let cells = [
        ("", "Answer", answer.unwrap_or_default()),
        ("bad", "Errors", count(call.failed)),
        ("cut", "Interrupted", count(call.interrupted)),
        ("", "Turns", count(call.turns)),
        ("", "Length", length.unwrap_or_default()),
        ("", "Tokens", tokens),
        ("", "Began", began.unwrap_or_default()),
        ("text", "Agent", foreign(&call.service).unwrap_or_default()),
        ("text", "Version", foreign(&call.version).unwrap_or_default()),
        ("text", "State", state.to_owned()),
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
