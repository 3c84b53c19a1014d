//! How long each stage took, by version of the agent, with the difference from version to version. Invariant: it counts the calls that
//! the list shows for the same question, on all its pages.

use super::Failure;
use super::filter::{self, Query};
use super::html::{self, escape};
use crate::dev::Dev;
use crate::dev::measure::Measure;
use crate::dev::store::shown;
use crate::dev::store::stages::{self, Version};
use crate::dev::times::Times;
use axum::extract::{self, State};
use axum::response::Response;
use cekura::semconv::span;
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::fmt::Write;

/// The newest versions are shown.
const MOST: usize = 12;

pub(super) async fn show(
    State(dev): State<Dev>,
    extract::Query(query): extract::Query<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let wanted = filter::wanted(&query);
    let (choices, versions) =
        dev.store.read(move |from| Ok((shown::choices(from)?, stages::stages(from, &wanted)?))).await?;
    let mut body = format!("<body class=\"stages\">\n{}", filter::header("Stages", &query));
    body += &filter::form("/stages", &query, &choices);
    body += &table(versions, &query);
    body.push_str("</body>");
    Ok(html::page("Stages · cekura dev", &body))
}

/// Versions of a service, each with the one before it that it is compared with.
struct Compared<'a> {
    version: &'a Version,
    before: Option<&'a Version>,
    name: String,
}

fn table(mut versions: Vec<Version>, query: &Query) -> String {
    if versions.is_empty() {
        return "<main><p>No call with spans is like that.</p></main>\n".to_owned();
    }
    let left_out = versions.len().saturating_sub(MOST);
    versions.drain(..left_out);
    let has_services = versions.iter().any(|version| version.service != versions[0].service);
    let base = filter::text(query, "base");
    let all = versions.iter().enumerate().map(|(at, version)| {
        let same = |other: &&Version| other.service == version.service;
        let chosen = versions.iter().find(|other| same(other) && other.name == base && !base.is_empty());
        let before = chosen.or_else(|| versions[..at].iter().rev().find(same));
        let before = before.filter(|before| before.name != version.name);
        Compared { version, before, name: name(version, has_services) }
    });
    let all: Vec<_> = all.collect();
    let mut html = "<main>".to_owned();
    html += &basis(&versions, query);
    html.push_str(
        "<div class=\"scroll\" role=\"region\" aria-label=\"Stages\" tabindex=\"0\"><table class=\"measures\">\n\
         <caption class=\"heard\">How long each stage took, by version, the newest first</caption>\n<thead><tr>",
    );
    for head in ["Version", "Count", "p50", "Change", "p95", "Change"] {
        let _ = write!(html, "<th scope=\"col\">{head}</th>");
    }
    html.push_str("<td class=\"drawn note\" aria-hidden=\"true\">to p50, pale to p95</td></tr></thead>\n");
    // Of one version alone, its stages are beside each other.
    let all_ends = || versions.iter().flat_map(|version| version.stages.values().flat_map(ends));
    let common = all_ends().max().filter(|_| versions.len() == 1);
    for (stage, measure) in ordered(&versions) {
        group(&mut html, &stage, measure, &all, common);
    }
    html.push_str("</table></div>\n<p class=\"note\">");
    if left_out > 0 {
        let _ = write!(html, "The {MOST} newest versions are shown. ");
    }
    html + "Percentiles are within 1 % of the exact ones. There is a p95 where there are 20 values.</p></main>\n"
}

fn name(version: &Version, has_services: bool) -> String {
    let text = |text: &str, other: &str| if text.is_empty() { other.to_owned() } else { text.to_owned() };
    let of = text(&version.name, "no version");
    if has_services { format!("{} {of}", text(&version.service, "no name")) } else { of }
}

/// The form that says which version the others are compared with.
fn basis(versions: &[Version], query: &Query) -> String {
    let names: BTreeSet<_> =
        versions.iter().map(|version| &version.name).filter(|name| !name.is_empty()).collect();
    if names.len() < 2 {
        return String::new();
    }
    let first = (String::new(), "the version before".to_owned());
    let all: Vec<_> =
        std::iter::once(first).chain(names.iter().map(|name| ((*name).clone(), (*name).clone()))).collect();
    let mut html = "<form class=\"filter\" method=\"get\" action=\"/stages\">".to_owned();
    for (key, value) in query.iter().filter(|(key, value)| key != "base" && !value.is_empty()) {
        let _ = write!(html, "<input type=\"hidden\" name=\"{}\" value=\"{}\">", escape(key), escape(value));
    }
    html += &filter::select("Compared with", "base", query, &all);
    html + "<button>Compare</button></form>\n"
}

/// What was measured anywhere: the wait of the caller first, then the stages in the order of a turn.
fn ordered(versions: &[Version]) -> Vec<(String, Measure)> {
    const STAGES: [&str; 6] = [span::TURN, span::STT, span::LLM, span::TOOL_CALL, span::TTS, span::S2S];
    let all: BTreeSet<_> = versions.iter().flat_map(|version| version.stages.keys().cloned()).collect();
    let mut all: Vec<_> = all.into_iter().collect();
    let place = |name: &str| STAGES.iter().position(|stage| *stage == name).unwrap_or(STAGES.len());
    all.sort_by_cached_key(|(name, measure)| (place(name), name.clone(), Reverse(*measure)));
    all
}

fn title(stage: &str, measure: Measure) -> String {
    match (stage, measure) {
        (span::TURN, _) => "voice-to-voice".to_owned(),
        (span::LLM, Measure::First) => "llm first token".to_owned(),
        (span::TTS, Measure::First) => "tts first byte".to_owned(),
        (_, Measure::First) => format!("{stage} first chunk"),
        (_, Measure::Transcript) => format!("{stage} after the caller's last word"),
        _ => stage.to_owned(),
    }
}

fn look(stage: &str) -> &'static str {
    match stage {
        span::TURN => "frame",
        span::STT => "stt",
        span::LLM => "llm",
        span::TOOL_CALL => "tool",
        span::TTS => "tts",
        span::S2S => "s2s",
        _ => "other",
    }
}

/// The rows of one stage. The longest of them is as long as the cell, or what takes the time `common` is.
fn group(html: &mut String, stage: &str, measure: Measure, all: &[Compared<'_>], common: Option<u64>) {
    let of = |version: &Version| version.stages.get(&(stage.to_owned(), measure)).cloned();
    let title = escape(&title(stage, measure));
    let _ = writeln!(
        html,
        "<tbody><tr class=\"head\"><th scope=\"rowgroup\" colspan=\"7\"><svg class=\"swatch\" aria-hidden=\"true\">\
         <rect class=\"{}\" width=\"100%\" height=\"100%\"/></svg> <bdi>{title}</bdi></th></tr>",
        look(stage)
    );
    let longest = all.iter().filter_map(|compared| of(compared.version)).flat_map(|times| ends(&times)).max();
    let longest = common.or(longest);
    for compared in all.iter().rev() {
        let Some(times) = of(compared.version) else { continue };
        let before = compared.before.and_then(of);
        let cells = |find: fn(&Times) -> Option<u64>| {
            let (new, old) = (find(&times), before.as_ref().and_then(find));
            let shown = new.map_or_else(|| "–".to_owned(), |ns| html::duration(ns.cast_signed()));
            let difference =
                new.zip(old).map(|(new, old)| html::difference(old.cast_signed(), new.cast_signed()));
            format!("<td>{shown}</td>{}", difference.unwrap_or_else(|| "<td></td>".to_owned()))
        };
        let _ = writeln!(
            html,
            "<tr><th scope=\"row\"><bdi>{}</bdi> <span class=\"note\">{}</span></th><td>{}</td>{}{}{}</tr>",
            escape(&compared.name),
            html::plural(compared.version.calls, "call"),
            times.count(),
            cells(Times::p50),
            cells(Times::p95),
            drawn(ends(&times), longest.unwrap_or(1), look(stage)),
        );
    }
    html.push_str("</tbody>\n");
}

/// p50, and p95 where there is one.
fn ends(times: &Times) -> [u64; 2] {
    let p50 = times.p50().unwrap_or_default();
    [p50, times.p95().unwrap_or(p50)]
}

/// Both, where what takes the time `longest` is as long as the cell.
fn drawn([p50, p95]: [u64; 2], longest: u64, look: &str) -> String {
    let scaled = |ns: u64| u128::from(ns) * 1000 / u128::from(longest.max(1));
    format!(
        "<td class=\"drawn\" aria-hidden=\"true\"><svg class=\"wait {look}\" viewBox=\"0 0 1000 10\" preserveAspectRatio=\"none\">\
         <rect width=\"{}\" height=\"10\" opacity=\".4\"/><rect width=\"{}\" height=\"10\"/></svg></td>",
        scaled(p95),
        scaled(p50)
    )
}
