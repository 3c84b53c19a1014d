//! Reads one setting after the other, from code or the environment, and collects every mistake. Invariant: a value is
//! never repeated in a mistake.

use super::endpoint::Endpoint;
use crate::delivery::error::Problem;
use std::ffi::OsString;

/// Gives the value of an environment variable.
pub(super) type Lookup = dyn Fn(&str) -> Option<OsString>;

/// A setting that is free text: its builder method and its variable.
pub(super) type Text = (&'static str, &'static str);

/// A value and where it came from.
pub(super) struct Given<T> {
    pub(super) value: T,
    /// The name to blame.
    pub(super) setting: &'static str,
    pub(super) in_code: bool,
}

impl Given<Endpoint> {
    /// Stands in for an endpoint that was refused, so that the settings after it are checked too.
    pub(super) fn nowhere() -> Self {
        Self { value: Endpoint::default(), setting: "", in_code: false }
    }
}

/// Reads the settings of one handle.
pub(super) struct Reader<'a> {
    pub(super) lookup: &'a Lookup,
    pub(super) problems: Vec<Problem>,
}

impl Reader<'_> {
    pub(super) fn refuse(&mut self, setting: &'static str, rule: &'static str) {
        self.problems.push(Problem { setting, rule });
    }

    /// What a variable is set to. Quotes around it, which files of variables may have and some readers of them leave,
    /// are a mistake.
    pub(super) fn variable(&mut self, name: &'static str) -> Option<String> {
        let value = self.given(name)?;
        let inner = unquoted(&value).map(str::to_owned);
        if inner.is_some() {
            self.refuse(name, QUOTED);
        }
        inner.or(Some(value)).filter(|value| !value.is_empty())
    }

    /// The same as it is.
    pub(super) fn given(&self, name: &str) -> Option<String> {
        let value = (self.lookup)(name).filter(|value| !value.is_empty())?;
        Some(value.to_string_lossy().into_owned())
    }

    /// A variable that has a fixed set of values, in any case.
    pub(super) fn word(&mut self, name: &'static str) -> Option<String> {
        Some(self.variable(name)?.trim().to_ascii_lowercase())
    }

    pub(super) fn flag(&mut self, code: Option<bool>, variable: &'static str) -> Option<bool> {
        if code.is_some() {
            return code;
        }
        let is_on = match self.word(variable)?.as_str() {
            "1" | "on" | "true" | "yes" => Some(true),
            "0" | "false" | "no" | "off" => Some(false),
            _ => None,
        };
        if is_on.is_none() {
            self.refuse(variable, "must be `true`, `1`, `yes` or `on`, or `false`, `0`, `no` or `off`");
        }
        is_on
    }

    pub(super) fn text<T>(&mut self, code: Option<T>, name: Text, from: fn(String) -> T) -> Option<Given<T>> {
        let (method, variable) = name;
        let said = code.map(|value| Given { value, setting: method, in_code: true });
        said.or_else(|| {
            Some(Given { value: from(self.variable(variable)?), setting: variable, in_code: false })
        })
    }

    pub(super) fn number(&mut self, variable: &'static str) -> Option<u64> {
        let number = self.variable(variable)?.parse().ok();
        if number.is_none() {
            self.refuse(variable, "must be a whole number");
        }
        number
    }
}

/// What is said of a value in quotes.
pub(super) const QUOTED: &str = "has quotes around its value: remove them";

/// What stands between quotes, where a text begins and ends with them.
pub(super) fn unquoted(text: &str) -> Option<&str> {
    let inside = |quote| text.strip_prefix(quote)?.strip_suffix(quote);
    inside('"').or_else(|| inside('\''))
}
