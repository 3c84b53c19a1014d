//! From a slow model to a page: the example `voice_agent`, a Prometheus with the generated rules, an Alertmanager, a webhook; beside
//! it the same agent with a quick model. Invariant: all parts are real, and their files are those of `deploy/`.
//!
//! Nobody can move Prometheus' clock. So every duration in those files is divided by one factor, windows and intervals alike, and each
//! time that is measured stands for that many times as much. What lies before the calls, three such days with quick answers only, is
//! filled in: nobody can wait for it either, and without it the longest windows would have nothing but the slow answers.
//! A thousand calls: `CEKURA_PAGER_CALLS=1000 CEKURA_PAGER_FACTOR=20 cargo test -p cekura-cli --test pager -- --nocapture`, 15 minutes.

mod judges;

use cekura_trace_tests::backend::{Backend, deserted};
use cekura_trace_tests::metrics::wait;
use cekura_trace_tests::tools::{needs, times};
use judges::{Running, ask, asked, deployed, folder, judge, passes, query, written};
use serde_json::Value;
use std::collections::BTreeMap;
use std::env;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// The alert that this is about; the example's tools fail by design, so that another one fires in both agents.
const ALERT: &str = "TurnLatencyBudgetBurn";

/// With every duration that a rule or a setting names divided.
fn divided(text: &str, factor: u32) -> String {
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
        let shorter = format!("{}ms", seconds * 1_000 / u64::from(factor));
        for (before, after) in
            [("[", "]"), ("offset ", ""), ("for: ", ""), ("interval: ", ""), ("wait: ", "")]
        {
            text = text.replace(&format!("{before}{duration}{after}"), &format!("{before}{shorter}{after}"));
        }
    }
    text
}

/// What agents counted within three days, each scrape as `OpenMetrics` text: four answers a second, all of them quick.
fn before(agents: &[(&str, SocketAddr)], factor: u32) -> String {
    const SCRAPES: u32 = 3 * 86_400 / 15;
    let each = 15.0 / f64::from(factor);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64();
    let mut text = String::new();
    for (job, address) in agents {
        for series in ["count{", "bucket{le=\"1.2\","] {
            for scrape in 0..SCRAPES {
                let (count, at) = (4.0 * each * f64::from(scrape), now - each * f64::from(SCRAPES - scrape));
                let labels = format!("{series}job=\"{job}\",instance=\"{address}\"");
                let _ = writeln!(text, "turn_user_bot_latency_seconds_{labels}}} {count:.0} {at:.3}");
            }
        }
    }
    text + "# EOF\n"
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
    fn start(slow: SocketAddr, quick: SocketAddr, factor: u32) -> Option<Self> {
        let bin = |name: &str| judge(&format!("new/usr/bin/{name}"));
        let (prometheus, alertmanager) = (bin("prometheus")?, bin("prometheus-alertmanager")?);
        let promtool = bin("promtool")?;
        let (at, rules) = (folder("pager"), written("pager-rules").join("prometheus-rules.yml"));
        let (webhook, came) = webhook();
        let (judges, alerts) = (deserted(), deserted());
        let put = |name: &str, text: &str| {
            fs::write(at.join(name), divided(text, factor)).unwrap();
            at.join(name).display().to_string()
        };
        let rules = put("rules.yml", &fs::read_to_string(rules).unwrap());
        let quick_job =
            format!("- job_name: quick\n  static_configs:\n  - targets: ['{quick}']\n- job_name: prometheus");
        let changes = [
            ("/etc/prometheus/slo/prometheus-rules.yml", rules.as_str()),
            ("alertmanager:9093", &alerts.to_string()),
            ("job_name: agent", "job_name: slow"),
            ("agent:9464", &slow.to_string()),
            ("- job_name: prometheus", &quick_job),
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
        let alertmanager = Running::start(
            alertmanager.arg(format!("--web.listen-address={alerts}")),
            alerts,
            &at.join("alerts"),
        );
        fs::write(at.join("before.txt"), before(&[("slow", slow), ("quick", quick)], factor)).unwrap();
        let fill = ["tsdb", "create-blocks-from", "openmetrics", "--quiet"];
        passes(Command::new(promtool).args(fill).args([at.join("before.txt"), at.join("data")]));
        let mut prometheus = Command::new(prometheus);
        prometheus.arg(format!("--config.file={config}")).arg("--enable-feature=exemplar-storage");
        prometheus.arg(format!("--storage.tsdb.path={}", at.join("data").display()));
        let prometheus =
            Running::start(prometheus.arg(format!("--web.listen-address={judges}")), judges, &at);
        Some(Self { prometheus: judges, came, _running: [alertmanager, prometheus] })
    }

    /// The alerts that fire: job, name, severity and window, and at which second of the day each began.
    fn fires(&self) -> BTreeMap<[String; 4], f64> {
        let said: Value = serde_json::from_str(&ask(self.prometheus, "/api/v1/alerts", "")).unwrap();
        let alerts = said["data"]["alerts"].as_array().unwrap().iter();
        let label = |alert: &Value, key: &str| alert["labels"][key].as_str().unwrap_or_default().to_owned();
        let labels = |alert: &Value| ["job", "alertname", "severity", "window"].map(|key| label(alert, key));
        let began = |alert: &Value| {
            let time = alert["activeAt"].as_str().unwrap().split(['T', 'Z']).nth(1).unwrap();
            time.split(':').fold(0.0, |sum, part| 60.0 * sum + part.parse::<f64>().unwrap())
        };
        alerts.filter(|alert| alert["state"] == "firing").map(|alert| (labels(alert), began(alert))).collect()
    }

    /// Each panel shows something, but for those about what the example does not do.
    fn shows_the_dashboard(&self) {
        const NOT_DONE: [&str; 4] = ["cekura_spans_dropped", "guardrail_checks", "s2s_", "voice_call_score"];
        let Some(asked) = asked(&written("pager-dashboard")) else { return };
        for (title, asked, metrics) in &asked {
            let is_done = |metric: &String| !NOT_DONE.iter().any(|other| metric.starts_with(other));
            let is_empty = query(self.prometheus, asked).iter().all(|number| number.is_nan());
            assert_eq!(is_empty, !metrics.iter().all(is_done), "{title}: {asked}");
        }
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
    let (calls, factor) =
        (times("CEKURA_PAGER_CALLS", 200), u32::try_from(times("CEKURA_PAGER_FACTOR", 100)).unwrap());
    let is_short = calls < 1_000;
    let (slow, quick, backend, at) = (deserted(), deserted(), Backend::new(), folder("pager-agents"));
    let Some(watch) = Watch::start(slow, quick, factor) else { return };
    let agent = |calls, model, metrics, said: &str| {
        Agent::start(&example, calls, model, metrics, &backend, &at.join(said))
    };
    let mut quick = agent(calls, "quick", quick, "quick.txt");
    // A new release with another model.
    let mut slowed = agent(calls, "slow", slow, "slow.txt");
    let says = |name: &str| fs::read_to_string(at.join(name)).unwrap_or_default();
    wait("the first slow call", || says("slow.txt").contains("Call "));
    let (begin, first) = (Instant::now(), second());
    // An hour of slow answers is enough, however short the hour is; a busy machine may be late.
    let limit = begin + Duration::from_secs(60 + 3_600 / u64::from(factor));
    let mut fired = BTreeMap::new();
    while watch.paged().is_none() || (!is_short && slowed.runs()) {
        assert!(Instant::now() < limit || watch.paged().is_some(), "nobody was paged; fired: {fired:?}");
        thread::sleep(Duration::from_millis(200));
        // An agent that has ended has other alerts.
        let is_quick_gone = !quick.runs();
        let of_those_that_run = |(alert, _): &([String; 4], f64)| alert[0] != "quick" || !is_quick_gone;
        for (alert, began) in watch.fires().into_iter().filter(of_those_that_run) {
            fired.entry(alert).or_insert((began - first).rem_euclid(86_400.0));
        }
    }
    let paged = (watch.paged().unwrap() - begin).as_secs_f64();
    report(&fired, paged, factor);
    let is_bad = |alert: &&[String; 4]| alert[0] == "quick" && alert[1] == ALERT;
    let bad: Vec<_> = fired.keys().filter(is_bad).collect();
    assert!(bad.is_empty(), "{bad:?}");
    let page = ["slow", ALERT, "page", "1h"].map(str::to_owned);
    assert!(fired.get(&page).is_some_and(|fired| *fired <= paged), "{fired:?}");
    // Of that hour, 72 % must be slow.
    assert!(paged > 1_800.0 / f64::from(factor), "paged after {paged} s");
    watch.shows_the_dashboard();
}

/// Of this day.
fn second() -> f64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs_f64() % 86_400.0
}

/// A line for each alert: after so many seconds, which stand for so many minutes.
fn report(fired: &BTreeMap<[String; 4], f64>, paged: f64, factor: u32) {
    let mut lines: Vec<_> = fired.iter().map(|(labels, after)| (*after, labels.join(" "))).collect();
    lines.push((paged, "a page about slow answers is at the webhook".to_owned()));
    lines.sort_by(|a, b| a.0.total_cmp(&b.0));
    for (after, what) in lines {
        println!("{after:6.1} s = {:5.1} min: {what}", after * f64::from(factor) / 60.0);
    }
}
