//! Writes a finished conversation as one HTML file. Invariant: the file needs nothing else, no network either.
//!
//! ```text
//! Tree and call log → transcript (who said what) ─┐
//!      → stages (how long each took) ├→ data (JSON) → page: one file with its style and script
//! ```

use crate::finished::Tree;
use base64::engine::general_purpose::STANDARD;
use base64::write::EncoderWriter;
use prost::bytes::Bytes;
use serde_json::Value;
use std::io::{self, Write};

mod data;
pub(super) mod index;
mod stages;
#[cfg(test)]
mod tests;
mod transcript;

const TEMPLATE: &str = include_str!("page/page.html");
/// The colours of the stages, in both themes.
pub(crate) const COLOURS: &str = include_str!("page/colours.css");
const STYLE: &str = concat!(include_str!("page/colours.css"), include_str!("page/page.css"));
/// What both kinds of page need.
pub(crate) const FORMAT: &str = include_str!("page/format.js");
const SCRIPT: &str = concat!(
    include_str!("page/format.js"),
    include_str!("page/gradually.js"),
    include_str!("page/rows.js"),
    include_str!("page/axis.js"),
    include_str!("page/tree.js"),
    include_str!("page/details.js"),
    include_str!("page/transcript.js"),
    include_str!("page/logs.js"),
    include_str!("page/sound.js"),
    include_str!("page/totals.js"),
    include_str!("page/turns.js"),
    include_str!("page/live.js"),
    include_str!("page/page.js"),
);

/// The program that took a call: its service, version and environment, each with its title.
pub(crate) type Program = [(&'static str, String)];

/// Where a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Around {
    /// In a folder with a list of calls.
    Folder,
    /// In `cekura dev`, which has it grow while its call goes on.
    Live,
    /// Saved by `cekura dev`, or in it where nobody tells of the call any more.
    Still,
}

/// The recording of a call as a file that a page takes in. What goes wrong in its parts is shown in its place.
pub(crate) struct SoundFile {
    pub(crate) media_type: &'static str,
    pub(crate) parts: Box<dyn Iterator<Item = io::Result<Bytes>> + Send>,
}

/// Writes a conversation as a page, with its call log, if there is one, and its recording, or why there is none. Its script
/// and style carry a number that nobody could know before, and a browser runs and applies nothing else.
///
/// # Errors
///
/// When it cannot be written, or the recording cannot be read.
pub(crate) fn write(
    to: &mut impl Write,
    tree: &Tree,
    call_log: Option<&[u8]>,
    sound: Result<SoundFile, &str>,
    program: &Program,
    around: Around,
) -> io::Result<()> {
    let nonce = format!("{:032x}", rand::random::<u128>());
    let mut data = data::data(tree, parsed(call_log), sound.as_ref().err().copied(), program);
    data["list"] = (around == Around::Folder).into();
    data["live"] = (around == Around::Live).into();
    let data = inert(&data.to_string());
    let brief = index::brief(tree, program);
    let mut spans = String::new();
    for span in data::spans(tree) {
        spans.push_str(if spans.is_empty() { "" } else { "," });
        spans.push_str(&inert(&span.to_string()));
    }
    // Two objects in one.
    let data = data.trim_start_matches('{');
    let parts = [
        ("nonce", &*nonce),
        ("brief", &*brief),
        ("style", STYLE),
        ("spans", &*spans),
        ("data", data),
        ("script", SCRIPT),
    ];
    let (before, after) = TEMPLATE.split_once("{{sound}}").unwrap_or((TEMPLATE, ""));
    to.write_all(fill(before, &parts).as_bytes())?;
    if let Ok(SoundFile { media_type, parts }) = sound {
        write!(to, "<audio id=\"recording\" controls preload=\"auto\" src=\"data:{media_type};base64,")?;
        let mut encoder = EncoderWriter::new(&mut *to, &STANDARD);
        for part in parts {
            encoder.write_all(&part?)?;
        }
        encoder.finish()?;
        drop(encoder);
        to.write_all(b"\"></audio>")?;
    }
    to.write_all(fill(after, &parts).as_bytes())
}

/// What a page shows, but for the recording: all of it, with the spans.
pub(crate) fn json(tree: &Tree, call_log: Option<&[u8]>, program: &Program) -> Value {
    let mut all = data::data(tree, parsed(call_log), None, program);
    all["spans"] = data::spans(tree).collect();
    all
}

fn parsed(call_log: Option<&[u8]>) -> Value {
    call_log.and_then(|log| serde_json::from_slice(log).ok()).unwrap_or_default()
}

/// Puts each part where `{{its name}}` stands. What a part contains is not looked at again.
fn fill(template: &str, parts: &[(&str, &str)]) -> String {
    let room = parts.iter().map(|(_, part)| part.len()).sum::<usize>() + template.len();
    let mut page = String::with_capacity(room);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").unwrap_or((after, ""));
        page.push_str(before);
        page.extend(parts.iter().filter(|(known, _)| *known == name).map(|(_, part)| *part));
        rest = after;
    }
    page + rest
}

/// The same JSON without anything that could end or nest the element around it: `<` stands only in strings.
fn inert(json: &str) -> String {
    json.replace('<', "\\u003c").replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

/// One line of a transcript.
#[derive(Clone, Debug, PartialEq)]
struct Entry {
    role: Role,
    text: String,
    /// When it began, in nanoseconds since the Unix epoch.
    start: u64,
    /// Whether the text was cut at the content limit.
    truncated: bool,
    /// The row of the span that says so.
    row: Option<usize>,
    /// The row of the turn that it is in.
    turn: Option<usize>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Role {
    Agent,
    Tool,
    User,
}

impl Role {
    fn name(self) -> &'static str {
        match self {
            Self::Agent => "agent",
            Self::Tool => "tool",
            Self::User => "user",
        }
    }
}

/// The spans of one name.
#[derive(Clone, Debug, PartialEq)]
struct Stage<'a> {
    name: &'a str,
    count: usize,
    failed: usize,
    /// The row of the longest one.
    longest: usize,
    /// Of their lengths, in nanoseconds.
    spread: Spread,
    /// Of the times until the first chunk, in nanoseconds, where any streamed.
    first: Option<Spread>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Spread {
    count: usize,
    p50: u64,
    /// Where there are enough of them.
    p95: Option<u64>,
    most: u64,
}
