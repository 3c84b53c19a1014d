//! The median and the spread of figures from several rounds.

use std::fmt;

/// A median, between the values below which 10 and 90 % of all lie.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    pub low: f64,
    pub median: f64,
    pub high: f64,
}

impl Spread {
    /// `None` of no values.
    pub fn of(values: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut values: Vec<f64> = values.into_iter().collect();
        values.sort_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        let at = |share: f64| values[(last as f64 * share).round() as usize];
        Some(Self { low: at(0.1), median: at(0.5), high: at(0.9) })
    }

    /// Of the ratios of each round.
    pub fn of_ratios(values: &[f64], references: &[f64]) -> Option<Self> {
        Self::of(values.iter().zip(references).map(|(value, reference)| value / reference))
    }
}

impl fmt::Display for Spread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { low, median, high } = self;
        write!(f, "{} ({}–{})", digits(*median), digits(*low), digits(*high))
    }
}

/// As many digits as its size deserves: 1234, 12.3, 1.23, 0.003.
pub fn digits(value: f64) -> String {
    let decimals = match value.abs() {
        0.0 => 0,
        size if size < 0.0095 => 3,
        size if size < 9.95 => 2,
        size if size < 99.5 => 1,
        _ => 0,
    };
    format!("{value:.decimals$}")
}
