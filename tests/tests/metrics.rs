//! What the metrics of a handle say is what its spans say, counted by hand, for whoever reads them, and whatever happens to
//! those who do.

#[path = "metrics/counted.rs"]
mod counted;
#[path = "metrics/held.rs"]
mod held;
#[path = "metrics/others.rs"]
mod others;
#[path = "metrics/scraped.rs"]
mod scraped;
#[path = "metrics/sent.rs"]
mod sent;
#[path = "metrics/served.rs"]
mod served;

/// An id as an exemplar has it.
fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 15])
        .filter_map(|digit| char::from_digit(digit.into(), 16))
        .collect()
}
