//! The options of `cekura slo` → what is wanted of the agent's latency. Invariant: a target that is accepted has a bucket of its
//! own whose bound all scrapers write alike, and its alerts can fire.

/// The bounds of `turn_user_bot_latency_seconds`, in milliseconds.
const BUCKETS: [u32; 14] =
    [50, 100, 200, 300, 500, 800, 1_000, 1_200, 1_500, 2_000, 3_000, 5_000, 10_000, 30_000];

/// So many percent of answers are to begin within that time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target {
    pub(super) milliseconds: u32,
    /// In thousandths of a percent.
    pub(super) objective: u32,
}

impl Target {
    /// The time as a bucket's label has it.
    pub(super) fn bound(self) -> String {
        seconds(self.milliseconds)
    }
}

fn seconds(milliseconds: u32) -> String {
    (f64::from(milliseconds) / 1e3).to_string()
}

/// Each option, and what it may be.
const OPTIONS: [(&str, &str); 3] = [("--latency", "1.2s"), ("--objective", "95"), ("--out", "slo")];

/// The target and the folder, or all that is wrong with the options.
pub(super) fn read<'a>(options: &[&'a str]) -> Result<(Target, &'a str), Vec<String>> {
    let (values, mut mistakes) = given(options);
    let value = |index: usize| {
        let (name, example) = OPTIONS[index];
        match values[index] {
            None => Err(format!("{name} is missing: write {name} {example}, for example")),
            Some("") => Err(format!("{name} has no value: write {name} {example}, for example")),
            Some(value) => Ok(value),
        }
    };
    match (value(0).and_then(time), value(1).and_then(percent), value(2)) {
        (Ok(milliseconds), Ok(objective), Ok(folder)) if mistakes.is_empty() => {
            Ok((Target { milliseconds, objective }, folder))
        }
        (latency, objective, folder) => {
            mistakes.extend([latency.err(), objective.err(), folder.err()].into_iter().flatten());
            Err(mistakes)
        }
    }
}

/// The first value of each option, and what was not understood. A value that is left out is empty.
fn given<'a>(options: &[&'a str]) -> ([Option<&'a str>; 3], Vec<String>) {
    const THERE: &str = "there are --latency, --objective and --out";
    let (mut values, mut mistakes) = ([None; 3], Vec::new());
    let mut words = options.iter().peekable();
    while let Some(word) = words.next() {
        if !word.starts_with("--") {
            mistakes.push(format!("`{word}` belongs to no option; {THERE}"));
            continue;
        }
        let (name, value) = match word.split_once('=') {
            Some(both) => both,
            None => (*word, words.next_if(|next| !next.starts_with("--")).map_or("", |next| next)),
        };
        match OPTIONS.iter().position(|option| option.0 == name) {
            None => mistakes.push(format!("`{name}` is no option; {THERE}")),
            Some(index) if values[index].is_none() => values[index] = Some(value),
            Some(_) => mistakes.push(format!("{name} is given twice: write it once")),
        }
    }
    (values, mistakes)
}

fn time(text: &str) -> Result<u32, String> {
    let (number, scale) = match text.strip_suffix("ms") {
        Some(number) => (number, 1),
        None => (text.strip_suffix('s').unwrap_or_default(), 1_000),
    };
    let milliseconds = thousandths(number)
        .map(u64::from)
        .map(|number| number * scale)
        .filter(|number| number.is_multiple_of(1_000))
        .and_then(|number| u32::try_from(number / 1_000).ok());
    let is_fit = |milliseconds: &u32| BUCKETS.contains(milliseconds) && !milliseconds.is_multiple_of(1_000);
    milliseconds.filter(is_fit).ok_or_else(|| {
        let fit = BUCKETS.iter().filter(|bucket| is_fit(bucket)).map(|bucket| seconds(*bucket) + "s");
        let fit = fit.collect::<Vec<_>>().join(", ");
        let why = if milliseconds.is_some_and(|milliseconds| BUCKETS.contains(&milliseconds)) {
            "is a whole number of seconds, which some scrapers write as `1.0` and others as `1`"
        } else {
            "is not the bound of a bucket, so nothing counts the answers below it"
        };
        format!("--latency {text} {why}; choose one of {fit}")
    })
}

fn percent(text: &str) -> Result<u32, String> {
    let objective = thousandths(text.strip_suffix('%').unwrap_or(text));
    // An hour in which 14.4 times the budget fails is to be possible.
    let is_fit = |objective: &u32| (93_100..=99_999).contains(objective);
    objective.filter(is_fit).ok_or_else(|| {
        format!(
            "--objective {text} is not a percentage from 93.1 to 99.999; below that, no hour could be bad enough for an alert"
        )
    })
}

/// A plain decimal number with at most three digits behind its point.
fn thousandths(text: &str) -> Option<u32> {
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let is_number = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(whole) || !is_number(part) || part.len() > 3 {
        return None;
    }
    let part = format!("{part:0<3}").parse::<u32>().ok()?;
    whole.parse::<u32>().ok()?.checked_mul(1_000)?.checked_add(part)
}
