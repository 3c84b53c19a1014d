//! Writes rows of figures as a table: for a terminal, in blocks that fit its width, or as Markdown.

use std::fmt::Write;

/// A table whose first column names the rows.
#[derive(Default)]
pub struct Table {
    /// What it shows, in one sentence.
    pub caption: String,
    pub headings: Vec<String>,
    pub rows: Vec<Vec<String>>,
    /// Whether its cells are words, not figures.
    pub is_text: bool,
}

impl Table {
    pub fn new(caption: impl Into<String>, headings: &[&str]) -> Self {
        let headings = headings.iter().map(ToString::to_string).collect();
        Self { caption: caption.into(), headings, ..Self::default() }
    }

    pub fn row(&mut self, name: impl Into<String>, cells: impl IntoIterator<Item = String>) {
        self.rows.push([name.into()].into_iter().chain(cells).collect());
    }

    /// In blocks of at most so many columns of characters.
    pub fn text(&self, width: usize) -> String {
        let lines: Vec<&Vec<String>> = [&self.headings].into_iter().chain(&self.rows).collect();
        let widths: Vec<usize> = (0..self.headings.len())
            .map(|column| lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0))
            .collect();
        let mut text = format!("{}\n", wrap(&self.caption, width));
        let mut from = 1;
        while from < widths.len() {
            let mut room = width.saturating_sub(widths[0]);
            let fits = widths[from..].iter().take_while(|column| {
                let fits = room >= **column + 2;
                room = room.saturating_sub(**column + 2);
                fits
            });
            let to = from + fits.count().max(1);
            for (at, line) in lines.iter().enumerate() {
                let _ = write!(text, "{:<1$}", line[0], widths[0]);
                for column in from..to {
                    // Figures end where their heading ends, words begin where it begins.
                    let room = widths[column];
                    let _ = match self.is_text {
                        true => write!(text, "  {}", line[column]),
                        false => write!(text, "  {:>room$}", line[column]),
                    };
                }
                text.push('\n');
                if at == 0 {
                    let rule = widths[0] + widths[from..to].iter().map(|column| column + 2).sum::<usize>();
                    let _ = writeln!(text, "{}", "─".repeat(rule));
                }
            }
            text.push('\n');
            from = to;
        }
        text
    }

    pub fn markdown(&self) -> String {
        let mut text = format!("{}\n\n| {} |\n|", self.caption, self.headings.join(" | "));
        for column in 0..self.headings.len() {
            text.push_str(if column == 0 || self.is_text { " --- |" } else { " ---: |" });
        }
        text.push('\n');
        for row in &self.rows {
            let _ = writeln!(text, "| {} |", row.join(" | "));
        }
        text
    }
}

/// Breaks between words.
pub fn wrap(text: &str, width: usize) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("at least one");
        if !line.is_empty() && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(word.to_owned());
        } else {
            line.push_str(if line.is_empty() { "" } else { " " });
            line.push_str(word);
        }
    }
    lines.join("\n")
}

/// The width of the terminal, or 100 where the output is none.
pub fn terminal_width() -> usize {
    terminal_size::terminal_size().map_or(100, |(width, _)| width.0.into())
}
