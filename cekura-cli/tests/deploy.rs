//! Each file of `deploy/` before the program that will read it, or before its schema. Invariant: what nothing here can judge says so
//! in its first lines.

mod judges;

use cekura_trace_tests::backend::deserted;
use cekura_trace_tests::metrics::wait;
use judges::{Running, ask, deploy, deployed, folder, judge, passes, text, written};
use serde_json::{Value, json};
use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

fn read(name: &str) -> String {
    deployed(name, &[])
}

#[test]
fn its_rules_and_dashboard_are_what_the_command_writes() {
    let fresh = written("deploy");
    let names = |folder: &Path| {
        let mut names: Vec<_> =
            fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&fresh), names(&deploy().join("slo")));
    for name in names(&fresh) {
        let fresh = fs::read_to_string(fresh.join(&name)).unwrap();
        let kept = fs::read_to_string(deploy().join("slo").join(&name)).unwrap();
        let write = "cargo run -p cekura-cli -- slo --latency 1.2s --objective 95 --out deploy/slo";
        // The keys of an object may stand in another order.
        let is_json = name.to_string_lossy().ends_with(".json");
        let value = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
        let is_same = if is_json { value(&fresh) == value(&kept) } else { fresh == kept };
        assert!(is_same, "deploy/slo/{} is old: {write}", name.display());
    }
    let inhibit = read("slo/alertmanager-inhibit.yml");
    let rule = inhibit.split_once("inhibit_rules:").unwrap().1;
    assert!(read("alertmanager/alertmanager.yml").contains(rule), "{rule}");
}

#[test]
fn both_versions_of_prometheus_and_alertmanager_take_their_files() {
    let at = folder("deploy-prometheus");
    let rules = deploy().join("slo/prometheus-rules.yml");
    let config = deployed(
        "prometheus/prometheus.yml",
        &[("/etc/prometheus/slo/prometheus-rules.yml", rules.to_str().unwrap())],
    );
    fs::write(at.join("prometheus.yml"), config).unwrap();
    for age in ["old", "new"] {
        let bin = |name: &str| judge(&format!("{age}/usr/bin/{name}"));
        let (Some(promtool), Some(amtool)) = (bin("promtool"), bin("amtool")) else { return };
        let said = passes(Command::new(promtool).args(["check", "config"]).arg(at.join("prometheus.yml")));
        assert!(said.contains("1 rule files found"), "{said}");
        let file = deploy().join("alertmanager/alertmanager.yml");
        passes(Command::new(&amtool).arg("check-config").arg(&file));
        for (severity, receiver) in [("page", "pager"), ("ticket", "tracker")] {
            let label = format!("severity={severity}");
            let mut routes = Command::new(&amtool);
            routes.args(["config", "routes", "test", "--config.file"]).arg(&file);
            let said = passes(routes.arg(label));
            assert_eq!(said.lines().next(), Some(receiver), "{said}");
        }
    }
}

#[test]
fn compose_and_kubernetes_files_are_of_their_schemas_and_open_no_port_to_others() {
    let Some(python) = judge("python/bin/python") else { return };
    let judged = |module: &str, arguments: &[&str], file: &Path| {
        Command::new(&python).args(["-m", module]).args(arguments).arg(file).output().unwrap()
    };
    let compose = ["--builtin-schema", "vendor.compose-spec"];
    let at = folder("deploy-schemas");
    for (module, arguments, name, from, to) in [
        ("check_jsonschema", &compose[..], "compose.yml", "restart:", "restarts:"),
        ("kubernetes_validate", &["--strict"], "k8s/agent.yml", "replicas: 2", "replicas: two"),
    ] {
        let output = judged(module, arguments, &deploy().join(name));
        assert!(output.status.success(), "{name}: {}", text(&output));
        // The schema does refuse something.
        let wrong = at.join("wrong.yml");
        fs::write(&wrong, deployed(name, &[(from, to)])).unwrap();
        assert!(!judged(module, arguments, &wrong).status.success(), "{name}");
    }
    for line in read("compose.yml").lines() {
        if let Some((_, ports)) = line.split_once("ports: [") {
            assert!(ports.split(',').all(|port| port.trim().starts_with("\"127.0.0.1:")), "{line}");
        }
        if let Some((_, image)) = line.split_once("image: ") {
            let (_, version) = image.rsplit_once(':').unwrap();
            assert!(version.bytes().filter(|byte| *byte == b'.').count() == 2, "{line} is not pinned");
        }
    }
}

#[test]
fn a_collector_takes_what_of_its_file_it_knows() {
    let Some(python) = judge("python") else { return };
    let found =
        Command::new("find").arg(python).args(["-name", "otelcol-contrib*", "-type", "f"]).output().unwrap();
    let binary = String::from_utf8(found.stdout).unwrap();
    // It has neither the receiver nor the redaction, so both stand aside.
    let aside = [
        (
            "  otlp:\n    protocols:\n      grpc: {endpoint: 0.0.0.0:4317}\n      http: {endpoint: 0.0.0.0:4318}\n",
            "  filelog: {include: [/tmp/none]}\n",
        ),
        ("[otlp]", "[filelog]"),
        ("memory_limiter, redaction, batch", "memory_limiter, batch"),
    ];
    let text_of = |name: &str| {
        let text = deployed(name, &aside);
        let (before, rest) = text.split_once("  redaction:\n").unwrap();
        let (_, after) = rest.split_once("    summary: info\n").unwrap();
        // Its receiver gives logs only.
        let (head, pipelines) = after.split_once("    traces:\n").unwrap();
        let (_, logs) = pipelines.split_once("    logs:\n").unwrap();
        format!(
            "{before}{head}    logs:\n{}",
            logs.replace("[otlphttp/loki]", "[otlphttp/loki, otlphttp/tempo]")
        )
    };
    // The binary is by somebody whom nobody here knows: where that is possible it runs as nobody, with nothing of this environment.
    let at = std::env::temp_dir().join(format!("cekura-collector-{}", std::process::id()));
    fs::create_dir_all(&at).unwrap();
    fs::copy(binary.trim(), at.join("collector")).unwrap();
    fs::set_permissions(&at, PermissionsExt::from_mode(0o755)).unwrap();
    fs::set_permissions(at.join("collector"), PermissionsExt::from_mode(0o755)).unwrap();
    let is_root = fs::metadata("/proc/self").unwrap().uid() == 0;
    let validate = |text: &str| {
        fs::write(at.join("collector.yml"), text).unwrap();
        let mut collector = Command::new(at.join("collector"));
        collector.args(["validate", "--config=collector.yml"]).env_clear().current_dir(&at);
        if is_root {
            collector.uid(65_534).gid(65_534);
        }
        collector.output().unwrap()
    };
    let text_of = text_of("collector/collector.yml");
    let output = validate(&text_of);
    assert!(output.status.success(), "{}", text(&output));
    assert!(!validate(&text_of.replace("send_batch_size: 512", "send_batch_sizes: 512")).status.success());
    fs::remove_dir_all(&at).unwrap();
}

#[test]
fn data_sources_lead_to_each_other() {
    let sources = read("grafana/provisioning/datasources/datasources.yml");
    for uid in ["prometheus", "tempo", "loki"] {
        assert!(sources.contains(&format!("\n  uid: {uid}\n")), "{uid}");
    }
    for line in sources.lines().filter_map(|line| line.split_once("datasourceUid: ")) {
        assert!(["tempo", "loki"].contains(&line.1.trim_end_matches('}')), "{line:?}");
    }
}

/// All files of the folder, by their paths in it.
fn all() -> Vec<String> {
    let (mut found, mut folders) = (Vec::new(), vec![deploy()]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                found.push(path.strip_prefix(deploy()).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn each_file_is_judged_whole_or_says_at_its_top_what_is_not_checked() {
    const JUDGED: [&str; 7] = [
        "alertmanager/alertmanager.yml",
        "prometheus/prometheus.yml",
        "slo/alertmanager-inhibit.yml",
        "slo/dashboard.json",
        "slo/openslo.yml",
        "slo/prometheus-rules.yml",
        "slo/sloth.yml",
    ];
    let table = read("README.md");
    let mut says_so = Vec::new();
    for name in all().iter().filter(|name| *name != "README.md") {
        let is_in_table = table.contains(&format!("`{name}`"))
            || (name.starts_with("grafana/provisioning/") && table.contains("`grafana/provisioning/`"));
        assert!(is_in_table, "deploy/README.md does not say what checks {name}");
        let text = read(name);
        let mut top = text.lines().take_while(|line| line.starts_with('#'));
        if top.any(|line| line.contains("NOT CHECKED")) {
            says_so.push(name.clone());
        }
    }
    let others: Vec<_> = all().into_iter().filter(|name| !says_so.contains(name)).collect();
    assert_eq!(others, [&["README.md"], &JUDGED[..]].concat());
}

#[test]
fn compose_mounts_what_there_is_and_no_file_names_a_service_that_it_lacks() {
    let compose = read("compose.yml");
    let services: Vec<_> =
        compose.lines().filter_map(|line| line.strip_prefix("  ")?.strip_suffix(':')).collect();
    assert!(services.contains(&"grafana") && compose.matches("- ./").count() > 5, "{compose}");
    for line in compose.lines().filter_map(|line| line.trim().strip_prefix("- ./")) {
        let name = line.split(':').next().unwrap();
        assert!(deploy().join(name).exists(), "{name} is not there");
    }
    // Yours: the agent, and who is told.
    let yours = ["agent", "pager", "tracker"];
    let is_known = |host: &str| services.contains(&host) || yours.contains(&host);
    let mut named = 0;
    for name in all().iter().filter(|name| *name != "README.md" && !name.starts_with("slo/")) {
        for line in read(name).lines().filter(|line| !line.trim_start().starts_with('#')) {
            let urls = line.split("http://").skip(1);
            let targets = line.split("targets: [").skip(1);
            for address in urls.chain(targets) {
                let host = address.split(':').next().unwrap();
                assert!(is_known(host) || host == "localhost", "{name}: {host}");
                named += 1;
            }
        }
    }
    assert!(named > 8, "{named}");
}

#[test]
fn a_page_reaches_its_webhook_and_makes_the_ticket_for_the_same_objective_quiet() {
    let Some(alertmanager) = judge("new/usr/bin/prometheus-alertmanager") else { return };
    let (at, address) = (folder("deploy-alertmanager"), deserted());
    let pager = TcpListener::bind("127.0.0.1:0").unwrap();
    let page = format!("http://{}/page", pager.local_addr().unwrap());
    let tracker = format!("http://{}/ticket", deserted());
    let changes = [
        ("http://pager:8080/page", page.as_str()),
        ("http://tracker:8080/ticket", &tracker),
        ("group_wait: 10s", "group_wait: 1s"),
    ];
    fs::write(at.join("alertmanager.yml"), deployed("alertmanager/alertmanager.yml", &changes)).unwrap();
    let mut command = Command::new(alertmanager);
    command
        .arg(format!("--config.file={}", at.join("alertmanager.yml").display()))
        .arg(format!("--storage.path={}", at.join("data").display()))
        .arg(format!("--web.listen-address={address}"))
        .arg("--cluster.listen-address=");
    let _alertmanager = Running::start(&mut command, address, &at);
    let alert = |slo: &str, severity: &str, window: &str| json!({"labels": {"alertname": "BudgetBurn", "job": "agent", "slo": slo, "severity": severity, "window": window}});
    let lost = json!({"labels": {"alertname": "CekuraSpansLost", "job": "agent", "severity": "ticket"}});
    let alerts = json!([
        alert("turn_latency", "page", "1h"),
        alert("turn_latency", "ticket", "3d"),
        alert("tool_errors", "ticket", "3d"),
        lost,
    ]);
    ask(address, "/api/v2/alerts", &alerts.to_string());
    let states = || {
        let said: Value = serde_json::from_str(&ask(address, "/api/v2/alerts", "")).unwrap();
        let state = |alert: &Value| {
            let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let labels = &alert["labels"];
            format!(
                "{} {} {}",
                word(&labels["slo"]),
                word(&labels["severity"]),
                word(&alert["status"]["state"])
            )
        };
        let mut states: Vec<_> = said.as_array().unwrap().iter().map(state).collect();
        states.sort();
        states
    };
    let expected = [
        " ticket active",
        "tool_errors ticket active",
        "turn_latency page active",
        "turn_latency ticket suppressed",
    ];
    wait("the ticket is quiet, and only that", || states() == expected);
    let (mut stream, _) = pager.accept().unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let (mut said, mut part) = (String::new(), [0; 4_096]);
    while !said.contains("\"window\":\"1h\"") {
        let read = stream.read(&mut part).unwrap();
        assert!(read > 0, "{said}");
        said.push_str(&String::from_utf8_lossy(&part[..read]));
    }
    assert!(said.starts_with("POST /page ") && !said.contains("\"3d\""), "{said}");
}
