//! Words of other libraries' attributes, and what to write here instead. Invariant: a word that an attribute of
//! this crate takes never reaches these tables, so no table can forbid one.

use super::table::{Rule, SpanName};
use syn::parse::ParseStream;
use syn::{LitStr, Token};

/// Words of other libraries (`tracing`, `fastrace`, Python's tracers), with what to do about them.
const WORDS: &[(&[&str], &str)] = &[
    (&["level"], "remove it: every span is recorded, whatever a subscriber's filter says"),
    (&["target"], "remove it: the span names its function in `code.function.name`"),
    (
        &["err"],
        "remove it: an `Err` is recorded automatically; if a plain value stands for a failure, write `error = |returned| …`",
    ),
    (&["ret"], "remove it: the return value is recorded automatically; `skip_output` leaves it out"),
    (&["attributes", "attrs", "fields", "labels", "metadata", "properties", "tags"], RECORD),
    (
        &["env", "environment", "release", "service_version", "version"],
        "remove it: say it once of the whole program, with `.environment(…)`, `.release(…)`, `CEKURA_ENVIRONMENT` or `CEKURA_RELEASE`",
    ),
    (
        &["session", "user"],
        "write `user_id = expression` or `session_id = expression` on the conversation, or `record(\"my.key\" = expression)` here",
    ),
    (&["follows_from", "links"], "a span has one parent: write `parent = context`, or remove it"),
    (&["short_name"], "remove it: a span's name never contains the module's path"),
    (&["enter_on_poll"], "remove it: a future has one span, from its first poll to its end"),
    (&["kind", "span_kind"], "remove it: the attribute's name decides the kind"),
    (&["capture_input", "ignore_input", "skip_args"], "write `skip_all` to record no argument"),
    (
        &["capture_output", "ignore_output", "skip_ret"],
        "write `skip_output` to record no content of the return value",
    ),
    (
        &["audio", "input", "messages", "prompt"],
        "remove it: the function's arguments are recorded automatically, audio as its length",
    ),
    (&["response", "result"], "remove it: the return value is recorded automatically"),
];

const RECORD: &str = "write `record(\"my.key\" = expression)`";

/// Other words for arguments of this crate. A word may mean another one in another attribute.
const SYNONYMS: &[(&[&str], &str)] = &[
    (&["service", "system", "vendor"], "provider"),
    (&["deployment", "engine", "model_id", "model_name"], "model"),
    (&["speaker", "voice_id", "voice_name"], "voice"),
    (&["prompt_tokens"], "input_tokens"),
    (&["completion_tokens"], "output_tokens"),
    (&["max_completion_tokens", "max_output_tokens"], "max_tokens"),
    (&["temp"], "temperature"),
    (&["stop_reason"], "finish_reason"),
    (&["answer", "completion", "reply", "response", "result", "text"], "output"),
    (&["output", "result", "text"], "transcript"),
    (&["lang", "locale"], "language"),
    (&["final"], "is_final"),
    (&["content", "input"], "text"),
    (&["call_id", "tool_call_id"], "id"),
    (&["function", "function_name", "tool", "tool_name"], "name"),
    (&["args", "input", "parameters", "params"], "arguments"),
    (&["operation_name", "op"], "operation"),
    (&["caller_id", "customer_id", "user"], "user_id"),
    (&["session", "thread_id"], "session_id"),
    (&["call", "call_sid", "conversation_id", "id", "room", "room_name", "sid"], "call_id"),
    (&["index", "n", "turn_id", "turn_number"], "number"),
];

/// What to write in place of `word` in the attribute `name`, where another library has that word.
pub(super) fn instead(word: &str, name: SpanName) -> Option<String> {
    let mut synonyms = find(SYNONYMS, word).filter_map(Rule::find);
    if let Some(rule) = synonyms.find(|rule| rule.of.contains(&name)) {
        return Some(format!("write {}", rule.usage()));
    }
    if word == "name" {
        return Some(format!("{}; `#[cekura::span(name = expression)]` takes a name", fixed_name(name)));
    }
    find(WORDS, word).next().map(str::to_owned)
}

fn find(table: &[(&[&str], &'static str)], word: &str) -> impl Iterator<Item = &'static str> {
    table.iter().filter(move |(words, _)| words.contains(&word)).map(|(_, instead)| *instead)
}

fn fixed_name(name: SpanName) -> String {
    let name = name.as_str();
    format!("a span of `{name}` is always called `{name}`")
}

/// What to say of an entry that does not begin with a name.
pub(super) fn without_name(input: ParseStream<'_>, name: SpanName) -> syn::Error {
    if let Err(sigil) = refuse_sigil(input, Place::Argument) {
        return sigil;
    }
    let takes_name = Rule::find("name").is_some_and(|rule| rule.of.contains(&name));
    let text = input.fork().parse().ok().as_ref().map(LitStr::value);
    input.error(match text {
        Some(text) if takes_name => format!("a name is written as an argument: `name = \"{text}\"`"),
        Some(text) => {
            let key =
                ["model", "call_id"].into_iter().filter_map(Rule::find).find(|rule| rule.of.contains(&name));
            let instead = key.map_or_else(
                || format!("remove the string, or write `record(\"my.key\" = \"{text}\")`"),
                |rule| format!("write `{} = \"{text}\"`, or remove the string", rule.key),
            );
            format!("{}: {instead}", fixed_name(name))
        }
        None => {
            let example = Rule::keys(name).next().and_then(Rule::find).map_or_else(String::new, Rule::usage);
            format!("an argument begins with its name: {example}")
        }
    })
}

/// Where a `%` or a `?` may be met.
#[derive(Clone, Copy)]
pub(super) enum Place {
    Argument,
    /// Inside `record(…)`.
    Record,
    /// Behind `=`.
    Value,
}

/// Refuses the `%` and the `?` that `tracing` has before an expression.
pub(super) fn refuse_sigil(input: ParseStream<'_>, place: Place) -> syn::Result<()> {
    let instead = match (input.peek(Token![%]), input.peek(Token![?]), place) {
        (true, _, Place::Argument) => "write `record(\"my.key\" = expression.to_string())`",
        (true, _, Place::Record) => "write `\"my.key\" = expression.to_string()`",
        (true, _, Place::Value) => {
            "remove `%`: the type decides how a value is recorded, and `.to_string()` gives its `Display`"
        }
        (_, true, Place::Argument) => {
            "write `debug(a, b)` for arguments of the function, else `record(\"my.key\" = format!(\"{:?}\", expression))`"
        }
        (_, true, Place::Record) => "write `\"my.key\" = format!(\"{:?}\", expression)`",
        (_, true, Place::Value) => {
            "remove `?`: the type decides how a value is recorded, and `format!(\"{:?}\", …)` gives its `Debug`"
        }
        (false, false, _) => return Ok(()),
    };
    Err(input.error(instead))
}
