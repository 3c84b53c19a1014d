//! How long each stage of a conversation took. Invariant: conversations and turns are not stages.

use super::{Spread, Stage};
use crate::finished::Tree;
use crate::local::{row, summary};
use crate::semconv as key;

/// The stages of a conversation, the known ones first, then others as they come; of those at most
/// [`OTHERS`]. Conversations and turns are around stages and none themselves.
pub(super) fn stages(tree: &Tree) -> Vec<Stage<'_>> {
    let mut names = summary::STAGES.to_vec();
    for (_, span) in &tree.rows {
        let is_frame = matches!(span.name.as_str(), key::span::CONVERSATION | key::span::TURN);
        if names.len() < summary::STAGES.len() + OTHERS && !is_frame && !names.contains(&span.name.as_str()) {
            names.push(&span.name);
        }
    }
    names.into_iter().filter_map(|name| stage(tree, name)).collect()
}

/// Of fewer values, the 95th percentile is the longest one.
pub(super) const ENOUGH: usize = 20;

/// Names beside the known ones.
const OTHERS: usize = 16;

fn stage<'a>(tree: &Tree, name: &'a str) -> Option<Stage<'a>> {
    let spans = || tree.rows.iter().map(|(_, span)| span).filter(|span| span.name == name && !span.is_open);
    let times = summary::times(tree, name);
    let (_, longest) = *times.iter().max_by_key(|(time, row)| (*time, std::cmp::Reverse(*row)))?;
    Some(Stage {
        name,
        count: spans().count(),
        failed: spans().filter(|span| span.head.failed()).count(),
        longest,
        spread: spread(times.iter().map(|(time, _)| *time).collect())?,
        first: spread(spans().filter(|_| name != key::span::STT).filter_map(row::wait).collect()),
    })
}

pub(super) fn spread(mut times: Vec<u64>) -> Option<Spread> {
    times.sort_unstable();
    let most = *times.last()?;
    let at = |percent| times[summary::rank(times.len(), percent)];
    let count = times.len();
    Some(Spread { count, p50: at(50), p95: (count >= ENOUGH).then(|| at(95)), most })
}
