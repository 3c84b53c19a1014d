//! A program that has OpenTelemetry already: its own exporter prints what it gets, and beside it each call is drawn,
//! with the program's database query in it. The request that is no call is seen by the program's exporter alone.

use cekura::opentelemetry::trace::{SpanId, Tracer, TracerProvider};
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider, SpanData, SpanExporter};
use std::thread;
use std::time::Duration;

/// The program's own exporter.
#[derive(Debug)]
struct Printer;

impl SpanExporter for Printer {
    async fn export(&self, batch: Vec<SpanData>) -> OTelSdkResult {
        for span in batch {
            let (trace, id, parent) =
                (span.span_context.trace_id(), span.span_context.span_id(), span.parent_span_id);
            let under =
                if parent == SpanId::INVALID { "a root".to_owned() } else { format!("under {parent}") };
            println!("own exporter: trace {trace}  span {id}  {:<14} {under}", span.name);
        }
        Ok(())
    }
}

/// The program's database client, with the spans it always had.
fn query(tracer: &SdkTracer, day: &str) -> String {
    tracer.in_span("SELECT slots", |_| {
        thread::sleep(Duration::from_millis(30));
        format!("{day} at 14:00")
    })
}

#[cekura::conversation(call_id = call_id)]
fn answer_call(call_id: &str, tracer: &SdkTracer) {
    let time = find_time("Tuesday", tracer);
    speak(&think(&time));
}

#[cekura::tool_call(skip(tracer))]
fn find_time(day: &str, tracer: &SdkTracer) -> String {
    query(tracer, day)
}

#[cekura::llm(provider = "openai", model = "gpt-4o")]
fn think(time: &str) -> String {
    thread::sleep(Duration::from_millis(120));
    format!("We have a time on {time}.")
}

#[cekura::tts(provider = "elevenlabs", voice = "rachel")]
fn speak(text: &str) -> Vec<i16> {
    thread::sleep(Duration::from_millis(80));
    vec![0; text.len() * 1000]
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cekura = cekura::Cekura::builder().service_name("clinic").local_without_key().build()?;
    let provider = SdkTracerProvider::builder()
        .with_simple_exporter(Printer)
        .with_span_processor(cekura.processor())
        .build();
    cekura.attach(&provider)?;

    let tracer = provider.tracer("clinic");
    println!("A request that is no call");
    tracer.in_span("GET /slots", |_| query(&tracer, "Monday"));
    println!("A call");
    answer_call("call-1", &tracer);
    println!("{}", cekura.shutdown_blocking(Duration::from_secs(5)));
    provider.shutdown()?;
    Ok(())
}
