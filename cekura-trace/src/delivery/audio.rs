//! The sound of a call on its way: on disk, placed in time, as one file of two channels. Invariant: nothing here runs on a
//! thread of the program.

pub(crate) mod place;
pub(crate) mod recorder;
mod recording;
mod render;
pub(crate) mod sound;
mod store;

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "times, lengths and samples of tests are small numbers"
)]
mod tests;
