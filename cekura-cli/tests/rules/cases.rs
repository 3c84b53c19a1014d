//! The cases that the rules are judged by: what an agent counted minute by minute, and what must then be so. Invariant: a judge is
//! asked about all firing alerts, so that one too many fails a case as one too few does.

use std::fmt::Write;

/// Three days in minutes: the longest window is full.
const DAYS: u32 = 3 * DAY;
const DAY: u32 = 1_440;

/// The case that each objective has for every judge.
pub(crate) const TWO_HOURS: &str = "two hours of failures";

#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// The objective that it is about, or the tracing itself.
    pub(crate) slo: &'static str,
    /// How often the rules are evaluated: an alert may fire with the first.
    every: &'static str,
    series: Vec<(String, String)>,
    checks: Vec<Check>,
}

/// What a query gives at a minute.
#[derive(Clone)]
struct Check {
    minute: u32,
    query: String,
    samples: Vec<(String, f64)>,
}

/// A counter's values: `(minutes, how many more each minute)`.
type Pace<'a> = &'a [(u32, f64)];

fn paced(pace: Pace<'_>) -> String {
    let (mut text, mut at) = (String::new(), 0.0);
    for (minutes, more) in pace {
        let _ = write!(text, "{at}+{more}x{} ", minutes - 1);
        at += f64::from(*minutes) * more;
    }
    // One more sample, at the end.
    text + &at.to_string()
}

/// The counters of one objective.
struct Counters {
    slo: &'static str,
    alert: &'static str,
    all: &'static str,
    failed: &'static str,
    /// The share of good ones is counted, not that of failed ones.
    is_good: bool,
    budget: f64,
}

const COUNTERS: [Counters; 4] = [
    Counters {
        slo: "turn_latency",
        alert: "TurnLatencyBudgetBurn",
        all: "turn_user_bot_latency_seconds_count{job=\"agent\"}",
        failed: "turn_user_bot_latency_seconds_bucket{job=\"agent\", le=\"1.2\"}",
        is_good: true,
        budget: 0.05,
    },
    Counters {
        slo: "tool_errors",
        alert: "ToolErrorBudgetBurn",
        all: "tool_call_duration_seconds_count{job=\"agent\", outcome=\"ok\"}",
        failed: "tool_call_duration_seconds_count{job=\"agent\", outcome=\"error\"}",
        is_good: false,
        budget: 0.01,
    },
    Counters {
        slo: "guardrail_rejections",
        alert: "GuardrailRejectionBudgetBurn",
        all: "guardrail_checks_total{job=\"agent\", verdict=\"passed\"}",
        failed: "guardrail_checks_total{job=\"agent\", verdict=\"rejected\"}",
        is_good: false,
        budget: 0.02,
    },
    Counters {
        slo: "calls",
        alert: "CallErrorBudgetBurn",
        all: "voice_calls_total{job=\"agent\", outcome=\"ok\"}",
        failed: "voice_calls_total{job=\"agent\", outcome=\"error\"}",
        is_good: false,
        budget: 0.005,
    },
];

impl Counters {
    /// Both series, of `(minutes, events each minute, share of failed ones)`.
    fn series(&self, pace: &[(u32, f64, f64)]) -> [(String, String); 2] {
        let paced = |of: &dyn Fn(f64, f64) -> f64| {
            let pace: Vec<_> =
                pace.iter().map(|(minutes, all, share)| (*minutes, of(*all, *share))).collect();
            paced(&pace)
        };
        let counted =
            |all: f64, share: f64| (all * if self.is_good { 1.0 - share } else { share } * 1e6).round() / 1e6;
        let others =
            |all: f64, share: f64| if self.is_good { all } else { ((all - all * share) * 1e6).round() / 1e6 };
        [(self.all.to_owned(), paced(&others)), (self.failed.to_owned(), paced(&counted))]
    }

    /// `20 *` the budget fails: all turns, a fifth of the tools.
    fn outage(&self) -> f64 {
        20.0 * self.budget
    }
}

impl Case {
    fn new(name: &'static str) -> Self {
        Self { name, slo: "tracing", every: "5m", series: Vec::new(), checks: Vec::new() }
    }

    /// One whose checks are at the end of days.
    fn slow(name: &'static str) -> Self {
        Self { every: "6h", ..Self::new(name) }
    }

    fn with(mut self, counters: &Counters, pace: &[(u32, f64, f64)]) -> Self {
        self.series.extend(counters.series(pace));
        self.of(counters.slo)
    }

    fn of(self, slo: &'static str) -> Self {
        Self { slo, ..self }
    }

    fn counter(mut self, series: &str, values: String) -> Self {
        self.series.push((series.to_owned(), values));
        self
    }

    /// The firing alerts, by name and window.
    fn fires(mut self, minute: u32, alerts: &[(&str, &str)]) -> Self {
        let query = "count by (alertname, window) (ALERTS{alertstate=\"firing\"})".to_owned();
        let labels = |(name, window): &(&str, &str)| match *window {
            "" => format!("{{alertname=\"{name}\"}}"),
            window => format!("{{alertname=\"{name}\", window=\"{window}\"}}"),
        };
        let samples = alerts.iter().map(|alert| (labels(alert), 1.0)).collect();
        self.checks.push(Check { minute, query, samples });
        self
    }

    fn gives(mut self, minute: u32, query: &str, samples: &[(&str, f64)]) -> Self {
        let samples = samples.iter().map(|(labels, value)| ((*labels).to_owned(), *value)).collect();
        self.checks.push(Check { minute, query: query.to_owned(), samples });
        self
    }
}

/// An hour of it pages, half a day of it makes a ticket, and each ends soon after its cause.
fn outage(counters: &Counters) -> Case {
    const BEFORE: u32 = 1_500;
    const OUTAGE: u32 = 250;
    let (begin, end) = (BEFORE, BEFORE + OUTAGE);
    let pace = [(BEFORE, 10.0, 0.0), (OUTAGE, 10.0, counters.outage()), (400, 10.0, 0.0)];
    let mut case = Case::new("outage").with(counters, &pace);
    // 1h: 0.72 of 60 minutes; 6h: 0.3 of 360; 1d: 0.15 of 1,440; 3d: 0.05 of what there is.
    for (minute, windows) in [
        (begin, &[][..]),
        (begin + 40, &[]),
        (begin + 45, &["1h"]),
        (begin + 75, &["1h"]),
        (begin + 80, &["1h", "3d"]),
        (begin + 105, &["1h", "3d"]),
        (begin + 110, &["1h", "6h", "3d"]),
        (begin + 215, &["1h", "6h", "3d"]),
        (begin + 220, &["1h", "6h", "1d", "3d"]),
        // The short windows: 5m, 30m, 2h and 6h.
        (end, &["1h", "6h", "1d", "3d"]),
        (end + 5, &["6h", "1d", "3d"]),
        (end + 20, &["6h", "1d", "3d"]),
        (end + 25, &["1d", "3d"]),
        (end + 100, &["1d", "3d"]),
        (end + 105, &["3d"]),
        (end + 335, &["3d"]),
        (end + 345, &[]),
    ] {
        let alerts: Vec<_> = windows.iter().map(|window| (counters.alert, *window)).collect();
        case = case.fires(minute, &alerts);
    }
    case
}

/// All windows fire after two hours of it, and none before. It is short, for a judge that takes long for each evaluation.
fn two_hours(counters: &Counters) -> Case {
    const BEFORE: u32 = 400;
    let pace = [(BEFORE, 10.0, 0.0), (131, 10.0, counters.outage())];
    let all = ["1h", "6h", "1d", "3d"].map(|window| (counters.alert, window));
    Case::new(TWO_HOURS).with(counters, &pace).fires(BEFORE, &[]).fires(BEFORE + 130, &all)
}

/// For three days, a few events an hour, all of which fail.
fn few(counters: &Counters) -> [Case; 2] {
    let case = |name, each_hour: f64| Case::slow(name).with(counters, &[(DAYS, each_hour / 60.0, 1.0)]);
    let all = ["1h", "6h", "1d", "3d"].map(|window| (counters.alert, window));
    [
        case("eight failures an hour are too few", 8.0).fires(DAYS, &[]),
        case("twelve failures an hour are enough", 12.0).fires(DAYS, &all),
    ]
}

fn three_night_calls(counters: &Counters) -> Case {
    let case =
        Case::new("three calls at night").with(counters, &[(DAY, 0.0, 1.0), (3, 1.0, 1.0), (300, 0.0, 1.0)]);
    [5, 20, 45, 60, 200].iter().fold(case, |case, minute| case.fires(DAY + minute, &[]))
}

fn blip() -> Case {
    let pace = [(DAY, 10.0, 0.0), (10, 10.0, 1.0), (200, 10.0, 0.0)];
    let case = Case::new("ten slow minutes").with(&COUNTERS[0], &pace);
    [5, 10, 15, 20, 40, 60].iter().fold(case, |case, minute| case.fires(DAY + minute, &[]))
}

fn no_traffic(counters: &Counters) -> Case {
    let case = Case::new("no traffic").with(counters, &[(300, 10.0, 0.0), (500, 0.0, 0.0)]);
    let recent = case.fires(790, &[]).gives(790, "count(slo:error_ratio:rate1h)", &[]);
    recent.gives(790, "count(slo:error_ratio:rate1d)", &[("{}", 1.0)])
}

/// A process with a long life, five minutes without one, and a new process that counts from zero. As many fail before and after.
fn restart(counters: &Counters) -> Case {
    let again = |each: f64| format!("{} _x5 {}", paced(&[(600, each)]), paced(&[(300, each)]));
    let failed = 5.0 * counters.budget;
    let (all, counted) = if counters.is_good { (10.0, 10.0 - failed) } else { (10.0 - failed, failed) };
    let case =
        Case::new("a restart").counter(counters.all, again(all)).counter(counters.failed, again(counted));
    let case = case.of(counters.slo);
    let case = [600, 605, 610, 625, 660, 720].iter().fold(case, |case, minute| case.fires(*minute, &[]));
    let share = (counters.budget * 5_000.0).round();
    let labels = format!("{{job=\"agent\", slo=\"{}\"}}", counters.slo);
    case.gives(625, "round(slo:error_ratio:rate1h * 10000)", &[(&labels, share)])
}

/// Two percent fail for three days: of tools and calls, twice and four times what is allowed.
fn slow_burn() -> [Case; 3] {
    let fires = |counters: &Counters, windows: &[&'static str]| {
        let alerts: Vec<_> = windows.iter().map(|window| (counters.alert, *window)).collect();
        Case::slow("two percent for three days").with(counters, &[(DAYS, 10.0, 0.02)]).fires(DAYS, &alerts)
    };
    [fires(&COUNTERS[0], &[]), fires(&COUNTERS[1], &["3d"]), fires(&COUNTERS[3], &["1d", "3d"])]
}

fn no_failure_yet(counters: &Counters) -> Case {
    let case = Case::new("a failure that never happened").counter(counters.all, paced(&[(120, 10.0)]));
    let case = case.of(counters.slo).fires(120, &[]);
    case.gives(120, "sum by (job) (slo:error_ratio:rate1h)", &[("{job=\"agent\"}", 0.0)])
}

/// A busy day with one percent, and a quiet one with a half: by events 1.5 %, by days 25.5 %.
fn budget() -> [Case; 2] {
    [(&COUNTERS[0], 70.0), (&COUNTERS[1], -49.0)].map(|(counters, left)| {
        let case = Case::slow("the budget counts events");
        let case = case.with(counters, &[(DAY, 100.0, 0.01), (DAY, 1.0, 0.5)]);
        let labels = format!("{{job=\"agent\", slo=\"{}\"}}", counters.slo);
        case.gives(2 * DAY, "round(slo:error_budget:remaining30d * 100)", &[(&labels, left)])
    })
}

fn ourselves() -> Vec<Case> {
    let dropped = |reason: &str| format!("cekura_spans_dropped_total{{job=\"agent\", reason=\"{reason}\"}}");
    let counter = |name: &str| format!("cekura_spans_{name}_total{{job=\"agent\"}}");
    vec![
        // The series begins with its first loss.
        Case::new("spans are lost")
            .counter(&dropped("refused"), format!("_x60 {}", "5x60"))
            .counter(&dropped("aborted"), paced(&[(120, 1.0)]))
            .fires(55, &[])
            .fires(65, &[("CekuraSpansLost", "")])
            .fires(90, &[]),
        Case::new("spans are lost again")
            .counter(&dropped("refused"), paced(&[(60, 0.0), (1, 5.0), (60, 0.0)]))
            .counter(&dropped("no_consent"), paced(&[(121, 1.0)]))
            .fires(60, &[])
            .fires(65, &[("CekuraSpansLost", "")])
            .fires(90, &[]),
        Case::new("nothing is delivered")
            .counter(&counter("accepted"), paced(&[(300, 5.0)]))
            .counter(&counter("delivered"), paced(&[(60, 5.0), (240, 0.0)]))
            .fires(80, &[])
            .fires(120, &[("CekuraNotDelivering", "")]),
        Case::new("nothing is to be delivered at night")
            .counter(&counter("accepted"), paced(&[(60, 5.0), (300, 0.0)]))
            .counter(&counter("delivered"), paced(&[(60, 5.0), (300, 0.0)]))
            .fires(60, &[])
            .fires(200, &[]),
        // Of what is kept, every third call is; what is not is dropped at its end.
        Case::new("all calls are sampled out")
            .counter(&counter("accepted"), paced(&[(300, 6.0)]))
            .counter(&counter("delivered"), paced(&[(60, 2.0), (240, 0.0)]))
            .counter(&dropped("sampled_out"), paced(&[(60, 4.0), (240, 6.0)]))
            .fires(80, &[])
            .fires(120, &[])
            .fires(200, &[]),
        Case::new("nobody agrees")
            .counter(&counter("accepted"), paced(&[(300, 6.0)]))
            .counter(&dropped("no_consent"), paced(&[(300, 5.0)]))
            .counter(&dropped("aborted"), paced(&[(300, 1.0)]))
            .fires(120, &[]),
        Case::new("some are sampled out, and nothing is delivered")
            .counter(&counter("accepted"), paced(&[(300, 6.0)]))
            .counter(&counter("delivered"), paced(&[(60, 4.0), (240, 0.0)]))
            .counter(&dropped("sampled_out"), paced(&[(300, 2.0)]))
            .fires(80, &[])
            .fires(120, &[("CekuraNotDelivering", "")]),
        Case::new("an agent goes silent")
            .counter("cekura_queue_bytes{job=\"agent\"}", "7x60 stale _x60".to_owned())
            .counter("cekura_queue_bytes{job=\"other\"}", "7x120".to_owned())
            .fires(60, &[])
            .fires(80, &[("CekuraMetricsGone", "")]),
        Case::new("a label has too many values")
            .counter("cekura_metrics_overflows_total{job=\"agent\"}", paced(&[(60, 0.0), (60, 1.0)]))
            .fires(55, &[])
            .fires(90, &[("CekuraMetricsOverflow", "")]),
    ]
}

pub(crate) fn all() -> Vec<Case> {
    let mut cases = vec![blip()];
    for counters in &COUNTERS {
        cases.extend([
            outage(counters),
            two_hours(counters),
            three_night_calls(counters),
            no_traffic(counters),
            restart(counters),
        ]);
        cases.extend(few(counters));
    }
    cases.extend(COUNTERS[1..].iter().map(no_failure_yet));
    cases.extend(slow_burn());
    cases.extend(budget());
    cases.extend(ourselves());
    cases
}

/// Files of cases for promtool, or for vmalert-tool: one for each interval.
pub(crate) fn write(cases: &[Case], asks: &str) -> Vec<(String, String)> {
    let file = |every: &&str| {
        let cases = cases.iter().filter(|case| case.every == *every);
        let head = format!("rule_files: [rules.yml]\nevaluation_interval: {every}\ntests:\n");
        (format!("cases-{every}.yml"), cases.fold(head, |text, case| text + &case.write(asks)))
    };
    ["1m", "4m", "5m", "6h"]
        .iter()
        .filter(|every| cases.iter().any(|case| case.every == **every))
        .map(file)
        .collect()
}

impl Case {
    /// The same with another interval of evaluations.
    pub(crate) fn each(self, every: &'static str) -> Self {
        Self { every, ..self }
    }

    /// The same for rules that slokit made: it has one alert for the windows of a severity, and records other series.
    pub(crate) fn by_severity(mut self) -> Self {
        let slo = self.slo.replace('_', "-");
        self.checks.retain(|check| check.query.contains("ALERTS"));
        for check in &mut self.checks {
            let is_page = |labels: &str| labels.contains("\"1h\"") || labels.contains("\"6h\"");
            let (pages, tickets): (Vec<_>, Vec<_>) =
                check.samples.drain(..).partition(|(labels, _)| is_page(labels));
            for (severity, alerts) in [("page", pages), ("ticket", tickets)] {
                let labels = format!("{{sloth_severity=\"{severity}\", sloth_slo=\"{slo}\"}}");
                check.samples.extend(alerts.first().map(|_| (labels, 1.0)));
            }
            "count by (sloth_severity, sloth_slo) (ALERTS{alertstate=\"firing\"})"
                .clone_into(&mut check.query);
        }
        self
    }

    fn write(&self, asks: &str) -> String {
        let Self { name, series, checks, .. } = self;
        let mut text = format!("- name: {name}\n  interval: 1m\n  input_series:\n");
        for (series, values) in series {
            let _ = writeln!(text, "  - series: '{series}'\n    values: '{values}'");
        }
        let _ = writeln!(text, "  {asks}:");
        for Check { minute, query, samples } in checks {
            let _ = writeln!(text, "  - expr: '{query}'\n    eval_time: {minute}m\n    exp_samples:");
            for (labels, value) in samples {
                let _ = writeln!(text, "    - {{labels: '{labels}', value: {value}}}");
            }
        }
        text
    }
}
