//! The page of a call for the command `cekura dev`, from spans as the SDK has them. Nothing here is for people: it changes without
//! notice. Invariant: it is the page that local mode writes, by the same code.

use crate::delivery::processor::record;
use crate::finished::{Span, Tree, records};
use crate::local::{SoundFile, write_page};
use crate::policy::CaptureContent;
use opentelemetry::trace::SpanId;
use opentelemetry_sdk::trace::SpanData;
use std::io::{self, Write};

/// The recording of a call: its media type, and the parts of its file.
pub type Sound = (&'static str, Box<dyn Iterator<Item = io::Result<Vec<u8>>> + Send>);

/// Writes the page of a call with its spans, of which those that are open go on up to now, its call log, which is JSON, its recording, or why there is none, and the program that took it:
/// its service, version and environment, each with its title.
///
/// # Errors
///
/// When it cannot be written, or the recording cannot be read.
pub fn write(
    to: &mut impl Write,
    spans: Vec<SpanData>,
    is_open: impl Fn(SpanId) -> bool,
    call_log: Option<&[u8]>,
    sound: Result<Sound, &str>,
    program: &[(&'static str, String)],
) -> io::Result<()> {
    let mut tree = Vec::with_capacity(spans.len());
    for span in spans {
        let record = record(span, CaptureContent::Full);
        let spans = records(&record).map(|(record, _)| Span::from(&record));
        tree.extend(spans.map(|span| Span { is_open: is_open(span.head.span_id), ..span }));
    }
    let sound = sound.map(|(media_type, parts)| SoundFile {
        media_type,
        parts: Box::new(parts.map(|part| part.map(Into::into))),
    });
    write_page(to, &Tree::from(tree), call_log, sound, program)
}
