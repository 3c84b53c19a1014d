//! The turns of a call: how long each caller waited and for what, who said what, what failed. Invariant: it says what the page of the
//! call says, for it reads what that page is made of.

use serde_json::Value;

/// A call, turn by turn. Times are nanoseconds.
#[derive(Debug, Default)]
pub(super) struct Call {
    pub(super) turns: Vec<Turn>,
    /// The names of the parts of a wait, and how they look.
    pub(super) parts: Vec<(String, String)>,
    pub(super) length: i64,
    pub(super) tools: i64,
    pub(super) failed: i64,
    pub(super) interruptions: i64,
    pub(super) tokens: Option<(i64, i64)>,
}

#[derive(Debug, Default)]
pub(super) struct Turn {
    pub(super) name: String,
    /// Since the first span of the call began.
    pub(super) began: i64,
    pub(super) latency: Option<i64>,
    /// The place of a part among the names, and how long it was.
    pub(super) parts: Vec<(usize, i64)>,
    pub(super) is_interrupted: bool,
    pub(super) caller: String,
    pub(super) agent: String,
    pub(super) tools: Vec<Tool>,
    /// The name of what failed, and why.
    pub(super) errors: Vec<String>,
    /// Whether the turn itself says what the caller waited for.
    pub(super) is_measured: bool,
    /// Whether it is what is in no turn.
    pub(super) is_outside: bool,
}

#[derive(Debug)]
pub(super) struct Tool {
    pub(super) name: String,
    pub(super) input: String,
    pub(super) output: String,
    pub(super) length: i64,
    pub(super) is_failed: bool,
}

/// What is in no turn: before the first one, or everything of a call without turns.
const OUTSIDE: &str = "before the turns";
const WHOLE: &str = "the whole call";

/// Reads the turns from what the page of the call is made of (`cekura::__page::data`).
pub(super) fn read(data: &Value) -> Call {
    let spans = list(&data["spans"]);
    let parts: Vec<_> =
        list(&data["parts"]).iter().map(|part| (text(&part["name"]), text(&part["look"]))).collect();
    let mut outside = Turn { name: WHOLE.to_owned(), is_outside: true, ..Turn::default() };
    let mut turns: Vec<Turn> = Vec::new();
    // The row and the depth of the turn that a span is in.
    let (mut rows, mut open) = (Vec::new(), None);
    for (row, span) in spans.iter().enumerate() {
        let depth = number(&span["depth"]);
        open = open.filter(|above| depth > *above);
        if open.is_none() && span["kind"] == "turn" {
            open = Some(depth);
            rows.push(row);
            turns.push(turn(span));
        }
        let began = number(&span["start"]);
        let into = match turns.last_mut() {
            Some(turn) if open.is_some() => Some(turn),
            // What runs beside the turns belongs to the one that had begun by then.
            _ => turns.iter_mut().rev().find(|turn| turn.began <= began),
        };
        add(into.unwrap_or(&mut outside), span, &parts);
    }
    for entry in list(&data["transcript"]) {
        let of = entry["turn"].as_u64().and_then(|row| usize::try_from(row).ok());
        let place = rows.iter().position(|row| Some(*row) == of).or_else(|| beside(&turns, entry));
        let into = place.and_then(|place| turns.get_mut(place)).unwrap_or(&mut outside);
        let words = match entry["role"].as_str() {
            Some("user") => &mut into.caller,
            Some("agent") => &mut into.agent,
            _ => continue,
        };
        if !words.is_empty() {
            words.push(' ');
        }
        words.push_str(text(&entry["text"]).trim());
    }
    if !turns.is_empty() {
        OUTSIDE.clone_into(&mut outside.name);
    }
    let says_something = !(outside.caller.is_empty()
        && outside.agent.is_empty()
        && outside.tools.is_empty()
        && outside.errors.is_empty());
    if turns.is_empty() || says_something {
        turns.insert(0, outside);
    }
    for turn in &mut turns {
        turn.parts.sort_unstable();
    }
    let totals = &data["totals"];
    let tokens = [&totals["input"], &totals["output"]].map(Value::as_i64);
    Call {
        turns,
        parts,
        length: number(&data["length"]),
        tools: number(&totals["tools"]),
        failed: number(&totals["failed"]),
        interruptions: i64::try_from(list(&data["interruptions"]).len()).unwrap_or(i64::MAX),
        tokens: (tokens != [None, None]).then(|| (tokens[0].unwrap_or(0), tokens[1].unwrap_or(0))),
    }
}

fn turn(span: &Value) -> Turn {
    let parts = list(&span["parts"])
        .iter()
        .filter_map(|part| Some((usize::try_from(part[0].as_u64()?).ok()?, part[1].as_i64()?)));
    let parts: Vec<_> = parts.collect();
    Turn {
        name: text(&span["name"]),
        began: number(&span["start"]),
        latency: span["latency"].as_i64(),
        is_measured: !parts.is_empty(),
        parts,
        is_interrupted: span["cut"] == true || span["interrupted"] == true,
        ..Turn::default()
    }
}

/// A turn that does not say what the caller waited for has what its spans say of that: the first token, all tools, the first byte.
fn estimate(turn: &mut Turn, span: &Value, parts: &[(String, String)]) {
    let first = span["first"]["after"].as_i64();
    let (name, ns) = match (span["kind"].as_str(), first) {
        (Some("llm"), Some(first)) => ("first token", first),
        (Some("tts"), Some(first)) => ("first byte", first),
        (Some("tool_call"), _) => ("tools", number(&span["length"])),
        _ => return,
    };
    let Some(place) = parts.iter().position(|(part, _)| part == name) else { return };
    match turn.parts.iter_mut().find(|(known, _)| *known == place) {
        Some((_, sum)) if name == "tools" => *sum = sum.saturating_add(ns),
        Some(_) => {}
        None => turn.parts.push((place, ns)),
    }
}

/// What a span in a turn says of it.
fn add(turn: &mut Turn, span: &Value, parts: &[(String, String)]) {
    if !turn.is_measured {
        estimate(turn, span, parts);
    }
    if span["kind"] == "tool_call" {
        let attribute = |key: &str| {
            let found = list(&span["attributes"]).iter().find(|pair| pair[0] == key);
            found.map(|pair| text(&pair[1])).unwrap_or_default()
        };
        turn.tools.push(Tool {
            name: attribute("function.name"),
            input: attribute("function.input"),
            output: attribute("function.output"),
            length: number(&span["length"]),
            is_failed: span["failed"] == true,
        });
    }
    if span["failed"] == true {
        let why = text(&span["description"]);
        let name = text(&span["name"]);
        turn.errors.push(if why.trim().is_empty() { name } else { format!("{name}: {why}") });
    }
    turn.is_interrupted |= span["interrupted"] == true && span["kind"] != "conversation";
}

/// The place of the turn of what was said outside of turns: what a caller says is answered by the next one, as LiveKit's agents have
/// it; what an agent says belongs to the one before.
fn beside(turns: &[Turn], entry: &Value) -> Option<usize> {
    let start = number(&entry["start"]);
    let begun = turns.iter().rposition(|turn| turn.began <= start);
    if entry["role"] == "user" {
        let next = turns.iter().position(|turn| turn.began > start);
        return next.or(begun);
    }
    begun
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn number(value: &Value) -> i64 {
    value.as_i64().unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
