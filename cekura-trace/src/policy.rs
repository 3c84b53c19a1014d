//! How much of what is said in a call may be kept: the content policy, and the usual limit of one value. Invariant:
//! the policy is a plain value; who records asks it.

/// How much of a call's content its spans carry.
///
/// It can be set for the process (`.capture(…)`, `CEKURA_CAPTURE_CONTENT`) and for one conversation
/// (`#[cekura::conversation(capture = …)]`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CaptureContent {
    /// Arguments, return values, transcripts and error texts are recorded.
    #[default]
    Full,
    /// No content is recorded in a span: only names, sizes, tokens, times, `error.type`, outcomes, and the
    /// attributes that `record(…)` names explicitly, whatever their keys.
    ///
    /// The OpenTelemetry API does not tell whether an attribute is content. So of the attributes that it sets,
    /// on spans of this crate or of the program, only numbers, `bool`s and `error.type` are kept. Events,
    /// status descriptions and all other texts are not.
    Metadata,
}

/// Bytes of one content value unless `.content_limit(…)` says otherwise.
pub(crate) const CONTENT_LIMIT: usize = 32 << 10;
