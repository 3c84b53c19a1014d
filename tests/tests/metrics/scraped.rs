//! Reads `OpenMetrics` text as strictly as Prometheus does, and answers what stands in it.

use std::collections::{BTreeMap, BTreeSet};

/// One line of numbers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sample {
    /// With its suffix.
    pub(crate) name: String,
    pub(crate) labels: BTreeMap<String, String>,
    pub(crate) value: f64,
    pub(crate) exemplar: Option<Exemplar>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Exemplar {
    pub(crate) trace: String,
    pub(crate) span: String,
    pub(crate) value: f64,
    /// Seconds since the Unix epoch.
    pub(crate) time: f64,
}

/// A whole text.
#[derive(Debug)]
pub(crate) struct Scrape {
    pub(crate) samples: Vec<Sample>,
    /// By name, without suffixes.
    pub(crate) kinds: BTreeMap<String, String>,
}

impl Scrape {
    /// Reads all of it, or says which line is wrong.
    #[track_caller]
    pub(crate) fn read(text: &str) -> Self {
        let body = text.strip_suffix("# EOF\n").expect("it ends with # EOF");
        let (mut samples, mut kinds, mut family) = (Vec::new(), BTreeMap::new(), String::new());
        for line in body.lines() {
            if let Some(comment) = line.strip_prefix("# ") {
                let [word, name, rest] = comment.splitn(3, ' ').collect::<Vec<_>>()[..] else {
                    panic!("{line}")
                };
                match word {
                    "TYPE" => {
                        assert!(kinds.insert(name.to_owned(), rest.to_owned()).is_none(), "twice: {line}");
                        name.clone_into(&mut family);
                    }
                    "UNIT" => assert!(name.ends_with(&format!("_{rest}")), "{line}"),
                    "HELP" => assert!(!rest.is_empty(), "{line}"),
                    _ => panic!("{line}"),
                }
                assert_eq!(name, family, "{line}");
            } else {
                let sample = Sample::read(line);
                let suffixes: &[&str] = match &*kinds[&family] {
                    "counter" => &["_total"],
                    "gauge" => &[""],
                    "histogram" => &["_bucket", "_count", "_sum"],
                    other => panic!("{other}"),
                };
                let suffix =
                    sample.name.strip_prefix(&family).unwrap_or_else(|| panic!("{line} of {family}"));
                assert!(suffixes.contains(&suffix), "{line}");
                samples.push(sample);
            }
        }
        let all = Self { samples, kinds };
        all.check_histograms();
        let known: BTreeSet<_> =
            all.samples.iter().map(|sample| (&sample.name, format!("{:?}", sample.labels))).collect();
        assert_eq!(known.len(), all.samples.len(), "a series stands twice");
        all
    }

    /// Each bucket has what is below it, and the last one has all.
    fn check_histograms(&self) {
        let counts: BTreeMap<_, _> = self
            .samples
            .iter()
            .map(|sample| ((&*sample.name, format!("{:?}", sample.labels)), sample.value))
            .collect();
        for (name, _) in self.kinds.iter().filter(|(_, kind)| *kind == "histogram") {
            let count_name = format!("{name}_count");
            let mut below: BTreeMap<String, f64> = BTreeMap::new();
            for sample in self.samples.iter().filter(|sample| sample.name == format!("{name}_bucket")) {
                let mut labels = sample.labels.clone();
                let bound = labels.remove("le").expect("a bound");
                assert!(bound == "+Inf" || bound.contains('.'), "{bound}");
                let last = below.insert(format!("{labels:?}"), sample.value).unwrap_or_default();
                assert!(sample.value >= last, "{sample:?} after {last}");
            }
            for (labels, all) in below {
                assert_eq!(counts.get(&(&*count_name, labels.clone())), Some(&all), "{name} {labels}");
            }
        }
    }

    /// The sum of all samples of this name that have these labels, among others.
    pub(crate) fn sum(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        self.all(name, labels).iter().map(|sample| sample.value).sum()
    }

    /// All samples of this name that have these labels, among others.
    pub(crate) fn all(&self, name: &str, labels: &[(&str, &str)]) -> Vec<&Sample> {
        let fits = |sample: &&Sample| {
            let has =
                |(key, value): &(&str, &str)| sample.labels.get(*key).map(String::as_str) == Some(value);
            sample.name == name && labels.iter().all(has)
        };
        self.samples.iter().filter(fits).collect()
    }

    pub(crate) fn exemplars(&self) -> impl Iterator<Item = &Exemplar> {
        self.samples.iter().filter_map(|sample| sample.exemplar.as_ref())
    }
}

impl Sample {
    fn read(line: &str) -> Self {
        let (name, labels, rest) = split(line);
        let (value, exemplar) = match rest.split_once(" # ") {
            None => (rest, None),
            Some((value, exemplar)) => (value, Some(exemplar)),
        };
        let exemplar = exemplar.map(|exemplar| {
            let (_, labels, rest) = split(exemplar);
            let length: usize = labels.iter().map(|(key, value)| key.len() + value.len()).sum();
            assert!(length <= 128, "{line}");
            let (value, time) = rest.split_once(' ').expect("a time");
            let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{text} in {line}"));
            let (value, time) = (number(value), number(time));
            Exemplar { trace: labels["trace_id"].clone(), span: labels["span_id"].clone(), value, time }
        });
        let value = value.parse().unwrap_or_else(|_| panic!("{value} in {line}"));
        Self { name, labels, value, exemplar }
    }
}

/// Name, labels, and what stands behind them.
fn split(text: &str) -> (String, BTreeMap<String, String>, &str) {
    let end = text.find(['{', ' ']).unwrap_or_else(|| panic!("{text}"));
    let (name, mut rest) = text.split_at(end);
    assert!(name.chars().all(|char| char.is_ascii_alphanumeric() || char == '_'), "{text}");
    let mut labels = BTreeMap::new();
    if let Some(inner) = rest.strip_prefix('{') {
        rest = inner;
        loop {
            let (key, quoted) = rest.split_once("=\"").unwrap_or_else(|| panic!("{text}"));
            let (mut value, mut chars) = (String::new(), quoted.char_indices());
            let end = loop {
                match chars.next().unwrap_or_else(|| panic!("{text}")) {
                    (at, '"') => break at,
                    (_, '\\') => match chars.next() {
                        Some((_, 'n')) => value.push('\n'),
                        Some((_, char @ ('\\' | '"'))) => value.push(char),
                        other => panic!("{other:?} in {text}"),
                    },
                    (_, char) => value.push(char),
                }
            };
            assert!(labels.insert(key.to_owned(), value).is_none(), "{key} twice in {text}");
            rest = &quoted[end + 1..];
            if let Some(behind) = rest.strip_prefix('}') {
                rest = behind;
                break;
            }
            rest = rest.strip_prefix(',').unwrap_or_else(|| panic!("{text}"));
        }
    }
    (name.to_owned(), labels, rest.strip_prefix(' ').unwrap_or_else(|| panic!("{text}")))
}
