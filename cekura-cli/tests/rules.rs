//! The rules that `cekura slo` writes, judged by promtool of two versions and by vmalert-tool. Invariant: a rule that says
//! something else than it should fails a case; each of its parts is changed once to show that.

#[path = "rules/cases.rs"]
mod cases;
mod judges;

use cases::Case;
use judges::{folder, judge, passes, text, written};
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

const PROMTOOLS: [&str; 2] = ["old/usr/bin/promtool", "new/usr/bin/promtool"];

/// Runs a judge on rules and cases in a folder.
fn judged(tool: &Path, rules: &str, cases: &[Case], at: &Path) -> Output {
    fs::write(at.join("rules.yml"), rules).unwrap();
    let is_promtool = tool.ends_with("promtool");
    let asks = if is_promtool { "promql_expr_test" } else { "metricsql_expr_test" };
    let mut command = Command::new(tool);
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

#[test]
fn vmalert_tool_finds_the_same() {
    let Some(tool) = judge("new/usr/bin/vmalert-tool") else { return };
    let output = judged(&tool, &rules("vmalert-rules"), &cases::all(), &folder("vmalert-cases"));
    assert!(output.status.success(), "{}", text(&output));
}
