//! Metrics of what ends: counted by the worker, before anything is sampled or redacted, and read here. Invariant: the thread
//! that ends a span pays nothing for them.

mod instruments;
mod openmetrics;
mod seen;
mod table;
mod tap;

pub(super) use tap::Counting;

use super::config::OwnLabel;
use super::ledger::{FlushReport, Ledger};
use super::queue::Queue;
use crate::call::{Calls, nanoseconds};
use crate::lock::locked;
use crate::semconv::metric;
use instruments::{INSTRUMENTS, Instrument, Label, Of};
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
    calls: Arc<Calls>,
    /// Since when it is counted, in nanoseconds since the Unix epoch.
    begun: u64,
}

/// All metrics of one moment.
struct Snapshot {
    metrics: Vec<(&'static Instrument, Vec<Series>)>,
    own: Arc<[OwnLabel]>,
}

impl Metrics {
    pub(super) fn new(own: Vec<OwnLabel>, ledger: Arc<Ledger>, queue: Arc<Queue>, calls: Arc<Calls>) -> Self {
        let table = Mutex::new(Table::new(own, false));
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
        let Some(shared) = &self.counted else {
            return Snapshot { metrics: Vec::new(), own: Arc::new([]) };
        };
        let (mut metrics, own, overflows) = {
            let table = locked(&shared.table);
            (table.series(), table.own.clone(), table.overflows)
        };
        let report = shared.ledger.report(|| shared.queue.accepted());
        for (instrument, series) in &mut metrics {
            if instrument.of == Of::Ledger {
                *series = shared.read(instrument.name, &report, overflows);
            }
        }
        Snapshot { metrics, own }
    }
}

impl Shared {
    /// The series of a metric that is not counted of spans.
    #[expect(clippy::cast_precision_loss, reason = "2^53 spans are as good as exact")]
    fn read(&self, name: &str, report: &FlushReport, overflows: u64) -> Vec<Series> {
        let one = match name {
            metric::CEKURA_METRICS_OVERFLOWS => overflows as f64,
            metric::CEKURA_QUEUE_BYTES => self.queue.held() as f64,
            metric::CEKURA_SPANS_ACCEPTED => report.accepted as f64,
            metric::CEKURA_SPANS_DELIVERED => report.delivered as f64,
            metric::VOICE_CALLS_OPEN => self.calls.count() as f64,
            _ => {
                let reasons = report.dropped.iter();
                let series = |(reason, count): (&super::ledger::DropReason, &u64)| {
                    Series::read([(Label::Reason, reason.as_str().into())].into(), *count as f64)
                };
                return reasons.map(series).collect();
            }
        };
        vec![Series::read([].into(), one)]
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metrics").field("enabled", &self.counted.is_some()).finish_non_exhaustive()
    }
}

const _: () = assert!(INSTRUMENTS.len() < 64);
