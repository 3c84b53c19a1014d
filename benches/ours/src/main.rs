//! The contenders of this crate, and the function without a span: a name and a port come in as arguments, then
//! questions. This file does not know what is asked.

fn main() {
    worker::serve(&ours::CONTENDERS, None);
}
