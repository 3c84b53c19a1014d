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
