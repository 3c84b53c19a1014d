//! The agent without tracing.

#[path = "../../agent.rs"]
mod agent;

#[tokio::main]
async fn main() {
    let spoken = agent::call("call-42", &[b"where is my order"]).await;
    println!("{spoken:?}");
}
