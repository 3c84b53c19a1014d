//! What is counted, as series of each metric. Invariant: a metric has at most [`MOST`] series and one for all values beyond, so
//! that its sum is exact whatever the labels are.

use super::instruments::{INSTRUMENTS, Instrument, Kind, Label, Measure};
use super::seen::{Seen, cut};
use crate::delivery::config::OwnLabel;
use opentelemetry::trace::{SpanId, TraceId};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// The most series of one metric.
pub(super) const MOST: usize = 500;
/// As many exemplars are kept, of all series together.
const MOST_EXEMPLARS: usize = 8 << 10;
/// The series of so many kinds of spans are remembered, so that they are not looked for one by one.
const MOST_PLANS: usize = 1 << 10;

/// What a series is told apart by.
pub(super) type Labels = Arc<[(Label, Box<str>)]>;

/// One value of which the span is known.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exemplar {
    pub(super) trace: TraceId,
    pub(super) span: SpanId,
    pub(super) value: f64,
    /// Nanoseconds since the Unix epoch.
    pub(super) time: u64,
}

#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) labels: Labels,
    pub(super) value: Value,
    /// Whether it is the one for all beyond.
    is_overflow: bool,
}

#[derive(Clone, Debug)]
pub(super) enum Value {
    Number { value: f64, exemplar: Option<Exemplar> },
    Histogram(Histogram),
}

#[derive(Clone, Debug)]
pub(super) struct Histogram {
    /// One more than there are bounds.
    pub(super) counts: Box<[u64]>,
    pub(super) sum: f64,
    /// The newest of each bucket, with its place.
    pub(super) exemplars: Vec<(usize, Exemplar)>,
}

/// A value that was counted, for those who count it too.
#[derive(Debug)]
pub(super) struct Counted {
    /// The place of its metric.
    pub(super) metric: usize,
    pub(super) labels: Labels,
    pub(super) value: f64,
}

/// Of all metrics that are counted of spans.
pub(super) struct Table {
    pub(super) own: Arc<[OwnLabel]>,
    totals: Totals,
    /// By what [`Seen::identify`] writes.
    plans: HashMap<Box<[u8]>, Box<[Step]>, BuildHasherDefault<Fold>>,
    key: Vec<u8>,
}

/// All series.
struct Totals {
    /// By the places of their metrics.
    families: Vec<Family>,
    /// Values that found no series of their own.
    overflows: u64,
    exemplars: usize,
    /// Where it is wanted: what was counted since this was last taken.
    counted: Option<Vec<Counted>>,
}

#[derive(Default)]
struct Family {
    series: Vec<Series>,
    /// Their places.
    known: HashMap<Labels, usize>,
    overflow: Option<usize>,
}

/// Where one measure of a span is counted.
#[derive(Clone, Copy)]
struct Step {
    measure: Measure,
    place: Place,
}

/// The place of a series.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    metric: usize,
    series: usize,
}

impl Table {
    pub(super) fn new(own: Vec<OwnLabel>, is_counted: bool) -> Self {
        let families = INSTRUMENTS.iter().map(|_| Family::default()).collect();
        let totals = Totals { families, overflows: 0, exemplars: 0, counted: is_counted.then(Vec::new) };
        Self { own: own.into(), totals, plans: HashMap::default(), key: Vec::new() }
    }

    /// Counts a span.
    pub(super) fn add(&mut self, seen: &Seen<'_>) {
        seen.identify(&mut self.key);
        let exemplar = seen.exemplar();
        if let Some(plan) = self.plans.get(&*self.key) {
            self.totals.follow(plan, seen, exemplar);
        } else {
            let plan = self.plan(seen);
            self.totals.follow(&plan, seen, exemplar);
            if self.plans.len() >= MOST_PLANS {
                self.plans.clear();
            }
            self.plans.insert(self.key.as_slice().into(), plan);
        }
        for (name, value) in &seen.scores {
            self.score(name, Some(seen), Exemplar { value: *value, ..exemplar });
        }
    }

    /// Counts a score of a conversation; of one that is over, its root is not seen.
    pub(super) fn score(&mut self, name: &[u8], seen: Option<&Seen<'_>>, exemplar: Exemplar) {
        let name = (Label::Score, String::from_utf8_lossy(cut(name)).into());
        let own = seen.into_iter().flat_map(|seen| seen.own(&self.own));
        let labels = std::iter::once(name).chain(own.map(|(label, value)| (label, value.into()))).collect();
        let Some(metric) = place_of(Measure::Score) else { return };
        let place = self.totals.place(metric, labels);
        self.totals.count(place, exemplar);
    }

    /// Where the turns of a conversation are counted, whose root this is.
    pub(super) fn turns(&mut self, seen: &Seen<'_>) -> Option<Place> {
        let metric = place_of(Measure::Turns)?;
        let labels = self.labels(&INSTRUMENTS[metric], seen, Measure::Turns);
        Some(self.totals.place(metric, labels))
    }

    pub(super) fn count(&mut self, place: Place, exemplar: Exemplar) {
        self.totals.count(place, exemplar);
    }

    /// What was counted since this was last asked, for those who count it too.
    pub(super) fn take_counted(&mut self) -> Vec<Counted> {
        self.totals.counted.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The series of each metric, as they are now.
    pub(super) fn series(&self) -> Vec<(&'static Instrument, Vec<Series>)> {
        let families = self.totals.families.iter().map(|family| family.series.clone());
        INSTRUMENTS.iter().zip(families).collect()
    }

    /// In which series the measures of such a span are counted.
    fn plan(&mut self, seen: &Seen<'_>) -> Box<[Step]> {
        let mut steps = Vec::new();
        for (metric, instrument) in INSTRUMENTS.iter().enumerate().filter(|(_, metric)| seen.is(metric.of)) {
            for measure in instrument.measures.iter().filter(|measure| seen.has(**measure)) {
                let labels = self.labels(instrument, seen, *measure);
                steps.push(Step { measure: *measure, place: self.totals.place(metric, labels) });
            }
        }
        steps.into()
    }

    fn labels(&self, instrument: &Instrument, seen: &Seen<'_>, measure: Measure) -> Labels {
        let text = |text| String::from_utf8_lossy(cut(text)).into();
        let known = instrument.labels.iter();
        let known = known.filter_map(|label| Some((*label, text(seen.label(*label, measure)?))));
        known.chain(seen.own(&self.own).map(|(label, value)| (label, value.into()))).collect()
    }

    /// Values that found no series of their own.
    pub(super) fn overflows(&self) -> u64 {
        self.totals.overflows
    }
}

impl Totals {
    fn follow(&mut self, plan: &[Step], seen: &Seen<'_>, exemplar: Exemplar) {
        for Step { measure, place } in plan {
            self.count(*place, Exemplar { value: seen.value(*measure), ..exemplar });
        }
    }

    fn count(&mut self, place: Place, exemplar: Exemplar) {
        let Place { metric, series } = place;
        let Some(series) = self.families.get_mut(metric).and_then(|family| family.series.get_mut(series))
        else {
            return;
        };
        self.overflows += u64::from(series.is_overflow);
        if let Some(counted) = &mut self.counted {
            counted.push(Counted { metric, labels: series.labels.clone(), value: exemplar.value });
        }
        match &mut series.value {
            Value::Number { value, exemplar: newest } => {
                *value += exemplar.value;
                *newest = Some(exemplar);
            }
            Value::Histogram(Histogram { counts, sum, exemplars }) => {
                let Kind::Histogram(bounds) = INSTRUMENTS[metric].kind else { return };
                let bucket = bounds.partition_point(|bound| *bound < exemplar.value);
                counts[bucket] += 1;
                *sum += exemplar.value;
                if let Some((_, newest)) = exemplars.iter_mut().find(|(known, _)| *known == bucket) {
                    *newest = exemplar;
                } else if self.exemplars < MOST_EXEMPLARS {
                    self.exemplars += 1;
                    exemplars.push((bucket, exemplar));
                }
            }
        }
    }

    fn place(&mut self, metric: usize, labels: Labels) -> Place {
        let family = &mut self.families[metric];
        let is_overflow = !family.known.contains_key(&labels) && family.known.len() >= MOST;
        let series = if is_overflow { family.overflow } else { family.known.get(&labels).copied() };
        let series = series.unwrap_or_else(|| {
            let at = family.series.len();
            let labels = if is_overflow {
                family.overflow = Some(at);
                [(Label::Overflow, "true".into())].into()
            } else {
                family.known.insert(labels.clone(), at);
                labels
            };
            family.series.push(Series { labels, value: Value::of(INSTRUMENTS[metric].kind), is_overflow });
            at
        });
        Place { metric, series }
    }
}

impl Seen<'_> {
    /// One of it without a value.
    pub(super) fn exemplar(&self) -> Exemplar {
        let (trace, span, time) = (self.head.trace_id, self.head.span_id, self.head.end);
        Exemplar { trace, span, value: 1.0, time }
    }
}

impl Value {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Counter | Kind::Gauge => Self::Number { value: 0.0, exemplar: None },
            Kind::Histogram(bounds) => {
                let counts = vec![0; bounds.len() + 1].into();
                Self::Histogram(Histogram { counts, sum: 0.0, exemplars: Vec::new() })
            }
        }
    }
}

impl Series {
    /// One that is not counted here.
    pub(super) fn read(labels: Labels, value: f64) -> Self {
        Self { labels, value: Value::Number { value, exemplar: None }, is_overflow: false }
    }
}

fn place_of(measure: Measure) -> Option<usize> {
    INSTRUMENTS.iter().position(|metric| metric.measures.contains(&measure))
}

/// A hash that is fast for short keys. They come from the program, which gains nothing by equal ones.
#[derive(Default)]
struct Fold(u64);

impl Hasher for Fold {
    fn write(&mut self, bytes: &[u8]) {
        // The golden ratio, as many tables have it.
        let fold = |hash: u64, part: u64| (hash.rotate_left(5) ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let (eights, rest) = bytes.as_chunks();
        let mut hash = eights.iter().fold(self.0, |hash, eight| fold(hash, u64::from_le_bytes(*eight)));
        for byte in rest {
            hash = fold(hash, u64::from(*byte));
        }
        // A table looks at the upper bits too.
        self.0 = hash ^ hash >> 32;
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
