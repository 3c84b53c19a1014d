//! What a return value tells of its call: whether somebody was heard, or audio is there. Invariant: what cannot be judged
//! is not guessed here; who asks decides.

/// What a return value tells of the call, beside its own span.
#[derive(Clone, Copy, Default)]
pub(super) struct Told {
    /// Whether somebody was heard, or audio is there; `None` where that cannot be judged.
    pub(super) speech: Option<bool>,
    /// The caller cut in on the answer.
    pub(super) was_cut_off: bool,
    /// Nothing can be seen of it but its type.
    pub(super) is_opaque: bool,
    /// Its words are wanted, and it has no form in which they would be found.
    pub(super) is_unread: bool,
}
