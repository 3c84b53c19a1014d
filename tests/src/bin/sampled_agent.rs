//! An agent that is set up by the environment. It has 200 calls of two spans, and begins one more; then it says what is held, and waits
//! for a line on its standard input before it ends.

use cekura::spans;
use std::io::stdin;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

fn main() {
    let cekura = cekura::init().unwrap();
    for number in 0..200 {
        let call = spans::conversation().trace_id_from(format!("CA{number:030x}")).start();
        spans::turn().parent(&call).start().end();
        call.end();
    }
    let call = spans::conversation().trace_id_from("the call that runs").start();
    spans::turn().parent(&call).start().end();
    println!("{} held", cekura.flush_blocking(PATIENCE).held);
    stdin().read_line(&mut String::new()).unwrap();
    cekura.shutdown_blocking(PATIENCE);
    std::process::exit(0);
}
