//! Which return types may hold an error that borrows.

use super::tokens;
use crate::plan::error_borrows;

#[test]
fn an_object_with_a_lifetime_of_its_own_borrows() {
    for returns in [
        "-> Result<(), Box<dyn Error + 'a>>",
        "-> Result<(), Box<dyn std::error::Error + Send + Sync + '_>>",
        "-> Result<Result<(), Box<dyn '_ + Error>>, Elapsed>",
        "-> impl Stream<Item = Result<u8, Box<dyn Error + 'a>>>",
        "-> Pin<Box<dyn Future<Output = Result<(), Box<dyn Error + 'a>>> + Send>>",
        "-> (u8, [Result<(), Arc<dyn Error + 'a>>; 2])",
        "-> Fallible<'a, ()>",
        "-> Result<(), my::Problem<'_>>",
    ] {
        assert!(error_borrows(tokens(returns)), "{returns}");
    }
}

#[test]
fn other_lifetimes_do_not_matter() {
    for returns in [
        "",
        "-> &'a str",
        "-> Result<&'a str, Box<dyn Error>>",
        "-> Result<Cow<'a, str>, Box<dyn Error + 'static>>",
        "-> Pin<Box<dyn Future<Output = Result<(), Box<dyn Error + Send>>> + Send + 'async_trait>>",
        "-> BoxFuture<'a, Result<(), Box<dyn Error>>>",
        "-> impl Stream<Item = Result<u8, Box<dyn Error>>> + use<'a, T> + 'a",
        "-> Result<Box<dyn Fn(&'a str) -> u8 + 'a>, Box<dyn Error>>",
    ] {
        assert!(!error_borrows(tokens(returns)), "{returns}");
    }
}
