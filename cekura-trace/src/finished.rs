//! An ended span as one flat record, and reading it as a view into its bytes. Invariant: a record owns nothing
//! outside its bytes.
//!
//! A record is written in place while its span is open. The thread that ends the span hands it over in one
//! copy. The receiving side reads it in place, and frees nothing that the writing thread allocated:
//!
//! ```text
//! u32 length of all that follows · head (fixed size) · name · path of the function · entries
//! entry = tag · key or name · value            (attributes, events, links, in the order they were set)
//! ```
//!
//! Integers are little-endian; a string is a u32 length and UTF-8. Of two strings that follow each other, as name and path
//! or key and text, both lengths come first.

mod entry;
mod owned;
mod reader;
mod record;
#[cfg(feature = "redact")]
pub(crate) mod rewrite;
pub(crate) mod write;

pub(crate) use entry::{Attributes, Entry, EntryOf, Marks, Value, ValueOf, last_of_each};
pub(crate) use owned::{Span, Tree};
pub(crate) use reader::{Raw, Utf8};
pub(crate) use record::{
    Head, Record, Status, append, begin, draft, raw_records, records, remove_content, remove_overwritten,
    seal, without_content,
};
