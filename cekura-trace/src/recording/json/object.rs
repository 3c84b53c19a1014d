//! Named values come in one after the other, one JSON object goes out. This file does not know whose names they are.

use super::bounded::Bounded;
use super::{Walk, Walker};

/// A JSON object that grows field by field, with one limit for all of it.
#[derive(Debug)]
pub(crate) struct Object {
    json: Vec<u8>,
    limit: usize,
    truncated: bool,
    full: bool,
}

impl Object {
    /// An object of at most `limit` bytes; below 2 there is no room for its braces and it is nothing at all.
    pub(crate) fn new(limit: usize) -> Self {
        let full = limit < 2;
        Self { json: if full { Vec::new() } else { vec![b'{'] }, limit, truncated: full, full }
    }

    /// Appends a field, or as much of it as fits. After one that does not fit nothing more is written.
    pub(crate) fn field(&mut self, name: &str, value: &dyn Walk) {
        if self.full {
            self.truncated = true;
            return;
        }
        let mut json = Bounded::inside_object(&mut self.json, self.limit);
        json.key(name);
        let mut walker = Walker::new(Some(json), None);
        walker.bare = false;
        walker.depth = 1;
        value.walk(&mut walker);
        if let Some(json) = &mut walker.json {
            json.close_to(1);
            self.full = json.is_cut();
            json.drop_unfinished();
        }
        self.truncated |= self.full || walker.incomplete;
    }

    /// Appends the whole object to `out`, and says whether something is missing in it.
    pub(crate) fn finish(mut self, out: &mut Vec<u8>) -> bool {
        if !self.json.is_empty() {
            self.json.push(b'}');
        }
        out.append(&mut self.json);
        self.truncated
    }
}
