//! The format of a file of the spool: what is written is read, and nothing else is.

use super::{Address, Entry, Item, Kind, LINE, entries, parse, read, see, settle, write};
use crate::delivery::config::{Builder, resolve};
use crate::delivery::encode::Encoder;
use crate::delivery::tests::record;
use crate::room::Room;
use opentelemetry::trace::TraceId;
use prost::bytes::Bytes;
use std::fs::{File, OpenOptions};
use std::io::Read;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// A file that is removed when it is dropped.
struct Scratch(std::path::PathBuf, File);

impl Scratch {
    fn new(test: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/tmp/groups");
        std::fs::create_dir_all(&folder).unwrap();
        let path = folder.join(test);
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).truncate(true).open(&path).unwrap();
        Self(path, file)
    }

    fn bytes(&self) -> Vec<u8> {
        std::fs::read(&self.0).unwrap()
    }

    fn put(&self, bytes: &[u8]) {
        std::fs::write(&self.0, bytes).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

fn address() -> Address {
    let builder = Builder::default().variables(|_| None).api_key("canary").agent(5);
    let settings = resolve(builder.header("x-tenant", "canary")).unwrap().unwrap();
    Address::of_spans(&settings)
}

/// A request with a span of each of these traces, and what is known of it.
fn request(traces: &[u64]) -> (Item, Bytes) {
    let records: Vec<u8> =
        traces.iter().zip(1..).flat_map(|(trace, span)| record(*trace, span, 0, 5)).collect();
    let request =
        Encoder::new(&[].into()).requests(&records, Room::default(), None).into_iter().next().unwrap();
    (Item::Spans { counts: request.counts, roots: request.roots }, request.frame)
}

fn call_log(owner: Option<&str>, body: &'static [u8]) -> (Item, Bytes) {
    // One without an owner is of a simulation.
    let until = owner.is_none().then(|| UNIX_EPOCH + Duration::from_secs(1_800_000_000));
    let id = "call \"1\"\nä".to_owned();
    let item = Item::CallLog { id, owner: owner.map(str::to_owned), until, recording: None };
    (item, Bytes::from_static(body))
}

fn written(scratch: &Scratch, items: &[(Item, Bytes)]) -> Vec<Entry> {
    let (entries, length) =
        write(&scratch.1, &address(), items.iter().map(|(item, body)| (item, body))).unwrap();
    assert_eq!(length, scratch.bytes().len() as u64);
    entries
}

/// These bytes with a text in place of another of the same length.
fn with(bytes: &[u8], old: &str, new: &str) -> Vec<u8> {
    let at = bytes.windows(old.len()).position(|window| window == old.as_bytes()).unwrap();
    [&bytes[..at], new.as_bytes(), &bytes[at + old.len()..]].concat()
}

fn read_back(scratch: &Scratch, entry: &Entry, kind: Kind) -> Option<(Item, Bytes)> {
    let mut file = File::open(&scratch.0).unwrap();
    // Wherever the file stands.
    let _ = file.read(&mut [0; 3]).unwrap();
    read(&file, entry, &address().receiver, kind).unwrap()
}

#[test]
fn what_is_written_is_read() {
    let start = (Item::Start, request(&[9]).1);
    for (kind, items) in [
        (Kind::Spans, vec![request(&[7, 7, u64::MAX]), request(&[8])]),
        (Kind::CallLog, vec![call_log(Some("agent_id=5"), b"{}"), call_log(None, b"\n\0 anything \xff")]),
        (Kind::Start, vec![start.clone(), start]),
    ] {
        let scratch = Scratch::new(&format!("read-{kind:?}"));
        let known = written(&scratch, &items);
        let (whom, found) = entries(&scratch.1).unwrap().unwrap();
        assert_eq!((whom, &found), (address().whom, &known));
        for (entry, (item, body)) in found.iter().zip(items) {
            assert_eq!(entry.count(), item.count());
            assert_eq!(read_back(&scratch, entry, kind), Some((item, body)));
        }
        assert!(!String::from_utf8_lossy(&scratch.bytes()).contains("canary"));
    }
}

#[test]
fn what_is_settled_and_seen_is_noted_in_place() {
    let scratch = Scratch::new("noted");
    let known = written(&scratch, &[request(&[1]), request(&[2]), request(&[3])]);
    settle(&scratch.1, &known[1]).unwrap();
    let at = UNIX_EPOCH + Duration::from_nanos(1_700_000_000_000_000_007);
    see(&scratch.1, &known[2], at).unwrap();
    let (_, found) = entries(&scratch.1).unwrap().unwrap();
    assert_eq!(found.iter().map(Entry::is_settled).collect::<Vec<_>>(), [false, true, false]);
    assert_eq!((found[0].last_seen(), found[2].last_seen()), (UNIX_EPOCH, at));
    for entry in &found {
        assert_eq!(read_back(&scratch, entry, Kind::Spans).is_some(), !entry.is_settled());
    }
    let body = request(&[2]).1;
    assert!(!scratch.bytes().windows(body.len()).any(|part| part == body), "what is settled is erased");
}

#[test]
fn a_file_that_is_torn_anywhere_is_not_read() {
    let scratch = Scratch::new("torn");
    let entry = written(&scratch, &[request(&[1])])[0];
    let whole = scratch.bytes();
    for length in 0..whole.len() {
        scratch.put(&whole[..length]);
        assert_eq!(read_back(&scratch, &entry, Kind::Spans), None, "{length} of {} bytes", whole.len());
        let listed = entries(&scratch.1).unwrap();
        assert!(listed.is_none_or(|(_, entries)| entries.is_empty()), "{length} bytes");
    }
    scratch.put(&[&whole[..], b"x"].concat());
    assert_eq!(entries(&scratch.1).unwrap(), None, "more than was written");
}

#[test]
fn an_item_with_a_wrong_bit_is_not_read_and_the_others_are() {
    let scratch = Scratch::new("bits");
    let known = written(&scratch, &[request(&[1]), request(&[2])]);
    let (whole, start) = (scratch.bytes(), usize::try_from(known[1].offset).unwrap());
    // The sign, what was last seen and the count, which nobody relies on, are not in the sum.
    let free = [0..20, 83..93].map(|range| range.start + start..range.end + start);
    for at in (start..whole.len()).filter(|at| !free.iter().any(|range| range.contains(at))) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        scratch.put(&bytes);
        assert_eq!(read_back(&scratch, &known[1], Kind::Spans), None, "byte {at}");
        assert!(read_back(&scratch, &known[0], Kind::Spans).is_some(), "byte {at}");
    }
}

#[test]
fn an_item_for_another_receiver_is_none() {
    let scratch = Scratch::new("receiver");
    let known = written(&scratch, &[request(&[1])]);
    assert_eq!(read(&scratch.1, &known[0], "another", Kind::Spans).unwrap(), None);
    assert_eq!(read(&scratch.1, &known[0], &address().receiver, Kind::CallLog).unwrap(), None);
}

#[test]
fn a_count_that_lies_is_not_believed() {
    let scratch = Scratch::new("counts");
    let (item, body) = request(&[7, 7, 8]);
    let known = written(&scratch, &[(item.clone(), body)]);
    scratch.put(&with(&scratch.bytes(), " 00000003 ", " ffffffff "));
    let (read, _) = read_back(&scratch, &known[0], Kind::Spans).unwrap();
    assert_eq!(read, item);
    let Item::Spans { counts, .. } = read else { panic!("{read:?}") };
    assert_eq!(counts[&TraceId::from(7)], 2);
}

#[test]
fn a_length_that_lies_asks_for_no_memory() {
    let scratch = Scratch::new("lengths");
    let known = written(&scratch, &[request(&[1])]);
    let whole = scratch.bytes();
    let length = format!(" {:08x}\n", known[0].body);
    for lie in [" 7fffffff\n", " ffffffff\n", " 00000000\n"] {
        scratch.put(&with(&whole, &length, lie));
        assert_eq!(entries(&scratch.1).unwrap(), None, "{lie}");
        assert_eq!(read_back(&scratch, &known[0], Kind::Spans), None, "{lie}");
    }
    // Three GiB of nothing.
    scratch.1.set_len(3 << 30).unwrap();
    assert_eq!(entries(&scratch.1).unwrap(), None);
}

#[test]
fn a_file_of_another_version_is_not_read() {
    let scratch = Scratch::new("versions");
    written(&scratch, &[request(&[1])]);
    let whole = scratch.bytes();
    for other in [with(&whole, "spool 2", "spool 3"), with(&whole, "\n+ ", "\n* "), b"PNG\nwhat".to_vec()] {
        scratch.put(&other);
        assert_eq!(entries(&scratch.1).unwrap(), None, "{other:?}");
    }
    assert!(parse(&[b' '; LINE], 0).is_none());
}

#[test]
fn bytes_that_are_no_request_are_no_item() {
    for body in [&b""[..], b"\0\0\0\0\0", b"\0\0\0\0\x09a body", b"\x01\0\0\0\x06a body", b"{}"] {
        assert_eq!(Item::read(Kind::Spans, b"", body), None, "{body:?}");
    }
    assert_eq!(Item::read(Kind::CallLog, b"no JSON", b"{}"), None);
}
