//! The environment → what is wrong with it, in words, and an exit code for scripts.
//!
//!     CEKURA_API_KEY=… CEKURA_AGENT_ID=… cargo run --example doctor

use std::process::ExitCode;

fn main() -> ExitCode {
    let diagnosis = cekura::doctor();
    println!("{diagnosis}");
    if diagnosis.is_healthy() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
