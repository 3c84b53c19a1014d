//! Records what is counted into the instruments of the program's meter provider too. Invariant: that runs on a thread of its
//! own, for it is the program's code; what it does not take in time is counted, and said.

use super::instruments::{INSTRUMENTS, Instrument, Kind, Label, Of};
use super::reading::{Shared, key};
use super::table::{Counted, Labels, Series, Value};
use crate::delivery::config::OwnLabel;
use crate::delivery::own_events::OwnEvents;
use crate::delivery::side::Side;
use crate::lock::locked;
use opentelemetry::metrics::{AsyncInstrument, Counter, Histogram, Meter};
use opentelemetry::{KeyValue, Value as ApiValue};
use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The most values that wait.
const MOST: usize = 64 << 10;
/// How long a flush waits for them.
const MOMENT: Duration = Duration::from_millis(50);

/// The instruments of a program.
pub(super) struct Mirror {
    side: Side<Vec<Counted>>,
    waiting: Arc<AtomicUsize>,
    /// Values that were not recorded.
    missed: usize,
    /// Whether it was too slow to be waited for when it last was.
    is_behind: bool,
    events: OwnEvents,
}

enum Recorder {
    Counter(Counter<u64>),
    Histogram(Histogram<f64>),
    /// It is asked for its value.
    Observed,
}

impl Mirror {
    pub(super) fn new(meter: &Meter, shared: &Arc<Shared>, events: OwnEvents) -> Self {
        let recorders: Vec<_> = INSTRUMENTS.iter().map(|metric| recorder(meter, metric, shared)).collect();
        let waiting = Arc::<AtomicUsize>::default();
        let own = locked(&shared.table).own.clone();
        let (left, known) = (waiting.clone(), Mutex::new(HashMap::<Labels, Arc<[KeyValue]>>::new()));
        let record = move |counted: Vec<Counted>| {
            left.fetch_sub(counted.len(), Ordering::Relaxed);
            for Counted { metric, labels, value } in counted {
                let attributes =
                    locked(&known).entry(labels).or_insert_with_key(|all| attributes(all, &own)).clone();
                match &recorders[metric] {
                    Recorder::Counter(counter) => counter.add(whole(value), &attributes),
                    Recorder::Histogram(histogram) => histogram.record(value, &attributes),
                    Recorder::Observed => {}
                }
            }
        };
        Self { side: Side::new("cekura-trace-meter", record), waiting, missed: 0, is_behind: false, events }
    }

    /// Has values recorded.
    pub(super) fn record(&mut self, counted: Vec<Counted>) {
        let count = counted.len();
        if count == 0 {
            return;
        }
        if self.waiting.load(Ordering::Relaxed) + count > MOST {
            self.missed += count;
            if self.missed == count {
                self.tell();
            }
            return;
        }
        self.waiting.fetch_add(count, Ordering::Relaxed);
        self.side.push(counted, usize::MAX);
    }

    /// Blocks for a moment until all were recorded, unless that was too short the last time.
    pub(super) fn settle(&mut self) {
        let moment = if self.is_behind { Duration::ZERO } else { MOMENT };
        self.is_behind = !self.side.wait(moment);
    }

    fn tell(&self) {
        let missed = self.missed;
        self.events.emit(move || {
            let what = "the meter provider takes too long: values were not recorded in it";
            tracing::warn!(target: "cekura", missed, "{what}");
        });
    }
}

impl Drop for Mirror {
    fn drop(&mut self) {
        if self.missed > 0 {
            self.tell();
        }
    }
}

fn recorder(meter: &Meter, metric: &'static Instrument, shared: &Arc<Shared>) -> Recorder {
    let Instrument { name, help, unit, kind, of, .. } = metric;
    let shared = Arc::downgrade(shared);
    let series = move || {
        let shared = shared.upgrade()?;
        let own = locked(&shared.table).own.clone();
        let values =
            shared.read(metric.name).into_iter().filter_map(move |Series { labels, value, .. }| {
                let Value::Number { value, .. } = value else { return None };
                Some((whole(value), attributes(&labels, &own)))
            });
        Some(values)
    };
    let observe = move |observer: &dyn AsyncInstrument<u64>| {
        series().into_iter().flatten().for_each(|(value, labels)| observer.observe(value, &labels));
    };
    match (of, kind) {
        (Of::Ledger, Kind::Counter) => {
            let counter = meter.u64_observable_counter(*name).with_description(*help).with_unit(unit.ucum());
            counter.with_callback(observe).build();
            Recorder::Observed
        }
        (Of::Ledger, _) => {
            let gauge = meter.u64_observable_gauge(*name).with_description(*help).with_unit(unit.ucum());
            gauge.with_callback(observe).build();
            Recorder::Observed
        }
        (_, Kind::Histogram(bounds)) => {
            let histogram = meter.f64_histogram(*name).with_description(*help).with_unit(unit.ucum());
            Recorder::Histogram(histogram.with_boundaries(bounds.to_vec()).build())
        }
        (_, Kind::Counter | Kind::Gauge) => {
            let counter = meter.u64_counter(*name).with_description(*help).with_unit(unit.ucum());
            Recorder::Counter(counter.build())
        }
    }
}

fn attributes(labels: &Labels, own: &[OwnLabel]) -> Arc<[KeyValue]> {
    let attribute = |(label, value): &(Label, Box<str>)| {
        let value = match label {
            Label::Overflow => ApiValue::Bool(true),
            _ => ApiValue::from(value.to_string()),
        };
        KeyValue::new(key(*label, own).to_owned(), value)
    };
    labels.iter().map(attribute).collect()
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it counts things")]
fn whole(value: f64) -> u64 {
    value as u64
}
