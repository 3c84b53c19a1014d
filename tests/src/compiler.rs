//! Compiles a source file of these tests and returns what the compiler says of it.

use crate::tools;
use serde_json::Value;
use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A compiler, with this crate as the only library beside std.
pub struct Compiler {
    /// Its command.
    pub tool: &'static str,
    /// Under which name the fixture knows this crate.
    pub library: &'static str,
}

/// The compiler of this workspace.
pub const RUSTC: Compiler = Compiler { tool: "rustc", library: "cekura" };

/// A warning or an error.
#[derive(Debug)]
pub struct Message {
    /// The line and the column of the word it is about.
    pub at: (u64, u64),
    /// The name of the lint, or the number of the error.
    pub code: String,
    /// What is wrong.
    pub text: String,
    /// As it is shown.
    pub shown: String,
    /// Whether nothing is compiled because of it.
    pub is_error: bool,
}

/// Messages as a person sees them.
pub fn shown(messages: &[Message]) -> String {
    messages.iter().map(|message| message.shown.as_str()).collect()
}

impl Compiler {
    /// Whether this machine has the tool. With `CEKURA_TESTS=all` it must.
    pub fn is_there(&self) -> bool {
        tools::is_there(self.tool)
    }

    /// What the compiler says of `file`, in the order of its lines.
    pub fn check(&self, file: &str, more: &[&str]) -> Vec<Message> {
        let output = self
            .command(file, more)
            .0
            .args(["--error-format=json", "--crate-type=lib", "--emit=metadata"])
            .output()
            .expect("the toolchain of this workspace has this tool");
        let text = String::from_utf8(output.stderr).expect("text");
        let mut messages: Vec<_> = text.lines().filter_map(message).collect();
        assert!(output.status.success() || !messages.is_empty(), "{}: {text}", self.tool);
        messages.sort_by_key(|message| message.at);
        messages
    }

    /// What the program in `file` prints.
    pub fn run(&self, file: &str, more: &[&str]) -> String {
        let (mut command, folder) = self.command(file, more);
        let built = command.args(["--crate-type=bin", "--emit=link", "-Cdebuginfo=0"]).output();
        let built = built.expect("the toolchain of this workspace has this tool");
        assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
        let output = Command::new(folder.join("fixture")).output().expect("it was built");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).expect("text")
    }

    /// The compiler's command, and the folder for what it makes.
    fn command(&self, file: &str, more: &[&str]) -> (Command, PathBuf) {
        let libraries = env::current_exe().expect("a path").parent().expect("a folder").to_owned();
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests").join(file);
        // A folder of cargo's, one per call: these tests run beside each other. Never a device: the compiler renames its
        // output into place.
        let out = format!("{}-{file}-{}", self.tool, more.concat()).replace('/', "-");
        let folder = libraries.join("fixtures").join(out);
        let mut command = Command::new(self.tool);
        command
            .arg(source)
            .arg("--crate-name=fixture")
            .arg(format!("--out-dir={}", folder.display()))
            .arg(format!("--extern={}={}", self.library, newest(&libraries, "libcekura-").display()))
            .arg(format!("-Ldependency={}", libraries.display()))
            .args(more);
        (command, folder)
    }
}

/// One line of the compiler's output, unless it only counts others.
fn message(line: &str) -> Option<Message> {
    let message: Value = serde_json::from_str(line).ok()?;
    let place = message["spans"].as_array()?.iter().find(|span| span["is_primary"] == true)?;
    let text = |field: &Value| field.as_str().unwrap_or_default().to_owned();
    Some(Message {
        at: (place["line_start"].as_u64()?, place["column_start"].as_u64()?),
        code: text(&message["code"]["code"]),
        text: text(&message["message"]),
        shown: text(&message["rendered"]),
        is_error: message["level"] == "error",
    })
}

/// Cargo keeps a library of each set of features; the newest is that of the build that made this test.
fn newest(folder: &Path, prefix: &str) -> PathBuf {
    let entries = folder.read_dir().expect("a folder").flatten();
    let libraries = entries.filter(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with(prefix) && name.ends_with(".rlib")
    });
    let modified = |entry: &std::fs::DirEntry| entry.metadata().and_then(|metadata| metadata.modified()).ok();
    libraries.max_by_key(modified).expect("cekura was built for these tests").path()
}
