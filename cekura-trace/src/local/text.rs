//! Makes any text safe to print and measures its width on a terminal. Invariant: no control character of a call
//! reaches the terminal.

use crate::one_line::is_invisible;
use unicode_width::UnicodeWidthChar as _;

/// Text in one line, without anything that a terminal obeys, at most `limit` columns wide and `…` where it was cut.
///
/// Runs of white space become one blank, control characters their pictures (`␛`), and invisible characters that
/// reorder or join what stands around them are left out. No more is read than fits.
pub(super) fn clip(text: &str, limit: usize) -> (String, usize) {
    let mut out = String::new();
    let (mut used, mut fitting, mut marks) = (0, (0, 0), 0);
    let mut blank = false;
    for each in text.chars() {
        if each.is_whitespace() {
            blank = !out.is_empty();
            continue;
        }
        let Some(visible) = visible(each) else { continue };
        let width = visible.width().unwrap_or(0);
        marks = if width == 0 { marks + 1 } else { 0 };
        if marks > MARKS || (width == 0 && (blank || out.is_empty())) {
            continue;
        }
        let wanted = used + usize::from(blank) + width;
        if wanted > limit {
            out.truncate(fitting.0);
            if limit > 0 {
                out.push('…');
            }
            return (out, (fitting.1 + 1).min(limit));
        }
        if std::mem::take(&mut blank) {
            out.push(' ');
        }
        out.push(visible);
        used = wanted;
        if used < limit {
            fitting = (out.len(), used);
        }
    }
    (out, used)
}

/// The most combining marks kept on one character.
const MARKS: usize = 2;

/// What stands for a character on the terminal.
fn visible(each: char) -> Option<char> {
    match each {
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(each)),
        '\u{7f}' => Some('␡'),
        '\u{80}'..='\u{9f}' => Some('\u{fffd}'),
        other => Some(other).filter(|other| !is_invisible(*other)),
    }
}

/// Nanoseconds as at most three digits and a unit, or minutes and seconds: `812 ms`, `4.82 s`, `18.4 s`, `2m05s`.
/// Never more than 8 columns.
pub(super) fn duration(nanoseconds: u64) -> String {
    let micros = nanoseconds.saturating_add(500) / 1_000;
    let millis = nanoseconds.saturating_add(500_000) / 1_000_000;
    let seconds = nanoseconds.saturating_add(500_000_000) / 1_000_000_000;
    match nanoseconds {
        0..999_500 => format!("{micros} µs"),
        999_500..999_500_000 => format!("{millis} ms"),
        999_500_000..9_995_000_000 => {
            let hundredths = nanoseconds.saturating_add(5_000_000) / 10_000_000;
            format!("{}.{:02} s", hundredths / 100, hundredths % 100)
        }
        9_995_000_000..59_950_000_000 => {
            let tenths = nanoseconds.saturating_add(50_000_000) / 100_000_000;
            format!("{}.{} s", tenths / 10, tenths % 10)
        }
        59_950_000_000..3_599_500_000_000 => format!("{}m{:02}s", seconds / 60, seconds % 60),
        3_599_500_000_000..360_000_000_000_000 => format!("{}h{:02}m", seconds / 3_600, seconds / 60 % 60),
        _ => format!("{}h", seconds / 3_600),
    }
}

/// A count in at most five characters up to a billion: `1204`, `12.3k`, `1.2M`.
pub(super) fn count(count: u64) -> String {
    match count {
        0..10_000 => count.to_string(),
        10_000..100_000 => format!("{}.{}k", count / 1_000, count / 100 % 10),
        100_000..1_000_000 => format!("{}k", count / 1_000),
        1_000_000..100_000_000 => format!("{}.{}M", count / 1_000_000, count / 100_000 % 10),
        _ => format!("{}M", count / 1_000_000),
    }
}

/// Tokens read and written, `1204→62`. A number that is not known is left out.
pub(super) fn tokens(input: Option<u64>, output: Option<u64>) -> String {
    let known = |number: Option<u64>| number.map(count).unwrap_or_default();
    format!("{}→{}", known(input), known(output))
}

/// `1 turn`, `3 turns`.
pub(super) fn plural(count: usize, one: &str) -> String {
    if count == 1 { format!("1 {one}") } else { format!("{count} {one}s") }
}
