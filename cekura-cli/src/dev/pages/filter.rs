//! Which calls a person wants to see: an address's query → a question, the form that asks it, links with the same question.
//! Invariant: every page with the form reads it in the same way.

use super::html::escape;
use crate::dev::store::shown::{Choices, Wanted};
use std::fmt::Write;
use std::time::{Duration, SystemTime};

pub(super) type Query = [(String, String)];

/// How far back, in seconds, and how a person says it.
const SINCE: [(&str, &str); 5] = [
    ("", "any time"),
    ("900", "the last 15 minutes"),
    ("3600", "the last hour"),
    ("86400", "the last day"),
    ("604800", "the last week"),
];

pub(super) fn text(query: &Query, key: &str) -> String {
    let found = query.iter().find(|(name, _)| name == key);
    found.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
}

fn number(query: &Query, key: &str) -> Option<i64> {
    text(query, key).parse().ok().filter(|number| *number >= 0)
}

pub(super) fn wanted(query: &Query) -> Wanted {
    let text = |key| text(query, key);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let since = number(query, "since").and_then(|seconds| u64::try_from(seconds).ok());
    let since = since.map(|seconds| now.saturating_sub(Duration::from_secs(seconds)).as_nanos());
    Wanted {
        words: text("said"),
        id: text("id"),
        service: text("service"),
        version: text("version"),
        failed: !text("failed").is_empty(),
        interrupted: !text("interrupted").is_empty(),
        slower: number(query, "slower").map(|milliseconds| milliseconds.saturating_mul(1_000_000)),
        since: since.and_then(|ns| i64::try_from(ns).ok()),
        before: number(query, "before"),
    }
}

/// The head of a page that leads to the others, with the same calls.
pub(super) fn header(title: &str, query: &Query) -> String {
    let link = |(name, path): (&str, &str)| {
        let current = if name == title { " aria-current=\"page\"" } else { "" };
        let address = escape(&address(path, query, "before", None));
        format!("<a href=\"{address}\"{current}>{name}</a>")
    };
    let links = [("Calls", "/"), ("Stages", "/stages")].map(link).join(" ");
    format!(
        "<header><h1>{title}</h1><nav aria-label=\"Pages\">{links}</nav><span id=\"live\" role=\"status\"></span></header>\n"
    )
}

/// The form of a page. What was asked stays in it.
pub(super) fn form(action: &str, query: &Query, choices: &Choices) -> String {
    let value = |key: &str| escape(&text(query, key));
    let check = |key: &str, title: &str| {
        let checked = if text(query, key).is_empty() { "" } else { " checked" };
        format!("<label><input type=\"checkbox\" name=\"{key}\" value=\"1\"{checked}> {title}</label>\n")
    };
    let mut form = format!(
        "<form class=\"filter\" method=\"get\" action=\"{action}\" role=\"search\">\n\
         <label>Said <input type=\"search\" name=\"said\" value=\"{}\"></label>\n\
         <label>Call or trace <input name=\"id\" value=\"{}\"></label>\n",
        value("said"),
        value("id"),
    );
    form += &select("Service", "service", query, &any(&choices.services));
    form += &select("Version", "version", query, &any(&choices.versions));
    let since = SINCE.map(|(value, title)| (value.to_owned(), title.to_owned()));
    form += &select("Begun in", "since", query, &since);
    // Nothing is written that can fail.
    let _ = write!(
        form,
        "<label>Slower than <input name=\"slower\" inputmode=\"numeric\" size=\"5\" value=\"{}\"> ms</label>\n{}{}\
         <span class=\"do\"><button>Show</button> <a href=\"{action}\">All</a></span>\n</form>\n",
        value("slower"),
        check("failed", "failed"),
        check("interrupted", "interrupted"),
    );
    form
}

fn any(all: &[String]) -> Vec<(String, String)> {
    let first = (String::new(), "any".to_owned());
    std::iter::once(first).chain(all.iter().map(|text| (text.clone(), text.clone()))).collect()
}

/// A choice among values with titles. A value that is not among them, such as one of an address, is still what is asked.
pub(super) fn select(title: &str, name: &str, query: &Query, choices: &[(String, String)]) -> String {
    let chosen = text(query, name);
    let is_known = choices.iter().any(|(value, _)| *value == chosen);
    let other = (!is_known).then(|| (chosen.clone(), chosen.clone()));
    let mut html = format!("<label>{title} <select name=\"{name}\">");
    for (value, title) in choices.iter().chain(&other) {
        let selected = if *value == chosen { " selected" } else { "" };
        let _ = write!(html, "<option value=\"{}\"{selected}>{}</option>", escape(value), escape(title));
    }
    html + "</select></label>\n"
}

/// The address of a page with the same question, but for one key.
pub(super) fn address(path: &str, query: &Query, key: &str, value: Option<&str>) -> String {
    let kept = query.iter().filter(|(name, value)| name != key && !value.is_empty());
    let kept = kept.map(|(name, value)| (name.as_str(), value.as_str()));
    let all = kept.chain(value.map(|value| (key, value)));
    let mut address = path.to_owned();
    for (at, (name, value)) in all.enumerate() {
        let sign = if at == 0 { '?' } else { '&' };
        let _ = write!(address, "{sign}{}={}", encoded(name), encoded(value));
    }
    address
}

fn encoded(text: &str) -> String {
    text.bytes().fold(String::new(), |mut all, byte| {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => all.push(char::from(byte)),
            _ => drop(write!(all, "%{byte:02X}")),
        }
        all
    })
}
