//! Shows a whole conversation: draws it on standard error, and keeps it as a page. Invariant: it runs on the terminal's thread
//! only, for whoever reads standard error may be slow.

use super::config::Settings;
use super::own_events::OwnEvents;
use super::terminal::Show;
use crate::finished::{Span, Tree, records};
use crate::local::{self, Folder, Style};
use std::sync::atomic::{AtomicBool, Ordering};

/// Where pages are kept, from where the program runs.
const PAGES: &str = "cekura-traces";

/// Shows conversations as local mode does.
pub(super) fn show(settings: &Settings, events: OwnEvents) -> Box<Show> {
    let no_color = settings.no_color;
    let pages = Pages { folder: Folder::new(PAGES), events, told: AtomicBool::new(false) };
    Box::new(move |spans, call_log| {
        let spans: Vec<Span> = records(spans).map(|(record, _)| Span::from(&record)).collect();
        let tree = Tree::from(spans);
        let drawing = local::draw(&tree, &Style::of_standard_error(no_color));
        local::print(&(drawing + &pages.add(&tree, call_log)));
    })
}

struct Pages {
    folder: Folder,
    events: OwnEvents,
    /// Whether an event has said that no page could be written, since one could.
    told: AtomicBool,
}

impl Pages {
    /// Writes a page, and gives the line that says where it is, or why there is none.
    fn add(&self, tree: &Tree, call_log: Option<&[u8]>) -> String {
        let added = self.folder.add(tree, call_log);
        let told = self.told.swap(added.is_err(), Ordering::Relaxed);
        match added {
            Ok(path) => path.map(|path| local::line(path.display())).unwrap_or_default(),
            Err(error) => {
                let failure = format!("no page can be written to {}: {error}", self.folder);
                let line = local::line(&failure);
                if !told {
                    self.events.emit(move || tracing::warn!(target: "cekura", "{failure}"));
                }
                line
            }
        }
    }
}
