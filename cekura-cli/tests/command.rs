//! What the command is told, what it answers and with which exit code. Invariant: what it refuses leaves no file behind.

mod judges;

use judges::{cekura, folder, text, written};
use std::fs;
use std::process::{Command, Output};

#[track_caller]
fn refused(arguments: &[&str], words: &[&str]) {
    let output = cekura(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output));
    assert!(output.stdout.is_empty(), "{arguments:?}");
    for word in words {
        assert!(unwrapped(&output).contains(word), "{arguments:?}: {}", text(&output));
    }
}

/// What a program said, without the ends of lines that go on.
fn unwrapped(output: &Output) -> String {
    text(output).replace("\n    ", " ")
}

fn slo<'a>(latency: &'a str, objective: &'a str, out: &'a str) -> [&'a str; 7] {
    ["slo", "--latency", latency, "--objective", objective, "--out", out]
}

#[test]
fn a_latency_that_no_bucket_counts_is_refused_with_those_that_there_are() {
    let out = folder("refused").join("files");
    let out_text = out.to_str().unwrap();
    let there = "choose one of 0.05s, 0.1s, 0.2s, 0.3s, 0.5s, 0.8s, 1.2s, 1.5s";
    for latency in
        ["1.3s", "1250ms", "0s", "1.2", "fast", "-1.2s", "1.2000001s", "99999999999s", "1e0s", ".5s", "1,2s"]
    {
        refused(&slo(latency, "95", out_text), &[latency, "is not the bound of a bucket", there]);
    }
    for latency in ["1s", "2s", "1.000s", "3000ms", "30s"] {
        refused(&slo(latency, "95", out_text), &[latency, "whole number of seconds", there]);
    }
    assert!(!out.exists());
}

#[test]
fn an_objective_whose_alerts_could_never_fire_is_refused() {
    let out = folder("objective").join("files");
    for objective in ["90", "93", "100", "0.95", "95,5", "", "ninety", "99.9999", "-1"] {
        refused(&slo("1.2s", objective, out.to_str().unwrap()), &["--objective"]);
    }
    assert!(!out.exists());
}

#[test]
fn options_may_be_written_either_way_and_mistakes_are_named() {
    let out = folder("options");
    let out = out.to_str().unwrap();
    let output = cekura(&["slo", "--objective=99.5%", &format!("--out={out}"), "--latency=800ms"]);
    assert!(output.status.success(), "{}", text(&output));
    let rules = fs::read_to_string(format!("{out}/prometheus-rules.yml")).unwrap();
    assert!(rules.contains("le=\"0.8\"") && rules.contains("14.4 * 0.005"), "{rules}");
    refused(&["slo", "--latency", "1.2s", "--objective", "95"], &["--out is missing"]);
    refused(&["slow"], &["cekura slow", "Usage"]);
    refused(&["doctor", "--verbose"], &["`cekura doctor` takes no arguments"]);
    refused(&[], &["Usage"]);
    refused(&slo("1.2s", "95", "/proc/none"), &["/proc/none cannot be written to"]);
}

/// Each mistake stands in a line of its own, with what to write.
#[track_caller]
fn says_all(arguments: &[&str], mistakes: &[[&str; 2]]) {
    let arguments = [&["slo"], arguments].concat();
    let output = cekura(&arguments);
    let (said, whole) = (text(&output), unwrapped(&output));
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {said}");
    let lines: Vec<_> = whole.lines().collect();
    assert_eq!(lines.len(), mistakes.len(), "{arguments:?}: {said}");
    for (line, [what, instead]) in lines.iter().zip(mistakes) {
        assert!(line.contains(what) && line.contains(instead), "{what}, {instead}: {said}");
    }
    assert!(said.lines().all(|line| line.len() <= 80), "{said}");
}

#[test]
fn all_mistakes_are_said_at_once_each_with_what_to_write() {
    let out = folder("mistakes").join("files");
    let out = out.to_str().unwrap();
    let missing = [
        ["--latency is missing", "--latency 1.2s"],
        ["--objective is missing", "--objective 95"],
        ["--out is missing", "--out slo"],
    ];
    says_all(&[], &missing);
    says_all(
        &["--latency", "1.3s", "--objective", "90", "--out", ""],
        &[
            ["--latency 1.3s", "0.8s, 1.2s"],
            ["--objective 90", "93.1 to 99.999"],
            ["--out has no value", "--out slo"],
        ],
    );
    // What stands behind an option that does not exist is its value, and no further mistake.
    let misspelt = ["--latence", "1.2s", "--objective=95", "--outt=x"];
    let unknown = ["is no option", "--latency, --objective and --out"];
    says_all(&misspelt, &[["`--latence`", unknown[1]], ["`--outt`", unknown[1]], missing[0], missing[2]]);
    // An option is no value of the one before it.
    says_all(
        &["--latency", "--objective", "--out", out],
        &[["--latency has no value", "1.2s"], ["--objective has no value", "--objective 95"]],
    );
    says_all(
        &["--out", out, "1.2s", "--latency=2s", "--latency", "0.8s", "--objective", "95,5"],
        &[
            ["`1.2s` belongs to no option", "--latency"],
            ["--latency is given twice", "once"],
            ["--latency 2s", "whole number"],
            ["--objective 95,5", "93.1"],
        ],
    );
    assert!(!fs::exists(out).unwrap());
}

#[test]
fn help_and_version_are_answers() {
    for words in [&["--help"][..], &["-h"], &["help"], &["slo", "--help"], &["doctor", "-h"]] {
        let output = cekura(words);
        assert!(output.status.success() && text(&output).contains("cekura doctor"), "{words:?}");
    }
    assert_eq!(text(&cekura(&["--version"])), format!("cekura {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn nobody_needs_to_read_an_answer() {
    for (words, code) in [(&["--help"][..], 0), (&["--version"], 0), (&["doctor"], 1)] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Command::new(env!("CARGO_BIN_EXE_cekura"));
        let output = command.args(words).env_clear().stdout(writer).output().unwrap();
        assert_eq!((output.status.code(), text(&output)), (Some(code), String::new()), "{words:?}");
    }
}

#[test]
fn the_files_are_those_of_every_objective_and_are_the_same_each_time() {
    let (first, second) = (written("first"), written("second"));
    for name in
        ["prometheus-rules.yml", "sloth.yml", "openslo.yml", "alertmanager-inhibit.yml", "dashboard.json"]
    {
        let text = fs::read_to_string(first.join(name)).unwrap();
        assert_eq!(text, fs::read_to_string(second.join(name)).unwrap());
        assert!(text.is_ascii(), "{name}");
    }
    for name in ["sloth.yml", "openslo.yml"] {
        let text = fs::read_to_string(first.join(name)).unwrap();
        let metrics = [
            "turn_user_bot_latency_seconds_bucket{le=\"1.2\"}",
            "tool_call_duration_seconds_count{outcome=\"error\"}",
            "guardrail_checks_total{verdict=\"rejected\"}",
            "voice_calls_total{outcome=~\"error|incomplete\"}",
        ];
        assert!(metrics.iter().all(|metric| text.contains(metric)), "{text}");
    }
}

/// The command with these settings and no others.
fn doctor(settings: &[(&str, &str)]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_cekura"));
    command.arg("doctor").env_clear().envs(settings.iter().copied()).output().unwrap()
}

#[test]
fn doctor_looks_at_the_environment_and_says_by_its_exit_code_whether_all_is_well() {
    let local = doctor(&[("CEKURA_MODE", "local")]);
    assert_eq!(local.status.code(), Some(0), "{}", text(&local));
    let without = doctor(&[]);
    assert_eq!(without.status.code(), Some(1), "{}", text(&without));
    assert!(text(&without).contains("CEKURA_API_KEY"), "{}", text(&without));
    let wrong = doctor(&[("CEKURA_MODE", "lokal")]);
    assert_eq!(wrong.status.code(), Some(1), "{}", text(&wrong));
    assert!(text(&wrong).contains("CEKURA_MODE"), "{}", text(&wrong));
    // Nothing listens there.
    let nobody = doctor(&[("CEKURA_OTEL_ENDPOINT", "http://127.0.0.1:9"), ("CEKURA_PROTOCOL", "http")]);
    assert_eq!(nobody.status.code(), Some(1), "{}", text(&nobody));
}
