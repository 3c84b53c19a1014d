//! The fault table: what goes wrong between a program and a backend, and what becomes of the spans. One test for each
//! row that docs/reliability.md lists, over gRPC and HTTP, with this library and with the standard pipeline.
//!
//! The oracle: every span that was made is with the backend or in the ledger with a reason, and afterwards a new one
//! arrives. Of the standard pipeline the same is measured and printed, not judged:
//! `cargo test -p cekura-trace-tests --test faults -- --nocapture | grep '^row'`.

#[path = "faults/answers.rs"]
mod answers;
#[path = "faults/call_logs.rs"]
mod call_logs;
#[path = "faults/connections.rs"]
mod connections;
#[path = "faults/frozen.rs"]
mod frozen;
#[path = "faults/load.rs"]
mod load;
#[path = "faults/memory.rs"]
mod memory;
#[path = "faults/processes.rs"]
mod processes;
#[path = "faults/recordings.rs"]
mod recordings;
#[path = "faults/runtimes.rs"]
mod runtimes;
#[path = "faults/shares.rs"]
mod shares;
#[path = "faults/waits.rs"]
mod waits;

use cekura::{Builder, Protocol, Timings};
use cekura_trace_tests::backend::{Backend, Reply};
use cekura_trace_tests::handles::{LONG, PROTOCOLS, adds_up, at, quick, reasons};
use cekura_trace_tests::program::Program;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

/// How long a fault lasts that passes: longer than the standard pipeline tries again.
const OUTAGE: Duration = Duration::from_secs(2);

/// A backend that answers so until it is told to be well.
fn away(reply: Reply) -> (Backend, Arc<AtomicBool>) {
    let is_well = Arc::<AtomicBool>::default();
    let looked_at = is_well.clone();
    let is_up = move || looked_at.load(Ordering::Relaxed);
    let backend = Backend::scripted(move |_, _| if is_up() { Reply::Accept } else { reply.clone() });
    (backend, is_well)
}

/// One protocol and one pipeline.
#[derive(Clone, Copy)]
struct Case {
    protocol: Protocol,
    is_stock: bool,
}

/// Runs a row for each of them at once.
fn each(row: impl Fn(Case) + Sync) {
    thread::scope(|scope| {
        for protocol in PROTOCOLS {
            for is_stock in [false, true] {
                let row = &row;
                scope.spawn(move || row(Case { protocol, is_stock }));
            }
        }
    });
}

impl Case {
    fn program(self, url: &str) -> Program {
        self.program_with(url, |builder| builder)
    }

    /// Ours waits for milliseconds where it would for seconds; the standard pipeline is as it comes.
    fn program_with(self, url: &str, set: impl FnOnce(Builder) -> Builder) -> Program {
        let short = Timings {
            connect: Duration::from_millis(200),
            tls: Duration::from_millis(200),
            attempt: Duration::from_millis(500),
            ..quick()
        };
        let timings = if self.is_stock { Timings::default() } else { short };
        let builder = set(at(url, self.protocol).timings(timings));
        if self.is_stock {
            return Program::stock(builder);
        }
        let program = Program::ours(builder);
        // After its first look the worker takes what is made at once into one request.
        program.flush(OUTAGE);
        program
    }

    /// Three calls while there is a fault, which `mend` ends.
    fn survives(self, row: &str, program: &Program, backend: &Backend, mend: impl FnOnce()) {
        program.calls(3);
        let said = program.flush(OUTAGE);
        mend();
        self.settle(row, program, backend, &said, &[]);
    }

    /// The fault is over: what was made has arrived but for what was lost for these reasons.
    fn settle(self, row: &str, program: &Program, backend: &Backend, said: &str, lost: &[(&str, u64)]) {
        let made = program.made();
        let in_the_end = program.flush(LONG);
        let arrived = ids(backend);
        assert!(arrived.is_subset(&made), "{row}: the backend has spans that nobody made");
        program.call(&[]);
        let fresh: HashSet<_> = program.made().difference(&made).cloned().collect();
        program.flush(LONG);
        let is_live = fresh.is_subset(&ids(backend));
        let (protocol, some, all) = (self.protocol, arrived.len(), made.len());
        let who = if self.is_stock { "stock" } else { "ours" };
        let then = if is_live { "arrives" } else { "is lost" };
        println!(
            "row {row} | {protocol:?} | {who} | {some} of {all} | {said} | {in_the_end} | a new one {then}"
        );
        let Some(report) = program.ledger() else { return };
        assert_eq!(reasons(&report), lost, "{row}: {report}");
        assert!(adds_up(&report) && report.pending == 0, "{row}: {report}");
        assert_eq!(report.accepted, program.made().len() as u64, "{row}: {report}");
        assert_eq!(report.lost(), (made.len() - arrived.len()) as u64, "{row}: {report}");
        assert!(is_live, "{row}: a new span does not arrive");
    }
}

/// The ids of all spans that a backend has acknowledged.
fn ids(backend: &Backend) -> HashSet<Vec<u8>> {
    backend.spans().into_iter().map(|span| span.span_id).collect()
}
