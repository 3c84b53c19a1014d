//! Two short calls in local mode, for the test that reads what they draw on standard error.

use cekura::{Cekura, Mode};
use cekura_trace_tests::handles::{LONG, converse, quick};
use std::time::Duration;

fn main() {
    let no_color = |name: &str| (name == "NO_COLOR").then(|| "1".to_owned());
    let handle = Cekura::builder().environment(no_color).mode(Mode::Local).timings(quick()).build().unwrap();
    converse(&handle, 2);
    // It is drawn without a flush, soon.
    for _ in 0..1000 {
        if handle.ledger().delivered == 3 {
            break;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    println!("{}", handle.ledger());
    eprintln!("after the first");
    converse(&handle, 1);
    println!("{}", handle.shutdown_blocking(LONG));
}
