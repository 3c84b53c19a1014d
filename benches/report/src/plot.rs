//! Writes rows of figures with their spread as a self-contained SVG file, which follows the reader's choice of
//! light or dark.

use crate::statistics::{Spread, digits};
use crate::table::wrap;
use std::fmt::Write;

/// Bars side by side: a row for each name, a column for each panel.
pub struct Plot {
    pub title: String,
    pub panels: Vec<Panel>,
    pub rows: Vec<Row>,
    /// Where and how it was measured.
    pub facts: String,
}

/// What a column shows.
pub struct Panel {
    pub heading: String,
    /// A line that all bars are compared with.
    pub reference: Option<f64>,
}

pub struct Row {
    pub name: String,
    /// Drawn in the colour that is looked for first.
    pub is_ours: bool,
    /// One to a panel.
    pub bars: Vec<Option<Spread>>,
}

const WIDTH: f64 = 960.0;
const NAMES: f64 = 172.0;
const ROW: f64 = 22.0;
const TOP: f64 = 84.0;
/// Room for a figure after the longest bar.
const FIGURE: f64 = 50.0;
const STYLE: &str = "
  svg { --paper: #ffffff; --ink: #1f2328; --faint: #59636e; --line: #d1d9e0; --ours: #0969da; --other: #9aa5b1 }
  @media (prefers-color-scheme: dark) {
    svg { --paper: #0d1117; --ink: #f0f6fc; --faint: #9198a1; --line: #3d444d; --ours: #4493f8; --other: #656c76 }
  }
  text { font: 12px system-ui, -apple-system, 'Segoe UI', sans-serif; fill: var(--ink) }
  .title { font-size: 16px; font-weight: 600 } .faint { fill: var(--faint) } .ours { font-weight: 600 }
  .end { text-anchor: end } rect.paper { fill: var(--paper) } rect.ours { fill: var(--ours) }
  rect.other { fill: var(--other) } path { stroke: var(--line) } path.spread { stroke: var(--ink) }
";

impl Plot {
    pub fn svg(&self) -> String {
        let facts = wrap(&self.facts, 150);
        let bottom = TOP + ROW * self.rows.len() as f64;
        let height = bottom + 30.0 + 16.0 * facts.lines().count() as f64;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
             <title>{0}</title>\n<style>{STYLE}</style>\n<rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\"/>\n",
            escaped(&self.title)
        );
        text(&mut svg, 16.0, 30.0, "title", &self.title);
        for (at, row) in self.rows.iter().enumerate() {
            let class = if row.is_ours { "end ours" } else { "end" };
            text(&mut svg, NAMES - 10.0, TOP + ROW * at as f64 + 15.0, class, &row.name);
        }
        let room = (WIDTH - NAMES) / self.panels.len() as f64;
        for (at, panel) in self.panels.iter().enumerate() {
            self.panel(&mut svg, at, panel, NAMES + room * at as f64, room - FIGURE, bottom);
        }
        for (at, line) in facts.lines().enumerate() {
            text(&mut svg, 16.0, bottom + 32.0 + 16.0 * at as f64, "faint", line);
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn panel(&self, svg: &mut String, at: usize, panel: &Panel, left: f64, room: f64, bottom: f64) {
        for (line, words) in wrap(&panel.heading, 30).lines().enumerate() {
            text(svg, left, TOP - 26.0 + 15.0 * line as f64, "faint", words);
        }
        let bars = || self.rows.iter().map(|row| row.bars[at]);
        let longest = bars().flatten().map(|bar| bar.median).fold(f64::MIN_POSITIVE, f64::max);
        let scale = |value: f64| room * value.min(longest * 1.05) / longest;
        for (row, bar) in bars().enumerate() {
            let top = TOP + ROW * row as f64;
            let Some(bar) = bar else {
                text(svg, left + 6.0, top + 15.0, "faint", "–");
                continue;
            };
            let class = if self.rows[row].is_ours { "ours" } else { "other" };
            let _ = writeln!(
                svg,
                "<rect class=\"{class}\" x=\"{left:.1}\" y=\"{:.1}\" width=\"{:.1}\" height=\"14\" rx=\"2\"/>",
                top + 4.0,
                scale(bar.median).max(1.0)
            );
            if bar.high > bar.low {
                let (from, to) = (left + scale(bar.low), left + scale(bar.high));
                let _ = writeln!(svg, "<path class=\"spread\" d=\"M{from:.1} {0:.1}H{to:.1}\"/>", top + 11.0);
            }
            let end = left + scale(bar.median.max(bar.high)) + 6.0;
            text(svg, end, top + 15.0, if class == "ours" { class } else { "" }, &digits(bar.median));
        }
        let line = left + panel.reference.map_or(0.0, scale);
        let _ = writeln!(
            svg,
            "<path d=\"M{left:.1} {TOP}V{bottom}M{line:.1} {TOP}V{bottom}\" stroke-dasharray=\"2 3\"/>"
        );
    }
}

fn text(svg: &mut String, x: f64, y: f64, class: &str, words: &str) {
    let _ = writeln!(svg, "<text class=\"{class}\" x=\"{x:.1}\" y=\"{y:.1}\">{}</text>", escaped(words));
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
