//! Objectives → rules for Prometheus and vmalert: recorded shares of failed events, alerts on how fast the budgets burn, and
//! alerts on the tracing itself. Invariant: what is recorded reads counters
//! only, for vmalert shows a recorded series one evaluation later.

use super::objectives::{BURNS, FEWEST_PER_HOUR, Objective, WINDOWS};
use std::fmt::Write;

/// What `cekura slo` puts first into each file.
pub(super) const MADE: &str = "# Written by `cekura slo`; a change here is lost when it is run again.\n";

/// A `String` takes whatever is written to it.
macro_rules! put {
    ($text:expr, $($words:tt)*) => { let _ = writeln!($text, $($words)*); };
}

pub(super) fn write(objectives: &[Objective]) -> String {
    let mut text = format!("{MADE}groups:\n");
    for objective in objectives {
        group(&mut text, objective);
    }
    // A month is looked at less often, for it costs more and changes less.
    put!(text, "- name: cekura-budgets\n  interval: 5m\n  rules:");
    for objective in objectives {
        let left = format!("1 - ({}) / {}", objective.share("30d"), objective.budget());
        record(&mut text, objective, "slo:error_budget:remaining30d", &left);
    }
    text.push_str(OURSELVES);
    text
}

fn group(text: &mut String, objective: &Objective) {
    put!(text, "# {}: {} %.", objective.title, objective.percent());
    put!(text, "- name: cekura-{}\n  rules:", objective.name.replace('_', "-"));
    for window in WINDOWS {
        record(text, objective, &format!("slo:error_ratio:rate{window}"), &objective.share(window));
    }
    for burn in &BURNS {
        record(text, objective, &format!("slo:events:rate{}", burn.long), &objective.rate(burn.long));
    }
    for burn in &BURNS {
        let Objective { name, alert, events, failure, advice, .. } = objective;
        let (long, short, factor, budget) = (burn.long, burn.short, burn.factor, objective.budget());
        put!(text, "  - alert: {alert}\n    expr: >-");
        put!(text, "      slo:error_ratio:rate{long}{{slo=\"{name}\"}} > {factor} * {budget}");
        put!(text, "      and slo:error_ratio:rate{short}{{slo=\"{name}\"}} > {factor} * {budget}");
        put!(text, "      and slo:events:rate{long}{{slo=\"{name}\"}} * 3600 >= {FEWEST_PER_HOUR}");
        put!(text, "    labels: {{severity: {}, slo: {name}, window: {long}}}", burn.severity);
        put!(text, "    annotations:");
        put!(
            text,
            "      summary: '{{{{ $value | humanizePercentage }}}} of {events} {failure} within the last {long}'"
        );
        put!(
            text,
            "      description: 'Of the {events} of {{{{ $labels.job }}}}, {} % are to do better. At this rate the budget of 30 days burns {factor} times too fast. {advice}'",
            objective.percent()
        );
    }
}

fn record(text: &mut String, objective: &Objective, name: &str, expression: &str) {
    put!(text, "  - record: {name}\n    expr: >-\n      {expression}");
    put!(text, "    labels: {{slo: {}}}", objective.name);
}

/// On the tracing itself. A counter that begins above zero has no increase for Prometheus, so new ones are looked at too. Where most
/// spans are dropped because they are to be, such as by sampling, none needs to be delivered for half an hour.
const OURSELVES: &str = r#"# The tracing itself.
- name: cekura-tracing
  rules:
  - alert: CekuraSpansLost
    expr: >-
      sum by (job, reason) (increase(cekura_spans_dropped_total{reason!~"aborted|no_consent|sampled_out"}[15m])) > 0
      or sum by (job, reason) (cekura_spans_dropped_total{reason!~"aborted|no_consent|sampled_out"}
        unless cekura_spans_dropped_total offset 15m) > 0
    labels: {severity: ticket}
    annotations:
      summary: 'Spans of {{ $labels.job }} were lost: {{ $labels.reason }}'
      description: 'Traces and call logs of the last 15 minutes may have gaps. The documentation of DropReason says what the word means; run `cekura doctor` with the settings of the agent.'
  - alert: CekuraNotDelivering
    expr: >-
      sum by (job) (increase(cekura_spans_accepted_total[30m])) > 0
      unless sum by (job) (increase(cekura_spans_delivered_total[30m])) > 0
      unless sum by (job) (increase(cekura_spans_dropped_total{reason=~"aborted|no_consent|sampled_out"}[30m]))
        > 0.5 * sum by (job) (increase(cekura_spans_accepted_total[30m]))
    for: 10m
    labels: {severity: ticket}
    annotations:
      summary: 'No span of {{ $labels.job }} was delivered within the last 30 minutes'
      description: 'Calls go on, and their spans wait or are lost. Run `cekura doctor` with the settings of the agent.'
  - alert: CekuraMetricsGone
    expr: >-
      count by (job) (cekura_queue_bytes offset 30m) unless count by (job) (cekura_queue_bytes)
    for: 10m
    labels: {severity: ticket}
    annotations:
      summary: '{{ $labels.job }} shows no metrics any more'
      description: 'No alert on this agent can fire. Either it was stopped, or its metrics cannot be reached.'
  - alert: CekuraMetricsOverflow
    expr: >-
      sum by (job) (increase(cekura_metrics_overflows_total[1h])) > 0
    labels: {severity: ticket}
    annotations:
      summary: 'A metric of {{ $labels.job }} has more than 500 series'
      description: 'Sums stay exact, but what has no series of its own is counted together. A label has too many values: look for names of models or tools that are made up as the agent runs.'
"#;
