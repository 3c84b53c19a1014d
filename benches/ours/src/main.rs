//! The contenders of this crate, and the function without a span. Takes a name and a port as arguments, then
//! answers questions.

fn main() {
    worker::serve(&ours::CONTENDERS, None);
}
