//! What vendors send is found on the span of the function that returns it, as one value or as a stream.

mod shapes {
    mod answers;
    mod changes;
    mod choices;
    mod everywhere;
    mod failures;
    mod opaque;
    mod recognisers;
    mod sessions;
    mod several;
    mod tools;
    mod transcripts;
}
