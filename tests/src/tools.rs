//! Whether this machine has a program, and disks that fail.

use std::env;
use std::fs;
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

/// Whether a program can be run. With `CEKURA_TESTS=all` it must.
pub fn is_there(tool: &str) -> bool {
    needs(tool, Command::new(tool).arg("--version").output().is_ok())
}

/// A file system of 128 KiB in memory, until it is dropped.
pub struct Mount<'a>(&'a Path);

impl<'a> Mount<'a> {
    /// `None` where this process may not mount.
    pub fn new(path: &'a Path) -> Option<Self> {
        fs::create_dir_all(path).unwrap();
        let mounted = run("mount", &["-t", "tmpfs", "-o", "size=128k,mode=0700", "none"], path);
        may("mounting a tmpfs", mounted).then_some(Self(path))
    }

    /// Changes an option, such as `ro`.
    pub fn again(&self, option: &str) {
        assert!(run("mount", &["-o", &format!("remount,{option}")], self.0));
    }
}

impl Drop for Mount<'_> {
    fn drop(&mut self) {
        run("umount", &["-l"], self.0);
    }
}

/// Whether a program succeeds, with a path as its last argument.
pub fn run(program: &str, arguments: &[&str], path: &Path) -> bool {
    let mut command = Command::new(program);
    let output = command.args(arguments).arg(path).stderr(Stdio::null()).status();
    output.is_ok_and(|status| status.success())
}

/// How often a test repeats something: as often as a variable says, if it is set.
pub fn times(variable: &str, usual: u64) -> u64 {
    env::var(variable).ok().map_or(usual, |times| times.parse().expect("a number"))
}

/// A library in C that programs can be made to load before others, built into a directory.
pub fn preloaded(source: &str, directory: &str) -> Option<PathBuf> {
    // Several tests may build it at the same time.
    static BUILDS: Mutex<()> = Mutex::new(());
    let _one = BUILDS.lock();
    let library = Path::new(directory).join(Path::new(source).file_stem()?).with_extension("so");
    let mut compiler = Command::new("cc");
    let built = compiler.args(["-shared", "-fPIC", "-o"]).arg(&library).args([source, "-ldl"]).status();
    needs("a C compiler", built.is_ok_and(|status| status.success())).then_some(library)
}

/// Says that a test is skipped for something that is missing. With `CEKURA_TESTS=all` nothing may be.
pub fn needs(what: &str, is_there: bool) -> bool {
    assert!(is_there || env::var("CEKURA_TESTS").as_deref() != Ok("all"), "{what} is missing");
    says(is_there, &format!("{what} is missing"))
}

/// Says that a test is skipped because the machine does not allow it: a container may have the programs and not the
/// permission.
pub fn may(what: &str, is_allowed: bool) -> bool {
    says(is_allowed, &format!("{what} is not allowed here"))
}

fn says(is_so: bool, else_what: &str) -> bool {
    if !is_so {
        // The test passes, and of those nothing is shown that is printed with `eprintln!`.
        drop(writeln!(stderr(), "skipped: {else_what}"));
    }
    is_so
}
