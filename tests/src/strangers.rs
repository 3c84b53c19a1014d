//! Servers on 127.0.0.1 that are not what a client takes them for.

use rustls::ServerConfig;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

/// What a server of HTTP/1.1 says of what it cannot read.
pub const BAD_REQUEST: &[u8] = b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
/// How HTTP/2 begins: settings, none of them.
pub const HTTP_2: &[u8] = &[0, 0, 0, 4, 0, 0, 0, 0, 0];

/// A server that does the same with every connection; its address.
pub fn server(does: impl Fn(TcpStream) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || listener.incoming().for_each(|stream| does(stream.unwrap())));
    address.to_string()
}

/// A server that hears a little, says this and leaves.
pub fn saying(words: &'static [u8]) -> String {
    server(move |mut stream| {
        let heard = stream.read(&mut [0; 1024]);
        if heard.and_then(|_| stream.write_all(words)).is_ok() {
            drop(stream.read_to_end(&mut Vec::new()));
        }
    })
}

/// The same over TLS, with these protocols of the application.
pub fn saying_over_tls(config: &ServerConfig, protocols: &[&[u8]], words: &'static [u8]) -> String {
    let mut config = config.clone();
    config.alpn_protocols = protocols.iter().map(|each| each.to_vec()).collect();
    let config = Arc::new(config);
    server(move |mut stream| {
        let mut connection = rustls::ServerConnection::new(config.clone()).unwrap();
        let mut stream = rustls::Stream::new(&mut connection, &mut stream);
        if stream.write_all(words).and_then(|()| stream.flush()).is_ok() {
            drop(stream.read_to_end(&mut Vec::new()));
        }
    })
}
