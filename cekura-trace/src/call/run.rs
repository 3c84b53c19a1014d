//! The run of a simulation that a call belongs to, as its headers or metadata name it. Invariant: an id is not blank and has at
//! most 255 bytes.

use crate::clip::clip;
use crate::transcript::json;
use serde::Serialize;
use serde_json::Value;

/// The most bytes of an id.
const LONGEST: usize = 255;

/// The ids of a simulation run, which Cekura sends with each call that it makes: `conversation(run = …)` takes them. With
/// [`Calls::Simulate`](crate::Calls::Simulate) the call's log goes to that run. The default is no run.
///
/// ```
/// use std::collections::HashMap;
///
/// #[cekura::conversation(call_id = sid, observe, run = cekura::Run::from_headers(headers))]
/// async fn answer(sid: &str, headers: &HashMap<String, String>) {
///     // …
/// }
///
/// let run = cekura::Run::from_headers([("x-run-id", "456"), ("X-Scenario-Id", "123")]);
/// assert_eq!((run.id(), run.scenario_id(), run.result_id()), (Some("456"), Some("123"), None));
/// # let _ = answer("CA17", &HashMap::new());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Run {
    id: Option<String>,
    scenario: Option<String>,
    result: Option<String>,
}

impl Run {
    /// Reads the headers of a SIP call (`X-Run-Id`, `X-Scenario-Id`, `X-Result-Id`) or of a WebSocket (`X-VOCERA-RUN-ID` and
    /// so on), in any case: a reference to an `http::HeaderMap` or to a `HashMap`, or any other pairs of name and value.
    /// Whoever calls can send such headers.
    pub fn from_headers<K: AsRef<str>, V: AsRef<[u8]>>(headers: impl IntoIterator<Item = (K, V)>) -> Self {
        let mut run = Self::default();
        for (name, value) in headers {
            let name = name.as_ref().to_ascii_lowercase();
            let Some(rest) = name.strip_prefix("x-") else { continue };
            let field = match rest.strip_prefix("vocera-").unwrap_or(rest) {
                "run-id" => &mut run.id,
                "scenario-id" => &mut run.scenario,
                "result-id" => &mut run.result,
                _ => continue,
            };
            // Of several the first counts.
            if field.is_none() {
                *field = std::str::from_utf8(value.as_ref()).ok().and_then(id);
            }
        }
        run
    }

    /// Reads the members `run_id`, `scenario_id` and `result_id` of an object, numbers or texts: the metadata of a `LiveKit` job,
    /// for example. It may also be given as JSON text.
    pub fn from_json(metadata: impl Serialize) -> Self {
        let parsed = match json(metadata) {
            Some(Value::String(text)) => serde_json::from_str(&text).unwrap_or_default(),
            other => other.unwrap_or_default(),
        };
        let member = |key: &str| match &parsed[key] {
            Value::Number(number) => id(&number.to_string()),
            Value::String(text) => id(text),
            _ => None,
        };
        Self { id: member("run_id"), scenario: member("scenario_id"), result: member("result_id") }
    }

    /// The id of the run.
    #[must_use]
    pub fn id(&self) -> Option<&str> {
        self.id.as_deref()
    }

    /// The id of its scenario.
    #[must_use]
    pub fn scenario_id(&self) -> Option<&str> {
        self.scenario.as_deref()
    }

    /// The id of the result that it counts towards.
    #[must_use]
    pub fn result_id(&self) -> Option<&str> {
        self.result.as_deref()
    }
}

fn id(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty()).then(|| clip(text, LONGEST).to_owned())
}

/// What `run` takes: a [`Run`], a reference to one, or an `Option` of these.
#[diagnostic::on_unimplemented(
    message = "`run` takes a `cekura::Run`, found `{Self}`",
    label = "expected a `Run`"
)]
pub trait NamesRun {
    /// The run, if there is one.
    fn named(&self) -> Option<&Run>;
}

impl NamesRun for Run {
    fn named(&self) -> Option<&Run> {
        Some(self)
    }
}

impl<T: NamesRun + ?Sized> NamesRun for &T {
    fn named(&self) -> Option<&Run> {
        (**self).named()
    }
}

impl<T: NamesRun> NamesRun for Option<T> {
    fn named(&self) -> Option<&Run> {
        self.as_ref()?.named()
    }
}
