//! A program that makes spans, with this library or with the standard pipeline. It takes the number of turns in
//! its calls, and returns the ids of its spans and what its pipeline reports.

use cekura::{Builder, Cekura, FlushReport};
use opentelemetry::trace::{Span, TraceContextExt, Tracer, TracerProvider};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::collections::HashSet;
use std::sync::Mutex;
use std::time::Duration;

/// Makes spans, and knows which.
pub struct Program {
    pipeline: Pipeline,
    made: Mutex<HashSet<Vec<u8>>>,
}

enum Pipeline {
    Ours(Cekura),
    Stock(SdkTracerProvider),
}

impl Program {
    /// With a handle of this library.
    pub fn ours(builder: Builder) -> Self {
        Self { pipeline: Pipeline::Ours(builder.build().unwrap()), made: Mutex::default() }
    }

    /// With the SDK's batch processor as it comes, over the exporter of this library.
    pub fn stock(builder: Builder) -> Self {
        let exporter = builder.span_exporter().unwrap();
        let resource = Resource::builder_empty().with_service_name("agent").build();
        let provider = SdkTracerProvider::builder().with_resource(resource).with_batch_exporter(exporter);
        Self { pipeline: Pipeline::Stock(provider.build()), made: Mutex::default() }
    }

    /// Whether the SDK's processor is at work.
    pub fn is_stock(&self) -> bool {
        matches!(self.pipeline, Pipeline::Stock(_))
    }

    /// The handle, where it has one.
    pub fn handle(&self) -> Option<&Cekura> {
        match &self.pipeline {
            Pipeline::Ours(handle) => Some(handle),
            Pipeline::Stock(_) => None,
        }
    }

    /// One call whose turns each say something: a span more than it has turns.
    pub fn call(&self, says: &[&str]) {
        match &self.pipeline {
            Pipeline::Ours(handle) => call(handle, says, self),
            Pipeline::Stock(provider) => {
                let tracer = provider.tracer("program");
                tracer.in_span("conversation", |_| {
                    self.note();
                    for text in says {
                        let mut turn = tracer.start("turn");
                        turn.set_attribute(KeyValue::new("input.text", (*text).to_owned()));
                        self.note_id(turn.span_context().span_id().to_bytes());
                        turn.end();
                    }
                });
            }
        }
    }

    /// So many calls of three turns.
    pub fn calls(&self, count: usize) {
        (0..count).for_each(|_| self.call(&["one", "two", "three"]));
    }

    /// Waits until everything is delivered, at most for the deadline, which the SDK's processor has of its own: 5 s.
    pub fn flush(&self, deadline: Duration) -> String {
        match &self.pipeline {
            Pipeline::Ours(handle) => handle.flush_blocking(deadline).to_string(),
            Pipeline::Stock(provider) => format!("{:?}", provider.force_flush()),
        }
    }

    /// Ends the pipeline; the SDK's processor waits for at most 5 s.
    pub fn shutdown(&self, deadline: Duration) -> String {
        match &self.pipeline {
            Pipeline::Ours(handle) => handle.shutdown_blocking(deadline).to_string(),
            Pipeline::Stock(provider) => format!("{:?}", provider.shutdown()),
        }
    }

    /// What the handle says became of the spans; the SDK's processor cannot be asked.
    pub fn ledger(&self) -> Option<FlushReport> {
        self.handle().map(Cekura::ledger)
    }

    /// The ids of all spans that were made.
    pub fn made(&self) -> HashSet<Vec<u8>> {
        self.made.lock().unwrap().clone()
    }

    /// Takes the id of the span that is current.
    fn note(&self) {
        self.note_id(Context::current().span().span_context().span_id().to_bytes());
    }

    fn note_id(&self, id: [u8; 8]) {
        self.made.lock().unwrap().insert(id.to_vec());
    }
}

#[cekura::conversation(client = handle, skip_all)]
fn call(handle: &Cekura, says: &[&str], program: &Program) {
    program.note();
    for text in says {
        turn(text, program);
    }
}

#[cekura::turn(skip(program))]
fn turn(text: &str, program: &Program) {
    program.note();
    std::hint::black_box(text);
}
