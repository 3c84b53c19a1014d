//! A secret is found in whatever form a server repeats it, and texts without it stay as they are.

use super::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD, Engine, HeaderMap, Secrets};
use base64::prelude::BASE64_URL_SAFE;
use http::HeaderValue;
use http::header::AUTHORIZATION;
use std::time::{Duration, Instant};

const KEY: &str = "ck_live+9/Qz~7%x";

fn secrets(value: &str) -> Secrets {
    let mut value = HeaderValue::from_str(value).unwrap();
    value.set_sensitive(true);
    Secrets::of(&HeaderMap::from_iter([(AUTHORIZATION, value)]))
}

#[test]
fn no_form_of_a_key_stays() {
    let secrets = secrets(KEY);
    let spelled =
        |text: &str, each: fn(u32) -> String| text.chars().map(u32::from).map(each).collect::<String>();
    let percent = |text| spelled(text, |code| format!("%{code:02X}"));
    let hex = spelled(KEY, |code| format!("{code:02X}"));
    let json = spelled(KEY, |code| format!("\\u{code:04x}"));
    let entities = spelled(KEY, |code| format!("&#{code};"));
    let seen_twice = percent(KEY).replace('%', "%25");
    let split = KEY.chars().flat_map(|each| [each, '\u{200b}']).collect::<String>();
    let whole = [
        KEY.to_owned(),
        KEY.to_uppercase(),
        KEY.replace('/', "\\/"),
        KEY.replace('%', "%25"),
        percent(KEY),
        percent(KEY).to_lowercase(),
        seen_twice,
        hex.to_lowercase(),
        hex,
        json.replace('\\', "\\\\\\\\"),
        json,
        entities.replace("&#99;", "&#x63;"),
        entities,
    ];
    for form in whole {
        let said = secrets.removed_from(&format!("no: <{form}>, é"));
        assert_eq!(said, "no: <[REDACTED]>, é", "{form}");
    }
    let with_a_rest = [
        BASE64_STANDARD.encode(KEY),
        BASE64_URL_SAFE.encode(KEY),
        BASE64_URL_SAFE_NO_PAD.encode(KEY),
        BASE64_STANDARD.encode(KEY).replace('/', "\\/").replace('+', "%2B"),
        split,
    ];
    for form in with_a_rest {
        let said = secrets.removed_from(&format!("no: <{form}>, é"));
        assert!(said.contains("[REDACTED]") && said.len() < 40, "{form}: {said}");
    }
}

#[test]
fn a_key_is_found_wherever_it_stands_in_what_is_encoded() {
    let secrets = secrets(KEY);
    for before in ["", "u", "us", "user:", "x-cekura-api-key: "] {
        for after in ["", "\n", "\r\n", "; path=/"] {
            let whole = format!("{before}{KEY}{after}");
            for encoded in [BASE64_STANDARD.encode(&whole), BASE64_URL_SAFE_NO_PAD.encode(&whole)] {
                let said = secrets.removed_from(&encoded);
                // At most the bits that a letter shares with what stands beside the key.
                assert!(said.contains("[REDACTED]"), "{encoded}: {said}");
                assert!(said.len() <= "[REDACTED]".len() + encoded.len() - KEY.len(), "{encoded}: {said}");
            }
        }
    }
}

#[test]
fn a_token_and_a_password_are_secrets_of_their_own() {
    let said = secrets("Bearer tok-123456").removed_from("tok-123456 is not known; bearer tok-123456");
    assert_eq!(said, "[REDACTED] is not known; [REDACTED]");
    let basic = format!("Basic {}", BASE64_STANDARD.encode("anna:open sesame"));
    let said = secrets(&basic).removed_from("anna has no password `open sesame`, nor anna:open sesame");
    assert_eq!(said, "anna has no password `[REDACTED]`, nor [REDACTED]");
}

#[test]
fn words_without_a_secret_stay() {
    let text = r#"{"detail":"100% of \"ck_live\" \u00e9 &#233; &amp; \\ %zz &#; 日本"}"#;
    assert_eq!(secrets(KEY).removed_from(text), text);
    assert_eq!(secrets("Bearer a").removed_from("a bearer of a"), "a bearer of a");
}

#[test]
fn a_text_made_to_be_searched_for_long_is_not() {
    let secrets = secrets(KEY);
    for piece in ["\\", "%25", "&#", "c\u{200b}", "ck_live", "\\u006"] {
        let text = piece.repeat((64 << 10) / piece.len());
        let begun = Instant::now();
        assert_eq!(secrets.removed_from(&text), text);
        assert!(begun.elapsed() < Duration::from_secs(5), "{piece}: {:?}", begun.elapsed());
    }
}
