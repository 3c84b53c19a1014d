//! What vendors send is found on the span of the function that returns it, as one value or as a stream.

mod shapes {
    mod answers;
    mod opaque;
    mod sessions;
    mod transcripts;
}
