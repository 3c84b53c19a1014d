//! An HTTP proxy on 127.0.0.1 that knows a few hosts and keeps every byte that its clients send. It answers 400 to what is
//! no request for a proxy, so that a client which takes it for a server fails.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

/// A running proxy.
pub struct HttpProxy {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    hosts: HashMap<String, SocketAddr>,
    manner: Manner,
    bytes: Mutex<Vec<u8>>,
    requests: Mutex<Vec<String>>,
}

/// How it treats those who come.
#[derive(Clone, Copy, Debug)]
pub enum Manner {
    /// It takes everybody.
    Open,
    /// It takes those with this `Proxy-Authorization`.
    Password(&'static str),
    /// It never answers.
    Silent,
    /// It answers everybody with this status.
    Status(u16),
}

impl HttpProxy {
    /// One that leads from hosts with their ports to servers at URLs.
    pub fn new(hosts: &[(&str, &str)], manner: Manner) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), hosts, manner)
    }

    /// The same at a port that was free before.
    pub fn at(address: SocketAddr, hosts: &[(&str, &str)], manner: Manner) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let to = |url: &str| url.split_once("://").map_or(url, |(_, address)| address).parse().unwrap();
        let hosts = hosts.iter().map(|(host, url)| ((*host).to_owned(), to(url))).collect();
        let state = State { hosts, manner, bytes: Mutex::default(), requests: Mutex::default() };
        let state = Arc::new(state);
        let serving = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let state = serving.clone();
                // A side that leaves ends the connection and no more.
                thread::spawn(move || drop(serve(&stream.unwrap(), &state)));
            }
        });
        Self { address, state }
    }

    /// Host and port.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL, for a user with a password or nobody.
    pub fn url(&self, user: &str) -> String {
        format!("http://{user}{}", self.address)
    }

    /// The first line of every request, and the names of its headers.
    pub fn requests(&self) -> Vec<String> {
        self.state.requests.lock().unwrap().clone()
    }

    /// Whether its clients have sent this, in any request or tunnel.
    pub fn has_seen(&self, text: &str) -> bool {
        let bytes = self.state.bytes.lock().unwrap();
        bytes.windows(text.len()).any(|part| part == text.as_bytes())
    }
}

fn serve(client: &TcpStream, state: &State) -> std::io::Result<()> {
    let mut reader = BufReader::new(Tap { stream: client, state });
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if line.trim_end().is_empty() {
            break;
        }
        lines.push(line.trim_end().to_owned());
    }
    let headers: Vec<_> = lines[1..].iter().filter_map(|line| line.split_once(": ")).collect();
    let value = |name: &str| {
        headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| *value)
    };
    let mut names: Vec<_> = headers.iter().map(|(name, _)| name.to_ascii_lowercase()).collect();
    names.sort();
    state.requests.lock().unwrap().push(format!("{} [{}]", lines[0], names.join(" ")));
    let say = |status: u16| {
        let answer =
            format!("HTTP/1.1 {status} Said\r\nproxy-authenticate: Basic\r\ncontent-length: 0\r\n\r\n");
        (&*client).write_all(answer.as_bytes())
    };
    match state.manner {
        Manner::Silent => return loop_until_gone(client),
        Manner::Status(status) => return say(status),
        Manner::Password(expected) if value("proxy-authorization") != Some(expected) => return say(407),
        _ => {}
    }
    let words: Vec<_> = lines[0].split(' ').collect();
    let [method, target, "HTTP/1.1"] = words[..] else { return say(400) };
    let (authority, path) = match (method, target.strip_prefix("http://")) {
        ("CONNECT", None) => (target.to_owned(), None),
        (_, Some(rest)) => {
            let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
            (authority.to_owned(), Some(format!("/{path}")))
        }
        _ => return say(400),
    };
    if value("host") != Some(&authority) {
        return say(400);
    }
    let Some(server) = state.hosts.get(&authority) else { return say(403) };
    let server = TcpStream::connect(server)?;
    if let Some(path) = path {
        let kept = lines[1..].iter().filter(|line| !line.to_ascii_lowercase().starts_with("proxy-"));
        let kept = kept.map(String::as_str).collect::<Vec<_>>().join("\r\n");
        // One request for each connection is enough here.
        write!(&server, "{method} {path} HTTP/1.1\r\n{kept}\r\nconnection: close\r\n\r\n")?;
    } else {
        (&*client).write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    }
    thread::scope(|scope| {
        scope.spawn(|| {
            drop(std::io::copy(&mut &server, &mut &*client));
            drop(client.shutdown(Shutdown::Both));
        });
        drop(std::io::copy(&mut reader, &mut &server));
        drop(server.shutdown(Shutdown::Write));
    });
    Ok(())
}

fn loop_until_gone(mut client: &TcpStream) -> std::io::Result<()> {
    while client.read(&mut [0; 64])? > 0 {}
    Ok(())
}

/// Keeps what is read.
struct Tap<'a> {
    stream: &'a TcpStream,
    state: &'a State,
}

impl Read for Tap<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.stream.read(buffer)?;
        self.state.bytes.lock().unwrap().extend(&buffer[..read]);
        Ok(read)
    }
}
