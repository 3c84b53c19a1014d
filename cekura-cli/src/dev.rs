//! `cekura dev`: a server on this machine that takes what agents send to Cekura, keeps it, and says what is wrong with it.
//! Invariant: it is reachable from this machine only.

mod api;
mod check;
mod facts;
mod form;
mod guard;
mod measure;
mod open;
mod options;
mod otlp;
mod pages;
mod server;
mod stage;
mod store;
mod times;
mod turns;

use axum::http::StatusCode;
use axum::{Router, middleware};
use check::Findings;
use open::OpenSpans;
use options::Options;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use store::{LIMITS, Store, calls, retention};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::Semaphore;
use tokio::time;

/// Requests that are worked on at a time, each with its body in memory.
const PLACES: u32 = 16;
/// How long the end waits for requests that have begun.
const LAST: Duration = Duration::from_secs(10);
/// How often it is looked for content that is too old.
const BETWEEN: Duration = Duration::from_secs(60 * 60);
/// How often it is looked for calls that nobody tells of any more.
const LOOK: Duration = Duration::from_secs(1);

/// What every request needs.
#[derive(Clone)]
struct Dev {
    store: Store,
    findings: Findings,
    folder: Arc<PathBuf>,
    watchers: pages::Watchers,
    open: OpenSpans,
    /// What an agent sends here with, for a shell.
    settings: Arc<str>,
}

/// Serves until it is told to end.
///
/// # Errors
///
/// When an option, a port or the folder cannot be used, in words.
pub(super) fn run(arguments: &[&str]) -> Result<ExitCode, String> {
    let options = options::read(arguments)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    let runtime = runtime.map_err(|error| format!("no thread is to be had: {error}"))?;
    let code = runtime.block_on(serve(options));
    // Who still listens is not waited for.
    runtime.shutdown_background();
    code
}

async fn serve(options: Options) -> Result<ExitCode, String> {
    let ports = [server::Port::bind(options.port).await?, server::Port::bind(options.grpc_port).await?];
    let store = Store::open(&options.data, LIMITS)?;
    let findings = Findings::new(options.check);
    let [http, grpc] = [ports[0].number, ports[1].number];
    let dev = Dev {
        store,
        findings: findings.clone(),
        folder: Arc::new(options.data.clone()),
        watchers: pages::Watchers::new(),
        open: OpenSpans::default(),
        settings: settings(http, grpc).into(),
    };
    let places = Arc::new(Semaphore::new(PLACES as usize));
    let routes = Router::new()
        .merge(otlp::routes(dev.clone()))
        .merge(api::routes(dev.clone()))
        .merge(pages::routes(dev.clone()));
    let routes = routes.layer(middleware::from_fn_with_state(places.clone(), server::bounded));
    // Outside the bound: who watches does so for long, and a wrong address costs nothing.
    let routes = routes
        .merge(pages::streams(dev.clone()))
        .fallback(|| async { (StatusCode::NOT_FOUND, "there is nothing here\n") });
    if let Some(age) = options.keep_content {
        tokio::spawn(forget(dev.store.clone(), age));
    }
    tokio::spawn(listen_for_silence(dev.clone()));
    let mut end = Signals::new()?;
    server::serve(ports, routes);
    println!(
        "The calls are shown at http://127.0.0.1:{http} and kept in {}. Start the agent after\n{}\n\
         Another OpenTelemetry exporter sends to http://127.0.0.1:{http}/v1/traces. Ctrl+C ends.",
        options.data.display(),
        settings(http, grpc)
    );
    end.wait().await;
    // Nothing new begins; what has begun ends first.
    let _all = time::timeout(LAST, places.acquire_many(PLACES)).await;
    finish(&dev).await
}

/// What an agent sends here with, for a shell.
fn settings(http: u16, grpc: u16) -> String {
    format!(
        "\x20 export CEKURA_OTEL_ENDPOINT=http://127.0.0.1:{grpc} CEKURA_API_URL=http://127.0.0.1:{http}\n\
         \x20 export CEKURA_API_KEY=any-key CEKURA_AGENT_ID=1"
    )
}

/// Takes content that is too old out of the database, now and then.
async fn forget(store: Store, age: Duration) {
    loop {
        if let Err(why) = retention::forget(&store, age).await {
            eprintln!("old content cannot be deleted, which is tried again in an hour: {why}");
        }
        time::sleep(BETWEEN).await;
    }
}

/// Says which calls nobody tells of any more, for their agent was killed or hangs.
async fn listen_for_silence(dev: Dev) {
    loop {
        time::sleep(LOOK).await;
        for call in dev.open.fall_silent(SystemTime::now()) {
            dev.watchers.tell(call);
        }
    }
}

/// What is only known at the end, the summary, and the exit code.
async fn finish(dev: &Dev) -> Result<ExitCode, String> {
    let mut missing = Vec::new();
    for (trace, call) in dev.findings.awaited() {
        // An earlier run may have taken it.
        if dev.findings.is_strict && !dev.store.read(move |from| calls::has_spans(from, &trace)).await? {
            missing.push((trace, call));
        }
    }
    dev.findings.finish(missing);
    let (summary, has_findings) = dev.findings.summary();
    print!("{summary}");
    Ok(if dev.findings.is_strict && has_findings { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The signals that end it.
struct Signals {
    interrupt: Signal,
    terminate: Signal,
}

impl Signals {
    fn new() -> Result<Self, String> {
        let of = |kind| signal(kind).map_err(|error| format!("signals cannot be heard: {error}"));
        Ok(Self { interrupt: of(SignalKind::interrupt())?, terminate: of(SignalKind::terminate())? })
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
        }
    }
}
