//! The page of a call for the command `cekura dev`, and what is on it, from spans as the SDK has them. Nothing here is for people: it changes without
//! notice. Invariant: it is the page that local mode writes, by the same code.

use crate::delivery::processor::record;
use crate::finished::{Span, Tree, records};
use crate::local::{self, Around, SoundFile, write_page};
use crate::policy::CaptureContent;
use opentelemetry::trace::SpanId;
use opentelemetry_sdk::trace::SpanData;
use serde_json::Value;
use std::io::{self, Write};

/// The colours of the stages, as properties of CSS for both themes.
pub const COLOURS: &str = local::COLOURS;

/// A script's functions that write numbers and make elements.
pub const FORMAT: &str = local::FORMAT;

/// The recording of a call: its media type, and the parts of its file.
pub type Sound = (&'static str, Box<dyn Iterator<Item = io::Result<Vec<u8>>> + Send>);

/// Writes the page of a call with its spans, of which those that are open grow where it is live, its call log, which is JSON, its
/// recording, or why there is none, and the program that took it: its service, version and environment, each with its title.
///
/// # Errors
///
/// When it cannot be written, or the recording cannot be read.
pub fn write(
    to: &mut impl Write,
    spans: Vec<SpanData>,
    is_open: impl Fn(SpanId) -> bool,
    is_live: bool,
    call_log: Option<&[u8]>,
    sound: Result<Sound, &str>,
    program: &[(&'static str, String)],
) -> io::Result<()> {
    let sound = sound.map(|(media_type, parts)| SoundFile {
        media_type,
        parts: Box::new(parts.map(|part| part.map(Into::into))),
    });
    write_page(
        to,
        &tree(spans, is_open),
        call_log,
        sound,
        program,
        if is_live { Around::Live } else { Around::Still },
    )
}

/// What the page of a call shows, as the JSON that its script reads: the spans in the order of the tree, who said what, how long
/// each stage took. Times are nanoseconds since the first span began.
#[must_use]
pub fn data(spans: Vec<SpanData>, call_log: Option<&[u8]>, program: &[(&'static str, String)]) -> Value {
    local::page_data(&tree(spans, |_| false), call_log, program)
}

fn tree(spans: Vec<SpanData>, is_open: impl Fn(SpanId) -> bool) -> Tree {
    let mut tree = Vec::with_capacity(spans.len());
    for span in spans {
        let record = record(span, CaptureContent::Full);
        let spans = records(&record).map(|(record, _)| Span::from(&record));
        tree.extend(spans.map(|span| Span { is_open: is_open(span.head.span_id), ..span }));
    }
    Tree::from(tree)
}
