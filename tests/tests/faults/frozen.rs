//! Row 41: a process that stands still for longer than the time limit, as a container that is paused does.

use super::away;
use cekura_trace_tests::backend::Reply;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

fn signal(name: &str, process: u32) {
    let sent = Command::new("kill").args(["-s", name, &process.to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn row_41_a_process_that_stands_still_past_the_time_limit_tries_again() {
    for (protocol, reply) in
        [("grpc", Reply::Silence), ("http", Reply::Silence), ("http", Reply::fail(503, 14))]
    {
        let (backend, is_well) = away(reply);
        let mut program = Command::new(env!("CARGO_BIN_EXE_ending"))
            .args(["frozen", protocol, &backend.url()])
            .env_clear()
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        BufReader::new(program.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
        backend.await_requests(1);
        signal("STOP", program.id());
        // Its time limit is one second.
        thread::sleep(Duration::from_secs(3));
        is_well.store(true, Ordering::Relaxed);
        signal("CONT", program.id());
        assert!(program.wait().unwrap().success());
        let arrived = backend.spans().len();
        println!("row 41 stands still | {protocol} | ours | {arrived} of 2");
        assert_eq!(arrived, 2, "{protocol}");
    }
}
