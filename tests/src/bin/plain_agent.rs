//! An agent that takes all settings from the environment, handles one call with a call log, and ends a moment later. With an
//! argument it asks the doctor instead. `ROOT` and `ONLY_ROOT` name PEM files; with `IN_CODE`, code gives the key and the endpoint.

use cekura_trace_tests::handles::quick;
use std::process::ExitCode;
use std::time::Duration;

#[cekura::conversation(call_id = "call-1", observe)]
fn call() {
    turn();
}

#[cekura::turn]
fn turn() {
    std::hint::black_box(());
}

fn main() -> ExitCode {
    let file = |name| std::env::var(name).ok().map(|path| std::fs::read(path).unwrap());
    let mut builder = cekura::Cekura::builder().timings(quick());
    if let Some(pem) = file("ROOT") {
        builder = builder.root_certificate(pem);
    }
    if let Some(pem) = file("ONLY_ROOT") {
        builder = builder.roots(cekura::Roots::Only(pem));
    }
    if std::env::var("IN_CODE").is_ok() {
        let variable = |name| std::env::var(name).unwrap();
        builder = builder.api_key(variable("CEKURA_API_KEY")).otel_endpoint(variable("CEKURA_OTEL_ENDPOINT"));
    }
    if std::env::args().len() > 1 {
        let diagnosis = builder.doctor();
        println!("{}", diagnosis.problems().collect::<Vec<_>>().join("\n"));
        return ExitCode::SUCCESS;
    }
    let handle = match builder.install() {
        Ok(handle) => handle,
        Err(error) => {
            println!("{error}");
            return ExitCode::FAILURE;
        }
    };
    call();
    println!("{}", handle.shutdown_blocking(Duration::from_secs(2)));
    ExitCode::SUCCESS
}
