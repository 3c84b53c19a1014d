//! All spans of a drawing come in, what they say together goes out: totals, the longest span, answer times, ids.
//! This file does not know how wide a line is.

use super::row;
use super::style::Paint;
use super::text;
use crate::finished::{Span, Tree};
use crate::semconv as key;
use std::borrow::Cow;
use std::collections::HashMap;

/// How long each turn took to answer, in nanoseconds, by the turn's place among the rows.
///
/// An answer time runs from the end of the last `stt` before the turn's first audio (in a turn without `stt`: from
/// the start of its `s2s`) to that audio: the first chunk of a `tts` or `s2s`, or its end when it did not stream. A
/// turn whose spans do not say this has none.
pub(super) fn answers(tree: &Tree) -> HashMap<usize, u64> {
    turns(tree).filter_map(|(at, inside)| Some((at, answer(inside)?))).collect()
}

/// Each turn's place and the rows inside it.
fn turns(tree: &Tree) -> impl Iterator<Item = (usize, &[(usize, Span)])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        at += tree.rows.get(at..)?.iter().position(|(_, span)| span.name == key::span::TURN)?;
        let turn = at;
        let inside = &tree.rows[turn + 1..];
        let depth = tree.rows[turn].0;
        let length = inside.iter().take_while(|(below, _)| *below > depth).count();
        at += 1 + length;
        Some((turn, &inside[..length]))
    })
}

fn answer(turn: &[(usize, Span)]) -> Option<u64> {
    let spans = || turn.iter().map(|(_, span)| span);
    let voices = spans().filter(|span| matches!(span.name.as_str(), key::span::TTS | key::span::S2S));
    let (audio, voice) =
        voices.filter_map(|voice| Some((first_audio(voice)?, voice))).min_by_key(|(audio, _)| *audio)?;
    let transcripts = spans().filter(|span| span.name == key::span::STT && span.head.end <= audio);
    let heard = transcripts.map(|span| span.head.end).max();
    let heard = heard.or((voice.name == key::span::S2S).then_some(voice.head.start))?;
    Some(audio.saturating_sub(heard))
}

fn first_audio(voice: &Span) -> Option<u64> {
    let whole = !voice.head.failed() && !row::interrupted(voice);
    row::first_chunk(voice).or(whole.then_some(voice.head.end))
}

/// A footer line: a heading and items that may be broken across lines.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) heading: &'static str,
    pub(super) items: Vec<(Paint, String)>,
}

/// The lines below the bars.
pub(super) fn lines(tree: &Tree, answers: &HashMap<usize, u64>) -> Vec<Line> {
    [totals(tree), stages(tree), answer_times(tree, answers), legend(tree), ids(tree)]
        .into_iter()
        .filter(|line| !line.items.is_empty())
        .collect()
}

fn totals(tree: &Tree) -> Line {
    let count = |wanted: &dyn Fn(&Span) -> bool| tree.rows.iter().filter(|(_, span)| wanted(span)).count();
    let sum =
        |key| tree.rows.iter().filter_map(|(_, span)| row::number(span, key)).fold(0, u64::saturating_add);
    let turns = count(&|span| span.name == key::span::TURN);
    let tools = count(&|span| span.name == key::span::TOOL_CALL);
    let failed = count(&|span| span.head.failed());
    let interrupted = count(&row::interrupted);
    let (input, output) = (sum(key::GEN_AI_USAGE_INPUT_TOKENS), sum(key::GEN_AI_USAGE_OUTPUT_TOKENS));
    let characters = sum(key::TTS_CHARACTERS);
    let items = [
        (turns > 0).then(|| (Paint::Plain, text::plural(turns, "turn"))),
        Some((Paint::Plain, text::plural(tree.rows.len(), "span"))),
        (tools > 0).then(|| (Paint::Plain, text::plural(tools, "tool call"))),
        (failed > 0).then(|| (Paint::Error, format!("{} {failed} failed", row::ERROR))),
        (interrupted > 0)
            .then(|| (Paint::Interrupted, format!("{} {interrupted} interrupted", row::INTERRUPTED))),
        (input > 0 || output > 0)
            .then(|| (Paint::Plain, format!("{}→{} tokens", text::count(input), text::count(output)))),
        (characters > 0).then(|| (Paint::Plain, format!("{} characters spoken", text::count(characters)))),
    ];
    Line { heading: "total", items: items.into_iter().flatten().collect() }
}

/// The time of each stage, summed over its spans, and the longest span of all.
fn stages(tree: &Tree) -> Line {
    let names = [key::span::STT, key::span::LLM, key::span::TOOL_CALL, key::span::TTS, key::span::S2S];
    let mut items = Vec::new();
    for name in names {
        let spans = || tree.rows.iter().filter(|(_, span)| span.name == name);
        let sum = spans().map(|(_, span)| row::length(span)).fold(0, u64::saturating_add);
        match spans().count() {
            0 => {}
            1 => items.push((row::paint(name), format!("{name} {}", text::duration(sum)))),
            count => items.push((row::paint(name), format!("{name} {} in {count}", text::duration(sum)))),
        }
    }
    if let Some(longest) = longest(tree, &names).filter(|_| items.len() > 1) {
        items.push((Paint::Plain, longest));
    }
    Line { heading: "stages", items }
}

fn longest(tree: &Tree, names: &[&str]) -> Option<String> {
    let mut turn = None;
    let mut longest: Option<(&Span, Option<&Span>)> = None;
    for (_, span) in &tree.rows {
        if span.name == key::span::TURN {
            turn = Some(span);
        }
        let longer = longest.is_none_or(|(other, _)| row::length(span) > row::length(other));
        if longer && names.contains(&span.name.as_str()) {
            longest = Some((span, turn));
        }
    }
    let (span, turn) = longest?;
    let detail = match span.name.as_str() {
        key::span::TOOL_CALL => None,
        _ => row::service(span).pop(),
    };
    let name = [Some(row::name(span)), detail].into_iter().flatten().collect::<Vec<Cow<'_, str>>>().join(" ");
    let (name, _) = text::clip(&name, LONGEST_NAME);
    let place = turn.map(|turn| format!(" in {}", row::name(turn))).unwrap_or_default();
    Some(format!("longest: {name} {}{place}", text::duration(row::length(span))))
}

/// Columns that the name of the longest span, or an id, may take.
const LONGEST_NAME: usize = 40;

fn answer_times(tree: &Tree, answers: &HashMap<usize, u64>) -> Line {
    let mut times: Vec<_> = answers.iter().map(|(at, time)| (*time, *at)).collect();
    times.sort_unstable();
    let heard = tree.rows.iter().any(|(_, span)| span.name == key::span::STT);
    let from = if heard { "from transcript to first audio" } else { "from the span's start to first audio" };
    let items = match times[..] {
        [] => Vec::new(),
        [(time, _)] => vec![format!("{} {from}", text::duration(time))],
        [.., (longest, at)] => {
            let (median, _) = times[(times.len() - 1) / 2];
            let turn = row::name(&tree.rows[at].1);
            vec![
                format!("median {} {from}", text::duration(median)),
                format!("slowest {} in {turn}", text::duration(longest)),
            ]
        }
    };
    Line { heading: "answers", items: items.into_iter().map(|item| (Paint::Plain, item)).collect() }
}

/// What the two kinds of line in a bar mean, where there are two.
fn legend(tree: &Tree) -> Line {
    let streamed = tree.rows.iter().any(|(_, span)| row::first_chunk(span).is_some());
    let items = ["─ until the first chunk", "█ after it"].map(|item| (Paint::Dim, item.to_owned()));
    Line { heading: "bars", items: if streamed { items.into() } else { Vec::new() } }
}

/// What finds the conversation again: the trace in a backend, the call in Cekura.
fn ids(tree: &Tree) -> Line {
    let mut items: Vec<(Paint, String)> = Vec::new();
    for (depth, span) in &tree.rows {
        let id = span.head.trace_id.to_string();
        if *depth == 0 && items.iter().all(|(_, known)| *known != id) {
            items.push((Paint::Plain, id));
        }
    }
    if let Some(call) = call_id(tree) {
        items.push((Paint::Plain, format!("call {}", text::clip(&call, LONGEST_NAME).0)));
    }
    Line { heading: "trace", items }
}

/// The id under which the agent knows the call.
pub(super) fn call_id(tree: &Tree) -> Option<Cow<'_, str>> {
    tree.rows.iter().find_map(|(_, span)| row::string(span, key::CALL_ID))
}
