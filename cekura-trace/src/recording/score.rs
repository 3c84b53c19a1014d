//! What a call was worth, for the metrics. Invariant: a score is counted once, on the conversation's span while that is open,
//! else by itself.

use super::conversation::Conversation;
use super::names::{LABEL_LIMIT, is_blank};
use crate::call::consent::ConsentFate;
use crate::clip::clip;

impl Conversation {
    /// Says what the call was worth by some measure of yours, such as the sentiment or a grade, from 0 on: the metric
    /// `voice.call.score` counts it, with the score's name as a label. So use few names, and the same ones for all calls.
    ///
    /// While the conversation runs it is also on its span, as `voice.call.score.<name>`, and the last value of a name counts.
    /// After its end every value counts, unless the call was erased for want of [`Consent`](crate::Consent). A name has at most 64 bytes. A value below 0, or one that is no number, is not taken,
    /// and an event says so.
    ///
    /// ```
    /// #[cekura::conversation]
    /// async fn answer_call() {
    ///     let call = cekura::current_conversation().unwrap_or_default();
    ///     // … the call, and what your own analysis makes of it …
    ///     call.score("sentiment", 0.7);
    /// }
    /// # let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    /// # let trace = runtime.block_on(cekura::testing::capture_async(answer_call()));
    /// # assert!(trace.spans()[0].attribute("voice.call.score.sentiment").is_some());
    /// ```
    pub fn score(&self, name: impl AsRef<str>, value: f64) {
        let Some(home) = self.home() else { return };
        let name = clip(name.as_ref(), LABEL_LIMIT);
        if is_blank(name) || !value.is_finite() || value < 0.0 {
            home.destination.tell(|| {
                tracing::warn!(target: "cekura", "a score needs a name and a number from 0 on: it is not counted");
            });
        } else if !self.call.span().is_some_and(|span| span.score(name, value))
            && self.call.fate() == ConsentFate::Leaves
        {
            home.destination.score(&self.call, name, value);
        }
    }
}
