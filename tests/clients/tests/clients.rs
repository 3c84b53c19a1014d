//! The values of client crates say on a span what the wire says: each is read from what a vendor sends, and returned by
//! a function as its crate's users write it.

mod clients {
    mod deepgram;
    mod genai;
    mod ollama;
    mod openai;
}
