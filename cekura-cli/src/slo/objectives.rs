//! The objectives, and what burns their budgets how fast, as tables. Invariant: of each objective, the failed events and all
//! events are counters of the same spans, so that a share is never above one.

use super::target::Target;

/// What is promised, and how it is counted.
#[derive(Debug)]
pub(super) struct Objective {
    /// In rules, as a label.
    pub(super) name: &'static str,
    /// The name of its alerts.
    pub(super) alert: &'static str,
    pub(super) title: String,
    /// What is counted, in the plural.
    pub(super) events: &'static str,
    /// What a failed one is, as a clause.
    pub(super) failure: String,
    /// In thousandths of a percent.
    pub(super) promised: u32,
    /// The counter of all.
    pub(super) all: &'static str,
    pub(super) counted: Counted,
    /// Where to look first.
    pub(super) advice: &'static str,
}

/// Which of the events a counter shows, as a series.
#[derive(Debug)]
pub(super) enum Counted {
    Failed(&'static str),
    Good(String),
}

/// An alert on how fast a budget burns: SRE workbook, chapter 5. Both windows must show it, so that it ends soon after its cause.
#[derive(Debug)]
pub(super) struct Burn {
    pub(super) severity: &'static str,
    pub(super) long: &'static str,
    pub(super) short: &'static str,
    /// How many times faster than allowed.
    pub(super) factor: &'static str,
}

pub(super) const BURNS: [Burn; 4] = [
    Burn { severity: "page", long: "1h", short: "5m", factor: "14.4" },
    Burn { severity: "page", long: "6h", short: "30m", factor: "6" },
    Burn { severity: "ticket", long: "1d", short: "2h", factor: "3" },
    Burn { severity: "ticket", long: "3d", short: "6h", factor: "1" },
];

/// Of all burns, the shortest first.
pub(super) const WINDOWS: [&str; 7] = ["5m", "30m", "1h", "2h", "6h", "1d", "3d"];

/// Fewer events an hour say nothing: three slow answers at night are no outage.
pub(super) const FEWEST_PER_HOUR: u32 = 10;

impl Objective {
    pub(super) fn all(target: Target) -> [Self; 4] {
        let bound = target.bound();
        let good = format!("turn_user_bot_latency_seconds_bucket{{le=\"{bound}\"}}");
        [
            Self {
                name: "turn_latency",
                alert: "TurnLatencyBudgetBurn",
                title: format!("Answers begin within {bound} s"),
                events: "turns",
                failure: format!("had no answer within {bound} s"),
                promised: target.objective,
                all: "turn_user_bot_latency_seconds_count",
                counted: Counted::Good(good),
                advice: "Compare p95 of the stages: the first token of the llm, the first byte of the tts, the tools.",
            },
            Self {
                name: "tool_errors",
                alert: "ToolErrorBudgetBurn",
                title: "Tools succeed".to_owned(),
                events: "tool calls",
                failure: "failed".to_owned(),
                promised: 99_000,
                all: "tool_call_duration_seconds_count",
                counted: Counted::Failed("tool_call_duration_seconds_count{outcome=\"error\"}"),
                advice: "Look at tool errors by function, then at what the service behind that function says.",
            },
            Self {
                name: "guardrail_rejections",
                alert: "GuardrailRejectionBudgetBurn",
                title: "Guardrails let answers pass".to_owned(),
                events: "checks of guardrails",
                failure: "were rejected".to_owned(),
                promised: 98_000,
                all: "guardrail_checks_total",
                counted: Counted::Failed("guardrail_checks_total{verdict=\"rejected\"}"),
                advice: "Look at rejections by guardrail, and at what changed last: prompt, model, guardrail.",
            },
            Self {
                name: "calls",
                alert: "CallErrorBudgetBurn",
                title: "Calls end well".to_owned(),
                events: "calls",
                failure: "ended with an error or with their process".to_owned(),
                promised: 99_500,
                all: "voice_calls_total",
                counted: Counted::Failed("voice_calls_total{outcome=~\"error|incomplete\"}"),
                advice: "Look at errors by stage: the stage that fails most is the first suspect.",
            },
        ]
    }

    /// The share of events that may fail.
    pub(super) fn budget(&self) -> String {
        (f64::from(100_000 - self.promised) / 1e5).to_string()
    }

    /// In percent.
    pub(super) fn percent(&self) -> String {
        (f64::from(self.promised) / 1e3).to_string()
    }

    /// All events a second within a window, as `PromQL`.
    pub(super) fn rate(&self, window: &str) -> String {
        format!("sum by (job) (rate({}[{window}]))", self.all)
    }

    /// The share of failed events within a window, as `PromQL`; nothing where there were no events.
    pub(super) fn share(&self, window: &str) -> String {
        let all = self.rate(window);
        match &self.counted {
            // A failure that never happened has no series.
            Counted::Failed(failed) => {
                format!("(sum by (job) (rate({failed}[{window}])) or 0 * {all}) / ({all} > 0)")
            }
            Counted::Good(good) => format!("1 - sum by (job) (rate({good}[{window}])) / ({all} > 0)"),
        }
    }
}
