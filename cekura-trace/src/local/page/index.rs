//! The page that lists all kept calls. Invariant: it says of each call what that call's page says of itself.

use super::{FORMAT, Program, STYLE, fill, inert};
use crate::finished::Tree;
use crate::local::{axis, row, summary};
use serde_json::{Value, json};
use std::io::{self, Read, Write};

const TEMPLATE: &str = include_str!("index.html");
const SCRIPT: &str = include_str!("index.js");

/// What stands before and after it in a page.
const BEFORE: &str = "<meta name=\"call\" content='";
const AFTER: char = '\'';

/// The first bytes of a page, which have it.
const HEAD: u64 = 16 << 10;

/// The most latencies of one call: of more, so many that stand for all.
const LATENCIES: usize = 200;

/// What the list says of a call, as JSON that may stand in an attribute.
pub(super) fn brief(tree: &Tree, program: &Program) -> String {
    let (start, length) = axis::time_shown(tree);
    let times: Vec<_> = summary::latencies(tree)
        .into_iter()
        .map(|(time, _)| time.saturating_add(500_000) / 1_000_000)
        .collect();
    let count = times.len().min(LATENCIES);
    let latencies: Vec<_> = (0..count).map(|at| times[at * (times.len() - 1) / (count - 1).max(1)]).collect();
    let worst = summary::latencies(tree).last().map(|(_, at)| row::name(&tree.rows[*at].1));
    let totals = summary::Totals::of(tree);
    let call = summary::call_id(tree).map(|id| id.chars().take(100).collect::<String>());
    let program: Vec<_> =
        program.iter().map(|(_, value)| value.chars().take(60).collect::<String>()).collect();
    let brief = json!({
        "call": call,
        "start": start / 1_000_000,
        "length": length,
        "turns": totals.turns,
        "failed": totals.failed,
        "interrupted": totals.interrupted,
        "latencies": latencies,
        "measured": times.len(),
        "worst": worst.map(|name| name.chars().take(60).collect::<String>()),
        "program": program.join(" "),
    });
    // Both stand only in strings.
    inert(&brief.to_string()).replace('&', "\\u0026").replace('\'', "\\u0027")
}

/// What a page says of itself, if it does.
pub(in crate::local) fn brief_of(page: impl Read) -> Option<Value> {
    let mut head = Vec::new();
    page.take(HEAD).read_to_end(&mut head).ok()?;
    let head = String::from_utf8_lossy(&head);
    let (_, rest) = head.split_once(BEFORE)?;
    serde_json::from_str(rest.split_once(AFTER)?.0).ok()
}

/// Writes the list of these pages, the newest first.
///
/// # Errors
///
/// When it cannot be written.
pub(in crate::local) fn write_index(
    to: &mut impl Write,
    pages: &[(String, Option<Value>)],
) -> io::Result<()> {
    let nonce = format!("{:032x}", rand::random::<u128>());
    let calls: Vec<_> = pages.iter().map(|(page, brief)| json!({ "page": page, "brief": brief })).collect();
    let calls = inert(&json!({ "calls": calls, "slow": row::SLOW }).to_string());
    let script = [FORMAT, SCRIPT].concat();
    let parts = [("nonce", &*nonce), ("style", STYLE), ("data", &*calls), ("script", &*script)];
    to.write_all(fill(TEMPLATE, &parts).as_bytes())
}
