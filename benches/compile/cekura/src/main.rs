//! The agent traced by this crate, as the environment says.

use std::time::Duration;

#[path = "../../agent.rs"]
mod agent;

#[tokio::main]
async fn main() -> Result<(), cekura::Error> {
    let cekura = cekura::init()?;
    let spoken = agent::call("call-42", &[b"where is my order"]).await;
    println!("{spoken:?}");
    cekura.shutdown(Duration::from_secs(5)).await;
    Ok(())
}
