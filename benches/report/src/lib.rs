//! Shows figures: as a table in the terminal, as a table in Markdown, and as a plot.

pub mod callgrind;
pub mod machine;
pub mod plot;
pub mod process;
pub mod statistics;
pub mod table;

use std::fs;
use std::path::{Path, PathBuf};

/// The project's folder.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Writes a file of the project, and says so.
pub fn write(path: &str, text: &str) {
    fs::write(root().join(path), text).expect("a folder to write to");
    println!("written: {path}");
}

/// Replaces what is in docs/performance.md between the line `<!-- topic -->` and the next `<!-- end -->`.
pub fn publish(topic: &str, markdown: &str) {
    let path = "docs/performance.md";
    let text = fs::read_to_string(root().join(path)).expect("the page");
    let (before, rest) = text.split_once(&format!("<!-- {topic} -->")).expect("a place for it");
    let (_, after) = rest.split_once("<!-- end -->").expect("the end of that place");
    write(path, &format!("{before}<!-- {topic} -->\n\n{}\n\n<!-- end -->{after}", markdown.trim()));
}
