//! The life of a span: it opens, is open, ends. Invariant: a span gives at most one record.

pub(super) mod ending;
pub(crate) mod live;
pub(super) mod open;
pub(super) mod opening;
mod pool;
pub(super) mod twin;
