//! Two calls beside each other, turn by turn: what the callers waited for, what was said, what failed, and the difference. Invariant:
//! a turn stands beside the one with the same place in the other call.

use super::Failure;
use super::call;
use super::convert;
use super::filter;
use super::html::{self, escape};
use super::words;
use crate::dev::Dev;
use crate::dev::store::shown::{self, Summary};
use crate::dev::turns::{self, Call, Tool, Turn};
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use std::fmt::Write;

/// Parts shorter than this in both turns, in nanoseconds, are not shown.
const SHORT: i64 = 1_000_000;
/// Turns that are shown.
const MOST: usize = 500;

pub(super) async fn show(
    State(dev): State<Dev>,
    Query(query): Query<Vec<(String, String)>>,
) -> Result<Response, Failure> {
    let ids = query.iter().filter(|(key, _)| key == "call").map(|(_, id)| id.trim().parse::<i64>());
    let Ok(ids) = ids.collect::<Result<Vec<_>, _>>() else { return Ok(choose()) };
    let [old, new] = ids[..] else { return Ok(choose()) };
    let (old, new) = (one(&dev, old).await?, one(&dev, new).await?);
    // Large calls take a while.
    let page = tokio::task::spawn_blocking(move || {
        let body = body([&old, &new]);
        html::page(
            &format!("{} and {} · cekura dev", call::name(&old.summary), call::name(&new.summary)),
            &body,
        )
    });
    page.await.map_err(|error| Failure::Unavailable(error.to_string()))
}

/// The answer to an address that does not name two calls.
fn choose() -> Response {
    let body = format!(
        "<body class=\"compare\">\n{}<main><p>Choose two calls in the <a href=\"/\">list of calls</a>, and then <i>Compare two calls</i>.</p></main>\n</body>",
        filter::header("Compare", &[])
    );
    (StatusCode::BAD_REQUEST, html::page("Compare · cekura dev", &body)).into_response()
}

struct Side {
    summary: Summary,
    /// How it stands, in HTML; empty where it has ended.
    state: String,
    call: Call,
}

async fn one(dev: &Dev, id: i64) -> Result<Side, Failure> {
    let summary = call::summary(dev, id).await?;
    let state = call::standing(dev, id).await?.ok_or(Failure::Missing)?.html();
    let (batches, log) =
        dev.store.read(move |from| Ok((shown::batches(from, id)?, shown::log(from, id)?))).await?;
    let read = move || {
        let log = log.as_deref().map(str::as_bytes);
        turns::read(&cekura::__page::data(convert::ended(&batches), log, &[]))
    };
    let call =
        tokio::task::spawn_blocking(read).await.map_err(|error| Failure::Unavailable(error.to_string()))?;
    Ok(Side { summary, state, call })
}

fn body(sides: [&Side; 2]) -> String {
    let [old, new] = sides.map(|side| side.summary.id);
    let mut html = format!(
        "<body class=\"compare\">\n{}<main>\n<p class=\"note\">A change is from the first call to the second. \
         <a href=\"/compare?call={new}&amp;call={old}\">Change sides</a></p>\n<table role=\"table\" class=\"beside\">\n\
         <caption class=\"heard\">Two calls, turn by turn</caption>\n<thead role=\"rowgroup\"><tr role=\"row\"><td role=\"cell\"></td>",
        filter::header("Compare", &[])
    );
    for side in sides {
        head(&mut html, side);
    }
    html.push_str(
        "<th role=\"columnheader\" scope=\"col\">Change</th></tr></thead>\n<tbody role=\"rowgroup\">\n",
    );
    totals(&mut html, sides);
    html.push_str("</tbody>\n");
    let calls = sides.map(|side| &side.call);
    let (starts, count) = placed(calls);
    let all = || calls.into_iter().flat_map(|call| &call.turns);
    let worst = all().filter_map(|turn| turn.latency).max().unwrap_or(1).max(1);
    let beside = |place: usize| {
        let at = |side: usize| calls[side].turns.get(place.checked_sub(starts[side])?);
        [at(0), at(1)]
    };
    for place in 0..count.min(MOST) {
        group(&mut html, beside(place), &calls[0].parts, worst);
    }
    html.push_str("</table>\n");
    if count > MOST {
        let _ = writeln!(html, "<p class=\"note\">The first {MOST} of {count} turns are shown.</p>");
    }
    html + "</main>\n</body>"
}

/// Where the turns of each call begin in the table, and how many rows of turns it has. What is before the turns stands alone.
fn placed(calls: [&Call; 2]) -> ([usize; 2], usize) {
    let has_before = calls.map(|call| call.turns.first().is_some_and(|turn| turn.is_outside));
    let starts =
        if has_before[0] == has_before[1] { [0, 0] } else { has_before.map(|has| usize::from(!has)) };
    let ends = [0, 1].map(|side| calls[side].turns.len() + starts[side]);
    (starts, ends[0].max(ends[1]))
}

fn head(html: &mut String, side: &Side) {
    let call = &side.summary;
    let text = |text: &Option<String>| text.as_deref().map(escape).unwrap_or_default();
    let began = call.began.map(|began| format!("<time data-ms=\"{}\"></time>", began / 1_000_000));
    let _ = write!(
        html,
        "<th role=\"columnheader\" scope=\"col\"><a href=\"/calls/{}\"><bdi>{}</bdi></a> <span class=\"note\"><bdi>{} {}</bdi> {}</span> <span class=\"note\">{}</span></th>",
        call.id,
        escape(&call::name(call)),
        text(&call.service),
        text(&call.version),
        began.unwrap_or_default(),
        side.state,
    );
}

/// A row with two values and the cell of their difference.
fn line(html: &mut String, class: &str, title: &str, values: [String; 2], difference: &str) {
    let [old, new] = values;
    let _ = writeln!(
        html,
        "<tr role=\"row\" class=\"{class}\"><th role=\"rowheader\" scope=\"row\">{title}</th><td role=\"cell\">{old}</td>\
         <td role=\"cell\">{new}</td>{difference}</tr>"
    );
}

fn times(html: &mut String, class: &str, title: &str, values: [Option<i64>; 2], shown: [String; 2]) {
    let difference = values[0].zip(values[1]).map(|(old, new)| html::difference(old, new));
    line(html, class, title, shown, &difference.unwrap_or_else(|| "<td role=\"cell\"></td>".to_owned()));
}

fn shown(time: Option<i64>) -> String {
    time.map_or_else(|| "–".to_owned(), html::duration)
}

fn totals(html: &mut String, sides: [&Side; 2]) {
    let calls = sides.map(|side| &side.call);
    for (title, at) in [("Voice-to-voice, median", 50), ("Voice-to-voice, worst", 100)] {
        let of = calls.map(|call| latency(call, at));
        times(html, "", title, of, of.map(shown));
    }
    let length = calls.map(|call| Some(call.length));
    times(html, "", "Duration", length, length.map(shown));
    let turns = |call: &Call| call.turns.iter().filter(|turn| !turn.is_outside).count();
    let counts: [(&str, [i64; 2], bool); 4] = [
        ("Turns", calls.map(|call| i64::try_from(turns(call)).unwrap_or(i64::MAX)), false),
        ("Tools", calls.map(|call| call.tools), false),
        ("Failed", calls.map(|call| call.failed), true),
        ("Interrupted", calls.map(|call| call.interruptions), true),
    ];
    for (title, [old, new], is_bad) in counts {
        line(html, "", title, [old, new].map(|count| count.to_string()), &more(old, new, is_bad));
    }
    let tokens = calls.map(|call| {
        call.tokens.map_or_else(|| "–".to_owned(), |(input, output)| format!("{input} → {output}"))
    });
    let sum = |call: &Call| call.tokens.map_or(0, |(input, output)| input.saturating_add(output));
    let difference = more(sum(calls[0]), sum(calls[1]), false);
    line(html, "", "Tokens", tokens, &difference);
}

/// The time that so many per cent of the answers came within.
fn latency(call: &Call, percent: usize) -> Option<i64> {
    let mut all: Vec<_> = call.turns.iter().filter_map(|turn| turn.latency).collect();
    all.sort_unstable();
    all.get((all.len() * percent).div_ceil(100).saturating_sub(1)).copied()
}

/// The cell of a difference of counts.
fn more(old: i64, new: i64, is_bad: bool) -> String {
    let class = match (new.cmp(&old), is_bad) {
        (std::cmp::Ordering::Equal, _) => return "<td role=\"cell\" class=\"same\">same</td>".to_owned(),
        (std::cmp::Ordering::Greater, true) => "worse",
        (std::cmp::Ordering::Less, true) => "better",
        _ => "",
    };
    let sign = if new > old { '+' } else { '−' };
    format!("<td role=\"cell\" class=\"{class}\">{sign}{}</td>", new.saturating_sub(old).saturating_abs())
}

/// One turn of each call, where it has one.
fn group(html: &mut String, turns: [Option<&Turn>; 2], parts: &[(String, String)], worst: i64) {
    let name = turns.into_iter().flatten().next().map(|turn| escape(&turn.name)).unwrap_or_default();
    let is_outside = turns.into_iter().flatten().any(|turn| turn.is_outside);
    let _ = writeln!(
        html,
        "<tbody role=\"rowgroup\" class=\"turn\">\n<tr role=\"row\" class=\"head\"><th role=\"rowheader\" scope=\"rowgroup\" colspan=\"4\"><bdi>{name}</bdi>{}</th></tr>",
        missing(turns)
    );
    let of = turns.map(|turn| turn.and_then(|turn| turn.latency));
    let bars = turns.map(|turn| turn.map(|turn| bar(turn, parts, worst)).unwrap_or_default());
    if !is_outside || of != [None, None] {
        let values = [0, 1].map(|side| shown(of[side]) + &bars[side]);
        times(html, "wait", "Voice-to-voice", of, values);
    }
    for (place, (name, look)) in parts.iter().enumerate() {
        let of = turns.map(|turn| {
            let found = turn?.parts.iter().find(|(known, _)| *known == place);
            found.map(|(_, time)| *time)
        });
        if of.into_iter().flatten().any(|time| time >= SHORT) {
            let title = format!(
                "<svg class=\"swatch\" aria-hidden=\"true\"><rect class=\"{}\" width=\"100%\" height=\"100%\"/></svg> {}",
                escape(look),
                escape(name)
            );
            times(html, "part", &title, of, of.map(|time| time.map(html::duration).unwrap_or_default()));
        }
    }
    said(html, "Caller", turns.map(|turn| turn.map_or("", |turn| &turn.caller)));
    said(html, "Agent", turns.map(|turn| turn.map_or("", |turn| &turn.agent)));
    let tools = turns.map(|turn| turn.map_or(&[][..], |turn| &turn.tools));
    if !(tools[0].is_empty() && tools[1].is_empty()) {
        let asked = |tools: &[Tool]| {
            tools
                .iter()
                .map(|tool| (tool.name.clone(), tool.input.clone(), tool.is_failed))
                .collect::<Vec<_>>()
        };
        line(html, "words", "Tools", tools.map(calls), &same(asked(tools[0]) == asked(tools[1])));
    }
    let errors = turns.map(|turn| turn.map_or(&[][..], |turn| &turn.errors));
    if !(errors[0].is_empty() && errors[1].is_empty()) {
        let list = |errors: &[String]| {
            errors.iter().fold(String::new(), |html, why| {
                html + "<div class=\"bad\"><bdi>" + &escape(words::clipped(why)) + "</bdi></div>"
            })
        };
        line(html, "words", "Failed", errors.map(list), &same(errors[0] == errors[1]));
    }
    let cut = turns.map(|turn| turn.is_some_and(|turn| turn.is_interrupted));
    if cut != [false, false] {
        let text =
            |is_cut| if is_cut { "<span class=\"cut\">interrupted</span>".to_owned() } else { String::new() };
        line(html, "words", "Ended", cut.map(text), &same(cut[0] == cut[1]));
    }
    html.push_str("</tbody>\n");
}

fn missing(turns: [Option<&Turn>; 2]) -> &'static str {
    match turns {
        [None, _] => " <span class=\"note\">only in the second call</span>",
        [_, None] => " <span class=\"note\">only in the first call</span>",
        _ => "",
    }
}

fn same(is_same: bool) -> String {
    if is_same {
        "<td role=\"cell\" class=\"same\">same</td>"
    } else {
        "<td role=\"cell\" class=\"differs\">differs</td>"
    }
    .to_owned()
}

fn said(html: &mut String, title: &str, [old, new]: [&str; 2]) {
    if old.is_empty() && new.is_empty() {
        return;
    }
    line(html, "words", title, words::marked(old, new), &same(words::are_same(old, new)));
}

fn calls(tools: &[Tool]) -> String {
    let one = |tool: &Tool| {
        let failed = if tool.is_failed { " <span class=\"bad\">failed</span>" } else { "" };
        let mut html =
            format!("<div><b><bdi>{}</bdi></b>{failed} {}", escape(&tool.name), html::duration(tool.length));
        for (title, text) in [("asked", &tool.input), ("answered", &tool.output)] {
            if !text.is_empty() {
                let _ = write!(
                    html,
                    "<div class=\"note\">{title} <bdi>{}</bdi></div>",
                    escape(words::clipped(text))
                );
            }
        }
        html + "</div>"
    };
    tools.iter().map(one).collect()
}

/// The parts of a wait beside each other, as long as it was beside the longest wait of all.
fn bar(turn: &Turn, parts: &[(String, String)], worst: i64) -> String {
    /// Of the longest wait.
    const WIDTH: i64 = 1000;
    let scaled = |time: i64| {
        i64::try_from(i128::from(time) * i128::from(WIDTH) / i128::from(worst))
            .unwrap_or(WIDTH)
            .clamp(0, WIDTH)
    };
    let Some(latency) = turn.latency else { return String::new() };
    let mut svg = format!(
        "<svg class=\"wait\" viewBox=\"0 0 {WIDTH} 10\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <rect class=\"rest\" width=\"{}\" height=\"10\"/>",
        scaled(latency)
    );
    let mut passed = 0_i64;
    for (place, time) in turn.parts.iter().filter(|_| turn.is_measured) {
        let look = parts.get(*place).map_or("other", |(_, look)| look);
        let from = scaled(passed);
        passed = passed.saturating_add(*time).min(latency);
        let _ = write!(
            svg,
            "<rect class=\"{}\" x=\"{from}\" width=\"{}\" height=\"10\"/>",
            escape(look),
            scaled(passed) - from
        );
    }
    svg + "</svg>"
}
