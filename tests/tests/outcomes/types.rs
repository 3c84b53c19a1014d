//! `error.type`: the name of the error's type; of one in a box, what it holds where that can be known.

use cekura::testing::capture;
use futures::executor::block_on_stream;
use futures::stream::{self, BoxStream};
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

#[derive(Debug)]
struct Mine;

impl fmt::Display for Mine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("mine")
    }
}

impl Error for Mine {}

macro_rules! kind {
    ($error:ty, $value:expr) => {{
        #[cekura::span(skip_all)]
        fn fails(error: $error) -> Result<u8, $error> {
            Err(error)
        }
        let error: $error = $value;
        let trace = capture(|| fails(error).is_err());
        trace.spans()[0].text("error.type").unwrap().to_owned()
    }};
}

fn parse() -> std::num::ParseIntError {
    "x".parse::<u8>().unwrap_err()
}

#[test]
fn a_boxed_error_is_what_it_holds() {
    type Boxed = Box<dyn Error>;
    type Threads = Box<dyn Error + Send + Sync>;
    assert_eq!(kind!(Boxed, io::Error::other("disk").into()), "std::io::error::Error");
    assert_eq!(kind!(Threads, parse().into()), "core::num::error::ParseIntError");
    assert_eq!(kind!(Arc<dyn Error + Send + Sync>, Arc::new(fmt::Error)), "core::fmt::Error");
    let json = || serde_json::from_str::<u8>("x").unwrap_err();
    assert_eq!(kind!(Boxed, json().into()), "serde_json::error::Error");
    assert_eq!(kind!(Box<io::Error>, Box::new(io::Error::other("disk"))), "std::io::error::Error");
    assert_eq!(kind!(Arc<Mine>, Arc::new(Mine)), "outcomes::outcomes::types::Mine");
}

#[test]
fn what_cannot_be_known_is_any_error() {
    type Boxed = Box<dyn Error>;
    type Threads = Box<dyn Error + Send + Sync>;
    assert_eq!(kind!(Boxed, Mine.into()), "dyn Error");
    assert_eq!(kind!(Threads, "text".into()), "dyn Error");
    assert_eq!(kind!(Arc<dyn Error>, Arc::new(Mine)), "dyn Error");
}

#[test]
fn of_anyhow_it_is_the_first_cause() {
    assert_eq!(kind!(anyhow::Error, io::Error::other("disk").into()), "std::io::error::Error");
    let with_context = || anyhow::Error::new(parse()).context("no day").context("not booked");
    assert_eq!(kind!(anyhow::Error, with_context()), "core::num::error::ParseIntError");
    assert_eq!(kind!(anyhow::Error, Mine.into()), "anyhow::Error");
    assert_eq!(kind!(anyhow::Error, anyhow::anyhow!("text")), "anyhow::Error");
}

#[test]
fn of_an_item_too() {
    #[cekura::span]
    fn items() -> BoxStream<'static, Result<u8, Box<dyn Error + Send + Sync>>> {
        Box::pin(stream::iter([Err(parse().into())]))
    }
    let trace = capture(|| block_on_stream(items()).for_each(drop));
    assert_eq!(trace.spans()[0].text("error.type"), Some("core::num::error::ParseIntError"));
}
