//! An axum service streams a model's answer as server-sent events, and its call is linked to the program that asks, by the layer of
//! `cekura::tower`. It needs no network: the model is a stand-in, and the service asks itself.

use axum::Router;
use axum::extract::Path;
use axum::response::sse::{Event, Sse};
use axum::routing::get;
use futures_util::{Stream, StreamExt, stream};
use std::convert::Infallible;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::time::sleep;

/// The call is over when the last word has gone out, or when the client hangs up.
async fn answers(Path(call_id): Path<String>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let words = answer_call(&call_id, "When do you open?".to_owned());
    Sse::new(words.map(|word| Ok(Event::default().data(word))))
}

/// It begins while the layer knows who asks; its stream may go on for as long as it likes.
#[cekura::conversation(call_id = call_id, skip_all)]
fn answer_call(call_id: &str, question: String) -> impl Stream<Item = String> + Send + use<> {
    exchange(question)
}

#[cekura::turn(skip_all)]
fn exchange(question: String) -> impl Stream<Item = String> + Send + use<> {
    think(question)
}

/// Its span has the time of the first word, and the whole answer.
#[cekura::llm(provider = "openai", model = "gpt-4o")]
fn think(question: String) -> impl Stream<Item = String> + Send + use<> {
    let answer = if question.contains("open") { "We open at eight o'clock." } else { "Pardon?" };
    stream::iter(answer.split_inclusive(' ')).then(async |word| {
        sleep(Duration::from_millis(60)).await;
        word.to_owned()
    })
}

/// Another program, which has a call of its own. It sends the headers of its current span, and prints each word as it comes.
#[cekura::conversation(call_id = "front-desk", skip_all)]
async fn front_desk(service: SocketAddr) -> Result<String, reqwest::Error> {
    // `async-openai` has this client built without a TLS provider. An error means that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let mut request = reqwest::Client::new().get(format!("http://{service}/answers/back-office"));
    for (name, value) in cekura::context::headers() {
        request = request.header(name, value);
    }
    let mut chunks = request.send().await?.error_for_status()?.bytes_stream();
    let (mut events, mut answer) = (String::new(), String::new());
    while let Some(chunk) = chunks.next().await {
        events.push_str(&String::from_utf8_lossy(&chunk?));
        while let Some((event, rest)) = events.split_once("\n\n") {
            let word = event.strip_prefix("data: ").unwrap_or_default().to_owned();
            events = rest.to_owned();
            println!("{word}");
            answer.push_str(&word);
        }
    }
    Ok(answer)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let cekura = cekura::Cekura::builder().service_name("clinic").local_without_key().install()?;
    let router = Router::new().route("/answers/{call_id}", get(answers)).layer(cekura::tower::layer());
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let service = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });

    let answer = front_desk(service).await?;
    assert_eq!(answer, "We open at eight o'clock.");
    let report = cekura.shutdown(Duration::from_secs(10)).await;
    println!("{report}");
    // One span of the front desk's call; of the service's the call, its turn and the model's answer.
    assert_eq!((report.accepted, report.lost()), (4, 0), "{report}");
    Ok(())
}
