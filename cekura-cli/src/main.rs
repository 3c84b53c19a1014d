//! The command `cekura`: what it is told → what it does, and an exit code for scripts: 0 done, 1 something is wrong with what
//! was looked at, 2 it was told something that it cannot do. Invariant: what it writes to standard output is what was asked for;
//! mistakes go to standard error.

#[cfg(unix)]
mod dev;
mod slo;

use std::env;
use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

const USAGE: &str = "\
Usage:
  cekura dev [--port 4318] [--grpc-port 4317] [--data FOLDER]
             [--keep-content 7d] [--check]
      Takes what agents send to Cekura, on this machine: spans over OTLP, call
      logs and recordings. With --check it says what Cekura would not take, and
      exits with 1 where there was any of that.
  cekura doctor
      Finds out why traces do not arrive, with the settings of the environment.
      Exits with 1 on a problem.
  cekura slo --latency TIME --objective PERCENT --out FOLDER
      Writes alert rules, service level objectives and a dashboard for the
      metrics of an agent. So many percent of the agent's answers are to begin
      within that time, such as 1.2s or 800ms.
  cekura --version
";

fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().skip(1).collect();
    let words: Option<Vec<&str>> = arguments.iter().map(|argument| argument.to_str()).collect();
    match words.as_deref() {
        Some(["--help" | "-h" | "help"] | ["dev" | "doctor" | "slo", .., "--help" | "-h"]) => answer(USAGE),
        Some(["doctor"]) => doctor(),
        Some(["doctor", ..]) => refuse("`cekura doctor` takes no arguments; it reads the environment"),
        #[cfg(unix)]
        Some(["dev", options @ ..]) => dev::run(options).unwrap_or_else(|mistake| refuse(&mistake)),
        Some(["slo", options @ ..]) => match slo::run(options) {
            Ok(written) => answer(&written),
            Err(mistake) => refuse(&mistake),
        },
        Some(["--version" | "-V"]) => answer(concat!("cekura ", env!("CARGO_PKG_VERSION"), "\n")),
        Some([]) => refuse(USAGE),
        Some([first, ..]) => refuse(&format!("there is no `cekura {first}`\n\n{USAGE}")),
        None => refuse("an argument is not UTF-8"),
    }
}

fn doctor() -> ExitCode {
    let diagnosis = cekura::doctor();
    answer(&format!("{diagnosis}\n"));
    if diagnosis.is_healthy() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Nobody needs to read it to its end: `cekura doctor | head -n 1` is no mistake.
fn answer(text: &str) -> ExitCode {
    let _ = io::stdout().write_all(text.as_bytes());
    ExitCode::SUCCESS
}

fn refuse(mistake: &str) -> ExitCode {
    let _ = writeln!(io::stderr(), "{}", mistake.trim_end());
    ExitCode::from(2)
}
