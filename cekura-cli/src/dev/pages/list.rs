//! The calls: what one wants to see of them, and a table. Invariant: it works without a script; with it, it is live.

use super::Failure;
use super::call::name;
use super::html::{self, escape};
use crate::dev::Dev;
use crate::dev::open::OpenSpans;
use crate::dev::store::shown::{self, Summary, Wanted};
use axum::extract::{Query, State};
use axum::response::Response;
use std::fmt::Write;

/// Calls on one page.
const MOST: i64 = 100;

pub(super) async fn show(
    State(dev): State<Dev>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let wanted = wanted(&query);
    let asked = wanted.clone();
    let (calls, versions, revision) = dev
        .store
        .read(move |from| {
            let revision = shown::revision(from)?;
            Ok((shown::search(from, &asked, MOST + 1)?, shown::versions(from)?, revision))
        })
        .await?;
    let mut body = format!(
        "<body class=\"calls\" data-events=\"/events\" data-revision=\"{revision}\">\n<header><h1>Calls</h1>"
    );
    body.push_str("<span id=\"live\" role=\"status\"></span></header>\n");
    body.push_str(&form(&wanted, &versions));
    body.push_str(&table(&calls, &query, &dev.open));
    body.push_str("</body>");
    Ok(html::page("Calls · cekura dev", &body))
}

fn wanted(query: &[(String, String)]) -> Wanted {
    let text = |key: &str| {
        let found = query.iter().find(|(name, _)| name == key);
        found.map(|(_, value)| value.trim().to_owned()).unwrap_or_default()
    };
    let number = |key: &str| text(key).parse::<i64>().ok().filter(|number| *number >= 0);
    Wanted {
        words: text("said"),
        id: text("id"),
        version: text("version"),
        failed: !text("failed").is_empty(),
        interrupted: !text("interrupted").is_empty(),
        slower: number("slower").map(|milliseconds| milliseconds.saturating_mul(1_000_000)),
        before: number("before"),
    }
}

fn form(wanted: &Wanted, versions: &[String]) -> String {
    let checked = |is: bool| if is { " checked" } else { "" };
    let slower = wanted.slower.map(|ns| (ns / 1_000_000).to_string()).unwrap_or_default();
    let mut options = "<option value=\"\">any</option>".to_owned();
    for version in versions {
        let selected = if *version == wanted.version { " selected" } else { "" };
        let version = escape(version);
        // Nothing is written that can fail.
        let _ = write!(options, "<option value=\"{version}\"{selected}>{version}</option>");
    }
    format!(
        "<form method=\"get\" action=\"/\" role=\"search\">\n\
         <label>Said <input type=\"search\" name=\"said\" value=\"{}\"></label>\n\
         <label>Call or trace <input name=\"id\" value=\"{}\"></label>\n\
         <label>Version <select name=\"version\">{options}</select></label>\n\
         <label>Slower than <input name=\"slower\" inputmode=\"numeric\" size=\"5\" value=\"{slower}\"> ms</label>\n\
         <label><input type=\"checkbox\" name=\"failed\" value=\"1\"{}> failed</label>\n\
         <label><input type=\"checkbox\" name=\"interrupted\" value=\"1\"{}> interrupted</label>\n\
         <button>Show</button> <a href=\"/\">All</a>\n</form>\n",
        escape(&wanted.words),
        escape(&wanted.id),
        checked(wanted.failed),
        checked(wanted.interrupted),
    )
}

fn table(calls: &[Summary], query: &[(String, String)], open: &OpenSpans) -> String {
    if calls.is_empty() {
        let why = if query.iter().all(|(_, value)| value.is_empty()) {
            "No call has come yet. Start the agent with the addresses that <code>cekura dev</code> has printed."
        } else {
            "No call is like that."
        };
        return format!("<main id=\"calls\"><p>{why}</p></main>\n");
    }
    let mut html =
        "<main id=\"calls\"><table>\n<caption class=\"heard\">Calls, the newest first</caption>\n<thead><tr>"
            .to_owned();
    for (head, title) in HEADS {
        let _ = write!(html, "<th scope=\"col\" title=\"{title}\">{head}</th>");
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    let most = usize::try_from(MOST).unwrap_or(usize::MAX);
    for call in calls.iter().take(most) {
        let is_open = call.trace.as_deref().is_some_and(|trace| open.version(trace) > 0);
        row(&mut html, call, is_open);
    }
    html.push_str("</tbody></table>\n");
    if let Some(last) = calls.get(most.wrapping_sub(1)).filter(|_| calls.len() > most) {
        let _ = write!(
            html,
            "<p><a rel=\"next\" href=\"{}\">Older calls</a></p>",
            escape(&older(query, last.id))
        );
    }
    html + "</main>\n"
}

const HEADS: [(&str, &str); 10] = [
    ("Call", "Its id, or the beginning of its trace id"),
    ("Answer", "The longest time from the caller's last word to the first audio of the answer"),
    ("Failed", "Spans that failed"),
    ("Interrupted", "Spans that were interrupted"),
    ("Turns", ""),
    ("Length", ""),
    ("Tokens", "Read and written"),
    ("Began", ""),
    ("Service", "With its version"),
    ("", "What has come of it"),
];

fn row(html: &mut String, call: &Summary, is_open: bool) {
    let count = |number: i64| if number > 0 { number.to_string() } else { String::new() };
    let length =
        call.began.zip(call.ended).map(|(began, ended)| html::duration(ended.saturating_sub(began).max(0)));
    let began = call.began.map(|began| format!("<time data-ms=\"{}\"></time>", began / 1_000_000));
    let tokens = if call.input + call.output > 0 {
        format!("{} → {}", call.input, call.output)
    } else {
        String::new()
    };
    let service =
        [&call.service, &call.version].map(|text| text.as_deref().map(escape).unwrap_or_default()).join(" ");
    let state = match (call.spans, call.is_over) {
        (_, false) if is_open || call.spans > 0 => "goes on",
        (0, _) => "no spans",
        _ if call.media_type.is_some() => "recorded",
        _ if call.has_log => "logged",
        _ => "",
    };
    let _ = writeln!(
        html,
        "<tr><th scope=\"row\"><a href=\"/calls/{}\"><bdi>{}</bdi></a></th><td>{}</td><td class=\"bad\">{}</td>\
         <td class=\"cut\">{}</td><td>{}</td><td>{}</td><td>{tokens}</td><td>{}</td><td><bdi>{service}</bdi></td>\
         <td>{state}</td></tr>",
        call.id,
        escape(&name(call)),
        call.latency.map(html::duration).unwrap_or_default(),
        count(call.failed),
        count(call.interrupted),
        count(call.turns),
        length.unwrap_or_default(),
        began.unwrap_or_default(),
    );
}

/// The same question for the calls before this one.
fn older(query: &[(String, String)], before: i64) -> String {
    let kept = query.iter().filter(|(key, _)| key != "before");
    let escaped = |text: &str| {
        text.bytes().fold(String::new(), |all, byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' => {
                all + &char::from(byte).to_string()
            }
            _ => all + &format!("%{byte:02X}"),
        })
    };
    kept.fold(format!("/?before={before}"), |url, (key, value)| {
        format!("{url}&{}={}", escaped(key), escaped(value))
    })
}
