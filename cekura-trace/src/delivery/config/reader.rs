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

    pub(super) fn variable(&self, name: &str) -> Option<String> {
        let value = (self.lookup)(name).filter(|value| !value.is_empty())?;
        Some(value.to_string_lossy().into_owned())
    }

    /// A variable that has a fixed set of values, in any case.
    pub(super) fn word(&self, name: &str) -> Option<String> {
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

    pub(super) fn text<T>(&self, code: Option<T>, name: Text, from: fn(String) -> T) -> Option<Given<T>> {
        let (method, variable) = name;
        let said = code.map(|value| Given { value, setting: method, in_code: true });
        let found =
            || Some(Given { value: from(self.variable(variable)?), setting: variable, in_code: false });
        said.or_else(found)
    }

    pub(super) fn number(&mut self, variable: &'static str) -> Option<u64> {
        let number = self.variable(variable)?.parse().ok();
        if number.is_none() {
            self.refuse(variable, "must be a whole number");
        }
        number
    }
}
