#[cekura::turn(number = |n| n)]
fn turn() -> i64 {
    1
}

#[cekura::conversation(call_id = |id| id, client = |id| id)]
fn handle() -> String {
    String::new()
}

#[cekura::tool_call(name = |name| name)]
fn call() -> String {
    String::new()
}

fn main() {}
