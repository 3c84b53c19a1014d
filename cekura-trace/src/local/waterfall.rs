//! Draws a tree of spans: the tree and the bars on one time axis. Invariant: no line is wider than the style
//! allows.
//!
//! From 160 columns on, a span takes one line, with its words at the end. Below 160 columns the words have a
//! line of their own, so that both bars and words have enough room. Below 64 columns the tokens are on that
//! line too.

use super::axis::Axis;
use super::row::{Piece, Row, Streams};
use super::style::{Canvas, Paint, Style};
use super::{summary, text, turns};
use crate::finished::Tree;
use std::borrow::Cow;

/// Draws a conversation, or whatever spans the tree holds. No line is wider than the style says, but for a width
/// below 40 columns.
pub(crate) fn draw(tree: &Tree, style: &Style) -> String {
    let mut canvas = Canvas::new(style.colour);
    if tree.rows.is_empty() {
        return canvas.finish();
    }
    let streams = Streams::of(tree);
    let rows: Vec<_> = tree.rows.iter().map(|(_, span)| Row::new(span, &streams)).collect();
    let trunks = trunks(tree);
    let columns = Columns::new(tree, &rows, style.width.max(NARROWEST));
    let axis = Axis::new(tree, columns.bar);

    canvas.end_line();
    let (number, mut footer) = (turns::count(tree), summary::lines(tree));
    if number > 0 && !style.is_whole.unwrap_or(number <= FEW) {
        turns::lines(&mut canvas, tree, columns.width);
        canvas.end_line();
        let hint =
            format!("one line for each turn: CEKURA_DRAW=full draws {}", text::plural(rows.len(), "span"));
        footer.retain(|line| line.heading != summary::BARS);
        footer.push(summary::Line { heading: "drawn", items: vec![(Paint::Dim, hint)] });
        columns.footer(&mut canvas, footer);
        return canvas.finish();
    }
    columns.heading(&mut canvas, tree, &axis);
    let mut open = Vec::new();
    for (at, (row, (depth, _))) in rows.iter().zip(&tree.rows).enumerate() {
        open.truncate(*depth);
        open.resize(*depth + 1, false);
        open[*depth] = trunks[at];
        let parent = tree.rows.get(at + 1).is_some_and(|(next, _)| next > depth);
        columns.row(&mut canvas, row, &Guides { open: &open, parent, levels: columns.levels }, &axis);
    }
    canvas.end_line();
    columns.footer(&mut canvas, footer);
    canvas.finish()
}

const NARROWEST: usize = 40;
/// Turns of which each span is drawn.
const FEW: usize = 8;
/// From here on the tokens have a column.
const WITH_COUNTS: usize = 64;
/// From here on the words have a column.
const WITH_WORDS: usize = 160;
/// `12.3 s` with its unit aligned, and a blank on its left.
const DURATION: usize = 9;

/// For each row whether a sibling comes after it.
fn trunks(tree: &Tree) -> Vec<bool> {
    let mut later: Vec<bool> = Vec::new();
    let mut trunks: Vec<_> = tree
        .rows
        .iter()
        .rev()
        .map(|(depth, _)| {
            later.truncate(depth + 1);
            later.resize(depth + 1, false);
            std::mem::replace(&mut later[*depth], true)
        })
        .collect();
    trunks.reverse();
    trunks
}

/// The lines of the tree left of a name.
struct Guides<'a> {
    /// For the row and each row above it in the tree, whether a sibling comes after it.
    open: &'a [bool],
    parent: bool,
    /// Levels that have room; deeper rows say their depth as a number.
    levels: usize,
}

impl Guides<'_> {
    fn depth(&self) -> usize {
        self.open.len() - 1
    }

    fn trunk(open: bool) -> &'static str {
        if open { "│ " } else { "  " }
    }

    /// In front of the name. A root has nothing.
    fn name(&self) -> String {
        let depth = self.depth();
        if depth > self.levels {
            let shown = self.open[1..=self.levels].iter().map(|open| Self::trunk(*open));
            return shown.collect::<String>() + &format!("⋯{depth} ");
        }
        let Some((last, above)) = self.open[1..].split_last() else { return String::new() };
        let above: String = above.iter().map(|open| Self::trunk(*open)).collect();
        above + if *last { "├ " } else { "└ " }
    }

    /// In front of the words under the name.
    fn words(&self) -> String {
        let shown = self.depth().min(self.levels);
        let above = self.open[1..=shown].iter().map(|open| Self::trunk(*open));
        above.collect::<String>() + Self::trunk(self.parent && self.depth() < self.levels)
    }
}

/// Columns that [`Guides::name`] takes.
fn guide_width(depth: usize, levels: usize) -> usize {
    if depth > levels { levels * 2 + 2 + depth.to_string().len() } else { depth * 2 }
}

/// How many columns each part of a line has.
struct Columns {
    width: usize,
    label: usize,
    levels: usize,
    bar: usize,
    counts: usize,
    /// On the row's own line, or below it.
    words: Option<usize>,
}

impl Columns {
    fn new(tree: &Tree, rows: &[Row<'_>], width: usize) -> Self {
        let most = (width * 36 / 100).min(48);
        let levels = (most / 4).saturating_sub(1).max(1);
        let label = |(row, (depth, _)): (&Row<'_>, &(usize, _))| {
            let service = row.service.first().map_or(0, |service| text::clip(service, most).1 + 1);
            guide_width(*depth, levels) + text::clip(&row.name, most).1 + service
        };
        let label = rows.iter().zip(&tree.rows).map(label).max().unwrap_or(0).clamp(12, most);
        let counts = rows.iter().map(|row| row.counts.chars().count()).max().unwrap_or(0);
        let counts = if counts == 0 || width < WITH_COUNTS { 0 } else { counts.max(COUNTS.len()) + 2 };
        let rest = width - label - 2 - DURATION - counts;
        let bar = if width < WITH_WORDS { rest } else { (rest * 2 / 5).min(72) };
        let words = (width >= WITH_WORDS).then(|| rest - bar - 2);
        Self { width, label, levels, bar, counts, words }
    }

    fn heading(&self, canvas: &mut Canvas, tree: &Tree, axis: &Axis) {
        let call = summary::call_id(tree).unwrap_or_default();
        let (call, used) = text::clip(&call, self.label);
        canvas.put(Paint::Bold, &call, used);
        canvas.to(self.label + 2);
        canvas.put(Paint::Dim, &axis.ruler(), self.bar);
        if self.counts > 0 {
            canvas.to(self.label + 2 + self.bar + DURATION + self.counts - COUNTS.len());
            canvas.put(Paint::Dim, COUNTS, COUNTS.len());
        }
        canvas.end_line();
    }

    fn row(&self, canvas: &mut Canvas, row: &Row<'_>, guides: &Guides<'_>, axis: &Axis) {
        self.label(canvas, row, guides);
        let left = self.label + 2;
        let (at, bar) = axis.bar(&row.bar);
        canvas.to(left + at);
        let sign = row.bar.sign.map_or("", |sign| &bar[bar.len() - sign.len_utf8()..]);
        let body = &bar[..bar.len() - sign.len()];
        let paint = if row.paint == Paint::Bold { Paint::Plain } else { row.paint };
        canvas.put(paint, body, body.chars().count());
        let sign_paint = if sign.starts_with('✗') { Paint::Error } else { Paint::Interrupted };
        canvas.put(sign_paint, sign, sign.chars().count());
        canvas.to(left + self.bar + 1);
        let duration = match row.duration.split_once(' ') {
            Some((number, unit)) => format!("{number:>5} {unit:<2}"),
            None => format!("{:>7} ", row.duration),
        };
        canvas.put(Paint::Plain, duration.trim_end(), duration.trim_end().chars().count());
        if self.counts > 0 && !row.counts.is_empty() {
            let used = row.counts.chars().count();
            canvas.to(left + self.bar + DURATION + self.counts - used);
            canvas.put(Paint::Plain, &row.counts, used);
        }
        self.words(canvas, row, guides);
        canvas.end_line();
    }

    fn label(&self, canvas: &mut Canvas, row: &Row<'_>, guides: &Guides<'_>) {
        let guide = guides.name();
        canvas.put(Paint::Dim, &guide, guide.chars().count());
        let (name, used) = text::clip(&row.name, self.label.saturating_sub(canvas.used()));
        canvas.put(row.paint, &name, used);
        let room = self.label.saturating_sub(canvas.used() + 1);
        let fitting = row.service.iter().find(|service| text::clip(service, room + 1).1 <= room);
        if let Some(service) = fitting.or(row.service.last()).filter(|_| room >= 4 || fitting.is_some()) {
            let (service, used) = text::clip(service, room);
            canvas.to(canvas.used() + 1);
            canvas.put(Paint::Dim, &service, used);
        }
    }

    fn words(&self, canvas: &mut Canvas, row: &Row<'_>, guides: &Guides<'_>) {
        if let Some(room) = self.words {
            canvas.to(self.width - room);
            return put_words(canvas, &row.words, room);
        }
        let mut words = Cow::Borrowed(&row.words);
        if self.counts == 0 && !row.counts.is_empty() {
            let after = match (row.counts.contains('→'), words.is_empty()) {
                (false, false) => " ·",
                (false, true) => "",
                (true, false) => " tokens ·",
                (true, true) => " tokens",
            };
            let counts = Piece { paint: Paint::Plain, before: "", text: row.counts.as_str().into(), after };
            words.to_mut().insert(0, counts);
        }
        if !words.is_empty() {
            canvas.end_line();
            let guide = guides.words();
            canvas.put(Paint::Dim, guide.trim_end(), guide.trim_end().chars().count());
            canvas.to(guide.chars().count());
            put_words(canvas, &words, self.width - canvas.used());
        }
    }

    fn footer(&self, canvas: &mut Canvas, lines: Vec<summary::Line>) {
        for line in lines {
            canvas.put(Paint::Dim, line.heading, line.heading.len());
            canvas.to(HEADING);
            for (at, (paint, item)) in line.items.into_iter().enumerate() {
                let (item, used) = text::clip(&item, self.width - HEADING);
                if at > 0 && canvas.used() + 3 + used > self.width {
                    canvas.end_line();
                    canvas.to(HEADING);
                } else if at > 0 {
                    canvas.put(Paint::Dim, " · ", 3);
                }
                canvas.put(paint, &item, used);
            }
            canvas.end_line();
        }
    }
}

const COUNTS: &str = "tokens";
/// Columns of the headings below the bars.
const HEADING: usize = 9;

/// Writes the pieces with blanks between them.
fn put_words(canvas: &mut Canvas, words: &[Piece<'_>], room: usize) {
    let start = canvas.used();
    for (piece, share) in words.iter().zip(shares(words, room)) {
        let (text, used) = text::clip(&piece.text, share);
        if used > 0 && canvas.used() - start + frame(piece) + used <= room {
            canvas.put(piece.paint, &format!("{}{text}{}", piece.before, piece.after), frame(piece) + used);
            canvas.to(canvas.used() + 1);
        }
    }
}

/// How many columns each piece's text may take. When they do not all fit, an error gives way last, and the others
/// share the rest: short ones stay whole.
fn shares(words: &[Piece<'_>], room: usize) -> Vec<usize> {
    let frames: usize = words.iter().map(|piece| frame(piece) + 1).sum();
    let mut left = (room + 1).saturating_sub(frames);
    let mut shares: Vec<_> = words.iter().map(|piece| text::clip(&piece.text, left).1).collect();
    let mut order: Vec<_> = (0..words.len()).collect();
    order.sort_by_key(|at| (words[*at].paint != Paint::Error, shares[*at]));
    for (done, at) in order.into_iter().enumerate() {
        let fair = left / (words.len() - done);
        let most = if words[at].paint == Paint::Error { left * 3 / 4 } else { fair };
        shares[at] = shares[at].min(most.max(fair));
        left -= shares[at];
    }
    shares
}

/// Columns of what stands around a piece's text.
fn frame(piece: &Piece<'_>) -> usize {
    piece.before.chars().count() + piece.after.chars().count()
}
