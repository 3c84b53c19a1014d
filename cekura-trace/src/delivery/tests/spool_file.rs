//! The format of a file of the spool: what is written is read, and nothing else is.

use super::{Address, Item, read, read_head, write};
use crate::delivery::config::{Builder, resolve};
use opentelemetry::trace::{SpanId, TraceId};
use prost::bytes::Bytes;

fn address() -> Address {
    let builder = Builder::default().environment(|_| None).api_key("canary").agent(5);
    let settings = resolve(builder.header("x-tenant", "canary")).unwrap().unwrap();
    Address::of_spans(&settings)
}

fn items() -> [Item; 4] {
    let counts = [(TraceId::from(7), 3), (TraceId::from(u128::MAX), 1)].into();
    let id = "call \"1\"\nä".to_owned();
    [
        Item::CallLog { id: id.clone(), owner: Some("agent_id=5".to_owned()) },
        Item::CallLog { id, owner: None },
        Item::Spans { counts, roots: vec![SpanId::from(9)] },
        Item::Start,
    ]
}

#[test]
fn what_is_written_is_read() {
    for item in items() {
        for body in [b"".as_slice(), b"\n\0 anything \xff"] {
            let bytes = write(&address(), &item, body);
            assert_eq!(read_head(&*bytes), Some((address(), item.clone())));
            assert!(!String::from_utf8_lossy(&bytes).contains("canary"));
            assert_eq!(read(bytes), Some((address(), item.clone(), Bytes::copy_from_slice(body))));
        }
    }
}

#[test]
fn a_file_that_is_torn_anywhere_is_not_read() {
    for item in items() {
        let whole = write(&address(), &item, b"a body");
        for length in 0..whole.len() {
            assert_eq!(read(whole[..length].to_vec()), None, "{length} of {} bytes", whole.len());
        }
        assert_eq!(read([&whole[..], b"x"].concat()), None, "more than was written");
    }
}

#[test]
fn a_file_with_a_wrong_bit_is_not_read() {
    let whole = write(&address(), &items()[2], b"a body");
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        assert_eq!(read(bytes), None, "byte {at}");
    }
}

#[test]
fn a_file_of_another_version_is_not_read() {
    let whole = String::from_utf8(write(&address(), &Item::Start, b"a body")).unwrap();
    assert_eq!(read(whole.replacen("spool 1", "spool 2", 1).into()), None);
    assert_eq!(read(b"PNG\nwhatever".to_vec()), None);
}
