//! The metrics of a handle as they are at a moment: what was counted of spans, and what the ledger and the queue say. Invariant:
//! whoever reads them holds the worker up no longer than a copy takes.

use super::instruments::{Instrument, Label, Of};
use super::table::{Series, Table};
use crate::call::{OpenCalls, nanoseconds};
use crate::delivery::config::{Metering, OwnLabel};
use crate::delivery::ledger::{FlushReport, Ledger};
use crate::delivery::queue::Queue;
use crate::lock::locked;
use crate::semconv::metric;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

/// The metrics of a handle, from [`Cekura::metrics`](crate::Cekura::metrics). It is cheap to clone, and may outlive the handle.
///
/// They are counted from all spans that have ended, whatever becomes of those. The page `docs/operate.md` lists them.
#[derive(Clone, Default)]
pub struct Metrics {
    /// `None` when tracing is switched off.
    pub(super) counted: Option<Arc<Shared>>,
}

pub(super) struct Shared {
    pub(super) table: Mutex<Table>,
    ledger: Arc<Ledger>,
    queue: Arc<Queue>,
    calls: Arc<OpenCalls>,
    /// Since when it is counted, in nanoseconds since the Unix epoch.
    pub(super) begun: u64,
}

/// All metrics of one moment.
pub(super) struct Snapshot {
    pub(super) metrics: Vec<(&'static Instrument, Vec<Series>)>,
    pub(super) own: Arc<[OwnLabel]>,
    pub(super) begun: u64,
    /// In nanoseconds since the Unix epoch, as `begun` is.
    pub(super) now: u64,
}

impl Metrics {
    pub(crate) fn new(
        settings: &Metering,
        ledger: Arc<Ledger>,
        queue: Arc<Queue>,
        calls: Arc<OpenCalls>,
    ) -> Self {
        let table = Mutex::new(Table::new(settings.labels.clone(), settings.meter.is_some()));
        let begun = nanoseconds(SystemTime::now());
        Self { counted: Some(Arc::new(Shared { table, ledger, queue, calls, begun })) }
    }

    pub(super) fn snapshot(&self) -> Snapshot {
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
    pub(super) fn pending(&self) -> u64 {
        self.counted.as_ref().map(|shared| shared.report().pending).unwrap_or_default()
    }
}

impl Shared {
    fn report(&self) -> FlushReport {
        self.ledger.report(|| self.queue.accepted())
    }

    /// The series of a metric that is not counted of spans.
    #[expect(clippy::cast_precision_loss, reason = "2^53 spans are as good as exact")]
    pub(super) fn read(&self, name: &str) -> Vec<Series> {
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
pub(super) fn key(label: Label, own: &[OwnLabel]) -> &str {
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
