//! Measures what its arguments name, and prints rows of figures.
//!
//! Each figure is taken in processes of their own: one that makes spans and delivers them, one that receives them.

mod contender;
mod load;
mod meter;
mod receiver;
mod report;
mod trial;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        ["receive", delay] => receiver::serve(delay),
        ["produce", contender, protocol, port, ref load @ ..] => {
            load::produce(contender, protocol, port, load)
        }
        ref topics => report::print(topics),
    }
}
