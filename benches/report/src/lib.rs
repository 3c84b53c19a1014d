//! Figures come in; a table in the terminal, one in Markdown and a plot go out. This library does not know what was
//! measured.

pub mod callgrind;
pub mod machine;
pub mod plot;
pub mod process;
pub mod statistics;
pub mod table;
