//! The other contenders. Takes a name and a port as arguments, then answers questions.

fn main() {
    worker::serve(&peers::contenders(), None);
}
