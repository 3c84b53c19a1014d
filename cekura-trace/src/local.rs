//! Local mode: draws a finished conversation on standard error and writes it as a page. Invariant: nothing here
//! uses the network.
//!
//! ```text
//! Tree → row (what one span says) ─┐
//!      → axis (where its bar lies) ├→ waterfall → print
//!      → summary (what all say)   ─┤
//!                                  └→ page → folder
//! ```

use std::io::Write as _;

mod axis;
mod folder;
mod page;
mod row;
mod style;
mod summary;
#[cfg(test)]
mod tests;
mod text;
mod waterfall;

pub(crate) use folder::{Folder, line};
pub(crate) use style::Style;
pub(crate) use waterfall::draw;

/// Writes a whole conversation at once, so that no other thread's lines come between. A closed standard error is no
/// reason to disturb the agent.
pub(crate) fn print(text: &str) {
    drop(std::io::stderr().lock().write_all(text.as_bytes()));
}
