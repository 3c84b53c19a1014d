//! Cekura's API on 127.0.0.1, which answers as a script says and records what it saw. It fails a test that
//! posts null, the key anywhere but in its header, or what the webhook for simulated calls does not take, and refuses a
//! question for calls that Cekura would not understand.

use crate::webhook::{WEBHOOK, check};
use flac_codec::decode::{FlacSampleReader, Metadata};
use http::{HeaderMap, HeaderName, HeaderValue};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// The key that handles of [`handles::observing`](crate::handles::observing) have.
pub const KEY: &str = "canary";

/// One request.
#[derive(Clone, Debug)]
pub struct Seen {
    /// Such as `POST`.
    pub method: String,
    /// With its query.
    pub path: String,
    /// All of them.
    pub headers: HeaderMap,
    /// Null where there is none; of a form its fields.
    pub body: Value,
    /// The last part of a form.
    pub recording: Option<Recording>,
    /// When it was read to its end.
    pub at: Instant,
}

/// A recording that was uploaded.
#[derive(Clone, Debug)]
pub struct Recording {
    /// Such as `call-1.wav`.
    pub file_name: String,
    /// Such as `audio/wav`.
    pub media_type: String,
    /// The file.
    pub bytes: Vec<u8>,
}

impl Recording {
    /// As [`wav`](Self::wav), also of a FLAC file.
    ///
    /// # Panics
    ///
    /// When it is neither.
    pub fn samples(&self) -> (u32, [Vec<i16>; 2]) {
        if !self.bytes.starts_with(b"fLaC") {
            return self.wav();
        }
        let mut reader = FlacSampleReader::new(&self.bytes[..]).unwrap();
        let (rate, mut samples) = (reader.sample_rate(), Vec::new());
        assert_eq!(reader.channel_count(), 2);
        reader.read_to_end(&mut samples).unwrap();
        let (frames, _) = samples.as_chunks::<2>();
        (rate, [0, 1].map(|side| frames.iter().map(|frame| frame[side].try_into().unwrap()).collect()))
    }

    /// The samples a second, and the samples of both channels, the caller's first.
    ///
    /// # Panics
    ///
    /// When it is no WAV file of two channels with 16 bits a sample, or not as long as it says.
    pub fn wav(&self) -> (u32, [Vec<i16>; 2]) {
        let number = |at: usize| u32::from_le_bytes(self.bytes[at..at + 4].try_into().unwrap());
        let length = u32::try_from(self.bytes.len()).unwrap();
        assert_eq!((&self.bytes[..4], &self.bytes[8..16]), (&b"RIFF"[..], &b"WAVEfmt "[..]));
        assert_eq!((number(4), number(16), number(40)), (length - 8, 16, length - 44));
        assert_eq!(self.bytes[20..24], [1, 0, 2, 0], "PCM of two channels");
        assert_eq!((&self.bytes[32..36], &self.bytes[36..40]), (&[4, 0, 16, 0][..], &b"data"[..]));
        let rate = number(24);
        assert_eq!(number(28), 4 * rate);
        let frames: Vec<[u8; 4]> = self.bytes[44..].as_chunks().0.to_vec();
        let channel = |at: usize| frames.iter().map(|f| i16::from_le_bytes([f[at], f[at + 1]])).collect();
        (rate, [channel(0), channel(2)])
    }
}

/// What the API answers.
#[derive(Clone, Debug)]
pub enum Reply {
    /// A status and a body.
    Body(u16, String),
    /// A redirect to this URL.
    Redirect(String),
    /// The connection is closed without an answer.
    Reset,
    /// No answer, while the connection stays open.
    Silence,
    /// A status and its `Retry-After`.
    Wait(u16, &'static str),
}

impl Reply {
    /// A status and a body of JSON.
    pub fn json(status: u16, body: &Value) -> Self {
        Self::Body(status, body.to_string())
    }

    /// What a call log is answered that was stored.
    pub fn stored(id: u64) -> Self {
        Self::json(201, &json!({ "id": id, "status": "evaluating" }))
    }
}

/// Says what to answer to a request, given how many came before it.
type Script = dyn Fn(&Seen, usize) -> Reply + Send + Sync;

/// Says by its headers to which request what is answered before all of its body is read: the bytes of it that are read, and the
/// answer, after which the connection is closed.
type Haste = dyn Fn(&HeaderMap) -> Option<(usize, Reply)> + Send + Sync;

/// A running API; it takes no connections after it was dropped.
pub struct Api {
    address: SocketAddr,
    state: Arc<State>,
}

struct State {
    script: Box<Script>,
    haste: Box<Haste>,
    seen: Mutex<Vec<Seen>>,
    connections: AtomicUsize,
}

impl Api {
    /// One that stores everything as number 7.
    pub fn new() -> Self {
        Self::scripted(|_, _| Reply::stored(7))
    }

    /// One that answers as `script` says.
    pub fn scripted(script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::at("127.0.0.1:0".parse().unwrap(), script)
    }

    /// The same at a port that was free before.
    pub fn at(address: SocketAddr, script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self::start(address, None, |_| None, script)
    }

    /// One that may answer before it has read all of a request, which it does not record then.
    pub fn hasty(
        haste: impl Fn(&HeaderMap) -> Option<(usize, Reply)> + Send + Sync + 'static,
        script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start("127.0.0.1:0".parse().unwrap(), None, haste, script)
    }

    /// One that answers as `script` says, over TLS.
    pub fn encrypted(
        config: Arc<ServerConfig>,
        script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start("127.0.0.1:0".parse().unwrap(), Some(config), |_| None, script)
    }

    fn start(
        address: SocketAddr,
        tls: Option<Arc<ServerConfig>>,
        haste: impl Fn(&HeaderMap) -> Option<(usize, Reply)> + Send + Sync + 'static,
        script: impl Fn(&Seen, usize) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let (seen, connections) = (Mutex::default(), AtomicUsize::new(0));
        let (script, haste) = (Box::new(script), Box::new(haste));
        let state = Arc::new(State { script, haste, seen, connections });
        let serving = state.clone();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (state, tls, mut stream) = (serving.clone(), tls.clone(), stream.unwrap());
                thread::spawn(move || match tls {
                    None => converse(&mut stream, &state),
                    Some(tls) => {
                        let tls = ServerConnection::new(tls).unwrap();
                        converse(&mut StreamOwned::new(tls, stream), &state);
                    }
                });
            }
        });
        Self { address, state }
    }

    /// Scheme, host and port.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Every request, answered or not.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().unwrap().clone()
    }

    /// Method and path of every request.
    pub fn requests(&self) -> Vec<String> {
        self.seen().into_iter().map(|seen| format!("{} {}", seen.method, seen.path)).collect()
    }

    /// The body of the only post.
    pub fn posted(&self) -> Value {
        let seen = self.seen();
        let [post] = seen.as_slice() else { panic!("{} requests instead of one", seen.len()) };
        post.body.clone()
    }

    /// How many connections were made to ask for something.
    pub fn connections(&self) -> usize {
        self.state.connections.load(Ordering::Relaxed)
    }

    /// Waits until it has seen so many requests.
    pub fn await_requests(&self, count: usize) {
        let limit = Instant::now() + Duration::from_secs(20);
        while self.seen().len() < count {
            assert!(Instant::now() < limit, "{} requests instead of {count}", self.seen().len());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Default for Api {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Api {
    fn drop(&mut self) {
        for seen in self.seen().into_iter().filter(|_| !thread::panicking()) {
            assert!(seen.body.is_null() || !has_null(&seen.body), "null is sent: {}", seen.body);
            assert_eq!(seen.headers["x-cekura-api-key"], KEY);
            if seen.path.trim_end_matches('/') == WEBHOOK.trim_end_matches('/') {
                assert_eq!((&*seen.method, &*seen.path), ("POST", WEBHOOK));
                assert_eq!(seen.headers["content-type"], "application/json");
                check(&seen.body).unwrap();
            }
            let elsewhere = seen.headers.iter().filter(|(name, _)| *name != "x-cekura-api-key");
            let elsewhere = format!("{:?}{}{}", elsewhere.collect::<Vec<_>>(), seen.path, seen.body);
            assert!(!elsewhere.contains(KEY), "the key is sent elsewhere: {elsewhere}");
        }
    }
}

/// The question for one call by the caller's own id, as [`Api::requests`] shows it.
pub fn search(call_id: &str, owner: &str) -> String {
    let id = call_id.replace(' ', "%20").replace('/', "%2F");
    let filter =
        format!("%7B%22field%22%3A%22call_id%22%2C%22op%22%3A%22eq%22%2C%22value%22%3A%22{id}%22%7D");
    format!("GET {CALL_LOGS}?filters_v2={filter}&{owner}")
}

const CALL_LOGS: &str = "/observability/v1/call-logs/";

/// What a list of calls that was asked for wrongly is answered (Cekura's API reference, "List Call Logs").
fn fault(seen: &Seen) -> Option<Reply> {
    let (path, query) = seen.path.split_once('?').unwrap_or((&seen.path, ""));
    if seen.method != "GET" || path.trim_end_matches('/') != CALL_LOGS.trim_end_matches('/') {
        return None;
    }
    let refused = |what: &str| Some(Reply::json(400, &json!({ what: ["is not taken"] })));
    if path != CALL_LOGS {
        return Some(Reply::Redirect(CALL_LOGS.to_owned()));
    }
    let mut has_owner = false;
    for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
        let value = decoded(value);
        let is_number = value.parse::<u64>().is_ok();
        has_owner |= matches!(key, "agent_id" | "project_id");
        let is_good = match key {
            "agent_id" | "project_id" | "page" | "page_size" => is_number,
            // Cekura's own.
            "call_ids" => value.split(',').all(|id| id.parse::<u64>().is_ok()),
            "filters_v2" => is_filter(&value),
            _ => false,
        };
        if !is_good {
            return refused(key);
        }
    }
    if has_owner { None } else { refused("agent_id") }
}

fn is_filter(text: &str) -> bool {
    let Ok(Value::Object(filter)) = serde_json::from_str(text) else { return false };
    let has =
        |key: &str, known: &[&str]| filter.get(key).is_some_and(|value| known.iter().any(|k| value == k));
    filter.len() == 3
        && has("field", &["call_id"])
        && has("op", &["eq"])
        && filter.get("value").is_some_and(Value::is_string)
}

fn decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        if *first == b'%' {
            bytes.push(u8::from_str_radix(std::str::from_utf8(&tail[..2]).unwrap(), 16).unwrap());
            rest = &tail[2..];
        } else {
            bytes.push(*first);
            rest = tail;
        }
    }
    String::from_utf8(bytes).unwrap()
}

fn has_null(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(values) => values.iter().any(has_null),
        Value::Object(members) => members.values().any(has_null),
        _ => false,
    }
}

/// Answers all requests of a connection, which counts from its first one on.
fn converse<S: Read + Write>(stream: &mut S, state: &State) {
    let mut is_new = true;
    let mut begun = || {
        if std::mem::take(&mut is_new) {
            state.connections.fetch_add(1, Ordering::Relaxed);
        }
    };
    while answer(stream, state, &mut begun).is_some() {}
}

/// Reads one request and answers it; `None` when the connection is over.
fn answer<S: Read + Write>(stream: &mut S, state: &State, begun: impl FnOnce()) -> Option<()> {
    let seen = match read(stream, &*state.haste, begun)? {
        Ok(seen) => seen,
        Err(Reply::Silence) => {
            thread::sleep(Duration::from_secs(60));
            return None;
        }
        Err(reply) => {
            // What is left of the body is not read, so that closing resets the connection.
            write(stream, reply);
            return None;
        }
    };
    let before = {
        let mut all = state.seen.lock().unwrap();
        all.push(seen.clone());
        all.len() - 1
    };
    write(stream, fault(&seen).unwrap_or_else(|| (state.script)(&seen, before)))
}

fn write<S: Read + Write>(stream: &mut S, reply: Reply) -> Option<()> {
    let (status, header, body) = match reply {
        Reply::Body(status, body) => (status, String::new(), body),
        Reply::Redirect(url) => (302, format!("location: {url}\r\n"), String::new()),
        Reply::Reset => return None,
        Reply::Silence => {
            // Until the client goes.
            let _ = stream.read(&mut [0]);
            return None;
        }
        Reply::Wait(status, wait) => (status, format!("retry-after: {wait}\r\n"), String::new()),
    };
    let length = body.len();
    let answer = format!("HTTP/1.1 {status} Said\r\ncontent-length: {length}\r\n{header}\r\n{body}");
    stream.write_all(answer.as_bytes()).ok()
}

/// A whole request, or what is to be answered to it before it is whole.
fn read(stream: &mut impl Read, haste: &Haste, begun: impl FnOnce()) -> Option<Result<Seen, Reply>> {
    let mut reader = BufReader::new(stream);
    let mut line = || {
        let mut line = String::new();
        (reader.read_line(&mut line).ok()? > 0).then(|| line.trim_end().to_owned())
    };
    let first = line()?;
    let mut words = first.split(' ').map(str::to_owned);
    let (method, path) = (words.next()?, words.next()?);
    // The question whether this is `cekura dev`, on a connection of its own: it is not.
    let is_question = path == "/dev/begun";
    if !is_question {
        begun();
    }
    let mut headers = HeaderMap::new();
    while let Some((name, value)) = line()?.split_once(": ") {
        headers.insert(name.parse::<HeaderName>().ok()?, HeaderValue::from_str(value).ok()?);
    }
    let length = headers.get("content-length").map_or(0, |length| length.to_str().unwrap().parse().unwrap());
    let early = haste(&headers);
    let mut body = vec![0; early.as_ref().map_or(length, |(count, _)| length.min(*count))];
    reader.read_exact(&mut body).ok()?;
    if is_question {
        return Some(Err(Reply::Body(404, String::new())));
    }
    if let Some((_, reply)) = early {
        return Some(Err(reply));
    }
    let kind = headers.get("content-type").map_or("", |kind| kind.to_str().unwrap());
    let (body, recording) = match kind.strip_prefix("multipart/form-data; boundary=") {
        Some(boundary) => form(&body, boundary),
        None if body.is_empty() => (Value::Null, None),
        None => (serde_json::from_slice(&body).unwrap(), None),
    };
    Some(Ok(Seen { method, path, headers, body, recording, at: Instant::now() }))
}

/// The fields of the form of a call log, as they would be in JSON, and its recording (Cekura's API reference, "Send Calls").
///
/// # Panics
///
/// When the form breaks RFC 7578, has a field that the API does not know, or a part after the recording.
fn form(body: &[u8], boundary: &str) -> (Value, Option<Recording>) {
    const TEXTS: [&str; 8] = [
        "call_id",
        "trace_id",
        "timestamp",
        "transcript_type",
        "call_ended_reason",
        "customer_number",
        "assistant_id",
        "feedback",
    ];
    const NUMBERS: [&str; 2] = ["agent", "main_agent_channel_index"];
    const JSON: [&str; 4] = ["transcript_json", "metadata", "dynamic_variables", "logs"];
    let (mut fields, mut recording) = (serde_json::Map::new(), None);
    let mut rest = body.strip_prefix(format!("--{boundary}\r\n").as_bytes()).expect("a first boundary");
    let between = format!("\r\n--{boundary}");
    loop {
        let at = find(rest, between.as_bytes()).expect("a boundary");
        let (part, after) = (&rest[..at], &rest[at + between.len()..]);
        let head = find(part, b"\r\n\r\n").expect("a head");
        let (head, content) = (std::str::from_utf8(&part[..head]).unwrap(), &part[head + 4..]);
        let quoted = |name: &str| {
            let text = head.split(&format!("{name}=\"")).nth(1)?;
            Some(text.split('"').next()?.to_owned())
        };
        assert!(recording.is_none(), "the recording is the last part");
        let name = quoted(" name").expect("a name");
        if name == "voice_recording" {
            let media_type = head.split("content-type: ").nth(1).expect("a media type").trim().to_owned();
            let file_name = quoted("filename").expect("a file name");
            recording = Some(Recording { file_name, media_type, bytes: content.to_vec() });
        } else {
            let text = std::str::from_utf8(content).expect("UTF-8");
            let value = if TEXTS.contains(&&*name) {
                text.into()
            } else if NUMBERS.contains(&&*name) {
                text.parse::<u64>().expect("a number").into()
            } else {
                assert!(JSON.contains(&&*name), "unknown field {name}");
                serde_json::from_str(text).expect("JSON")
            };
            assert!(fields.insert(name, value).is_none(), "each field once");
        }
        if after == b"--\r\n" {
            return (Value::Object(fields), recording);
        }
        rest = after.strip_prefix(b"\r\n").expect("a line break behind a boundary");
    }
}

fn find(text: &[u8], part: &[u8]) -> Option<usize> {
    text.windows(part.len()).position(|window| window[0] == part[0] && window == part)
}
