//! One line for each turn of a long call: when it began, what its caller waited for, what he said. Invariant: no line is wider
//! than the style allows.

use super::row::{self, ERROR, INTERRUPTED};
use super::style::{Canvas, Paint};
use super::{axis, summary, text};
use crate::finished::{Span, Tree};
use crate::semconv as key;

/// Columns of the parts of a line.
const NAME: usize = 12;
const BEGAN: usize = 8;
const LATENCY: usize = 9;
const SIGNS: usize = 3;
/// The most columns of the bar; a share of the line.
const BAR: usize = 24;
const SHARE: usize = 8;

/// How many turns a tree has.
pub(super) fn count(tree: &Tree) -> usize {
    tree.rows.iter().filter(|(_, span)| span.name == key::span::TURN).count()
}

/// Draws the lines.
pub(super) fn lines(canvas: &mut Canvas, tree: &Tree, width: usize) {
    let (start, _) = axis::time_shown(tree);
    let worst = summary::latencies(tree).last().map_or(1, |(time, _)| (*time).max(1));
    let bar = (width / SHARE).min(BAR);
    heading(canvas, tree, bar);
    for (at, (depth, span)) in tree.rows.iter().enumerate() {
        if span.name != key::span::TURN {
            continue;
        }
        let inside = tree.rows[at..].iter().skip(1).take_while(|(below, _)| below > depth);
        let spans: Vec<_> = inside.map(|(_, span)| span).collect();
        canvas.put_text(Paint::Bold, &row::name(span), NAME);
        canvas.to(NAME + 1);
        let began = span.head.start.saturating_sub(start) / 1_000_000_000;
        canvas.put_text(Paint::Dim, &format!("{}:{:02}", began / 60, began % 60), BEGAN);
        canvas.to(NAME + 1 + BEGAN);
        put_bar(canvas, span, worst, bar);
        canvas.to(NAME + 1 + BEGAN + bar + 1);
        let left = canvas.used();
        let latency = row::latency(span).map_or_else(|| "–".to_owned(), text::duration);
        let paint = if row::is_slow(span) { Paint::Interrupted } else { Paint::Plain };
        canvas.to(left + LATENCY - 1 - latency.chars().count().min(LATENCY - 1));
        canvas.put_text(paint, &latency, LATENCY - 1);
        canvas.to(left + LATENCY);
        put_signs(canvas, span, &spans);
        canvas.to(left + LATENCY + SIGNS);
        put_words(canvas, span, &spans, width);
        canvas.end_line();
    }
}

fn heading(canvas: &mut Canvas, tree: &Tree, bar: usize) {
    let call = summary::call_id(tree).unwrap_or_default();
    canvas.put_text(Paint::Bold, &call, NAME);
    canvas.to(NAME + 1);
    canvas.put_text(Paint::Dim, "began", BEGAN);
    canvas.to(NAME + 1 + BEGAN);
    canvas.put_text(Paint::Dim, "voice-to-voice", bar + LATENCY + SIGNS);
    canvas.end_line();
}

/// The parts of the latency beside each other, as long as the turn is slow.
fn put_bar(canvas: &mut Canvas, span: &Span, worst: u64, width: usize) {
    let (left, latency) = (canvas.used(), row::latency(span).unwrap_or_default());
    let column = |time: u64| {
        let columns = u128::from(time) * width as u128 / u128::from(worst);
        left + usize::try_from(columns).map_or(width, |columns| columns.min(width))
    };
    let mut passed = 0_u64;
    for (place, time) in row::parts(span) {
        passed = passed.saturating_add(time).min(latency);
        let columns = column(passed).saturating_sub(canvas.used());
        let paint = row::part_paint(place);
        let cell = if paint == Paint::Dim { "░" } else { "█" };
        canvas.put(paint, &cell.repeat(columns), columns);
    }
    let rest = column(latency).saturating_sub(canvas.used());
    canvas.put(Paint::Plain, &"█".repeat(rest), rest);
}

fn put_signs(canvas: &mut Canvas, span: &Span, inside: &[&Span]) {
    if span.head.failed() || inside.iter().any(|span| span.head.failed()) {
        canvas.put(Paint::Error, &ERROR.to_string(), 1);
    }
    if row::interrupted(span) || row::was_interrupted(span) {
        canvas.put(Paint::Interrupted, &INTERRUPTED.to_string(), 1);
    }
}

/// Whether the turn is slow and of what, and what the caller said.
fn put_words(canvas: &mut Canvas, span: &Span, inside: &[&Span], width: usize) {
    let parts = row::shown_parts(span);
    if row::is_slow(span) {
        canvas.put_text(Paint::Interrupted, "slow", width.saturating_sub(canvas.used()));
        canvas.to(canvas.used() + 1);
    }
    let room = width.saturating_sub(canvas.used());
    let said = inside.iter().find_map(|span| row::string(span, key::STT_TRANSCRIPT));
    let words = if said.is_some() { room / 3 } else { 0 };
    canvas.put_text(Paint::Dim, &parts, room - words);
    if let Some(said) = said {
        canvas.to(canvas.used() + usize::from(!parts.is_empty()));
        let room = width.saturating_sub(canvas.used() + 2);
        if room > 3 {
            canvas.put(Paint::Plain, "“", 1);
            canvas.put_text(Paint::Plain, &said, room);
            canvas.put(Paint::Plain, "”", 1);
        }
    }
}
