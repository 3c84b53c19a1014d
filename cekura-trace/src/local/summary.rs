//! The summary of all spans of a drawing: totals, the longest span, latencies, ids.

use super::row;
use super::style::Paint;
use super::text;
use crate::finished::{Span, Tree};
use crate::semconv as key;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::HashSet;

/// How long the caller waited in each turn that says so, in nanoseconds, and the turn's place among the rows; the
/// shortest time first.
pub(super) fn latencies(tree: &Tree) -> Vec<(u64, usize)> {
    let rows = tree.rows.iter().enumerate();
    let mut times: Vec<_> = rows.filter_map(|(at, (_, span))| Some((row::latency(span)?, at))).collect();
    times.sort_unstable();
    times
}

/// A footer line: a heading and items that may be broken across lines.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) heading: &'static str,
    pub(super) items: Vec<(Paint, String)>,
}

/// The lines below the bars.
pub(super) fn lines(tree: &Tree) -> Vec<Line> {
    [totals(tree), stages(tree), latency(tree), legend(tree), ids(tree)]
        .into_iter()
        .filter(|line| !line.items.is_empty())
        .collect()
}

/// Counts over all spans.
#[derive(Clone, Copy, Debug)]
pub(super) struct Totals {
    pub(super) turns: usize,
    pub(super) tools: usize,
    pub(super) failed: usize,
    pub(super) interrupted: usize,
    /// Tokens read and tokens written, where that is known.
    pub(super) input: Option<u64>,
    pub(super) output: Option<u64>,
    /// Characters spoken.
    pub(super) characters: u64,
}

impl Totals {
    pub(super) fn of(tree: &Tree) -> Self {
        let count =
            |wanted: &dyn Fn(&Span) -> bool| tree.rows.iter().filter(|(_, span)| wanted(span)).count();
        let sum =
            |key| tree.rows.iter().filter_map(|(_, span)| row::number(span, key)).reduce(u64::saturating_add);
        Self {
            turns: count(&|span| span.name == key::span::TURN),
            tools: count(&|span| span.name == key::span::TOOL_CALL),
            failed: count(&|span| span.head.failed()),
            interrupted: interruptions(tree).len(),
            input: sum(key::GEN_AI_USAGE_INPUT_TOKENS),
            output: sum(key::GEN_AI_USAGE_OUTPUT_TOKENS),
            characters: sum(key::TTS_CHARACTERS).unwrap_or(0),
        }
    }
}

/// The rows of what was interrupted, each time once, whatever was open then: the turn, or else the outermost span.
pub(super) fn interruptions(tree: &Tree) -> Vec<usize> {
    let (mut found, mut inside) = (Vec::new(), None);
    for (at, (depth, span)) in tree.rows.iter().enumerate() {
        inside = inside.filter(|outer| depth > outer);
        // A call that is hung up is more than what was said last in it.
        let may_be = inside.is_none() && span.name != key::span::CONVERSATION;
        if may_be && (row::interrupted(span) || row::was_interrupted(span)) {
            found.push(at);
            inside = Some(*depth);
        }
    }
    let call = tree.rows.iter().position(|(_, span)| row::interrupted(span));
    if found.is_empty() { call.into_iter().collect() } else { found }
}

fn totals(tree: &Tree) -> Line {
    let Totals { turns, tools, failed, interrupted, input, output, characters } = Totals::of(tree);
    let items = [
        (turns > 0).then(|| (Paint::Plain, text::plural(turns, "turn"))),
        Some((Paint::Plain, text::plural(tree.rows.len(), "span"))),
        (tools > 0).then(|| (Paint::Plain, text::plural(tools, "tool call"))),
        (failed > 0).then(|| (Paint::Error, format!("{} {failed} failed", row::ERROR))),
        (interrupted > 0)
            .then(|| (Paint::Interrupted, format!("{} {interrupted} interrupted", row::INTERRUPTED))),
        (input.is_some() || output.is_some())
            .then(|| (Paint::Plain, format!("{} tokens", text::tokens(input, output)))),
        (characters > 0).then(|| (Paint::Plain, format!("{} characters spoken", text::count(characters)))),
    ];
    Line { heading: "total", items: items.into_iter().flatten().collect() }
}

/// The spans in which the time of a call goes by.
pub(super) const STAGES: [&str; 5] =
    [key::span::STT, key::span::LLM, key::span::TOOL_CALL, key::span::TTS, key::span::S2S];

/// Where a percentile stands in a sorted list: the least value that so many per cent do not exceed.
pub(super) fn rank(count: usize, percent: usize) -> usize {
    (count * percent).div_ceil(100).saturating_sub(1)
}

/// How long each span of a stage took, and its row. A recogniser that streams listens as long as the caller talks: of that only
/// what came after the end of his speech counts, where a turn says it.
pub(super) fn times(tree: &Tree, name: &str) -> Vec<(u64, usize)> {
    let rows = || tree.rows.iter().map(|(_, span)| span).enumerate();
    let transcripts =
        rows().filter_map(|(at, span)| Some((row::time(span, key::TURN_LATENCY_TRANSCRIPT_SECONDS)?, at)));
    let transcripts: Vec<_> = if name == key::span::STT { transcripts.collect() } else { Vec::new() };
    if !transcripts.is_empty() {
        return transcripts;
    }
    let listens = |span: &Span| name == key::span::STT && row::is_stream(span);
    let spans = rows().filter(|(_, span)| span.name == name && !span.is_open && !listens(span));
    spans.map(|(at, span)| (row::length(span), at)).collect()
}

/// The time of each stage, summed over its spans, and the longest span of all.
fn stages(tree: &Tree) -> Line {
    let mut items = Vec::new();
    for name in STAGES {
        let times = times(tree, name);
        let sum = times.iter().map(|(time, _)| *time).fold(0, u64::saturating_add);
        match times.len() {
            0 => {}
            1 => items.push((row::paint(name), format!("{name} {}", text::duration(sum)))),
            count => items.push((row::paint(name), format!("{name} {} in {count}", text::duration(sum)))),
        }
    }
    if let Some(longest) = longest(tree).filter(|_| items.len() > 1) {
        items.push((Paint::Plain, longest));
    }
    Line { heading: "stages", items }
}

fn longest(tree: &Tree) -> Option<String> {
    let stage = |name| times(tree, name).into_iter().map(move |(time, at)| (time, Reverse(at), name));
    let (time, Reverse(at), name) = STAGES.into_iter().flat_map(stage).max()?;
    let (_, span) = &tree.rows[at];
    // What a turn waited for its transcript is told by the turn itself.
    let is_of_turn = span.name == key::span::TURN;
    let detail = match name {
        key::span::TOOL_CALL => None,
        _ if is_of_turn => None,
        _ => row::service(span).pop(),
    };
    let name = if is_of_turn { name.into() } else { row::name(span) };
    let name = [Some(name), detail].into_iter().flatten().collect::<Vec<Cow<'_, str>>>().join(" ");
    let (name, _) = text::clip(&name, LONGEST_NAME);
    let mut earlier = tree.rows[..=at].iter().rev().map(|(_, span)| span);
    let turn = earlier.find(|span| span.name == key::span::TURN);
    let place = turn.map(|turn| format!(" in {}", row::name(turn))).unwrap_or_default();
    Some(format!("longest: {name} {}{place}", text::duration(time)))
}

/// Columns that the name of the longest span, or an id, may take.
const LONGEST_NAME: usize = 40;

/// From the caller's last word to the first audio, over all turns.
fn latency(tree: &Tree) -> Line {
    let times = latencies(tree);
    let items = match times[..] {
        [] => Vec::new(),
        [(time, _)] => vec![format!("voice-to-voice {}", text::duration(time))],
        [.., (worst, at)] => {
            let (median, _) = times[rank(times.len(), 50)];
            let turn = row::name(&tree.rows[at].1);
            let median = format!("voice-to-voice median {}", text::duration(median));
            vec![median, format!("worst {} in {turn}", text::duration(worst))]
        }
    };
    let items = items.into_iter().chain(largest(tree));
    Line { heading: "latency", items: items.map(|item| (Paint::Plain, item)).collect() }
}

/// The part that took most of the time over all turns, where it was measured.
fn largest(tree: &Tree) -> Option<String> {
    let mut sums = [0_u64; key::TURN_LATENCY_PARTS.len()];
    for (place, time) in tree.rows.iter().flat_map(|(_, span)| row::parts(span)) {
        sums[place] = sums[place].saturating_add(time);
    }
    let (place, most) =
        sums.iter().copied().enumerate().max_by_key(|(_, time)| *time).filter(|(_, time)| *time > 0)?;
    let all = sums.iter().copied().fold(0, u64::saturating_add);
    Some(format!(
        "largest part {} ({} %)",
        row::part(place),
        most.saturating_mul(100).saturating_add(all / 2) / all
    ))
}

pub(super) const BARS: &str = "bars";

/// What the two kinds of line in a bar mean, where there are two.
fn legend(tree: &Tree) -> Line {
    let streamed = tree.rows.iter().any(|(_, span)| row::is_stream(span));
    let items = ["─ until the first chunk", "█ after it"].map(|item| (Paint::Dim, item.to_owned()));
    Line { heading: BARS, items: if streamed { items.into() } else { Vec::new() } }
}

/// What finds the conversation again: the trace in a backend, the call in Cekura.
fn ids(tree: &Tree) -> Line {
    let mut items: Vec<_> = traces(tree).into_iter().map(|id| (Paint::Plain, id)).collect();
    if let Some(call) = call_id(tree) {
        items.push((Paint::Plain, format!("call {}", text::clip(&call, LONGEST_NAME).0)));
    }
    Line { heading: "trace", items }
}

/// The ids of all traces, as they are written.
pub(super) fn traces(tree: &Tree) -> Vec<String> {
    let roots = tree.rows.iter().filter(|(depth, _)| *depth == 0);
    let mut known = HashSet::new();
    let ids = roots.map(|(_, span)| span.head.trace_id).filter(|id| known.insert(*id));
    ids.map(|id| id.to_string()).collect()
}

/// The id under which the agent knows the call.
pub(super) fn call_id(tree: &Tree) -> Option<Cow<'_, str>> {
    tree.rows.iter().find_map(|(_, span)| row::string(span, key::CALL_ID))
}
