//! The frame of every page of the viewer itself. Invariant: its script and its style are the two that its policy names by their
//! hashes; all text is escaped.

use axum::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest, Sha256};
use std::sync::LazyLock;

/// Numbers are written as in the page of a call.
static SCRIPT: LazyLock<String> =
    LazyLock::new(|| [cekura::__page::FORMAT, include_str!("viewer.js"), include_str!("choose.js")].concat());

/// The stages have the colours that they have in the page of a call.
static STYLE: LazyLock<String> = LazyLock::new(|| {
    [cekura::__page::COLOURS, include_str!("viewer.css"), include_str!("tables.css")].concat()
});

static POLICY: LazyLock<String> = LazyLock::new(|| {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; script-src {}; style-src {}; connect-src 'self'; frame-src 'self'; form-action 'self'; \
         frame-ancestors 'none'; base-uri 'none'",
        hash(&SCRIPT),
        hash(&STYLE)
    )
});

/// A page with this title and this body, which is HTML.
pub(super) fn page(title: &str, body: &str) -> Response {
    let title = escape(title);
    let (style, script) = (&*STYLE, &*SCRIPT);
    let page = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>{title}</title>\n<style>{style}</style>\n</head>\n\
         {body}\n<script type=\"module\">{script}</script>\n</html>\n"
    );
    let headers = [(CONTENT_TYPE, "text/html; charset=utf-8"), (CONTENT_SECURITY_POLICY, &POLICY)];
    (headers, page).into_response()
}

/// A text that stands between tags or in an attribute's quotes.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            '\0' => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

/// A time of today, which a script writes in the reader's own zone, in milliseconds since the Unix epoch.
pub(super) fn clock(ms: i64) -> String {
    format!("<time class=\"clock\" data-ms=\"{ms}\"></time>")
}

/// Nanoseconds as the page of a call writes them: at most three digits and a unit, or minutes and seconds, or hours and minutes.
pub(super) fn duration(ns: i64) -> String {
    let rounded = |unit: i64| ns.saturating_add(unit / 2) / unit;
    match ns {
        1..999_500 => format!("{} µs", rounded(1_000)),
        i64::MIN..999_500_000 => format!("{} ms", rounded(1_000_000)),
        999_500_000..9_995_000_000 => {
            format!("{}.{:02} s", rounded(10_000_000) / 100, rounded(10_000_000) % 100)
        }
        9_995_000_000..59_950_000_000 => {
            format!("{}.{} s", rounded(100_000_000) / 10, rounded(100_000_000) % 10)
        }
        59_950_000_000..3_599_500_000_000 => {
            format!("{}m{:02}s", rounded(1_000_000_000) / 60, rounded(1_000_000_000) % 60)
        }
        _ => format!("{}h{:02}m", rounded(1_000_000_000) / 3_600, rounded(1_000_000_000) / 60 % 60),
    }
}

/// A cell with the difference of two times in nanoseconds. What is less than a millisecond or 1 % is none.
pub(super) fn difference(old: i64, new: i64) -> String {
    let change = new.saturating_sub(old);
    if change.abs() < 1_000_000 || change.saturating_abs() < old / 100 {
        return "<td role=\"cell\" class=\"same\">same</td>".to_owned();
    }
    let (class, sign) = if change > 0 { ("worse", '+') } else { ("better", '−') };
    let share = if old > 0 { (change.saturating_mul(100) + change.signum() * old / 2) / old } else { 0 };
    let share = if (-999..=999).contains(&share) && share != 0 {
        format!(" <span class=\"note\">{sign}{} %</span>", share.abs())
    } else {
        String::new()
    };
    format!("<td role=\"cell\" class=\"{class}\">{sign}{}{share}</td>", duration(change.saturating_abs()))
}

/// `1 call`, `2 calls`.
pub(super) fn plural(count: i64, one: &str) -> String {
    format!("{count} {one}{}", if count == 1 { "" } else { "s" })
}
