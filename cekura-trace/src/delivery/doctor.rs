//! Finds out what keeps spans from arriving, and says it in words that tell what to do. It repairs
//! nothing. Invariant: who asks keeps the time itself, whatever the checks do.

mod origin;
mod questions;

use super::causes::Cause;
use super::config::{self, Builder, Mode, Protocol, Settings};
use super::error::Error;
use super::metrics::Listener;
use super::quiet;
use super::spool;
use crate::absence;
use origin::limited;
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::{fmt, io};
use tokio::runtime::Runtime;
use tokio::time::Instant;

/// Finds out why traces do not arrive, with all settings from the environment. Checks the configuration, name
/// resolution, connection, TLS and credentials, and sends one real span (`cekura.doctor`).
///
/// It works in any runtime or none, blocks the thread for at most 15 s, prints nothing, and changes nothing in
/// the process. For settings in code use [`Builder::doctor`].
///
/// ```no_run
/// let diagnosis = cekura::doctor();
/// println!("{diagnosis}");
/// assert!(diagnosis.is_healthy());
/// ```
pub fn doctor() -> Diagnosis {
    Builder::default().doctor()
}

impl Builder {
    /// Like [`doctor`], with these settings.
    pub fn doctor(self) -> Diagnosis {
        let mut diagnosis = self.examined();
        let absent = absence::first().map(|(seen, remedy)| Finding::failed(Check::Handle, seen, *remedy));
        diagnosis.0.extend(absent);
        diagnosis
    }

    fn examined(self) -> Diagnosis {
        let settings = match config::resolve(self) {
            Err(error) => return Diagnosis(mistakes(Check::Configuration, &error)),
            Ok(None) => return Diagnosis(vec![off()]),
            Ok(Some(settings)) if settings.mode == Mode::Local => {
                return Diagnosis(listened(&settings).unwrap_or_else(|| vec![local()]));
            }
            Ok(Some(settings)) => settings,
        };
        let (limit, (found, findings)) = (settings.timings.diagnosis, mpsc::sync_channel(1));
        let live = move |(), runtime: &Runtime| drop(found.send(examine(&Arc::new(settings), runtime)));
        let started = quiet::start("cekura-doctor", || Ok(()), live);
        Diagnosis(match started.map(|()| findings.recv_timeout(limit)) {
            Ok(Ok(findings)) => findings,
            Ok(Err(RecvTimeoutError::Disconnected)) => {
                vec![broken("the checks stopped unexpectedly; please report this", "nothing was checked")]
            }
            Ok(Err(RecvTimeoutError::Timeout)) => vec![broken(
                "the checks did not end in time: something on this machine does not answer",
                "look at its certificate store (SSL_CERT_FILE, SSL_CERT_DIR) and at where the program's log goes",
            )],
            Err(error) => {
                vec![broken(&format!("the checks could not be started: {error:?}"), "nothing was checked")]
            }
        })
    }
}

/// The result of [`doctor`]. It prints as one paragraph per check, at most 80 columns wide.
#[derive(Clone, Debug)]
#[must_use = "print the diagnosis, or read its problems"]
pub struct Diagnosis(Vec<Finding>);

impl Diagnosis {
    /// Whether no check failed. Tracing that is off, or in local mode, is healthy.
    pub fn is_healthy(&self) -> bool {
        self.problems().next().is_none()
    }

    /// One sentence for each check that failed: what is wrong and what to do.
    pub fn problems(&self) -> impl Iterator<Item = String> {
        let failed = self.0.iter().filter(|finding| finding.is_failed());
        failed.map(|Finding { check, seen, remedy, .. }| {
            let separator = if remedy.is_empty() { "" } else { "; " };
            format!("{}: {seen}{separator}{remedy}", check.name())
        })
    }
}

impl fmt::Display for Diagnosis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, finding) in self.0.iter().enumerate() {
            if at > 0 {
                writeln!(f)?;
            }
            write!(f, "{finding}")?;
        }
        Ok(())
    }
}

/// The checks, in the order in which they are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Check {
    Configuration,
    Spool,
    Name,
    Connection,
    Tls,
    Credentials,
    Span,
    Handle,
}

impl Check {
    fn name(self) -> &'static str {
        match self {
            Self::Configuration => "configuration",
            Self::Spool => "spool",
            Self::Name => "name",
            Self::Connection => "connection",
            Self::Tls => "TLS",
            Self::Credentials => "credentials",
            Self::Span => "span",
            Self::Handle => "handle",
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Failed,
    Good,
    Skipped,
}

/// The result of one check.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    check: Check,
    state: State,
    /// What was looked at, and what is wrong with it.
    seen: String,
    /// What to do; empty where nothing is wrong, or where that says it.
    remedy: String,
}

impl Finding {
    fn good(check: Check, seen: impl Into<String>) -> Self {
        Self { check, state: State::Good, seen: seen.into(), remedy: String::new() }
    }

    fn failed(check: Check, wrong: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { check, state: State::Failed, seen: wrong.into(), remedy: remedy.into() }
    }

    fn of(check: Check, cause: &Cause) -> Self {
        let Cause { wrong, said, remedy } = cause;
        let said = if said.is_empty() { String::new() } else { format!(": {said}") };
        Self::failed(check, format!("{wrong}{said}"), remedy)
    }

    fn skipped(check: Check, why: impl Into<String>) -> Self {
        Self { check, state: State::Skipped, seen: why.into(), remedy: String::new() }
    }

    fn is_failed(&self) -> bool {
        self.state == State::Failed
    }
}

/// Columns before a finding's words, and before the end of a line.
const MARGIN: usize = 21;
const WIDTH: usize = 80;

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::Failed => "FAIL",
            State::Good => "ok",
            State::Skipped => "skip",
        };
        write!(f, "{state:<6}{:<14}", self.check.name())?;
        let (mut margin, mut column) = (MARGIN - 1, 0);
        let remedy = Some(self.remedy.split(' ')).filter(|_| !self.remedy.is_empty());
        let remedy = remedy.into_iter().flat_map(|words| std::iter::once("→").chain(words));
        for word in self.seen.split(' ').chain(remedy) {
            let length = 1 + word.chars().count();
            if column > 0 && (word == "→" || margin + column + length > WIDTH) {
                write!(f, "\n{:margin$}", "")?;
                column = 0;
            }
            write!(f, " {word}")?;
            column += length;
            if word == "→" {
                (margin, column) = (margin + length, 0);
            }
        }
        Ok(())
    }
}

fn mistakes(check: Check, error: &Error) -> Vec<Finding> {
    let problems = error.problems().iter().map(|problem| format!("{} {}", problem.setting, problem.rule));
    let mut wrong: Vec<_> = problems.collect();
    if wrong.is_empty() {
        wrong.push(format!("{error:?}"));
    }
    wrong.into_iter().map(|wrong| Finding::failed(check, wrong, "")).collect()
}

fn off() -> Finding {
    let seen = "tracing is off because of CEKURA_TRACER_ENABLED; nothing else was checked";
    Finding::good(Check::Configuration, seen)
}

fn local() -> Finding {
    let seen = "local mode: conversations are drawn on standard error and kept as pages in \
                cekura-traces/; nothing is sent. CEKURA_MODE=cloud sends them";
    Finding::good(Check::Configuration, seen)
}

fn broken(wrong: &str, remedy: &str) -> Finding {
    Finding::failed(Check::Configuration, wrong, remedy)
}

/// Runs on a thread of its own.
fn examine(settings: &Arc<Settings>, runtime: &Runtime) -> Vec<Finding> {
    // Who waits is told before the time is over.
    let limit = settings.timings.diagnosis * 15 / 16;
    let mut findings = runtime.block_on(async {
        let looking = settings.clone();
        let spooled = tokio::spawn(limited(limit, move || Ok(spooled(&looking))));
        let asked = questions::ask(settings, Instant::now() + limit).await;
        let mut findings = asked.map_or_else(
            |error| mistakes(Check::Configuration, &error),
            |found| [found, listened(settings).unwrap_or_else(|| vec![configured(settings)])].concat(),
        );
        let spooled = spooled.await.unwrap_or_else(|error| Err(io::Error::other(error)));
        findings.extend(spooled.unwrap_or_else(|error| unread(settings, &error).into_iter().collect()));
        findings
    });
    findings.sort_by_key(|finding| finding.check);
    // Both origins may be the same.
    findings.dedup();
    findings
}

/// What is wrong with the address at which metrics are to be served.
fn listened(settings: &Settings) -> Option<Vec<Finding>> {
    let refused = Listener::try_out(&settings.metrics.listen?).err()?;
    Some(mistakes(Check::Configuration, &refused))
}

fn configured(settings: &Settings) -> Finding {
    let key = settings.api_headers.get(config::KEY_HEADER);
    if key.is_some_and(|key| key.len() < config::SHORTEST_SECRET) {
        let wrong = "CEKURA_API_KEY has only a few characters, which no key has";
        return Finding::failed(Check::Configuration, wrong, "copy the whole key from Cekura's dashboard");
    }
    let account = settings.identity.map(|identity| format!("{identity}, ")).unwrap_or_default();
    let protocol = match settings.protocol {
        Protocol::Grpc => "gRPC",
        Protocol::Http => "HTTP",
    };
    let (key, kept) =
        match (settings.api_headers.is_empty(), settings.headers.contains_key(config::KEY_HEADER)) {
            (true, _) => ("no API key", ""),
            (false, true) => ("an API key", ""),
            (false, false) => ("an API key", ", without the key"),
        };
    let origin = settings.endpoint.origin();
    let through = settings.proxies.to(&settings.endpoint);
    let through = through.map(|proxy| format!(" through the proxy {}", proxy.endpoint.shown()));
    let through = through.unwrap_or_default();
    let through = if settings.http_client.is_some() { " with the program's own client" } else { &through };
    let seen = format!("{account}{key}; spans are sent over {protocol} to {origin}{through}{kept}");
    Finding::good(Check::Configuration, seen)
}

fn unread(settings: &Settings, error: &io::Error) -> Option<Finding> {
    let remedy = format!("check the directory in {} and its disk", settings.spool.as_ref()?.setting);
    let wrong = format!("what waits on disk for others cannot be read: {error}");
    Some(Finding::failed(Check::Spool, wrong, remedy))
}

/// Whether the spool can be used, where there is one, and what waits there for others, which keeps nothing of ours from arriving.
fn spooled(settings: &Settings) -> Vec<Finding> {
    let Some(to) = &settings.spool else { return Vec::new() };
    let seen = match spool::look(settings, to) {
        Err(error) => return mistakes(Check::Spool, &error),
        Ok(others) if others.is_empty() => "nothing waits on disk for another endpoint or account".to_owned(),
        Ok(others) => {
            let then = "A handle with that endpoint, account and key sends it; after that time it is deleted";
            format!("waiting on disk for others: {others}. {then}")
        }
    };
    vec![Finding::good(Check::Spool, seen)]
}
