//! The text of a `tts` that its function is given as a stream. Invariant: what the function does with the stream is the
//! same with and without the attribute.

mod speech {
    mod forms;
    mod meaning;
    mod untouched;
}
