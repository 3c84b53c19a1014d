//! The rules that `cekura slo` writes, judged by promtool of two versions and by vmalert-tool. Invariant: a rule that says
//! something else than it should fails a case; each of its parts is changed once to show that.

#[path = "rules/cases.rs"]
mod cases;
mod judges;

use cases::{Case, TWO_HOURS};
use judges::{folder, judge, passes, text, written};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::slice;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

const PROMTOOLS: [&str; 2] = ["old/usr/bin/promtool", "new/usr/bin/promtool"];

/// Runs a judge on rules and cases in a folder.
fn judged(tool: &Path, rules: &str, cases: &[Case], at: &Path) -> Output {
    fs::write(at.join("rules.yml"), rules).unwrap();
    let is_promtool = tool.ends_with("promtool");
    let asks = if is_promtool { "promql_expr_test" } else { "metricsql_expr_test" };
    let mut command = Command::new(tool);
    // Written in Go: it collects garbage for a third of its time otherwise.
    command.envs([("GOGC", "400"), ("GOMAXPROCS", "1")]);
    command.args(if is_promtool { &["test", "rules"][..] } else { &["unittest"] }).current_dir(at);
    for (name, text) in cases::write(cases, asks) {
        fs::write(at.join(&name), text).unwrap();
        command.arg(if is_promtool { name } else { format!("--files={name}") });
    }
    command.output().unwrap()
}

fn rules(name: &str) -> String {
    fs::read_to_string(written(name).join("prometheus-rules.yml")).unwrap()
}

#[test]
fn both_versions_of_promtool_find_each_alert_where_it_should_be_and_nowhere_else() {
    let rules = rules("promtool-rules");
    for path in PROMTOOLS {
        let Some(tool) = judge(path) else { return };
        let at = folder("promtool-cases");
        let output = judged(&tool, &rules, &cases::all(), &at);
        assert!(output.status.success(), "{path}: {}", text(&output));
        let check = ["check", "rules", "--lint=all", "--lint-fatal"];
        passes(Command::new(&tool).args(check).arg(at.join("rules.yml")));
    }
}

/// Each group of rules fires there when it must. It shows a recorded series one evaluation later, and none whose evaluation was five
/// minutes ago, so it must evaluate every four minutes at least; and each evaluation takes it 12 ms of CPU time, with whatever
/// rules. So one objective is judged by the cases of hours, as the alerts of all are made of one table, and the cases in which few
/// events fail for days, or a budget is counted, are left to promtool: they would take a quarter of a minute each.
#[test]
fn vmalert_tool_finds_the_same() {
    let Some(tool) = judge("new/usr/bin/vmalert-tool") else { return };
    let left_out = ["an hour", "budget"];
    let is_judged = |case: &Case| {
        let is_whole = ["tool_errors", "tracing"].contains(&case.slo);
        case.name == TWO_HOURS || is_whole && !left_out.iter().any(|words| case.name.contains(words))
    };
    // The checks of this one are minutes apart.
    let each = |case: Case| {
        let every = if case.name == "outage" { "1m" } else { "4m" };
        case.each(every)
    };
    for slo in ["turn_latency", "tool_errors", "guardrail_rejections", "calls", "tracing"] {
        let cases = cases::all().into_iter().filter(|case| case.slo == slo && is_judged(case)).map(each);
        let cases: Vec<_> = cases.collect();
        assert!(!cases.is_empty());
        let output = judged(&tool, &only(&rules("vmalert-rules"), slo), &cases, &folder("vmalert-cases"));
        assert!(output.status.success(), "{slo}: {}", text(&output));
    }
}

#[test]
fn what_slokit_makes_of_both_files_fires_when_the_rules_do() {
    let (Some(slokit), Some(promtool)) = (judge("slokit/bin/slokit"), judge(PROMTOOLS[1])) else { return };
    let (files, at) = (written("slokit-files"), folder("slokit-cases"));
    let [sloth, openslo] = ["sloth.yml", "openslo.yml"].map(|name| {
        let (file, made) = (files.join(name), at.join("made.yml"));
        passes(Command::new(&slokit).args(["lint", "--input"]).arg(&file));
        passes(Command::new(&slokit).args(["generate", "--input"]).arg(&file).arg("--output").arg(&made));
        fs::read_to_string(made).unwrap()
    });
    // It cannot ask for at least ten events an hour.
    let is_guarded = |case: &Case| case.name.contains("too few") || case.name.contains("at night");
    for slo in ["turn_latency", "tool_errors", "guardrail_rejections", "calls"] {
        let rules = one_group(&sloth, slo);
        assert_eq!(queries(&rules), queries(&one_group(&openslo, slo)));
        let cases = cases::all().into_iter().filter(|case| case.slo == slo).map(Case::by_severity);
        let (guarded, alike): (Vec<_>, Vec<_>) = cases.partition(is_guarded);
        let output = judged(&promtool, &rules, &alike, &at);
        assert!(output.status.success(), "{slo}: {}", text(&output));
        for case in guarded {
            let said = text(&judged(&promtool, &rules, slice::from_ref(&case), &at));
            assert!(said.contains("exp:"), "{} of {slo}: {said}", case.name);
        }
    }
}

/// What is asked of Prometheus: of an `OpenSLO` file, slokit takes no names and texts of alerts.
fn queries(rules: &str) -> Vec<&str> {
    let queries: Vec<_> =
        rules.lines().filter(|line| line.contains("rate(") || line.contains("slo:sli")).collect();
    assert!(queries.len() > 20, "{rules}");
    queries
}

/// What slokit recorded of an objective and its alerts, as one group, because promtool takes groups in any order.
fn one_group(rules: &str, slo: &str) -> String {
    let name = slo.replace('_', "-");
    let rules_of = |kind: &str| {
        let head = format!("- name: slokit-slo-{kind}-voice-agent-{name}\n  rules:\n");
        let (_, rest) = rules.split_once(&head).unwrap();
        rest.split("- name: slokit-").next().unwrap()
    };
    format!("groups:\n- name: {name}\n  rules:\n{}{}", rules_of("sli-recordings"), rules_of("alerts"))
}

/// The groups of rules that are about something.
fn only(rules: &str, slo: &str) -> String {
    let group = format!("- name: cekura-{}\n", slo.replace('_', "-"));
    let groups = rules.split("- name: ").skip(1).map(|text| format!("- name: {text}"));
    let kept: String = groups
        .filter(|text| text.starts_with(&group) || text.starts_with("- name: cekura-budgets"))
        .collect();
    assert!(kept.contains(&group), "{slo}: {rules}");
    format!("groups:\n{kept}")
}

/// What is changed: of what, from, to, and the cases one of which must see it.
type Mutant = (&'static str, String, String, &'static [&'static str]);

const OUTAGE: &[&str] = &["outage"];
const FEW: &[&str] = &["eight failures an hour are too few", "twelve failures an hour are enough"];

fn changed(slo: &'static str, from: &str, to: &str, cases: &'static [&'static str]) -> Mutant {
    (slo, from.to_owned(), to.to_owned(), cases)
}

/// What all objectives have alike, changed in one of them.
fn mutants_of_alerts() -> Vec<Mutant> {
    let mut mutants = Vec::new();
    let mut change = |slo, from: &str, to: &str, cases| mutants.push(changed(slo, from, to, cases));
    let latency = "turn_latency";
    change(latency, "and slo:error_ratio", "or slo:error_ratio", &["ten slow minutes", "outage"]);
    change(latency, ">= 10", ">= 8", FEW);
    change(latency, ">= 10", ">= 13", FEW);
    change(latency, "1 - sum", "sum", OUTAGE);
    change(latency, "_count[1h]", "_count[1d]", &["no traffic"]);
    change(latency, "\"1.2\"}[1h]", "\"1.2\"}[2h]", OUTAGE);
    change(latency, " > 0)", ")", &["no traffic"]);
    change(latency, "rate(turn", "deriv(turn", &["a restart"]);
    change("tool_errors", "or 0 * ", "or 1 * ", &["a failure that never happened"]);
    for (factor, others) in
        [("14.4", ["13", "16"]), ("6", ["5.4", "6.6"]), ("3", ["2.7", "3.3"]), ("1", ["0.9", "1.1"])]
    {
        for other in others {
            change(latency, &format!("> {factor} * "), &format!("> {other} * "), OUTAGE);
        }
    }
    for (factor, long, longer, short, shorter) in [
        ("14.4", "1h", "2h", "5m", "30m"),
        ("6", "6h", "2h", "30m", "1h"),
        ("3", "1d", "6h", "2h", "1h"),
        ("1", "3d", "1d", "6h", "1d"),
    ] {
        let compared = |window: &str| format!("rate{window}{{slo=\"turn_latency\"}} > {factor} ");
        change(latency, &compared(long), &compared(longer), OUTAGE);
        change(latency, &compared(short), &compared(shorter), OUTAGE);
        let guard = |window: &str| format!("slo:events:rate{window}{{slo=\"turn_latency\"}} * 3600 >= 10");
        change(latency, &format!("and {}", guard(long)), "", FEW);
        change(
            latency,
            &format!("and {}", guard(long)),
            &format!("or {}", guard(long)),
            &["three calls at night", "no traffic", "outage"],
        );
    }
    mutants
}

/// What each objective has for itself.
fn mutants_of_objectives() -> Vec<Mutant> {
    let mut mutants = Vec::new();
    let mut change = |slo, from: &str, to: &str, cases| mutants.push(changed(slo, from, to, cases));
    for (slo, all, counted) in [
        ("turn_latency", "turn_user_bot_latency_seconds_count", "le=\"1.2\""),
        ("tool_errors", "rate(tool_call_duration_seconds_count[", "outcome=\"error\""),
        ("guardrail_rejections", "rate(guardrail_checks_total[", "verdict=\"rejected\""),
        ("calls", "rate(voice_calls_total[", "error|incomplete"),
    ] {
        change(slo, all, &all.replace('_', "_x"), OUTAGE);
        change(slo, counted, &counted.replace('1', "1.").replace('r', "x"), OUTAGE);
    }
    for (slo, budget, other) in [
        ("turn_latency", "* 0.05", "* 0.06"),
        ("tool_errors", "* 0.01", "* 0.011"),
        ("guardrail_rejections", "* 0.02", "* 0.018"),
        ("calls", "* 0.005", "* 0.0055"),
    ] {
        change(slo, budget, other, OUTAGE);
    }
    change("tool_errors", "/ 0.01", "/ 0.02", &["the budget counts events"]);
    change("turn_latency", "[30d]", "[1d]", &["the budget counts events"]);
    mutants
}

fn mutants_of_the_tracing() -> Vec<Mutant> {
    let mut mutants = Vec::new();
    let mut change = |slo, from: &str, to: &str, cases| mutants.push(changed(slo, from, to, cases));
    let lost = &["spans are lost", "spans are lost again"];
    change("tracing", "dropped", "droped", lost);
    change("tracing", "aborted|", "", lost);
    change("tracing", "no_consent|", "", lost);
    change("tracing", "|sampled_out", "", &["all calls are sampled out"]);
    change("tracing", "> 0.5 * sum", "> 1.5 * sum", &["all calls are sampled out", "nobody agrees"]);
    change("tracing", "> 0.5 * sum", "> 0.1 * sum", &["some are sampled out, and nothing is delivered"]);
    change("tracing", "[15m]", "[2h]", lost);
    change("tracing", "or sum by (job, reason)", "and sum by (job, reason)", lost);
    change("tracing", "offset 15m", "offset 1m", lost);
    let silent = &["nothing is delivered", "nothing is to be delivered at night"];
    change("tracing", "unless sum", "and sum", silent);
    change("tracing", "unless sum", "or sum", silent);
    change("tracing", "accepted", "taken", silent);
    change("tracing", "delivered", "sent", silent);
    change("tracing", "unless count", "and count", &["an agent goes silent"]);
    change("tracing", "offset 30m", "offset 1m", &["an agent goes silent"]);
    change("tracing", "overflows", "overflow", &["a label has too many values"]);
    change(
        "tracing",
        "overflows_total[1h])) > 0",
        "overflows_total[1h])) > 99",
        &["a label has too many values"],
    );
    mutants
}

#[test]
fn each_part_of_a_rule_that_is_changed_fails_a_case() {
    let Some(tool) = judge(PROMTOOLS[1]) else { return };
    let (rules, all) = (rules("mutants"), cases::all());
    let fails = |(slo, from, to, names): &Mutant, at: &Path| {
        let whole = only(&rules, slo);
        let changed = whole.replace(from, to);
        assert_ne!(changed, whole, "{from} is not there");
        let cases: Vec<_> =
            all.iter().filter(|case| case.slo == *slo && names.contains(&case.name)).cloned().collect();
        let output = judged(&tool, &changed, &cases, at);
        let said = text(&output);
        assert!(!output.status.success() && said.contains("exp:"), "{slo}: {from} as {to}: {said}");
    };
    let mutants = [mutants_of_the_tracing(), mutants_of_objectives(), mutants_of_alerts()].concat();
    // Each takes seconds of one processor.
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        for number in 0..2 {
            let (next, mutants, fails) = (&next, &mutants, &fails);
            let at = folder(&format!("mutants-cases-{number}"));
            scope.spawn(move || {
                while let Some(mutant) = mutants.get(next.fetch_add(1, Ordering::Relaxed)) {
                    fails(mutant, &at);
                }
            });
        }
    });
}
