//! A receiver of OTLP metrics on 127.0.0.1 that answers as a script says and keeps what it was sent.

use axum::body::Bytes;
use axum::extract::State;
use axum::http::header::CONTENT_ENCODING;
use axum::http::{HeaderMap, StatusCode, Uri};
use axum::{Router, routing::any};
use flate2::read::GzDecoder;
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value::Value};
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value as Number;
use opentelemetry_proto::tonic::metrics::v1::{Exemplar, Metric};
use prost::Message;
use std::collections::BTreeMap;
use std::io::Read;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// One request for metrics.
#[derive(Clone, Debug)]
pub struct Sent {
    /// Of the URL.
    pub path: String,
    /// All of them.
    pub headers: HeaderMap,
    /// What the body says.
    pub message: ExportMetricsServiceRequest,
    /// Its length.
    pub bytes: usize,
    /// When it came.
    pub at: Instant,
}

/// What is answered: a status, or nothing.
type Script = dyn Fn(usize) -> Option<StatusCode> + Send + Sync;

/// A running receiver; it stops when dropped.
pub struct Receiver {
    address: SocketAddr,
    state: Arc<Kept>,
    _stop: oneshot::Sender<()>,
}

struct Kept {
    script: Box<Script>,
    sent: Mutex<Vec<Sent>>,
}

/// One point of a metric, whatever its kind.
#[derive(Clone, Debug)]
pub struct Point {
    /// By key, as text.
    pub labels: BTreeMap<String, String>,
    /// The total, or the sum of a histogram.
    pub value: f64,
    /// Of a histogram.
    pub counts: Vec<u64>,
    /// Of a histogram.
    pub bounds: Vec<f64>,
    /// Spans that it may be looked up by.
    pub exemplars: Vec<Exemplar>,
    /// Since when it counts, in nanoseconds since the Unix epoch.
    pub start: u64,
}

impl Receiver {
    /// One that takes everything.
    pub fn new() -> Self {
        Self::scripted(|_| Some(StatusCode::OK))
    }

    /// One that answers as `script` says, given how many requests came before.
    pub fn scripted(script: impl Fn(usize) -> Option<StatusCode> + Send + Sync + 'static) -> Self {
        Self::start(TcpListener::bind("127.0.0.1:0").unwrap(), Box::new(script))
    }

    /// One that takes everything, at a port that was free before.
    pub fn at(address: SocketAddr) -> Self {
        Self::start(TcpListener::bind(address).unwrap(), Box::new(|_| Some(StatusCode::OK)))
    }

    fn start(listener: TcpListener, script: Box<Script>) -> Self {
        let address = listener.local_addr().unwrap();
        let state = Arc::new(Kept { script, sent: Mutex::default() });
        let router = Router::new().fallback(any(take)).with_state(state.clone());
        let (stop, stopped) = oneshot::channel::<()>();
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                listener.set_nonblocking(true).unwrap();
                let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                tokio::select! {
                    served = axum::serve(listener, router) => served.unwrap(),
                    _ = stopped => {}
                }
            });
        });
        Self { address, state, _stop: stop }
    }

    /// Scheme, host and port.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request.
    pub fn sent(&self) -> Vec<Sent> {
        self.state.sent.lock().unwrap().clone()
    }

    /// The newest points of a metric: those of the last request that has it.
    pub fn points(&self, name: &str) -> Vec<Point> {
        self.sent()
            .iter()
            .rev()
            .map(|sent| sent.points(name))
            .find(|points| !points.is_empty())
            .unwrap_or_default()
    }

    /// The sum of the newest points of a metric that have these labels, among others.
    pub fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let points = self.points(name);
        let has = |point: &&Point| {
            labels.iter().all(|(key, value)| point.labels.get(*key).map(String::as_str) == Some(value))
        };
        points.iter().filter(has).map(|point| point.value).sum()
    }
}

impl Default for Receiver {
    fn default() -> Self {
        Self::new()
    }
}

impl Sent {
    /// All of its metrics.
    pub fn metrics(&self) -> impl Iterator<Item = &Metric> {
        let scopes = self.message.resource_metrics.iter().flat_map(|resource| &resource.scope_metrics);
        scopes.flat_map(|scope| &scope.metrics)
    }

    /// The attributes of its resource.
    pub fn resource(&self) -> BTreeMap<String, String> {
        labels(&self.message.resource_metrics[0].resource.as_ref().unwrap().attributes)
    }

    /// The points of a metric.
    pub fn points(&self, name: &str) -> Vec<Point> {
        self.metrics().filter(|metric| metric.name == name).flat_map(points).collect()
    }
}

fn points(metric: &Metric) -> Vec<Point> {
    let numbers = match metric.data.as_ref().unwrap() {
        Data::Gauge(gauge) => &gauge.data_points,
        Data::Sum(sum) => &sum.data_points,
        Data::Histogram(histogram) => {
            let point = histogram.data_points.iter().map(|point| Point {
                labels: labels(&point.attributes),
                value: point.sum.unwrap(),
                counts: point.bucket_counts.clone(),
                bounds: point.explicit_bounds.clone(),
                exemplars: point.exemplars.clone(),
                start: point.start_time_unix_nano,
            });
            return point.collect();
        }
        other => panic!("{other:?}"),
    };
    let point = numbers.iter().map(|point| Point {
        labels: labels(&point.attributes),
        value: match point.value.unwrap() {
            Number::AsDouble(value) => value,
            Number::AsInt(value) => f64::from(i32::try_from(value).unwrap()),
        },
        counts: Vec::new(),
        bounds: Vec::new(),
        exemplars: point.exemplars.clone(),
        start: point.start_time_unix_nano,
    });
    point.collect()
}

fn labels(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |attribute: &KeyValue| match attribute.value.as_ref().unwrap().value.as_ref().unwrap() {
        Value::StringValue(text) => text.clone(),
        Value::BoolValue(is_so) => is_so.to_string(),
        other => panic!("{other:?}"),
    };
    attributes.iter().map(|attribute| (attribute.key.clone(), text(attribute))).collect()
}

async fn take(State(kept): State<Arc<Kept>>, uri: Uri, headers: HeaderMap, body: Bytes) -> StatusCode {
    let message = if headers.contains_key(CONTENT_ENCODING) {
        let mut unpacked = Vec::new();
        GzDecoder::new(&body[..]).read_to_end(&mut unpacked).unwrap();
        ExportMetricsServiceRequest::decode(&*unpacked).unwrap()
    } else {
        ExportMetricsServiceRequest::decode(&body[..]).unwrap()
    };
    let (path, bytes, at) = (uri.path().to_owned(), body.len(), Instant::now());
    let answer = {
        let mut sent = kept.sent.lock().unwrap();
        let answer = (kept.script)(sent.len());
        sent.push(Sent { path, headers, message, bytes, at });
        answer
    };
    match answer {
        Some(status) => status,
        None => std::future::pending().await,
    }
}

/// Waits until something is so.
#[track_caller]
pub fn wait(what: &str, is_so: impl Fn() -> bool) {
    let limit = Instant::now() + Duration::from_secs(30);
    while !is_so() {
        assert!(Instant::now() < limit, "not seen that {what}");
        thread::sleep(Duration::from_millis(10));
    }
}
