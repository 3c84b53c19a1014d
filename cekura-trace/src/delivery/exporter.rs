//! An exporter for the standard pipeline over the transports of this crate. Invariant: each batch
//! is sent once.
//!
//! The clients that the exporter brings along would send headers of `OTEL_*` variables, follow redirects with the key,
//! and need a runtime of the program. A thread of our own has none of that.

use super::causes::Place;
use super::config::{self, Builder, Mode, Settings};
use super::encode::framed;
use super::error::{Error, Problem};
use super::quiet;
use super::transport::{self, Answer};
use super::verdict::{Verdict, verdict};
use http::header::{CONTENT_ENCODING, RETRY_AFTER};
use http::{HeaderValue, Request, Response, StatusCode};
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig, WithHttpConfig};
use prost::Message;
use prost::bytes::Bytes;
use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Runtime;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::oneshot;

impl Builder {
    /// An exporter with these settings, for a tracer provider of the OpenTelemetry SDK and its batch processor.
    ///
    /// Its endpoint, protocol, headers, certificates and time limits are those of a handle. No
    /// `OTEL_EXPORTER_*` variable overrides them. It works in any runtime or none. It sends every span of its
    /// tracer provider, with the resource of that tracer provider; `.service_name(…)`, `.resource(…)`,
    /// `.capture(…)` and the limits have no effect. When tracing is off, it accepts every span and sends none.
    ///
    /// The standard pipeline does not give the guarantees of a handle: it holds 2,048 spans and drops more
    /// without saying so, gives up about a second after a backend has failed, and its `force_flush` and
    /// `shutdown` do not tell what was lost.
    ///
    /// Part of the feature `exporter`, which is off by default: `cargo add cekura-trace --features exporter`.
    ///
    /// ```no_run
    /// # use opentelemetry_sdk::trace::SdkTracerProvider;
    /// # fn main() -> Result<(), cekura::Error> {
    /// let exporter = cekura::Cekura::builder().api_key("…").agent(123).span_exporter()?;
    /// let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).build();
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// If a setting has a value that cannot be used, the mode is local, for an exporter needs an endpoint, or values are to be
    /// redacted, for only a handle does that.
    pub fn span_exporter(self) -> Result<SpanExporter, Error> {
        let mut exporter = SpanExporter::builder().with_http().with_protocol(Protocol::HttpBinary);
        let mut client = Client::default();
        if let Some(settings) = config::resolve(self)? {
            if settings.redaction.is_on() {
                let rule = "does not reach an exporter, whose spans go through the pipeline of the SDK: use a handle";
                return Err(Error::configuration(vec![Problem { setting: ".redact(…)", rule }]));
            }
            if settings.mode == Mode::Local {
                let rule =
                    "is `local`, which sends nothing: an exporter needs an endpoint, so set it to `cloud`";
                return Err(Error::configuration(vec![Problem { setting: "CEKURA_MODE", rule }]));
            }
            exporter = exporter
                .with_endpoint(settings.endpoint.uri().to_string())
                .with_timeout(settings.timings.attempt);
            client.place = Some(Place::of_spans(&settings));
            client.requests = Some(employ(settings)?);
        }
        exporter.with_http_client(client).build().map_err(Error::start)
    }
}

/// A request, and who waits for its answer.
type ExportRequest = (Bytes, oneshot::Sender<Answer>);

/// Starts the thread that sends requests, until nobody can hand over any more.
fn employ(settings: Settings) -> Result<UnboundedSender<ExportRequest>, Error> {
    let (requests, inbox) = unbounded_channel();
    quiet::start(
        "cekura-exporter",
        move || transport::connect_plain(&settings),
        move |transport, runtime: &Runtime| {
            let mut inbox: UnboundedReceiver<ExportRequest> = inbox;
            runtime.block_on(async {
                while let Some((frame, answer)) = inbox.recv().await {
                    let sending = transport.send(frame);
                    tokio::spawn(async move { answer.send(sending.await) });
                }
            });
        },
    )?;
    Ok(requests)
}

/// The exporter's HTTP client, whatever the protocol.
#[derive(Default)]
struct Client {
    /// `None` when tracing is switched off.
    requests: Option<UnboundedSender<ExportRequest>>,
    /// Where they go.
    place: Option<Place>,
    /// Whether an event has said that requests fail.
    is_failing: AtomicBool,
}

impl Client {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let Some(requests) = &self.requests else { return Ok(Response::default()) };
        // Of the exporter's request only the body counts: its headers may come from the environment.
        let frame = frame(&request)?;
        let bytes = frame.len();
        let (answer, answered) = oneshot::channel();
        requests.send((frame, answer))?;
        let answer = answered.await?;
        let verdict = verdict(&answer, bytes);
        self.tell(&answer, bytes, verdict);
        Ok(response(&answer, verdict))
    }

    /// Says that requests fail: once, until one succeeds. The exporter itself says little of what goes wrong.
    fn tell(&self, answer: &Answer, bytes: usize, verdict: Verdict) {
        let fails = !matches!(verdict, Verdict::Delivered { rejected: 0 });
        if self.is_failing.swap(fails, Ordering::Relaxed) || !fails {
            return;
        }
        let cause = self.place.as_ref().map(|place| place.spans(answer, bytes, "spans").to_string());
        let cause = cause.unwrap_or_default();
        match verdict {
            Verdict::Stop => {
                tracing::error!(target: "cekura", "spans of an exporter were not delivered: {cause}");
            }
            Verdict::Delivered { rejected } => {
                tracing::warn!(target: "cekura", "the endpoint rejected {rejected} spans of an exporter: {answer}");
            }
            _ => tracing::warn!(target: "cekura", "spans of an exporter were not delivered: {cause}"),
        }
    }
}

impl HttpClient for Client {
    fn send_bytes<'client, 'sending>(
        &'client self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'sending>>
    where
        'client: 'sending,
        Self: 'sending,
    {
        Box::pin(self.send(request))
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("enabled", &self.requests.is_some()).finish_non_exhaustive()
    }
}

/// The body as a gRPC frame. The frame says whether the body is compressed, which
/// `OTEL_EXPORTER_OTLP_COMPRESSION` may ask for.
fn frame(request: &Request<Bytes>) -> Result<Bytes, HttpError> {
    let body = request.body();
    let is_compressed = match request.headers().get(CONTENT_ENCODING) {
        None => false,
        Some(encoding) if encoding == "gzip" => true,
        Some(_) => {
            tracing::error!(
                target: "cekura",
                "an exporter cannot send spans, because its compression is not gzip; set OTEL_EXPORTER_OTLP_TRACES_COMPRESSION \
                 to `gzip` or `none`"
            );
            return Err("a compression other than gzip".into());
        }
    };
    Ok(framed(is_compressed, body.len(), |frame| frame.extend_from_slice(body)))
}

/// The answer as an HTTP response. The exporter decides by the status: it repeats 429, 502, 503 and 504.
fn response(answer: &Answer, verdict: Verdict) -> Response<Bytes> {
    let (status, wait) = match (answer, verdict) {
        (Answer::Accepted { .. }, _) => (StatusCode::OK, None),
        (Answer::Http { status, wait, .. }, _) => {
            (StatusCode::from_u16(*status).unwrap_or(StatusCode::BAD_REQUEST), *wait)
        }
        (_, Verdict::Retry { wait, .. }) => (StatusCode::SERVICE_UNAVAILABLE, wait),
        _ => (StatusCode::BAD_REQUEST, None),
    };
    let mut response = Response::default();
    *response.status_mut() = status;
    if let Some(wait) = wait {
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(wait.as_secs()));
    }
    if let Answer::Accepted { rejected, message } = answer {
        let rejected = i64::try_from(*rejected).unwrap_or(i64::MAX);
        let partial = Some(transport::PartialSuccess { rejected, message: message.clone() });
        *response.body_mut() = transport::Exported { partial }.encode_to_vec().into();
    }
    response
}
