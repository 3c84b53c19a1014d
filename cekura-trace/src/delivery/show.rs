//! Shows a whole conversation: draws it on standard error, and keeps it as a page. Invariant: a span that is in neither is told
//! of. It runs on the terminal's thread only, for whoever reads standard error may be slow.

use super::config::{Drawing, Settings};
use super::ledger::DropReason;
use super::notices::Listening;
use super::own_events::OwnEvents;
use super::side::Side;
use super::tap::Seen;
use super::terminal::Show;
use crate::finished::{Span, Tree, records};
use crate::local::{self, Folder, Kept, SoundFile, Style};
use crate::lock::locked;
use crate::semconv::resource;
use opentelemetry::trace::SpanId;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

/// Where pages are kept, from where the handle was made.
const PAGES: &str = "cekura-traces";

/// What a span takes while it is shown, on the page and in the drawing: so many bytes, and more for each byte of its record.
const PER_SPAN: usize = 800;
const PER_BYTE: usize = 3;
/// What a page says until its recording is added.
const BEING_ADDED: &str = "it is being added: load the page again in a moment";
/// What may be taken beside the memory limit.
const SPARE: usize = 4 << 20;

/// Shows conversations as local mode does.
pub(super) fn show(settings: &Settings, events: OwnEvents) -> Box<Show> {
    let (no_color, drawing) = (settings.no_color, settings.drawing);
    let why_local =
        settings.why_local.map(|why| local::line("local", format!("all stays on this machine: {why}")));
    let why_local = Mutex::new(why_local);
    let pages = Pages {
        folder: Folder::new(PAGES).of_program(program(settings)),
        events,
        told: AtomicBool::new(false),
    };
    let limit = settings.memory_limit;
    let unrecorded = unrecorded(settings);
    Box::new(move |spans, call_log, sound, tell| {
        let (spans, missing) = fitting(spans, limit);
        let tree = Tree::from(spans);
        let mut drawn = match drawing {
            Drawing::Off => String::new(),
            _ => local::draw(&tree, &Style::of_standard_error(no_color, drawing.is_whole())),
        };
        // Rendering takes a while, and the process may end meanwhile.
        let (sound, why) = match sound {
            Some(Ok(sound)) => (Some(sound), BEING_ADDED),
            Some(Err(why)) => (None, why),
            None => (None, unrecorded),
        };
        let (kept, line) = pages.add(&tree, call_log, Err(why), None);
        drawn += &line;
        if missing > 0 {
            drawn +=
                &local::line("page", format!("without {missing} spans: raise .memory_limit(…) to see them"));
        }
        // Once, below the first.
        drawn += &locked(&why_local).take().unwrap_or_default();
        let is_seen = drawing != Drawing::Off && local::print(&drawn);
        if !is_seen && kept.is_none() {
            return Err(DropReason::Unreachable);
        }
        let mut is_heard = false;
        if let (Some(page), Some(sound)) = (kept, sound) {
            tell(Ok(Seen { missing, is_heard: None }));
            is_heard = pages.add(&tree, call_log, Ok(sound), Some(&page)).0.is_some_and(|page| page.is_heard);
        }
        Ok(Seen { missing, is_heard: Some(is_heard) })
    })
}

/// Lines that wait for whoever reads standard error.
const LINES: usize = 64;

/// Says on standard error where `cekura dev` shows a call that has begun, where conversations are drawn there.
pub(super) fn listening(settings: &Settings) -> impl Fn(Listening) + Send + Sync + use<> {
    let is_silent = !settings.mode.draws() || settings.drawing == Drawing::Off;
    let lines = Side::new("cekura-lines", |line: String| _ = local::print(&line));
    move |listening| {
        let line = match listening {
            Listening::Shows(page) => local::line("live", page),
            Listening::Unused(origin) => local::line(
                "live",
                format!(
                    "cekura dev at {origin} is sent nothing: CEKURA_MODE=cloud,local shows calls there as they run"
                ),
            ),
        };
        if !is_silent {
            lines.push(line, LINES);
        }
    }
}

/// The environment's key in older conventions.
const OLD_ENVIRONMENT: &str = "deployment.environment";

/// What is known of the program that takes the calls, each with its title.
fn program(settings: &Settings) -> Vec<(&'static str, String)> {
    let known = |keys: &[&str]| keys.iter().find_map(|key| settings.resource.get(*key)).cloned();
    let all = [
        ("service", known(&[resource::SERVICE_NAME])),
        ("version", known(&[resource::SERVICE_VERSION])),
        ("environment", known(&[resource::DEPLOYMENT_ENVIRONMENT_NAME, OLD_ENVIRONMENT])),
    ];
    all.into_iter().filter_map(|(title, value)| Some((title, value?))).collect()
}

/// Why a call has no recording of which nothing was told.
#[cfg(feature = "audio")]
fn unrecorded(settings: &Settings) -> &'static str {
    if settings.audio.is_none() {
        "calls are not recorded: write .audio(Audio::stereo()), or set CEKURA_AUDIO=true"
    } else {
        "a call is recorded only with `observe`, where content is, and unless its caller refuses"
    }
}

#[cfg(not(feature = "audio"))]
fn unrecorded(_: &Settings) -> &'static str {
    "this build lacks the feature `audio` of cekura-trace"
}

/// The spans that can be shown beside their records: the roots, and of the others as many as there is memory for. And how
/// many there are more.
fn fitting(spans: &[u8], limit: usize) -> (Vec<Span>, u64) {
    let (mut room, mut shown, mut missing) =
        (limit.saturating_add(SPARE).saturating_sub(spans.len()), Vec::new(), 0);
    for (record, bytes) in records(spans) {
        let takes = PER_SPAN + PER_BYTE * bytes;
        if takes <= room || record.head.parent_id == SpanId::INVALID {
            room = room.saturating_sub(takes);
            shown.push(Span::from(&record));
        } else {
            missing += 1;
        }
    }
    (shown, missing)
}

struct Pages {
    folder: Folder,
    events: OwnEvents,
    /// Whether an event has said that no page could be written, since one could.
    told: AtomicBool,
}

impl Pages {
    /// Writes a page, in place of the one before; the line says where it is, or why there is none.
    fn add(
        &self,
        tree: &Tree,
        call_log: Option<&[u8]>,
        sound: Result<SoundFile, &str>,
        before: Option<&Kept>,
    ) -> (Option<Kept>, String) {
        let added = self.folder.add(tree, call_log, sound, before);
        let told = self.told.swap(added.is_err(), Ordering::Relaxed);
        match added {
            Ok(kept) => {
                let line =
                    kept.as_ref().map(|kept| local::line("page", kept.path.display())).unwrap_or_default();
                (kept, line)
            }
            Err(error) => {
                let failure = format!("no page can be written to {}: {error}", self.folder);
                let line = local::line("page", &failure);
                if !told {
                    self.events.emit(move || tracing::warn!(target: "cekura", "{failure}"));
                }
                (None, line)
            }
        }
    }
}
