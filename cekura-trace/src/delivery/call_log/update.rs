//! What is to change in a call that is stored, as code gives it. Invariant: a field is checked when it is set, and every mistake is
//! kept until `update` reports it.

use super::CallLog;
use super::error::ObserveError;
use super::sealed::{Account, SealedCallLog};
use serde::Serialize;

/// What is to change in a call that Cekura has stored. [`Cekura::update`](crate::Cekura::update) sends it.
///
/// ```no_run
/// # async fn run(cekura: cekura::Cekura) -> Result<(), cekura::ObserveError> {
/// use cekura::Update;
///
/// let update = Update::new().metadata(serde_json::json!({ "booked": true })).reevaluate();
/// cekura.update("call-42", update).await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use = "an update does nothing until it is given to `update`"]
pub struct Update(CallLog);

impl Update {
    /// One that changes nothing yet.
    pub fn new() -> Self {
        Self(CallLog::new(""))
    }

    /// Tags of your own: any value that serialises to a JSON object. Its members are added to the stored ones, and replace
    /// those of the same name.
    pub fn metadata(self, metadata: impl Serialize) -> Self {
        Self(self.0.metadata(metadata))
    }

    /// Values for the `{{variables}}` in the agent's description: any value that serialises to a JSON object. Members are added
    /// or replaced, as in [`metadata`](Self::metadata).
    pub fn dynamic_variables(self, variables: impl Serialize) -> Self {
        Self(self.0.dynamic_variables(variables))
    }

    /// Why the call ended, such as `user-hangup` or `agent-ended-call`.
    pub fn call_ended_reason(self, reason: impl Into<String>) -> Self {
        Self(self.0.call_ended_reason(reason))
    }

    /// The caller's number in E.164 format, or your own id of the customer.
    pub fn customer_number(self, number: impl Into<String>) -> Self {
        Self(self.0.customer_number(number))
    }

    /// What a person says about the call.
    pub fn feedback(self, feedback: impl Into<String>) -> Self {
        Self(self.0.feedback(feedback))
    }

    /// The Cekura agent that took the call. It is needed where the handle has only a project.
    pub fn agent(self, id: u64) -> Self {
        Self(self.0.agent(id))
    }

    /// Has Cekura evaluate the call again, with what is changed.
    pub fn reevaluate(self) -> Self {
        Self(self.0.set("reevaluate_metrics", true.into()))
    }

    /// Checks it, and writes what is sent for the call with this id.
    ///
    /// # Errors
    ///
    /// Names every mistake.
    pub(crate) fn seal(self, call_id: String, account: &Account) -> Result<SealedCallLog, ObserveError> {
        CallLog { id: call_id, ..self.0 }.seal_changes(account)
    }
}

impl Default for Update {
    fn default() -> Self {
        Self::new()
    }
}
