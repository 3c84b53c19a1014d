//! What Cekura's webhook for transcripts takes, field by field ("Custom Integration" in Cekura's documentation); whatever else is
//! posted to it is a mistake.

use serde_json::{Map, Value};
use std::time::SystemTime;

/// Where it is.
pub const WEBHOOK: &str = "/test_framework/custom-provider-transcript-webhook/";

type Fields = Map<String, Value>;

/// Checks what was posted.
///
/// # Errors
///
/// What is wrong with it.
pub fn check(body: &Value) -> Result<(), String> {
    let top = object(body, "the body", &["agent_id", "calls"])?;
    let calls = top.get("calls").and_then(Value::as_array).ok_or("no calls")?;
    let [call] = calls.as_slice() else { return Err(format!("{} calls", calls.len())) };
    let known = [
        "id",
        "run_id",
        "trace_id",
        "startedAt",
        "endedAt",
        "messages",
        "metadata",
        "endedReason",
        "from_phone_number",
        "to_phone_number",
    ];
    let call = object(call, "the call", &known)?;
    match (call.get("run_id"), top.get("agent_id")) {
        (Some(Value::String(run)), None) if is_text(run, 255) => {}
        (None, Some(agent)) if agent.is_u64() => {}
        other => return Err(format!("it needs a run or an agent: {other:?}")),
    }
    let text = |key: &str| call.get(key).map(|value| value.as_str().unwrap_or_default());
    let is_hex = |id: &str| id.len() == 32 && id.bytes().all(|digit| b"0123456789abcdef".contains(&digit));
    let is_number = |number: &str| {
        let digits = number.strip_prefix('+').unwrap_or_default();
        (1..15).contains(&digits.len()) && digits.bytes().all(|digit| digit.is_ascii_digit())
    };
    let is_good = text("id").is_some_and(|id| is_text(id, 255))
        && text("trace_id").is_none_or(is_hex)
        && text("endedReason").is_none_or(|reason| is_text(reason, usize::MAX))
        && ["from_phone_number", "to_phone_number"].iter().all(|key| text(key).is_none_or(is_number))
        && call.get("metadata").is_none_or(Value::is_object);
    if !is_good {
        return Err(format!("a field of the call: {call:?}"));
    }
    let (start, end) = (milliseconds(text("startedAt"))?, milliseconds(text("endedAt"))?);
    if start > end || end > since_epoch(SystemTime::now()) + 60_000 {
        return Err(format!("it lasts from {start} to {end}"));
    }
    let messages = call.get("messages").and_then(Value::as_array).ok_or("no messages")?;
    let mut last = start;
    for message in messages {
        last = check_message(message, last, end)?;
    }
    Ok(())
}

/// When it begins; not before the one before it.
fn check_message(message: &Value, earliest: u64, latest: u64) -> Result<u64, String> {
    let wrong = |what: &str| Err(format!("{what}: {message}"));
    let fields = object(message, "a message", &["role", "content", "start_time", "end_time", "data"])?;
    let text = |fields: &Fields, key: &str| fields.get(key).and_then(Value::as_str).map(str::to_owned);
    let data = match (text(fields, "role").as_deref(), text(fields, "content"), fields.get("data")) {
        (Some("bot" | "user"), Some(text), None) if !text.trim().is_empty() => None,
        (Some("function_call"), Some(text), Some(data)) if text.is_empty() => Some((data, "arguments")),
        (Some("function_call_result"), Some(text), Some(data)) if text.is_empty() => Some((data, "result")),
        _ => return wrong("role, content or data"),
    };
    if let Some((data, key)) = data {
        let data = object(data, "data", &["id", "name", key])?;
        if data.len() != 3 || data.values().any(|value| !value.is_string()) {
            return wrong("data are not three texts");
        }
        let arguments = text(data, "arguments").unwrap_or_else(|| "{}".to_owned());
        if serde_json::from_str::<Value>(&arguments).is_err() {
            return wrong("the arguments are no JSON");
        }
    }
    let time = |key: &str| fields.get(key).and_then(Value::as_u64);
    match (time("start_time"), time("end_time")) {
        // A conversation reads the clock a moment before it ends.
        (Some(start), Some(end)) if earliest <= start && start <= end && end <= latest + 2 => Ok(start),
        _ => wrong(&format!("times outside {earliest} to {latest}")),
    }
}

fn object<'a>(value: &'a Value, what: &str, known: &[&str]) -> Result<&'a Fields, String> {
    let fields = value.as_object().ok_or(format!("{what} is no object"))?;
    match fields.iter().find(|(key, value)| !known.contains(&key.as_str()) || value.is_null()) {
        Some((key, value)) => Err(format!("{what} has {key}: {value}")),
        None => Ok(fields),
    }
}

fn is_text(text: &str, longest: usize) -> bool {
    !text.trim().is_empty() && text.chars().count() <= longest
}

/// Of a time such as `2024-02-29T12:34:56.789Z`.
fn milliseconds(time: Option<&str>) -> Result<u64, String> {
    let time = time.ok_or("a time is missing")?;
    let wrong = || format!("no time: {time}");
    let (seconds, rest) = time.split_at_checked(19).ok_or_else(wrong)?;
    let fraction = rest.strip_prefix('.').and_then(|rest| rest.strip_suffix('Z')).ok_or_else(wrong)?;
    let fraction: u64 = fraction.parse().map_err(|_| wrong())?;
    let number = |range: std::ops::Range<usize>| seconds[range].parse::<u64>().map_err(|_| wrong());
    let [year, month, day] = [number(0..4)?, number(5..7)?, number(8..10)?];
    let [hour, minute, second] = [number(11..13)?, number(14..16)?, number(17..19)?];
    let is_leap = |year: u64| year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
    let lengths = [31, 28 + u64::from(is_leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let days = (1970..year).map(|year| 365 + u64::from(is_leap(year))).sum::<u64>();
    let before = usize::try_from(month - 1).map_err(|_| wrong())?;
    let days = days + lengths[..before].iter().sum::<u64>() + day - 1;
    Ok(((days * 24 + hour) * 60 + minute) * 60_000 + second * 1000 + fraction)
}

/// Milliseconds.
pub fn since_epoch(time: SystemTime) -> u64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap();
    u64::try_from(since.as_millis()).unwrap()
}
