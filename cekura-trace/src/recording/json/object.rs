//! Named values, one after the other, as one JSON object for a tool call. Invariant: whatever a value does, the
//! object is valid JSON and takes the values after it.

use super::{Target, Walk};

/// The bytes of most objects.
const USUAL: usize = 256;

/// A JSON object that grows field by field, with one limit for all of it.
#[derive(Debug)]
pub(crate) struct Object {
    json: Vec<u8>,
    limit: usize,
    truncated: bool,
}

impl Object {
    /// An object of at most `limit` bytes; below 2 there is no room for its braces and it is nothing at all.
    pub(crate) fn new(limit: usize) -> Self {
        let is_nothing = limit < 2;
        let mut json = Vec::new();
        if !is_nothing {
            json.reserve(limit.min(USUAL));
            json.push(b'{');
        }
        Self { json, limit, truncated: is_nothing }
    }

    /// Appends a field, or what stays of it where it is too long: then half of the room is kept for those that follow.
    /// A value whose own code panics is left out.
    pub(crate) fn field(&mut self, name: &str, value: &dyn Walk) {
        if !self.json.is_empty() {
            let target = Target { end: self.limit, name: Some(name), is_bare: false };
            self.truncated |= target.write(&mut self.json, value, None).truncated;
        }
    }

    /// Appends the whole object to `out`, and says whether something is missing in it.
    pub(crate) fn finish(mut self, out: &mut Vec<u8>) -> bool {
        if !self.json.is_empty() {
            self.json.push(b'}');
        }
        if out.is_empty() {
            *out = self.json;
        } else {
            out.append(&mut self.json);
        }
        self.truncated
    }
}
