//! From a slow model to a page: the example `voice_agent`, a Prometheus with the generated rules, an Alertmanager, a webhook; beside
//! it the same agent with a quick model. Invariant: all parts are real, and their files are those of `deploy/`.
//!
//! Nobody can move Prometheus' clock, and to fill in samples of hours would show what was filled in. So every duration in those files
//! is divided by one factor, windows and intervals alike, and each time that is measured stands for that many times as much.
//! A thousand calls: `CEKURA_PAGER_CALLS=1000 CEKURA_PAGER_FACTOR=20 cargo test -p cekura-cli --test pager -- --nocapture`, 15 minutes.

mod judges;

use cekura_trace_tests::backend::{Backend, deserted};
use cekura_trace_tests::metrics::wait;
use cekura_trace_tests::tools::{needs, times};
use judges::{Running, ask, deployed, folder, judge, written};
use serde_json::Value;
use std::collections::BTreeMap;
use std::env;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// The alert that this is about; the example's tools fail by design, so that another one fires in both agents.
const ALERT: &str = "TurnLatencyBudgetBurn";

/// With every duration that a rule or a setting names divided.
fn divided(text: &str, factor: u64) -> String {
    const DURATIONS: [(&str, u64); 12] = [
        ("10s", 10),
        ("15s", 15),
        ("30s", 30),
        ("1m", 60),
        ("5m", 300),
        ("10m", 600),
        ("15m", 900),
        ("30m", 1_800),
        ("1h", 3_600),
        ("2h", 7_200),
        ("6h", 21_600),
        ("1d", 86_400),
    ];
    const DAYS: [(&str, u64); 2] = [("3d", 3 * 86_400), ("30d", 30 * 86_400)];
    let mut text = text.to_owned();
    for (duration, seconds) in DURATIONS.iter().chain(&DAYS) {
        let shorter = format!("{}ms", seconds * 1_000 / factor);
        for (before, after) in
            [("[", "]"), ("offset ", ""), ("for: ", ""), ("interval: ", ""), ("wait: ", "")]
        {
            text = text.replace(&format!("{before}{duration}{after}"), &format!("{before}{shorter}{after}"));
        }
    }
    text
}

/// The example, as it was last built.
fn example() -> Option<PathBuf> {
    let tests = env::current_exe().unwrap();
    let example = tests.ancestors().nth(2)?.join("examples/voice_agent");
    needs("the built example voice_agent", example.exists()).then_some(example)
}

/// A process that takes calls, until it is dropped.
struct Agent(Child);

impl Agent {
    fn start(
        example: &Path,
        calls: u64,
        model: &str,
        metrics: SocketAddr,
        backend: &Backend,
        said: &Path,
    ) -> Self {
        let mut command = Command::new(example);
        command.arg("--fast").arg(format!("--calls={calls}")).env_clear().env("CHAT_MODEL", model);
        command.env("CEKURA_OTEL_ENDPOINT", backend.url()).env("CEKURA_METRICS_LISTEN", metrics.to_string());
        let said = File::create(said).unwrap();
        Self(command.stdout(said.try_clone().unwrap()).stderr(said).spawn().unwrap())
    }

    fn runs(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }

    fn until_its_end(&mut self) {
        assert!(self.0.wait().unwrap().success());
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What came to a webhook, and when.
type Came = Arc<Mutex<Vec<(Instant, String)>>>;

/// Takes requests for as long as the process lives.
fn webhook() -> (SocketAddr, Came) {
    let (listener, came) = (TcpListener::bind("127.0.0.1:0").unwrap(), Came::default());
    let (address, kept) = (listener.local_addr().unwrap(), came.clone());
    thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let (mut said, mut part) = (Vec::new(), [0; 4_096]);
            // The body is one JSON object, and the last of the request.
            while !said.ends_with(b"}\n") && !said.ends_with(b"}") {
                match stream.read(&mut part) {
                    Ok(read) if read > 0 => said.extend_from_slice(&part[..read]),
                    _ => break,
                }
            }
            let is_answered =
                stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            if is_answered.is_ok() {
                kept.lock().unwrap().push((Instant::now(), String::from_utf8_lossy(&said).into_owned()));
            }
        }
    });
    (address, came)
}

/// Prometheus and Alertmanager with the files of `deploy/`.
struct Watch {
    prometheus: SocketAddr,
    came: Came,
    _running: [Running; 2],
}

impl Watch {
    /// Of two agents that serve their metrics.
    fn start(slow: SocketAddr, quick: SocketAddr, factor: u64) -> Option<Self> {
        let bin = |name: &str| judge(&format!("new/usr/bin/{name}"));
        let (prometheus, alertmanager) = (bin("prometheus")?, bin("prometheus-alertmanager")?);
        let (at, rules) = (folder("pager"), written("pager-rules").join("prometheus-rules.yml"));
        let (webhook, came) = webhook();
        let (judges, alerts) = (deserted(), deserted());
        let put = |name: &str, text: &str| {
            fs::write(at.join(name), divided(text, factor)).unwrap();
            at.join(name).display().to_string()
        };
        let rules = put("rules.yml", &fs::read_to_string(rules).unwrap());
        let quick =
            format!("- job_name: quick\n  static_configs:\n  - targets: ['{quick}']\n- job_name: prometheus");
        let changes = [
            ("/etc/prometheus/slo/prometheus-rules.yml", rules.as_str()),
            ("alertmanager:9093", &alerts.to_string()),
            ("job_name: agent", "job_name: slow"),
            ("agent:9464", &slow.to_string()),
            ("- job_name: prometheus", &quick),
            ("localhost:9090", &judges.to_string()),
        ];
        let config = put("prometheus.yml", &deployed("prometheus/prometheus.yml", &changes));
        let hook = |path: &str| format!("http://{webhook}/{path}");
        let changes =
            [("http://pager:8080/page", &*hook("page")), ("http://tracker:8080/ticket", &*hook("ticket"))];
        let routes = put("alertmanager.yml", &deployed("alertmanager/alertmanager.yml", &changes));
        let mut alertmanager = Command::new(alertmanager);
        alertmanager.arg(format!("--config.file={routes}")).arg("--cluster.listen-address=");
        alertmanager.arg(format!("--storage.path={}", at.join("alerts").display()));
        let alertmanager =
            Running::start(alertmanager.arg(format!("--web.listen-address={alerts}")), alerts, &at);
        let mut prometheus = Command::new(prometheus);
        prometheus.arg(format!("--config.file={config}")).arg("--enable-feature=exemplar-storage");
        prometheus.arg(format!("--storage.tsdb.path={}", at.join("data").display()));
        let prometheus =
            Running::start(prometheus.arg(format!("--web.listen-address={judges}")), judges, &at);
        Some(Self { prometheus: judges, came, _running: [alertmanager, prometheus] })
    }

    /// The alerts that fire: job, name, severity and window.
    fn fires(&self) -> Vec<[String; 4]> {
        let said: Value = serde_json::from_str(&ask(self.prometheus, "/api/v1/alerts", "")).unwrap();
        let alerts = said["data"]["alerts"].as_array().unwrap().iter();
        let label = |alert: &Value, key: &str| alert["labels"][key].as_str().unwrap_or_default().to_owned();
        let labels = |alert: &Value| ["job", "alertname", "severity", "window"].map(|key| label(alert, key));
        alerts.filter(|alert| alert["state"] == "firing").map(labels).collect()
    }

    /// When a page about slow answers came.
    fn paged(&self) -> Option<Instant> {
        let came = self.came.lock().unwrap();
        let is_page = |said: &str| {
            said.starts_with("POST /page ") && said.contains(ALERT) && said.contains("\"job\":\"slow\"")
        };
        came.iter().find(|(_, said)| is_page(said)).map(|(at, _)| *at)
    }
}

#[test]
fn a_slow_model_pages_and_the_quick_one_beside_it_does_not() {
    let Some(example) = example() else { return };
    let (calls, factor) = (times("CEKURA_PAGER_CALLS", 200), times("CEKURA_PAGER_FACTOR", 100));
    let is_short = calls < 1_000;
    let (slow, quick, backend, at) = (deserted(), deserted(), Backend::new(), folder("pager-agents"));
    let Some(watch) = Watch::start(slow, quick, factor) else { return };
    let agent = |calls, model, metrics, said: &str| {
        Agent::start(&example, calls, model, metrics, &backend, &at.join(said))
    };
    let mut quick = agent(calls, "quick", quick, "quick.txt");
    agent(calls / 5, "quick", slow, "before.txt").until_its_end();
    let about = |job: &str| {
        let fires = watch.fires().into_iter();
        fires.filter(|[of, name, ..]| of == job && name == ALERT).collect::<Vec<_>>()
    };
    assert!(about("slow").is_empty(), "before the slow model: {:?}", about("slow"));
    // A new release with another model.
    let mut slowed = agent(calls - calls / 5, "slow", slow, "slow.txt");
    let says = |name: &str| fs::read_to_string(at.join(name)).unwrap_or_default();
    wait("the first slow call", || says("slow.txt").contains("Call "));
    let begin = Instant::now();
    // An hour of slow answers is enough, however short the hour is; a busy machine may be late.
    let limit = begin + Duration::from_secs(3_600 / factor + 60);
    let mut fired = BTreeMap::new();
    while watch.paged().is_none() || (!is_short && slowed.runs()) {
        assert!(Instant::now() < limit || watch.paged().is_some(), "nobody was paged; fired: {fired:?}");
        for alert in watch.fires() {
            fired.entry(alert).or_insert_with(|| begin.elapsed());
        }
        if is_short || quick.runs() {
            assert!(about("quick").is_empty(), "{:?}", about("quick"));
        }
        thread::sleep(Duration::from_millis(50));
    }
    let paged = watch.paged().unwrap() - begin;
    report(&fired, paged, factor);
    let page = ["slow", ALERT, "page", "1h"].map(str::to_owned);
    assert!(fired.get(&page).is_some_and(|fired| *fired <= paged), "{fired:?}");
    // Of that hour, 72 % must be slow; a part of it may lie before the first scrape.
    assert!(paged > Duration::from_secs(3_600 / factor / 3), "paged after {paged:?}");
}

/// A line for each alert: after so many seconds, which stand for so many minutes.
fn report(fired: &BTreeMap<[String; 4], Duration>, paged: Duration, factor: u64) {
    let mut lines: Vec<_> = fired.iter().map(|(labels, after)| (*after, labels.join(" "))).collect();
    lines.push((paged, "the page about slow answers at the webhook".to_owned()));
    lines.sort();
    for (after, what) in lines {
        let minutes = after.as_secs_f64() * f64::from(u32::try_from(factor).unwrap()) / 60.0;
        println!("{:6.1} s = {minutes:5.1} min: {what}", after.as_secs_f64());
    }
}
