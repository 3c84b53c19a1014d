//! Forwards connections to a server, or breaks them while a fault lasts: nobody answers, they are reset, the
//! answer comes byte by byte.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;
use tokio::sync::oneshot;

/// What happens to a connection that is made now.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Every byte of the answer waits for this long.
    Drip(Duration),
    /// What is asked arrives, and the connection is reset before the first byte of the answer.
    NoAnswer,
    /// It is reset when so many bytes have come; they do not go on.
    ResetAfter(usize),
    /// It is open, and nothing is read or written.
    Silence,
    /// Of what is asked so many bytes go on in a second.
    Slow(u32),
}

/// Stands before a server; it stops when dropped, and its connections with it.
pub struct Proxy {
    address: SocketAddr,
    road: Arc<Mutex<Road>>,
    _stop: oneshot::Sender<()>,
}

#[derive(Clone, Copy)]
struct Road {
    to: SocketAddr,
    fault: Option<Fault>,
}

impl Proxy {
    /// One that leads to the server at a URL, once the fault is over.
    pub fn to(url: &str, fault: Option<Fault>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let road = Arc::new(Mutex::new(Road { to: address_of(url), fault }));
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = serve(listener, road.clone());
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                tokio::select! {
                    () = serving => {}
                    _ = stopped => {}
                }
            });
        });
        Self { address, road, _stop: stop }
    }

    /// Host and port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends the fault, for connections that are made from now on.
    pub fn mend(&self) {
        self.road.lock().unwrap().fault = None;
    }

    /// Leads new connections to another server.
    pub fn lead(&self, url: &str) {
        self.road.lock().unwrap().to = address_of(url);
    }
}

fn address_of(url: &str) -> SocketAddr {
    url.split_once("://").map_or(url, |(_, address)| address).parse().unwrap()
}

async fn serve(listener: TcpListener, road: Arc<Mutex<Road>>) {
    listener.set_nonblocking(true).unwrap();
    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let Road { to, fault } = *road.lock().unwrap();
        // A side that leaves ends the connection and no more.
        tokio::spawn(async move { drop(pass(client, to, fault).await) });
    }
}

async fn pass(mut client: TcpStream, to: SocketAddr, fault: Option<Fault>) -> std::io::Result<()> {
    match fault {
        Some(Fault::Silence) => std::future::pending().await,
        Some(Fault::ResetAfter(bytes)) => {
            let mut rest = bytes;
            let mut buffer = [0; 4096];
            while rest > 0 {
                let wanted = rest.min(buffer.len());
                match client.read(&mut buffer[..wanted]).await? {
                    0 => break,
                    read => rest -= read,
                }
            }
            client.set_zero_linger()
        }
        Some(Fault::NoAnswer) => {
            let mut server = TcpStream::connect(to).await?;
            let (mut from_client, _) = client.split();
            let (mut from_server, mut to_server) = server.split();
            let heard = async {
                // HTTP/2 begins with settings, which are no answer.
                let mut buffer = [0; 4096];
                let mut read = from_server.read(&mut buffer).await;
                while matches!(read, Ok(1..)) {
                    let more =
                        tokio::time::timeout(Duration::from_millis(200), from_server.read(&mut buffer));
                    read = more.await.unwrap_or(Ok(0));
                }
            };
            tokio::select! {
                _ = tokio::io::copy(&mut from_client, &mut to_server) => {}
                () = heard => {}
            }
            client.set_zero_linger()
        }
        Some(Fault::Drip(pause)) => {
            let mut server = TcpStream::connect(to).await?;
            let (mut from_client, mut to_client) = client.split();
            let (mut from_server, mut to_server) = server.split();
            let dripping = async {
                while let Ok(byte) = from_server.read_u8().await {
                    tokio::time::sleep(pause).await;
                    to_client.write_u8(byte).await?;
                }
                std::io::Result::Ok(())
            };
            tokio::try_join!(tokio::io::copy(&mut from_client, &mut to_server), dripping).map(drop)
        }
        Some(Fault::Slow(rate)) => pass_slowly(client, to, rate).await,
        None => {
            let mut server = TcpStream::connect(to).await?;
            copy_bidirectional(&mut client, &mut server).await.map(drop)
        }
    }
}

async fn pass_slowly(mut client: TcpStream, to: SocketAddr, rate: u32) -> std::io::Result<()> {
    let mut server = TcpStream::connect(to).await?;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let slow = async {
        let mut buffer = vec![0; 1 << 18];
        loop {
            let read = from_client.read(&mut buffer).await?;
            if read == 0 {
                return to_server.shutdown().await;
            }
            to_server.write_all(&buffer[..read]).await?;
            tokio::time::sleep(Duration::from_secs(read as u64) / rate).await;
        }
    };
    tokio::try_join!(tokio::io::copy(&mut from_server, &mut to_client), slow).map(drop)
}
