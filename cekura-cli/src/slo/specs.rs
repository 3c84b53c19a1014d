//! The same objectives for those who generate rules with other tools: sloth's file and that of `OpenSLO`; and what Alertmanager needs.
//! Invariant: both have the same queries, which are those of the rules, summed over all jobs.

use super::objectives::{Counted, Objective};
use super::rules::MADE;
use std::fmt::Write;

/// A page and a ticket for the same cause need one person once.
pub(super) const INHIBIT: &str = "\
# Written by `cekura slo`: put it into alertmanager.yml. A page makes the ticket for the same objective quiet.
inhibit_rules:
- source_matchers: [severity = page, slo != \"\"]
  target_matchers: [severity = ticket, slo != \"\"]
  equal: [job, slo]
";

/// Of a window: the failed events a second, and all. Both tools put the window in.
fn queries(objective: &Objective) -> (String, String) {
    const WINDOW: &str = "{{.window}}";
    let total = format!("sum(rate({}[{WINDOW}]))", objective.all);
    let failed = match &objective.counted {
        Counted::Failed(failed) => format!("(sum(rate({failed}[{WINDOW}])) or 0 * {total})"),
        Counted::Good(good) => format!("({total} - sum(rate({good}[{WINDOW}])))"),
    };
    (failed, total)
}

/// For sloth 0.11 and later.
pub(super) fn sloth(objectives: &[Objective]) -> String {
    let mut text = format!("{MADE}version: prometheus/v1\nservice: voice-agent\nslos:\n");
    for objective in objectives {
        let Objective { name, alert, title, advice, .. } = objective;
        let (failed, total) = queries(objective);
        let name = name.replace('_', "-");
        let _ = write!(
            text,
            "- name: {name}
  objective: {percent}
  description: '{title}'
  sli:
    events:
      error_query: '{failed}'
      total_query: '{total}'
  alerting:
    name: {alert}
    annotations:
      description: '{advice}'
    page_alert:
      labels: {{severity: page}}
    ticket_alert:
      labels: {{severity: ticket}}
",
            percent = objective.percent()
        );
    }
    text
}

/// For what reads `openslo/v1` and puts the window into its queries, as sloth and slokit do: a query without one gives a total
/// that restarts with the process.
pub(super) fn openslo(objectives: &[Objective]) -> String {
    let mut text = format!(
        "{MADE}apiVersion: openslo/v1
kind: Service
metadata:
  name: voice-agent
  displayName: Voice agent
spec:
  description: An agent that takes calls
"
    );
    for objective in objectives {
        let Objective { name, title, events, .. } = objective;
        let (failed, total) = queries(objective);
        let name = name.replace('_', "-");
        let _ = write!(
            text,
            "---
apiVersion: openslo/v1
kind: SLO
metadata:
  name: {name}
  displayName: {title}
spec:
  description: 'Of all {events}, {percent} %: {title}'
  service: voice-agent
  budgetingMethod: Occurrences
  timeWindow:
  - duration: 30d
    isRolling: true
  indicator:
    metadata:
      name: {name}
    spec:
      ratioMetric:
        counter: true
        bad:
          metricSource:
            type: Prometheus
            spec:
              query: '{failed}'
        total:
          metricSource:
            type: Prometheus
            spec:
              query: '{total}'
  objectives:
  - displayName: {title}
    target: {target}
",
            percent = objective.percent(),
            target = f64::from(objective.promised) / 1e5
        );
    }
    text
}
