//! A program whose conversations have no call log, or not by themselves. Its arguments say how, and where its spans and call
//! logs go. It prints what the library tells its `tracing` subscriber of that.

use cekura::opentelemetry::trace::TraceId;
use cekura::{CallLog, Cekura};
use cekura_trace_tests::events;
use std::time::Duration;

#[cekura::conversation(skip_all)]
fn plain(ends_with: &dyn Fn()) {
    ends_with();
}

#[cekura::conversation(observe)]
fn observed() {}

fn main() {
    let [how, spans, api] = std::env::args().skip(1).collect::<Vec<_>>().try_into().unwrap();
    events::listen();
    let builder = Cekura::builder().otel_endpoint(spans).api_url(api).protocol(cekura::Protocol::Http);
    let builder =
        if how == "another backend" { builder } else { builder.api_key("a-key-of-some-length").agent(7) };
    let cekura = builder.install().unwrap();
    for _ in 0..3 {
        match how.as_str() {
            "observed" => observed(),
            "asks for the trace id" => plain(&|| assert!(cekura::trace_id().is_some())),
            "asks the conversation" => {
                plain(&|| assert_ne!(cekura::current_conversation().unwrap().trace_id(), TraceId::INVALID));
            }
            "hands the trace on" => plain(&|| drop(cekura::context::headers())),
            "reads the trace elsewhere" => {
                drop(CallLog::new("4712").trace_id(TraceId::from(0x4bf9)));
                plain(&|| {});
            }
            "nothing" | "another backend" => plain(&|| {}),
            other => panic!("no such program: {other}"),
        }
    }
    cekura.shutdown_blocking(Duration::from_secs(5));
    for heard in events::heard("has no call log") {
        println!("{} {}: {}", heard.level, heard.target, heard.text);
    }
}
