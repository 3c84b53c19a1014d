//! Which endpoint has which proxy, for every form that the variables have.

use crate::delivery::config::{Builder, Endpoint, Settings, resolve};
use crate::delivery::error::Error;

fn settings(
    variables: &'static [(&str, &str)],
    own: impl FnOnce(Builder) -> Builder,
) -> Result<Settings, Error> {
    let lookup =
        |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
    resolve(own(Builder::default().variables(lookup).api_key("key").agent(5))).map(Option::unwrap)
}

/// Host and port of the proxy, the setting that names it, and the header for it.
fn proxy(variables: &'static [(&str, &str)], url: &str) -> Option<(String, &'static str, Option<String>)> {
    let settings = settings(variables, |builder| builder).unwrap();
    let proxy = settings.proxies.to(&Endpoint::parse(url).unwrap())?;
    let credentials = proxy.credentials.as_ref().map(|value| value.to_str().unwrap().to_owned());
    Some((proxy.endpoint.shown(), proxy.setting, credentials))
}

fn name(variables: &'static [(&str, &str)], url: &str) -> Option<&'static str> {
    proxy(variables, url).map(|(_, setting, _)| setting)
}

#[test]
fn each_scheme_has_its_variable_in_both_spellings() {
    let all = &[("HTTPS_PROXY", "s:1"), ("HTTP_PROXY", "p:2"), ("ALL_PROXY", "a:3")];
    assert_eq!(proxy(all, "https://h"), Some(("s:1".to_owned(), "HTTPS_PROXY", None)));
    assert_eq!(proxy(all, "http://h"), Some(("p:2".to_owned(), "HTTP_PROXY", None)));
    assert_eq!(name(&[("ALL_PROXY", "a:3")], "https://h"), Some("ALL_PROXY"));
    assert_eq!(name(&[("all_proxy", "a:3")], "http://h"), Some("all_proxy"));
    assert_eq!(name(&[("HTTPS_PROXY", "s:1"), ("https_proxy", "t:1")], "https://h"), Some("https_proxy"));
    assert_eq!(name(&[("https_proxy", ""), ("HTTPS_PROXY", "s:1")], "https://h"), Some("HTTPS_PROXY"));
    assert_eq!(name(&[("HTTP_PROXY", "p:2")], "https://h"), None);
    assert_eq!(name(&[], "https://h"), None);
}

#[test]
fn a_web_servers_header_names_no_proxy() {
    let cgi = ("REQUEST_METHOD", "GET");
    assert_eq!(name(&[("REQUEST_METHOD", ""), ("HTTP_PROXY", "p:2")], "http://h"), None);
    assert_eq!(name(Box::leak(Box::new([cgi, ("http_proxy", "p:2")])), "http://h"), Some("http_proxy"));
    assert_eq!(name(Box::leak(Box::new([cgi, ("HTTPS_PROXY", "p:2")])), "https://h"), Some("HTTPS_PROXY"));
}

#[test]
fn a_proxy_is_written_in_many_ways() {
    for (url, address, credentials) in [
        ("proxy", "proxy:80", None),
        (" proxy:3128 ", "proxy:3128", None),
        ("HTTP://proxy:3128/", "proxy:3128", None),
        ("http://[fd00::1]:3128", "[fd00::1]:3128", None),
        ("http://aladdin:open%20sesame@proxy:1", "proxy:1", Some("Basic YWxhZGRpbjpvcGVuIHNlc2FtZQ==")),
        ("aladdin:p@ss:w@proxy:1", "proxy:1", Some("Basic YWxhZGRpbjpwQHNzOnc=")),
        ("http://token@proxy:1", "proxy:1", Some("Basic dG9rZW46")),
    ] {
        let variables = vec![("HTTPS_PROXY", url)].leak();
        let expected = (address.to_owned(), "HTTPS_PROXY", credentials.map(str::to_owned));
        assert_eq!(proxy(variables, "https://otel.cekura.ai"), Some(expected), "{url}");
    }
}

#[test]
fn a_value_that_cannot_be_used_is_an_error_that_does_not_repeat_it() {
    for (variable, value) in [
        ("HTTPS_PROXY", "socks5://canary:1"),
        ("https_proxy", "https://canary:1"),
        ("HTTP_PROXY", "http://"),
        ("ALL_PROXY", "http://canary:99999"),
        ("all_proxy", "http://canary host"),
        ("HTTPS_PROXY", "http://user:canary%ZZ@host:1"),
    ] {
        let used = move |builder: Builder| match variable {
            "HTTP_PROXY" => builder.otel_endpoint("http://collector:4317").allow_insecure(true),
            _ => builder,
        };
        let error = settings(vec![(variable, value)].leak(), used).unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(said.contains(&format!("{variable} must be")) && !said.contains("canary"), "{value}: {said}");
        assert_eq!(error.problems().len(), 1, "{said}");
    }
}

/// The variables are the machine's: an agent that does not need them starts.
#[test]
fn a_value_that_no_endpoint_would_use_is_no_error() {
    let local =
        |builder: Builder| builder.otel_endpoint("http://127.0.0.1:4317").api_url("https://localhost");
    let bad = [
        ("ALL_PROXY", "socks5://canary:1"),
        ("https_proxy", "https://canary:1"),
        ("HTTP_PROXY", "http://"),
        ("all_proxy", "socks4://canary:1"),
        ("NO_PROXY", "localhost,foo:bar"),
    ];
    for (name, value) in bad {
        let settings = settings(vec![(name, value)].leak(), local).unwrap();
        let other = Endpoint::parse("https://otel.cekura.ai").unwrap();
        assert_eq!(settings.proxies.to(&other), None, "{name}={value}");
        assert!(!format!("{settings:?}").contains("canary"));
    }
    settings(bad.to_vec().leak(), local).unwrap();
    // Without a key nothing goes to the API.
    let lookup = |name: &str| (name == "ALL_PROXY").then(|| "socks5://canary:1".to_owned());
    let keyless = Builder::default().variables(lookup).otel_endpoint("http://127.0.0.1:4317");
    assert!(resolve(keyless).is_ok());
    for none in ["*", "cekura.ai", "otel.cekura.ai api.cekura.ai:443", "http://foo, .cekura.ai"] {
        settings(vec![bad[0], bad[1], ("no_proxy", none)].leak(), |builder| builder).unwrap();
    }
    // One of the two endpoints would use it, or both.
    for none in ["otel.cekura.ai", "api.cekura.ai", "http://cekura.ai", "cekura.ai:bar", ""] {
        let error = settings(vec![bad[0], ("NO_PROXY", none)].leak(), |builder| builder).unwrap_err();
        assert!(error.to_string().starts_with("ALL_PROXY must be"), "{none}: {error}");
        assert_eq!(error.problems().len(), 1, "{none}: {error}");
    }
}

#[test]
fn the_variable_of_the_scheme_is_chosen_before_that_of_all() {
    let (socks, good) = ("socks5://canary:1", "p:1");
    assert_eq!(
        name(&[("ALL_PROXY", "socks5://a:1"), ("HTTPS_PROXY", "p:1")], "https://h"),
        Some("HTTPS_PROXY")
    );
    assert_eq!(name(&[("HTTP_PROXY", "socks5://a:1"), ("ALL_PROXY", "p:1")], "https://h"), Some("ALL_PROXY"));
    let error = settings(vec![("HTTPS_PROXY", socks), ("ALL_PROXY", good)].leak(), |builder| builder);
    assert!(error.unwrap_err().to_string().starts_with("HTTPS_PROXY must be"));
    // Both schemes are used, and the fallback is of both.
    let both = |builder: Builder| builder.otel_endpoint("http://collector:4317").allow_insecure(true);
    let error = settings(vec![("ALL_PROXY", socks)].leak(), both).unwrap_err();
    assert_eq!(error.problems().len(), 1, "{error}");
    let error = settings(vec![("HTTP_PROXY", socks), ("ALL_PROXY", good)].leak(), both).unwrap_err();
    assert!(error.to_string().starts_with("HTTP_PROXY must be"), "{error}");
}

#[test]
fn a_blank_variable_is_not_set() {
    for blank in ["", " ", "\t "] {
        let variables = vec![("ALL_PROXY", blank), ("https_proxy", blank), ("NO_PROXY", blank)];
        assert_eq!(name(variables.leak(), "https://h"), None);
        let variables = vec![("https_proxy", blank), ("HTTPS_PROXY", "s:1"), ("ALL_PROXY", "a:1")];
        assert_eq!(name(variables.leak(), "https://h"), Some("HTTPS_PROXY"));
        let variables = vec![("HTTPS_PROXY", blank), ("ALL_PROXY", "a:1")];
        assert_eq!(name(variables.leak(), "https://h"), Some("ALL_PROXY"));
        let variables = vec![("no_proxy", blank), ("NO_PROXY", "h"), ("ALL_PROXY", "a:1")];
        assert_eq!(name(variables.leak(), "https://h"), None);
    }
}

#[test]
fn an_exception_that_cannot_be_read_takes_no_other_away() {
    for bad in ["10.0.0.0/x", "10.0.0.0/33", "foo:0", "foo:bar", "http://foo", "http://foo:80/x", "[::1]:x"] {
        let none = format!("{bad}, good {bad}").leak();
        let variables: &[_] = vec![("ALL_PROXY", "p:1"), ("NO_PROXY", none)].leak();
        assert_eq!(name(variables, "https://good"), None, "{bad}");
        assert_eq!(name(variables, "https://foo"), Some("ALL_PROXY"), "{bad}");
    }
}

#[test]
fn hosts_that_need_no_proxy_are_named_in_every_form() {
    for (none, direct, other) in [
        ("*", "https://10.1.2.3", None),
        ("example.com", "https://example.com", Some("https://notexample.com")),
        ("example.com", "https://a.EXAMPLE.com.:1", Some("https://example.com.evil")),
        (".example.com", "https://a.b.example.com", Some("https://xexample.com")),
        ("*.example.com", "https://a.example.com", Some("https://example.org")),
        ("a, b c", "https://c", Some("https://d")),
        ("10.0.0.1", "https://10.0.0.1", Some("https://10.0.0.10")),
        ("10.0.0.0/8", "https://10.200.3.4:1", Some("https://11.0.0.1")),
        ("10.0.0.0/31", "https://10.0.0.1", Some("https://10.0.0.2")),
        ("0.0.0.0/0", "https://9.9.9.9", Some("https://[fd00::1]")),
        ("fd00::/16", "https://[fd00:1::2]:1", Some("https://[fd01::1]")),
        ("[fd00::1]:4317", "https://[fd00::1]:4317", Some("https://[fd00::1]:4318")),
        ("fd00::1", "https://[fd00::1]:4317", Some("https://10.0.0.1")),
        ("host:4317", "https://host:4317", Some("https://host:443")),
        ("host:443", "https://a.host", Some("https://host:4317")),
    ] {
        let variables: &[_] = vec![("HTTPS_PROXY", "p:1"), ("NO_PROXY", none)].leak();
        assert_eq!(name(variables, direct), None, "{none}: {direct}");
        if let Some(other) = other {
            assert_eq!(name(variables, other), Some("HTTPS_PROXY"), "{none}: {other}");
        }
    }
}

#[test]
fn this_machine_is_never_reached_through_a_proxy() {
    for url in ["http://localhost:4317", "https://127.0.0.2", "http://[::1]:1"] {
        assert_eq!(name(&[("ALL_PROXY", "p:1")], url), None, "{url}");
    }
}

#[test]
fn code_wins_over_the_environment() {
    let variables = &[("HTTPS_PROXY", "socks5://p:1"), ("NO_PROXY", "*")];
    let endpoint = Endpoint::parse("https://otel.cekura.ai").unwrap();
    let own = settings(variables, |builder| builder.proxy("http://u:canary@own:1")).unwrap();
    assert_eq!(own.proxies.to(&endpoint).unwrap().endpoint.shown(), "own:1");
    assert!(!format!("{own:?}").contains("canary") && !format!("{own:?}").contains("dTpj"), "{own:?}");
    let none = settings(variables, Builder::no_proxy).unwrap();
    assert_eq!(none.proxies.to(&endpoint), None);
    let error = settings(&[], |builder| builder.proxy("ftp://canary")).unwrap_err().to_string();
    assert!(error.starts_with(".proxy(…) must be") && !error.contains("canary"), "{error}");
}
