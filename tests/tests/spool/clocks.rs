//! A wall clock that is set: what is seconds old is not deleted as if it were a year old.

use super::crashes::{agent, go_on, lines};
use super::{TEMPORARY, falling};
use cekura_trace_tests::api::Api;
use cekura_trace_tests::spools::Spool;
use cekura_trace_tests::tools;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

const DAY: i64 = 24 * 60 * 60;

/// Runs two agents, the second one after the first was killed; the clock of each is set by so many days, that of the first
/// one when everything is on disk. The second one says what it has delivered in the end.
fn set(test: &str, first: i64, second: i64) -> Option<String> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/spool/set_clock.c");
    let library = tools::preloaded(source, TEMPORARY)?;
    let spool = Spool::new(TEMPORARY, test);
    let clock = Path::new(TEMPORARY).join(format!("{test}.clock"));
    fs::write(&clock, "0").unwrap();
    let ((backend, is_well), api) = (falling(), Api::new());
    let start = |clock: &PathBuf| -> Child {
        let mut agent = agent(&[], "safe", &backend, &api.url(), &spool.0);
        agent.env("LD_PRELOAD", &library).env("CEKURA_TEST_CLOCK", clock).spawn().unwrap()
    };
    let mut one = start(&clock);
    let mut said = lines(&mut one);
    assert_eq!(said.next().as_deref(), Some("6 accepted, 0 delivered, 6 spooled"), "{test}");
    fs::write(&clock, (first * DAY).to_string()).unwrap();
    // It looks every second for what is too old.
    thread::sleep(Duration::from_millis(1500));
    assert_eq!(spool.files(".spans").len(), 1, "{test}: {:?}", spool.files(""));
    one.kill().unwrap();
    one.wait().unwrap();
    fs::write(&clock, (second * DAY).to_string()).unwrap();
    is_well.store(true, Ordering::Relaxed);
    let mut two = start(&clock);
    let mut said = lines(&mut two);
    said.next();
    spool.await_files(".spans", 0);
    go_on(&mut two);
    let last = said.next();
    two.wait().unwrap();
    last
}

#[test]
fn a_clock_that_is_set_by_a_year_makes_nothing_old() {
    let cases = [
        ("ahead", 400, 400),
        ("between", 0, 400),
        ("back", 400, 0),
        ("long-ago", -9000, 0),
        ("then", 0, -400),
    ];
    thread::scope(|scope| {
        for (test, first, second) in cases {
            scope.spawn(move || {
                let last = set(&format!("clock-{test}"), first, second);
                assert!(last.is_none_or(|last| last == "12 accepted, 12 delivered"), "{test}");
            });
        }
    });
}
