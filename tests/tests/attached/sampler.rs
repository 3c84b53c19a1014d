//! What the program's sampler decides: everything for the program's own exporters, nothing for what arrives here.

use super::{attached, default_call};
use cekura::opentelemetry::trace::{FutureExt, Link, SpanKind, TraceContextExt, TraceId, TraceState};
use cekura::opentelemetry::{Context, KeyValue};
use cekura::spans;
use cekura_trace_tests::handles::reasons;
use cekura_trace_tests::host::{ask, call, names, parent};
use opentelemetry::trace::Tracer;
use opentelemetry_sdk::trace::{
    Sampler, SamplingDecision, SamplingResult, SdkTracer, ShouldSample, TracerProviderBuilder,
};
use std::thread;

/// Tracer providers whose samplers want nothing of a call.
const WANT_NOTHING: [fn(TracerProviderBuilder) -> TracerProviderBuilder; 4] = [
    |builder| builder.with_sampler(Sampler::AlwaysOff),
    |builder| builder.with_sampler(Sampler::ParentBased(Box::new(Sampler::AlwaysOff))),
    |builder| builder.with_sampler(Sampler::ParentBased(Box::new(Sampler::TraceIdRatioBased(0.0)))),
    |builder| {
        let all = &["conversation", "llm", "query", "stt", "tool_call", "tts", "turn"];
        builder.with_sampler(Without(all, SamplingDecision::RecordOnly))
    },
];

/// What the program sees of its sampler's decision, where it looks and where it sends it.
fn is_not_sampled() {
    assert!(!Context::current().span().span_context().is_sampled());
    let headers = cekura::context::headers();
    assert!(headers["traceparent"].ends_with("-00"), "{headers:?}");
}

#[test]
fn the_programs_sampler_decides_for_its_exporters_only() {
    #[cekura::conversation(call_id = "call-3", skip_all)]
    fn call(tracer: &SdkTracer) {
        is_not_sampled();
        answer(tracer);
    }
    #[cekura::turn(skip_all)]
    fn answer(tracer: &SdkTracer) {
        is_not_sampled();
        tracer.in_span("query", |_| drop(ask("why?")));
        let tool = book();
        thread::scope(|scope| {
            // The OpenTelemetry API alone carries it there.
            scope.spawn(|| futures::executor::block_on(async { hear() }.with_context(tool.clone())));
        });
        spans::tts().parent(&tool).start().in_scope(is_not_sampled);
    }
    #[cekura::tool_call]
    fn book() -> Context {
        is_not_sampled();
        Context::current()
    }
    #[cekura::stt]
    fn hear() {
        is_not_sampled();
    }
    for (at, provider) in WANT_NOTHING.into_iter().enumerate() {
        attached(provider, |beside| {
            call(&beside.tracer);
            let spans = beside.delivered();
            let all = ["conversation", "llm", "stt", "tool_call", "tts", "turn"];
            assert_eq!(names(&spans), all, "provider {at}");
            let tool = Some("tool_call");
            let right = [None, Some("turn"), tool, Some("turn"), tool, Some("conversation")];
            assert_eq!(all.map(|name| parent(&spans, name)), right, "provider {at}");
            assert!(beside.exported.spans().is_empty(), "provider {at}");
            let report = beside.handle.ledger();
            assert_eq!((report.accepted, report.delivered, reasons(&report)), (6, 6, vec![]));
        });
    }
}

#[test]
fn the_sampler_sees_what_the_attribute_says() {
    #[derive(Clone, Debug)]
    struct Vip;
    impl ShouldSample for Vip {
        fn should_sample(
            &self,
            parent: Option<&Context>,
            _: TraceId,
            _: &str,
            _: &SpanKind,
            attributes: &[KeyValue],
            _: &[Link],
        ) -> SamplingResult {
            let inside = parent.is_some_and(|parent| parent.span().span_context().is_sampled());
            let vip = attributes.iter().any(|attribute| *attribute == KeyValue::new("call_id", "call-2"));
            let decision =
                if inside || vip { SamplingDecision::RecordAndSample } else { SamplingDecision::Drop };
            SamplingResult { decision, attributes: Vec::new(), trace_state: TraceState::NONE }
        }
    }
    attached(
        |builder| builder.with_sampler(Vip),
        |beside| {
            call(&beside.handle, &beside.tracer);
            let all = ["conversation", "llm", "turn"];
            assert_eq!(names(&beside.delivered()), all);
            assert!(beside.exported.spans().is_empty());
            default_call(&beside.tracer);
            assert_eq!(beside.exported.names(), ["conversation", "llm", "query", "turn"]);
            assert_eq!(beside.delivered().len(), all.len() + beside.exported.spans().len());
        },
    );
}

/// Drops the spans of these names, whatever their parents are.
#[derive(Clone, Debug)]
struct Without(&'static [&'static str], SamplingDecision);

impl ShouldSample for Without {
    fn should_sample(
        &self,
        _: Option<&Context>,
        _: TraceId,
        name: &str,
        _: &SpanKind,
        _: &[KeyValue],
        _: &[Link],
    ) -> SamplingResult {
        let decision =
            if self.0.contains(&name) { self.1.clone() } else { SamplingDecision::RecordAndSample };
        SamplingResult { decision, attributes: Vec::new(), trace_state: TraceState::NONE }
    }
}

#[test]
fn a_span_of_ours_that_the_program_does_not_sample_is_a_parent() {
    for decision in [SamplingDecision::Drop, SamplingDecision::RecordOnly] {
        attached(
            |builder| builder.with_sampler(Without(&["turn"], decision)),
            |beside| {
                default_call(&beside.tracer);
                let spans = beside.delivered();
                assert_eq!(names(&spans), ["conversation", "llm", "query", "turn"]);
                let parents = ["llm", "query", "turn"].map(|name| parent(&spans, name));
                assert_eq!(parents, [Some("query"), Some("turn"), Some("conversation")]);
                assert_eq!(beside.exported.names(), ["conversation", "llm", "query"]);
            },
        );
    }
}

#[test]
fn a_span_of_the_programs_that_it_does_not_sample_is_no_parent_here() {
    for decision in [SamplingDecision::Drop, SamplingDecision::RecordOnly] {
        attached(
            |builder| builder.with_sampler(Without(&["query"], decision)),
            |beside| {
                default_call(&beside.tracer);
                let spans = beside.delivered();
                assert_eq!(names(&spans), ["conversation", "llm", "turn"]);
                assert_eq!(parent(&spans, "llm"), Some("turn"));
                // In the program's own trace it hangs from what it began in.
                let turn = beside.exported.span("turn").span_context.span_id();
                assert_ne!(beside.exported.span("llm").parent_span_id, turn);
            },
        );
    }
}
