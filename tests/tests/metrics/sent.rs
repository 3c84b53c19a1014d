//! Metrics on their way to an OTLP endpoint, and into a meter provider of the program's: they are those of the page, and an
//! endpoint that is away costs nothing else anything.

use crate::scraped::Scrape;
use axum::http::StatusCode;
use cekura::opentelemetry::metrics::{
    Counter, Histogram, HistogramBuilder, InstrumentBuilder, InstrumentProvider, Meter, MeterProvider,
    SyncInstrument,
};
use cekura::opentelemetry::{InstrumentationScope, KeyValue};
use cekura::{Cekura, Protocol, Timings, spans};
use cekura_trace_tests::api::Api;
use cekura_trace_tests::backend::{Backend, deserted};
use cekura_trace_tests::events::{heard, listen};
use cekura_trace_tests::handles::{LONG, converse, observing, quick, to};
use cekura_trace_tests::metrics::{Receiver, Sent, wait};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_sdk::error::OTelSdkResult;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, HistogramDataPoint, MetricData, ResourceMetrics};
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use opentelemetry_sdk::metrics::{Instrument, PeriodicReader, SdkMeterProvider, Stream, Temporality};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const EACH: &[&str] = &["a", "b"];

/// A handle that sends its metrics to a receiver.
fn sending(backend: &Backend, url: &str) -> Cekura {
    to(backend, Protocol::Http)
        .metrics_endpoint(url)
        .metric_label("tenant", EACH.iter().copied())
        .build()
        .unwrap()
}

#[cekura::conversation(client = handle, skip_all, record("tenant" = "a"))]
fn call(handle: &Cekura, models: usize) {
    for number in 0..models {
        let mut llm = spans::llm().provider("openai").model(format!("model-{number}")).start();
        llm.usage(10, 2);
        llm.end();
    }
    let mut failed = spans::tool_call("book").start();
    failed.fail("full");
    failed.end();
    cekura::current_conversation().unwrap().score("grade", 0.9);
}

#[test]
fn what_is_sent_is_what_is_scraped() {
    let (backend, receiver) = (Backend::new(), Receiver::new());
    let handle = sending(&backend, &receiver.url());
    for _ in 0..20 {
        call(&handle, 3);
    }
    handle.flush_blocking(LONG);
    let page = Scrape::read(&handle.metrics().openmetrics());
    let sent = receiver.sent().pop().unwrap();
    assert_eq!(sent.path, "/v1/metrics");
    let names: BTreeSet<_> = sent.metrics().map(|metric| metric.name.replace('.', "_")).collect();
    for (name, kind) in &page.kinds {
        let found = names.iter().find(|known| name == *known || *name == format!("{known}_seconds"));
        assert!(found.is_some(), "{name} of {names:?}");
        assert_ne!(kind, "unknown");
    }
    assert_eq!(names.len(), page.kinds.len());
    for (otlp, name) in [
        ("voice.calls", "voice_calls_total"),
        ("stage.errors", "stage_errors_total"),
        ("llm.duration", "llm_duration_seconds_sum"),
        ("stage.duration", "stage_duration_seconds_sum"),
        ("voice.call.turns", "voice_call_turns_sum"),
        ("voice.call.score", "voice_call_score_sum"),
        ("gen_ai.client.token.usage", "gen_ai_client_token_usage_sum"),
        ("cekura.spans.accepted", "cekura_spans_accepted_total"),
        // What was just sent is counted as delivered.
        ("cekura.spans.delivered", "cekura_spans_delivered_total"),
    ] {
        let (sent, scraped) = (receiver.sum(otlp, &[]), page.sum(name, &[]));
        assert!((sent - scraped).abs() < 1e-9, "{otlp}: {sent} and {scraped}");
    }
    assert!((receiver.sum("voice.calls", &[("tenant", "a"), ("outcome", "ok")]) - 20.0).abs() < 1e-9);
    let input = [("gen_ai.token.type", "input"), ("gen_ai.request.model", "model-1")];
    assert!((receiver.sum("gen_ai.client.token.usage", &input) - 200.0).abs() < 1e-9);
    let traces: BTreeSet<_> = backend.spans().into_iter().map(|span| (span.trace_id, span.span_id)).collect();
    for point in receiver.points("llm.duration") {
        assert_eq!(point.counts.len(), point.bounds.len() + 1);
        assert_eq!(point.counts.iter().sum::<u64>(), 20);
        assert!(!point.exemplars.is_empty());
        for exemplar in point.exemplars {
            assert!(traces.contains(&(exemplar.trace_id, exemplar.span_id)));
        }
    }
}

#[test]
fn points_are_totals_since_the_start_of_a_process_that_is_told_apart() {
    let (backend, receiver) = (Backend::new(), Receiver::new());
    let (first, second) = (sending(&backend, &receiver.url()), sending(&backend, &receiver.url()));
    for round in 1..=3 {
        converse(&first, 1);
        first.flush_blocking(LONG);
        assert!((receiver.sum("voice.calls", &[]) - f64::from(round)).abs() < 1e-9);
    }
    converse(&second, 1);
    second.flush_blocking(LONG);
    let sent = receiver.sent();
    assert_eq!(sent.len(), 4);
    let starts: BTreeSet<_> = sent.iter().map(|sent| sent.points("voice.calls")[0].start).collect();
    assert_eq!(starts.len(), 2);
    let instances: Vec<_> = sent.iter().map(|sent| sent.resource()["service.instance.id"].clone()).collect();
    assert!(instances[0] == instances[1] && instances[0] != instances[3], "{instances:?}");
    assert_eq!(instances[0].len(), 36);
    assert_eq!(sent[0].resource()["service.name"], "agent");
    for metric in sent.iter().flat_map(Sent::metrics) {
        match metric.data.as_ref().unwrap() {
            Data::Sum(sum) => assert!(sum.is_monotonic && sum.aggregation_temporality == 2, "{metric:?}"),
            Data::Histogram(histogram) => assert_eq!(histogram.aggregation_temporality, 2),
            Data::Gauge(_) => {}
            other => panic!("{other:?}"),
        }
    }
    let own = to(&backend, Protocol::Http).metrics_endpoint(receiver.url());
    let own = own.resource("service.instance.id", "pod-7").build().unwrap();
    own.flush_blocking(LONG);
    assert_eq!(receiver.sent().pop().unwrap().resource()["service.instance.id"], "pod-7");
}

#[test]
fn they_are_sent_now_and_then_and_with_the_shutdown() {
    let (backend, receiver) = (Backend::new(), Receiver::new());
    let timings = Timings { metrics: Duration::from_millis(100), ..quick() };
    let builder = to(&backend, Protocol::Http).metrics_endpoint(receiver.url()).timings(timings);
    let handle = builder.build().unwrap();
    converse(&handle, 2);
    wait("the call is in a point", || receiver.sum("voice.calls", &[]) > 0.0);
    let before = receiver.sent().len();
    wait("two more are sent", || receiver.sent().len() > before + 1);
    converse(&handle, 2);
    handle.shutdown_blocking(LONG);
    assert!((receiver.sum("voice.calls", &[]) - 2.0).abs() < 1e-9);
    let after = receiver.sent().len();
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(receiver.sent().len(), after, "nothing is sent after the end");
}

#[test]
fn neither_key_nor_headers_go_to_the_endpoint_and_no_metric_to_cekura() {
    let (backend, receiver, api) = (Backend::new(), Receiver::new(), Api::new());
    let builder =
        observing(&backend, &api).header("x-tenant", "secret-header").header("authorization", "secret");
    let handle =
        builder.metrics_endpoint(format!("{}/opentelemetry/v1/metrics", receiver.url())).build().unwrap();
    converse(&handle, 1);
    handle.flush_blocking(LONG);
    let sent = receiver.sent().pop().unwrap();
    assert_eq!(sent.path, "/opentelemetry/v1/metrics");
    let shown = format!("{:?} {:?}", sent.headers, sent.message);
    assert!(!shown.contains("secret") && !shown.contains(cekura_trace_tests::api::KEY), "{shown}");
    for own in ["https://otel.cekura.ai", "https://otel-http.cekura.ai/v1/metrics", "api.cekura.ai:443"] {
        let error = to(&backend, Protocol::Http).metrics_endpoint(own).build().unwrap_err();
        let rule = "must not be Cekura, which takes no metrics: name a collector or a database of yours";
        assert_eq!(error.to_string(), format!(".metrics_endpoint(…) {rule}"));
    }
}

#[test]
fn an_endpoint_that_is_away_costs_no_span_no_value_and_little_time() {
    let backend = Backend::new();
    let address = deserted();
    listen();
    let handle = sending(&backend, &format!("http://{address}"));
    converse(&handle, 2);
    let begun = Instant::now();
    for _ in 0..5 {
        let report = handle.flush_blocking(LONG);
        assert_eq!((report.pending, report.lost()), (0, 0), "{report}");
    }
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    let told = || heard(&format!("metrics were not sent to http://{address}")).len();
    wait("an event says so", || told() > 0);
    assert_eq!(told(), 1, "once");
    let receiver = Receiver::at(address);
    converse(&handle, 1);
    handle.flush_blocking(LONG);
    assert!((receiver.sum("voice.calls", &[]) - 2.0).abs() < 1e-9, "all values are there");
    assert!((receiver.sum("voice.call.turns", &[]) - 3.0).abs() < 1e-9);
}

#[test]
fn an_endpoint_that_hangs_or_fails_holds_up_neither_spans_nor_the_shutdown_for_long() {
    for status in [None, Some(StatusCode::SERVICE_UNAVAILABLE), Some(StatusCode::BAD_REQUEST)] {
        let (backend, receiver) = (Backend::new(), Receiver::scripted(move |_| status));
        let handle = sending(&backend, &receiver.url());
        converse(&handle, 2);
        let begun = Instant::now();
        let report = handle.flush_blocking(LONG);
        assert_eq!((report.delivered, report.pending), (3, 0), "{report}");
        converse(&handle, 2);
        let report = handle.shutdown_blocking(LONG);
        assert_eq!((report.delivered, report.pending), (6, 0), "{report}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
        assert!(receiver.sent().len() >= 2);
        // A deadline is kept, whatever the endpoint does.
        let handle = sending(&backend, &receiver.url());
        converse(&handle, 1);
        let begun = Instant::now();
        handle.flush_blocking(Duration::from_millis(500));
        assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    }
}

#[test]
fn more_series_than_fit_into_one_request_are_sent_in_several() {
    let (backend, receiver) = (Backend::new(), Receiver::new());
    let handle = sending(&backend, &receiver.url());
    call(&handle, 700);
    handle.flush_blocking(LONG);
    let sent = receiver.sent();
    assert!(
        sent.iter().all(|sent| sent.bytes < 3 << 20),
        "{:?}",
        sent.iter().map(|sent| sent.bytes).collect::<Vec<_>>()
    );
    for name in ["llm.duration", "gen_ai.client.operation.duration"] {
        assert_eq!(receiver.points(name).len(), 501, "{name}");
        let counted: u64 = receiver.points(name).iter().flat_map(|point| point.counts.clone()).sum();
        assert_eq!(counted, 700);
    }
    let overflow = [("otel.metric.overflow", "true")];
    assert!((receiver.sum("gen_ai.client.token.usage", &[]) - 8_400.0).abs() < 1e-6);
    assert!(receiver.sum("gen_ai.client.token.usage", &overflow) > 0.0);
}

/// Keeps the sums of what it was given last, by scope and name.
#[derive(Clone, Debug, Default)]
struct Sums(Arc<Mutex<BTreeMap<String, f64>>>);

impl PushMetricExporter for Sums {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        let mut sums = self.0.lock().unwrap();
        for scope in metrics.scope_metrics() {
            for metric in scope.metrics() {
                let whole = |value: u64| f64::from(u32::try_from(value).unwrap());
                let sum = match metric.data() {
                    AggregatedMetrics::F64(MetricData::Histogram(histogram)) => {
                        histogram.data_points().map(HistogramDataPoint::sum).sum()
                    }
                    AggregatedMetrics::U64(MetricData::Sum(sum)) => {
                        sum.data_points().map(|point| whole(point.value())).sum()
                    }
                    AggregatedMetrics::U64(MetricData::Gauge(gauge)) => {
                        gauge.data_points().map(|point| whole(point.value())).sum()
                    }
                    other => panic!("{other:?}"),
                };
                sums.insert(format!("{}: {}", scope.scope().name(), metric.name()), sum);
            }
        }
        Ok(())
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        Temporality::Cumulative
    }
}

#[test]
fn a_meter_provider_of_the_program_has_the_same() {
    let backend = Backend::new();
    let sums = Sums::default();
    // A view of the program's, which applies.
    let view = |instrument: &Instrument| {
        let is_stage = instrument.name() == "stage.duration";
        is_stage.then(|| Stream::builder().with_name("spans").build().unwrap())
    };
    let reader = PeriodicReader::builder(sums.clone()).build();
    let provider = SdkMeterProvider::builder().with_reader(reader).with_view(view).build();
    let handle = to(&backend, Protocol::Http).meter_provider(&provider).build().unwrap();
    for _ in 0..20 {
        call(&handle, 3);
    }
    handle.flush_blocking(LONG);
    provider.force_flush().unwrap();
    let page = Scrape::read(&handle.metrics().openmetrics());
    let sums = sums.0.lock().unwrap();
    for (name, scraped) in [
        ("voice.calls", "voice_calls_total"),
        ("voice.call.turns", "voice_call_turns_sum"),
        ("stage.errors", "stage_errors_total"),
        ("llm.duration", "llm_duration_seconds_sum"),
        ("spans", "stage_duration_seconds_sum"),
        ("gen_ai.client.token.usage", "gen_ai_client_token_usage_sum"),
        ("voice.call.score", "voice_call_score_sum"),
        ("cekura.spans.accepted", "cekura_spans_accepted_total"),
        ("cekura.spans.delivered", "cekura_spans_delivered_total"),
        ("voice.calls.open", "voice_calls_open"),
    ] {
        let recorded = sums.get(&format!("cekura: {name}")).unwrap_or_else(|| panic!("{name} of {sums:?}"));
        let scraped = page.sum(scraped, &[]);
        assert!((recorded - scraped).abs() < 1e-6, "{name}: {recorded} and {scraped}");
    }
    let as_dyn: &dyn MeterProvider = &provider;
    drop(to(&backend, Protocol::Http).meter_provider(as_dyn));
}

/// A meter provider whose instruments block.
#[derive(Debug)]
struct Stuck(Arc<AtomicBool>);

impl<T> SyncInstrument<T> for Stuck {
    fn measure(&self, _: T, _: &[KeyValue]) {
        while self.0.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl InstrumentProvider for Stuck {
    fn f64_histogram(&self, _: HistogramBuilder<'_, Histogram<f64>>) -> Histogram<f64> {
        Histogram::new(Arc::new(Stuck(self.0.clone())))
    }

    fn u64_counter(&self, _: InstrumentBuilder<'_, Counter<u64>>) -> Counter<u64> {
        Counter::new(Arc::new(Stuck(self.0.clone())))
    }
}

impl MeterProvider for Stuck {
    fn meter_with_scope(&self, _: InstrumentationScope) -> Meter {
        Meter::new(Arc::new(Stuck(self.0.clone())))
    }
}

#[test]
fn a_meter_provider_that_hangs_holds_up_nothing_and_costs_bounded_memory() {
    listen();
    let (backend, is_stuck) = (Backend::new(), Arc::new(AtomicBool::new(true)));
    let provider = Stuck(is_stuck.clone());
    let handle = to(&backend, Protocol::Http).meter_provider(&provider).build().unwrap();
    for _ in 0..40 {
        call(&handle, 400);
        let report = handle.flush_blocking(LONG);
        assert_eq!((report.pending, report.lost()), (0, 0), "{report}");
    }
    wait("an event says that values are missing", || !heard("the meter provider takes too long").is_empty());
    let page = Scrape::read(&handle.metrics().openmetrics());
    assert!((page.sum("llm_duration_seconds_count", &[]) - 16_000.0).abs() < 1e-9, "the page has all");
    handle.shutdown_blocking(LONG);
    is_stuck.store(false, Ordering::Relaxed);
}
