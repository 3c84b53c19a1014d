//! Chooses width and colours for standard error. Invariant: output that is not a terminal gets no colours.

use super::text;
use std::io::IsTerminal as _;

/// How a drawing looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Style {
    /// Columns of the widest line.
    pub(crate) width: usize,
    pub(crate) colour: bool,
    /// Whether each span has a line, or only each turn; `None` for what suits the length of the call.
    pub(crate) is_whole: Option<bool>,
}

/// Columns where there is no terminal to ask: wide enough for the bars, narrow enough for a log viewer.
const PIPED: usize = 120;

impl Style {
    /// Fits standard error: the terminal's width and colours unless `no_color`, or 120 columns without colour when
    /// it is piped.
    pub(crate) fn of_standard_error(no_color: bool, is_whole: Option<bool>) -> Self {
        let stderr = std::io::stderr();
        let size = terminal_size::terminal_size_of(&stderr);
        let width = size.map_or(PIPED, |(width, _)| usize::from(width.0));
        Self { width, colour: stderr.is_terminal() && !no_color, is_whole }
    }
}

/// What a piece of text means, as one of the terminal's own 16 colours, which its owner chose for its background.
/// Every meaning is also said in words or signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    Bold,
    Dim,
    Error,
    Interrupted,
    Llm,
    Plain,
    S2s,
    Stt,
    ToolCall,
    Tts,
}

impl Paint {
    fn code(self) -> &'static str {
        match self {
            Self::Bold => "1",
            Self::Dim => "2",
            Self::Error => "31",
            Self::Interrupted => "33",
            Self::Llm => "35",
            Self::Plain => "",
            Self::S2s | Self::Tts => "32",
            Self::Stt => "36",
            Self::ToolCall => "94",
        }
    }
}

/// Lines of a drawing, written piece by piece.
#[derive(Debug)]
pub(super) struct Canvas {
    text: String,
    colour: bool,
    /// Columns used on the open line.
    used: usize,
    /// Columns owed to it, written only when something follows: no line ends in blanks.
    blank: usize,
}

impl Canvas {
    pub(super) fn new(colour: bool) -> Self {
        Self { text: String::new(), colour, used: 0, blank: 0 }
    }

    /// Appends `text`, which takes `width` columns.
    pub(super) fn put(&mut self, paint: Paint, text: &str, width: usize) {
        if text.is_empty() {
            return;
        }
        self.text.extend(std::iter::repeat_n(' ', self.blank));
        self.blank = 0;
        self.used += width;
        if self.colour && paint != Paint::Plain {
            self.text.extend(["\u{1b}[", paint.code(), "m", text, "\u{1b}[0m"]);
        } else {
            self.text.push_str(text);
        }
    }

    /// Appends anybody's text, at most `room` columns of it.
    pub(super) fn put_text(&mut self, paint: Paint, text: &str, room: usize) {
        let (text, used) = text::clip(text, room);
        self.put(paint, &text, used);
    }

    /// Moves on to `column`; stays where it is when that is past already.
    pub(super) fn to(&mut self, column: usize) {
        let by = column.saturating_sub(self.used);
        self.used += by;
        self.blank += by;
    }

    pub(super) fn used(&self) -> usize {
        self.used
    }

    pub(super) fn end_line(&mut self) {
        self.text.push('\n');
        self.used = 0;
        self.blank = 0;
    }

    pub(super) fn finish(self) -> String {
        self.text
    }
}
