//! Metrics of what ends: counted by the worker, before anything is sampled or redacted, and read here. Invariant: the thread
//! that ends a span pays nothing for them.

mod export;
mod instruments;
mod listener;
mod mirror;
mod openmetrics;
mod otlp;
mod seen;
mod table;
mod tap;

pub(crate) use export::Export;
pub(crate) use listener::Listener;
pub(super) use tap::Counting;

use super::config::{Metering, OwnLabel};
use super::ledger::{FlushReport, Ledger};
use super::queue::Queue;
use crate::call::{OpenCalls, nanoseconds};
use crate::lock::locked;
use crate::semconv::metric;
use instruments::{Instrument, Label, Of};
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;
use table::{Series, Table};

/// The metrics of a handle, from [`Cekura::metrics`](crate::Cekura::metrics). It is cheap to clone, and may outlive the handle.
///
/// They are counted from all spans that have ended, whatever becomes of those. The page `docs/operate.md` lists them.
#[derive(Clone, Default)]
pub struct Metrics {
    /// `None` when tracing is switched off.
    counted: Option<Arc<Shared>>,
}

struct Shared {
    table: Mutex<Table>,
    ledger: Arc<Ledger>,
    queue: Arc<Queue>,
    calls: Arc<OpenCalls>,
    /// Since when it is counted, in nanoseconds since the Unix epoch.
    begun: u64,
}

/// All metrics of one moment.
struct Snapshot {
    metrics: Vec<(&'static Instrument, Vec<Series>)>,
    own: Arc<[OwnLabel]>,
    begun: u64,
    /// In nanoseconds since the Unix epoch, as `begun` is.
    now: u64,
}

impl Metrics {
    pub(super) fn new(
        settings: &Metering,
        ledger: Arc<Ledger>,
        queue: Arc<Queue>,
        calls: Arc<OpenCalls>,
    ) -> Self {
        let table = Mutex::new(Table::new(settings.labels.clone(), settings.meter.is_some()));
        let begun = nanoseconds(SystemTime::now());
        Self { counted: Some(Arc::new(Shared { table, ledger, queue, calls, begun })) }
    }

    /// All metrics as `OpenMetrics` text, for a route of the program's own that Prometheus scrapes. Its content type is
    /// [`CONTENT_TYPE`](Self::CONTENT_TYPE).
    ///
    /// Spans are counted when they are collected: at most a second after they have ended, and before a
    /// [`flush`](crate::Cekura::flush) returns.
    ///
    /// ```
    /// # fn main() -> Result<(), cekura::Error> {
    /// let cekura = cekura::Cekura::builder().mode(cekura::Mode::Local).build()?;
    /// let metrics = cekura.metrics();
    /// assert!(metrics.openmetrics().ends_with("# EOF\n"));
    /// # Ok(())
    /// # }
    /// ```
    pub fn openmetrics(&self) -> String {
        openmetrics::write(&self.snapshot())
    }

    /// The content type of [`openmetrics`](Self::openmetrics).
    pub const CONTENT_TYPE: &str = openmetrics::CONTENT_TYPE;

    fn snapshot(&self) -> Snapshot {
        let now = nanoseconds(SystemTime::now());
        let Some(shared) = &self.counted else {
            return Snapshot { metrics: Vec::new(), own: Arc::new([]), begun: now, now };
        };
        let (mut metrics, own) = {
            let table = locked(&shared.table);
            (table.series(), table.own.clone())
        };
        for (instrument, series) in metrics.iter_mut().filter(|(metric, _)| metric.of == Of::Ledger) {
            *series = shared.read(instrument.name);
        }
        Snapshot { metrics, own, begun: shared.begun, now }
    }

    /// Spans that are on their way.
    fn pending(&self) -> u64 {
        self.counted.as_ref().map(|shared| shared.report().pending).unwrap_or_default()
    }
}

impl Shared {
    fn report(&self) -> FlushReport {
        self.ledger.report(|| self.queue.accepted())
    }

    /// The series of a metric that is not counted of spans.
    #[expect(clippy::cast_precision_loss, reason = "2^53 spans are as good as exact")]
    fn read(&self, name: &str) -> Vec<Series> {
        let one = match name {
            metric::CEKURA_METRICS_OVERFLOWS => locked(&self.table).overflows() as f64,
            metric::CEKURA_QUEUE_BYTES => self.queue.held() as f64,
            metric::CEKURA_SPANS_ACCEPTED => self.report().accepted as f64,
            metric::CEKURA_SPANS_DELIVERED => self.report().delivered as f64,
            metric::VOICE_CALLS_OPEN => self.calls.count() as f64,
            _ => {
                let dropped = self.report().dropped;
                let reason = |reason: &str| [(Label::Reason, reason.into())].into();
                let series = dropped.iter().map(|(why, count)| (reason(why.as_str()), *count as f64));
                return series.map(|(labels, count)| Series::read(labels, count)).collect();
            }
        };
        vec![Series::read([].into(), one)]
    }
}

/// The key of a label, as OpenTelemetry has it.
fn key(label: Label, own: &[OwnLabel]) -> &str {
    match (label, label.key()) {
        (_, Some(key)) => key,
        (Label::Own(at), None) => own.get(at).map_or("", |own| own.key.as_str()),
        (_, None) => "",
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("enabled", &self.counted.is_some()).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
