//! A server with OpenAI's realtime protocol: websockets on a free port of this machine → a service for each. It is no
//! model: it hears speech and silence (`ear`), knows one call by heart (`script`) and hums.

mod ear;
mod response;
mod script;
mod service;
#[cfg(test)]
mod tests;

use futures_util::{SinkExt, StreamExt};
pub(crate) use script::caller;
use service::Service;
use std::io;
use std::time::Instant;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::sleep_until;
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::{Error, Message};

/// Starts the server and returns its address.
pub(crate) async fn start() -> io::Result<String> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("ws://{}/v1/realtime?model=gpt-realtime", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    Ok(url)
}

async fn serve(stream: TcpStream) -> Result<(), Error> {
    let mut socket = accept_async(stream).await?;
    let mut service = Service::new();
    let mut sent = 0;
    loop {
        for mut event in service.take_events() {
            sent += 1;
            event["event_id"] = format!("event_{sent}").into();
            socket.send(Message::text(event.to_string())).await?;
        }
        let due = service.next_due();
        tokio::select! {
            message = socket.next() => match message {
                Some(message) => match message? {
                    Message::Text(event) => service.receive(&event, Instant::now()),
                    Message::Close(_) => return Ok(()),
                    _ => {}
                },
                None => return Ok(()),
            },
            () = sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => {
                service.advance(Instant::now());
            }
        }
    }
}
