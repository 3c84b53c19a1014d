//! Beside a program's own tracer provider: what reaches this library's backend, what the program's exporter still gets,
//! and which spans are parents.

use cekura::opentelemetry::trace::{SpanId, Status, TraceContextExt, Tracer, TracerProvider};
use cekura::opentelemetry::{Context, KeyValue, global};
use cekura::{CaptureContent, Cekura, Protocol};
use cekura_trace_tests::backend::{Backend, text};
use cekura_trace_tests::handles::{LONG, converse, to};
use cekura_trace_tests::host::{Beside, CountingIds, Kept, ask, call, named, names, parent, provider};
use opentelemetry_sdk::trace::{Sampler, SdkTracer};

/// A request of the program's that has nothing to do with a call.
fn request(tracer: &SdkTracer) {
    tracer.in_span("request", |_| tracer.in_span("query of request", |_| {}));
}

#[test]
fn spans_of_the_program_inside_a_conversation_arrive_under_their_parents() {
    let beside = Beside::new(|builder| builder);
    call(&beside.handle, &beside.tracer);
    let spans = beside.delivered();
    assert_eq!(names(&spans), ["conversation", "llm", "query", "turn"]);
    let query = named(&spans, "query");
    assert_eq!(parent(&spans, "query"), Some("turn"));
    assert_eq!(parent(&spans, "llm"), Some("query"));
    assert_eq!(query.trace_id, named(&spans, "conversation").trace_id);
    assert_eq!(text(&query.attributes, "db.system"), Some("postgres"));
    assert_eq!(query.events[0].name, "row");
    assert_eq!(query.status.as_ref().unwrap().code, 1);
    let seen = beside.backend.seen();
    let scopes = seen.iter().flat_map(|seen| &seen.message.resource_spans).flat_map(|all| &all.scope_spans);
    for scope in scopes {
        let name = &scope.scope.as_ref().unwrap().name;
        assert!(scope.spans.iter().all(|span| (span.name == "query") == (name == "database")), "{name}");
    }
    assert_eq!(text(&seen[0].resource().attributes, "service.name"), Some("agent"), "not the program's");
}

#[test]
fn nothing_of_the_program_outside_a_conversation_leaves() {
    let beside = Beside::new(|builder| builder);
    request(&beside.tracer);
    call(&beside.handle, &beside.tracer);
    request(&beside.tracer);
    assert_eq!(names(&beside.delivered()), ["conversation", "llm", "query", "turn"]);
    let all = ["query", "query of request", "query of request", "request", "request"];
    assert_eq!(beside.exported.names(), all, "its own exporter gets all of its spans");
}

#[test]
fn without_content_the_programs_texts_stay_behind() {
    #[cekura::conversation(client = handle, capture = CaptureContent::Metadata, skip_all)]
    fn private(handle: &Cekura, tracer: &SdkTracer) {
        tracer.in_span("query", |context| {
            context.span().set_attribute(KeyValue::new("db.query.text", "SELECT 'Anna Miller'"));
            context.span().set_attribute(KeyValue::new("db.rows", 3));
            context.span().add_event("Anna Miller was found", Vec::new());
            context.span().set_status(Status::error("no Anna Miller"));
        });
    }
    let beside = Beside::new(|builder| builder);
    private(&beside.handle, &beside.tracer);
    let spans = beside.delivered();
    let query = named(&spans, "query");
    assert_eq!(query.attributes.iter().map(|attribute| &*attribute.key).collect::<Vec<_>>(), ["db.rows"]);
    assert_eq!(query.status.as_ref().unwrap().code, 2);
    assert!(!format!("{spans:?}").contains("Miller"), "{spans:?}");
    assert_eq!(beside.exported.span("query").attributes.len(), 2, "the program's exporter gets all of it");
}

#[test]
fn what_ends_after_its_conversation_arrives_if_it_began_in_it() {
    #[cekura::conversation(client = handle, skip_all)]
    fn begin(handle: &Cekura, tracer: &SdkTracer) -> opentelemetry_sdk::trace::Span {
        tracer.start("query")
    }
    let beside = Beside::new(|builder| builder);
    let query = begin(&beside.handle, &beside.tracer);
    assert_eq!(names(&beside.delivered()), ["conversation"]);
    drop(query);
    assert_eq!(names(&beside.delivered()), ["conversation", "query"]);
}

#[test]
fn without_the_processor_no_span_hangs_from_one_that_does_not_arrive() {
    let backend = Backend::new();
    let handle = to(&backend, Protocol::Http).build().unwrap();
    let exported = Kept::default();
    let provider = provider(&exported).build();
    call(&handle, &provider.tracer("database"));
    handle.flush_blocking(LONG);
    let spans = backend.spans();
    assert_eq!(names(&spans), ["conversation", "llm", "turn"]);
    assert_eq!(parent(&spans, "llm"), Some("turn"));
    assert_eq!(exported.span("query").span_context.trace_id().to_bytes().to_vec(), spans[0].trace_id);
}

#[test]
fn a_span_of_the_program_from_elsewhere_does_not_take_ours_out_of_the_conversation() {
    #[cekura::conversation(client = handle, skip_all)]
    fn handled_elsewhere(handle: &Cekura, tracer: &SdkTracer) {
        let elsewhere = tracer.start_with_context("elsewhere", &Context::new());
        let _entered = Context::current_with_span(elsewhere).attach();
        ask("still in the call?");
        cekura::record("still", true);
    }
    let beside = Beside::new(|builder| builder);
    handled_elsewhere(&beside.handle, &beside.tracer);
    let spans = beside.delivered();
    assert_eq!(names(&spans), ["conversation", "llm"]);
    let conversation = named(&spans, "conversation");
    assert_eq!(parent(&spans, "llm"), Some("conversation"));
    assert!(conversation.attributes.iter().any(|attribute| attribute.key == "still"));
}

#[test]
fn unattached_the_programs_sampler_and_ids_do_not_matter() {
    let beside = Beside::new(|builder| {
        builder.with_sampler(Sampler::AlwaysOff).with_id_generator(CountingIds::default())
    });
    call(&beside.handle, &beside.tracer);
    let spans = beside.delivered();
    assert_eq!(names(&spans), ["conversation", "llm", "turn"]);
    assert!(!spans[0].trace_id.starts_with(&[0; 8]));
    assert_eq!(parent(&spans, "llm"), Some("turn"));
    let report = beside.handle.ledger();
    assert_eq!((report.accepted, report.delivered), (3, 3));
}

#[test]
fn outside_a_conversation_a_span_of_the_program_is_linked_and_no_parent() {
    let exported = Kept::default();
    let tracer = provider(&exported).build().tracer("server");
    let trace = cekura::testing::capture(|| tracer.in_span("request", |_| ask("alone?")));
    let llm = trace.span("llm").unwrap();
    assert_eq!((llm.parent_id(), llm.links()), (SpanId::INVALID, 1));
    assert_ne!(llm.trace_id(), exported.span("request").span_context.trace_id());
}

#[test]
fn several_handles_each_get_their_own_calls() {
    let (one, two) = (Beside::new(|builder| builder), Beside::new(|builder| builder));
    // One tracer provider with both processors.
    let exported = Kept::default();
    let provider = provider(&exported)
        .with_span_processor(one.handle.processor())
        .with_span_processor(two.handle.processor())
        .build();
    let tracer = provider.tracer("database");
    call(&one.handle, &tracer);
    converse(&two.handle, 1);
    call(&two.handle, &tracer);
    assert_eq!(names(&one.delivered()), ["conversation", "llm", "query", "turn"]);
    let all = ["conversation", "conversation", "llm", "query", "turn", "turn"];
    assert_eq!(names(&two.delivered()), all);
    assert_eq!(exported.names(), ["query", "query"]);
}

#[test]
fn a_handle_that_is_off_changes_nothing() {
    let exported = Kept::default();
    let off = |name: &str| (name == "CEKURA_TRACER_ENABLED").then(|| "false".to_owned());
    let handle = Cekura::builder().variables(off).build().unwrap();
    let provider = provider(&exported).with_span_processor(handle.processor()).build();
    handle.attach(&provider).unwrap();
    call(&handle, &provider.tracer("database"));
    assert_eq!(exported.names(), ["query"]);
}

#[test]
fn the_global_tracer_provider_is_set_when_asked_for() {
    let backend = Backend::new();
    let ask = |handle: &Cekura| {
        #[cekura::conversation(client = handle, skip_all)]
        fn call(handle: &Cekura) {
            global::tracer("elsewhere").in_span("fetch", |_| {});
        }
        call(handle);
        handle.flush_blocking(LONG);
    };
    let handle = to(&backend, Protocol::Grpc).build().unwrap();
    ask(&handle);
    assert_eq!(backend.names(), ["conversation"], "not asked for");
    let handle = to(&backend, Protocol::Grpc).set_global().build().unwrap();
    ask(&handle);
    global::tracer("elsewhere").in_span("outside", |context| {
        assert!(!context.span().is_recording());
    });
    handle.flush_blocking(LONG);
    assert_eq!(backend.names(), ["conversation", "conversation", "fetch"]);
}
