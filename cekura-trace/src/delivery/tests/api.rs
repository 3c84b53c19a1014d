//! The API's client against sockets that answer by hand.

use super::{Api, Duration, Failure, Method, Payload, Response};
use crate::delivery::config::{Builder, resolve};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

/// Gives every request to `answer` once its end was read, and collects the requests.
fn server(answer: impl Fn(&mut TcpStream) + Send + 'static) -> (SocketAddr, thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let serving = thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut request = Vec::new();
        while !(request.ends_with(b"{}") || request.ends_with(b"\r\n\r\n") && request.starts_with(b"GET")) {
            let mut byte = [0];
            stream.read_exact(&mut byte).unwrap();
            request.extend(byte);
        }
        answer(&mut stream);
        String::from_utf8(request).unwrap()
    });
    (address, serving)
}

async fn ask(url: String, method: Method, json: Option<&'static str>) -> Response {
    let mut builder =
        Builder::default().variables(|_| None).api_key("canary").agent(1).api_url(url).header("x-own", "own");
    builder = builder.timings(crate::Timings { attempt: Duration::from_millis(300), ..Default::default() });
    let settings = resolve(builder).unwrap().unwrap();
    let api = Api::connect(&settings).unwrap();
    api.send(method, "/a/?b=c", json.map_or(Payload::Nothing, |json| Payload::Json(json.as_bytes().into())))
        .await
}

#[tokio::test]
async fn the_whole_answer_comes_back_without_the_key() {
    let (address, serving) = server(|stream| {
        let answer = "HTTP/1.1 429 Slow\r\nretry-after: 7\r\ncontent-length: 17\r\n\r\n{\"a\":\"my canary\"}";
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let answer = ask(format!("http://{address}/base/"), Method::POST, Some("{}")).await;
    let body = r#"{"a":"my [REDACTED]"}"#.to_owned();
    assert_eq!(answer, Response::Whole { status: 429, wait: Some(Duration::from_secs(7)), body });
    let request = serving.join().unwrap().to_ascii_lowercase();
    assert!(request.starts_with("post /base/a/?b=c http/1.1\r\n"), "{request}");
    assert!(request.contains("x-cekura-api-key: canary\r\n"), "{request}");
    assert!(request.contains("content-type: application/json\r\n"), "{request}");
    assert!(!request.contains("x-own") && !request.contains("agent-id"), "{request}");
}

#[tokio::test]
async fn a_redirect_is_an_answer() {
    let (address, serving) = server(|stream| {
        let answer = "HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n";
        stream.write_all(answer.as_bytes()).unwrap();
    });
    let answer = ask(format!("http://{address}"), Method::GET, None).await;
    assert_eq!(answer, Response::Whole { status: 302, wait: None, body: String::new() });
    assert!(serving.join().unwrap().starts_with("GET /a/?b=c HTTP/1.1\r\n"));
}

/// Why there was no answer, and whether the request may have arrived.
fn none(response: &Response) -> (Failure, bool) {
    match response {
        Response::None { failure, was_sent, .. } => (*failure, *was_sent),
        Response::Whole { .. } => panic!("{response:?}"),
    }
}

#[tokio::test]
async fn what_may_have_arrived_is_told_from_what_has_not() {
    let deserted = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let refused = ask(format!("http://{deserted}"), Method::POST, Some("{}")).await;
    assert_eq!(none(&refused), (Failure::Refused, false));

    let (address, _serving) = server(|_| {});
    let reset = ask(format!("http://{address}"), Method::POST, Some("{}")).await;
    assert_eq!(none(&reset), (Failure::Connection, true));

    let (address, _serving) = server(|_| thread::sleep(Duration::from_secs(1)));
    let silent = ask(format!("http://{address}"), Method::POST, Some("{}")).await;
    assert_eq!(none(&silent), (Failure::Timeout, true));
}
