//! `cekura slo`: a target for the agent's latency → files for Prometheus, Alertmanager, Grafana, sloth and `OpenSLO`. Invariant:
//! all files are made of one table, `objectives`, so that they agree.

mod dashboard;
mod objectives;
mod panels;
mod rules;
mod specs;
mod target;

use objectives::Objective;
use std::fmt::Write;
use std::fs;
use std::path::Path;
use target::Target;

/// Carries out the command; what was written, or what is wrong, a line each.
pub(crate) fn run(options: &[&str]) -> Result<String, String> {
    let (target, folder) = target::read(options)
        .map_err(|mistakes| mistakes.iter().map(|mistake| wrapped(mistake)).collect::<String>())?;
    let folder = Path::new(folder);
    let said = |error: &dyn std::fmt::Display| format!("{} cannot be written to: {error}", folder.display());
    fs::create_dir_all(folder).map_err(|error| said(&error))?;
    let mut written = String::new();
    for (name, text) in files(target) {
        fs::write(folder.join(name), text).map_err(|error| said(&error))?;
        let _ = writeln!(written, "{}", folder.join(name).display());
    }
    Ok(written)
}

/// A text as lines of at most 80 columns, where its words allow it. What is not the first line is indented.
fn wrapped(text: &str) -> String {
    let (mut lines, mut column) = (String::new(), 0);
    for word in text.split(' ') {
        let length = word.chars().count();
        if column > 0 && column + 1 + length > 80 {
            lines.push_str("\n    ");
            column = 4;
        } else if column > 0 {
            lines.push(' ');
            column += 1;
        }
        lines.push_str(word);
        column += length;
    }
    lines + "\n"
}

fn files(target: Target) -> [(&'static str, String); 5] {
    let objectives = Objective::all(target);
    [
        ("prometheus-rules.yml", rules::write(&objectives)),
        ("sloth.yml", specs::sloth(&objectives)),
        ("openslo.yml", specs::openslo(&objectives)),
        ("alertmanager-inhibit.yml", specs::INHIBIT.to_owned()),
        ("dashboard.json", dashboard::write(&objectives, target)),
    ]
}
