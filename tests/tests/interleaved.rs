//! A thousand conversations at once, whose spans begin and end in every possible way on a runtime that moves
//! them between threads. Invariant: each span has its own conversation and parent, and ends as it should.
//!
//! What each call does is drawn from a seed, which is printed. `CEKURA_TESTS_SEED=… cargo test -p cekura-trace-tests --test
//! interleaved` draws the same calls again; what they meet on their way is for the runtime to decide.

#[path = "interleaved/tally.rs"]
mod tally;
#[path = "interleaved/walk.rs"]
mod walk;

use cekura::testing::{Span, Trace, capture};
use std::collections::HashMap;
use std::env;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use tally::{Ending, Tally};

const CALLS: u64 = 1000;

#[test]
fn a_thousand_conversations_do_not_mix_however_they_end() {
    let seed = env::var("CEKURA_TESTS_SEED")
        .map_or_else(|_| RandomState::new().build_hasher().finish(), |seed| seed.parse().unwrap());
    println!("CEKURA_TESTS_SEED={seed}");
    let tally = Arc::<Tally>::default();
    let trace = capture(|| walk::all(CALLS, seed, &tally)).strict();
    check_places(&trace);
    let mut ended = [0; 4];
    for span in trace.spans() {
        ended[ending(span) as usize] += 1;
    }
    println!("returned, failed, panicked, interrupted: {ended:?}");
    let (started, expected) = tally.counts();
    assert_eq!(ended, expected, "returned, failed, panicked, interrupted");
    assert_eq!(ended.iter().sum::<usize>(), started);
    assert!(ended.iter().all(|count| *count > 200), "{ended:?}");
}

/// Each span stands under the one whose path begins its own, in the trace of the call that both begin with; or, where that
/// is in no turn, under a turn that was open elsewhere in the call.
fn check_places(trace: &Trace) {
    let by_id: HashMap<_, _> = trace.spans().iter().map(|span| (span.span_id(), span)).collect();
    let by_path: HashMap<_, _> =
        trace.spans().iter().map(|span| (span.text("path").unwrap(), span)).collect();
    let is_in_turn = |path: &str| {
        let ends = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
        ends.into_iter().any(|end| by_path.get(&path[..end]).is_some_and(|span| span.name() == "turn"))
    };
    let mut ambient = 0;
    let calls: HashMap<_, _> =
        trace.named("conversation").map(|root| (root.text("path").unwrap(), root.trace_id())).collect();
    assert!(calls.len() as u64 > CALLS - 50, "a few are given up before they begin");
    for span in trace.spans() {
        let path = span.text("path").unwrap();
        let (above, call) = match path.rsplit_once('/') {
            Some((above, _)) => (Some(above), path.split('/').next().unwrap()),
            None => (None, path),
        };
        let parent = by_id.get(&span.parent_id());
        if let (Some(parent), Some(above)) = (parent, above)
            && parent.name() == "turn"
            && parent.text("path") != Some(above)
        {
            assert!(span.name() != "turn" && !is_in_turn(above), "{path} has a turn of its own");
            assert!(
                parent.start() <= span.start() && span.start() <= parent.end(),
                "{path} in a turn that is over"
            );
            ambient += 1;
        } else {
            assert_eq!(parent.map(|parent| parent.text("path").unwrap()), above, "the parent of {path}");
        }
        assert_eq!(span.trace_id(), calls[call], "the trace of {path}");
    }
    println!("{ambient} in a turn that is open elsewhere");
    assert!(ambient > 0);
}

fn ending(span: &Span) -> Ending {
    match (span.is_interrupted(), span.text("error.type"), span.is_error()) {
        (true, None, false) => Ending::Interrupted,
        (false, Some("panic"), true) => Ending::Panicked,
        (false, Some(_), true) => Ending::Failed,
        (false, None, false) => Ending::Returned,
        _ => panic!("{span:?} ended twice"),
    }
}
