//! The dashboard and the rules on what an agent really counts: Grafana's own types, each query parsed, its metrics in a real
//! exposition, and run by the Prometheus that scraped it. Invariant: the agent does everything that the dashboard shows.

mod judges;

use cekura::{Cekura, Protocol, spans};
use cekura_trace_tests::backend::{Backend, Reply, Seen, deserted};
use cekura_trace_tests::handles::{LONG, to};
use judges::{Running, asked, folder, judge, query, written};
use std::collections::BTreeSet;
use std::fs;
use std::net::SocketAddr;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

#[test]
fn the_dashboard_is_of_grafanas_own_types() {
    let Some(modules) = judge("node_modules") else { return };
    let dashboard = fs::read_to_string(written("typed").join("dashboard.json")).unwrap();
    let typed = include_str!("judges/dashboard.ts");
    let check = |dashboard: &str| {
        let file = modules.parent().unwrap().join("dashboard.ts");
        fs::write(&file, typed.replace("DASHBOARD", dashboard)).unwrap();
        let mut compiler = Command::new("node");
        compiler.arg(modules.join("typescript/bin/tsc"));
        compiler.args([
            "--noEmit",
            "--strict",
            "--skipLibCheck",
            "--module",
            "nodenext",
            "--target",
            "es2022",
        ]);
        compiler.arg(&file).output().unwrap()
    };
    let output = check(&dashboard);
    assert!(output.status.success(), "{}", judges::text(&output));
    // The types do refuse something.
    let wrong = check(&dashboard.replace("\"gridPos\"", "\"gridPosition\""));
    assert!(!wrong.status.success());
    let wrong = check(&dashboard.replace("\"schemaVersion\": 42", "\"schemaVersion\": \"42\""));
    assert!(!wrong.status.success());
}

/// One call that does everything that is counted.
#[cekura::conversation(client = handle, skip_all)]
fn call(handle: &Cekura, number: u32) {
    let call = cekura::current_conversation().unwrap();
    let mut turn = spans::turn().parent(&call).start();
    turn.record("turn.user_bot_latency_seconds", 0.9);
    spans::stt().provider("deepgram").model("nova-3").parent(&turn).start().end();
    let mut llm = spans::llm().provider("openai").model("gpt-4o").parent(&turn).start();
    llm.record("llm.first_token_ms", 310.0);
    llm.usage(40, 3);
    llm.end();
    let mut tool = spans::tool_call("find_slot").parent(&turn).start();
    if number.is_multiple_of(2) {
        tool.fail("no answer");
    }
    tool.end();
    let guard =
        spans::span("guard").record("guardrail.rejected", number.is_multiple_of(2)).parent(&turn).start();
    guard.end();
    let tts = spans::tts().provider("cartesia").model("sonic").text("At two.");
    tts.record("metrics.ttfb", 0.2).parent(&turn).start().end();
    let s2s = spans::s2s().provider("openai").model("gpt-realtime");
    s2s.record("metrics.ttfb", 0.4).parent(&turn).start().end();
    spans::span("cut off").parent(&turn).start().interrupt();
    turn.end();
    call.score("sentiment", 0.25);
}

/// An agent that serves its metrics, and calls that go on until it is dropped.
struct Agent {
    handle: Cekura,
    address: SocketAddr,
    _backend: Backend,
}

impl Agent {
    /// Its backend takes a part of its spans.
    fn start() -> Self {
        let reply = |_: &Seen, before| if before % 2 == 0 { Reply::Accept } else { Reply::fail(400, 3) };
        let (backend, address) = (Backend::scripted(reply), deserted());
        let handle = to(&backend, Protocol::Http).metrics_listen(address.to_string()).build().unwrap();
        Self { handle, address, _backend: backend }
    }
}

#[test]
fn each_panel_shows_what_a_prometheus_scraped_of_an_agent() {
    let files = written("shown");
    let Some(asked) = asked(&files) else { return };
    let Some(prometheus) = judge("new/usr/bin/prometheus") else { return };
    let (agent, address, at) = (Agent::start(), deserted(), folder("shown-prometheus"));
    let config = format!(
        "global: {{scrape_interval: 1s, scrape_timeout: 1s, evaluation_interval: 1s}}\n\
         rule_files: ['{}']\n\
         scrape_configs: [{{job_name: agent, static_configs: [{{targets: ['{}']}}]}}]\n",
        at.join("rules.yml").display(),
        agent.address
    );
    let rules = fs::read_to_string(files.join("prometheus-rules.yml")).unwrap();
    // Budgets are looked at each five minutes; nobody waits so long here.
    fs::write(at.join("rules.yml"), rules.replace("interval: 5m", "interval: 1s")).unwrap();
    fs::write(at.join("prometheus.yml"), config).unwrap();
    let mut command = Command::new(prometheus);
    command
        .arg(format!("--config.file={}", at.join("prometheus.yml").display()))
        .arg(format!("--storage.tsdb.path={}", at.join("data").display()))
        .arg(format!("--web.listen-address={address}"));
    let _prometheus = Running::start(&mut command, address, &at);
    let mut empty: Vec<_> = asked.iter().map(|(title, query, _)| (title, query)).collect();
    let limit = Instant::now() + Duration::from_secs(60);
    let mut number = 0;
    while !empty.is_empty() {
        assert!(Instant::now() < limit, "these show nothing: {empty:?}; see {}", at.display());
        for _ in 0..10 {
            call(&agent.handle, number);
            number += 1;
        }
        agent.handle.flush_blocking(LONG);
        thread::sleep(Duration::from_millis(500));
        empty.retain(|(_, asked)| query(address, asked).iter().all(|number| number.is_nan()));
    }
    let page = agent.handle.metrics().openmetrics();
    let shown: BTreeSet<_> = page
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split(['{', ' ']).next())
        .collect();
    let is_recorded = |name: &str| name.starts_with("slo:");
    for (title, _, metrics) in &asked {
        assert!(!metrics.is_empty(), "{title}");
        let unknown: Vec<_> =
            metrics.iter().filter(|name| !is_recorded(name) && !shown.contains(name.as_str())).collect();
        assert!(unknown.is_empty(), "{title}: {unknown:?} in {page}");
    }
    every_metric_is_shown(&page, &asked);
}

/// Every metric stands on a panel.
fn every_metric_is_shown(page: &str, asked: &[(String, String, Vec<String>)]) {
    for family in page.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()) {
        let is_shown =
            asked.iter().any(|(_, _, metrics)| metrics.iter().any(|name| name.starts_with(family)));
        assert!(is_shown || UNSHOWN.contains(&family), "{family} is on no panel");
    }
}

#[test]
fn the_bounds_that_the_command_knows_are_those_that_an_agent_counts_by() {
    let (agent, at) = (Agent::start(), folder("bounds"));
    call(&agent.handle, 1);
    agent.handle.flush_blocking(LONG);
    let page = agent.handle.metrics().openmetrics();
    let bounds = page.lines().filter(|line| line.starts_with("turn_user_bot_latency_seconds_bucket{"));
    let bounds: Vec<f64> =
        bounds.filter_map(|line| line.split("le=\"").nth(1)?.split('"').next()?.parse().ok()).collect();
    for bound in bounds.iter().filter(|bound| bound.is_finite()) {
        let latency = format!("{bound}s");
        let out = at.join("other");
        let output = judges::cekura(&[
            "slo",
            "--latency",
            &latency,
            "--objective",
            "95",
            "--out",
            out.to_str().unwrap(),
        ]);
        assert_eq!(output.status.success(), bound.fract() != 0.0, "{latency}: {}", judges::text(&output));
    }
    assert!(bounds.len() > 10, "{bounds:?}");
}

/// What only other panels' metrics say already.
const UNSHOWN: [&str; 1] = ["gen_ai_client_operation_time_to_first_chunk_seconds"];
