//! The other contenders: a name and a port come in as arguments, then questions. This file does not know what is asked.

fn main() {
    worker::serve(&peers::contenders(), None);
}
