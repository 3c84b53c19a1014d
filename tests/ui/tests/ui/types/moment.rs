use std::time::Duration;

#[cekura::turn]
fn turn() {
    cekura::current_turn().unwrap().user_stopped_at(Duration::from_millis(300));
}

fn main() {}
