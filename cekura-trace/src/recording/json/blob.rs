//! Recognises strings that are blobs, and what is written in their place. Invariant: a bounded number of bytes
//! is looked at, however long the string is.
//!
//! A blob is a string of more than 512 bytes that is a `data:` URL or base64. It is base64 if its first, middle
//! and last 128 bytes consist only of the alphabets of RFC 4648 (standard and URL-safe, padding and line breaks
//! allowed), and contain a capital letter, or a small letter, a digit and a sign (`+/-_=`). So prose in any
//! language is not a blob, because it has spaces or bytes beyond ASCII. Neither are a repeated small letter and
//! hexadecimal digits.

/// A string of as many bytes is no blob.
pub(in crate::recording) const LONG: usize = 512;
const LOOKED_AT: usize = 128;

/// What is written in place of a blob: how long the string is, in decimal units. `None` where it is no blob.
#[inline]
pub(in crate::recording) fn blob(text: &str) -> Option<String> {
    if text.len() <= LONG { None } else { long_blob(text) }
}

#[inline(never)]
fn long_blob(text: &str) -> Option<String> {
    is_blob(text.as_bytes()).then(|| format!("[base64, {}]", size(text.len())))
}

/// What is written in place of so many numbers.
pub(super) fn numbers(count: usize) -> String {
    format!("[{count} numbers]")
}

fn is_blob(text: &[u8]) -> bool {
    let middle = (text.len() - LOOKED_AT) / 2;
    is_data_url(text)
        || is_base64(&[
            &text[..LOOKED_AT],
            &text[middle..middle + LOOKED_AT],
            &text[text.len() - LOOKED_AT..],
        ])
}

/// `data:[<media type>][;base64],<data>` (RFC 2397), which has no spaces.
fn is_data_url(text: &[u8]) -> bool {
    let has_scheme = text.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case(b"data:"));
    let is_plain = |byte: &u8| byte.is_ascii_graphic();
    has_scheme && text[..LOOKED_AT].contains(&b',') && text[..2 * LOOKED_AT].iter().all(is_plain)
}

fn is_base64(looked_at: &[&[u8]]) -> bool {
    let (mut capital, mut small, mut digit, mut sign) = (false, false, false, false);
    for byte in looked_at.iter().copied().flatten() {
        match byte {
            b'A'..=b'Z' => capital = true,
            b'a'..=b'z' => small = true,
            b'0'..=b'9' => digit = true,
            b'+' | b'/' | b'-' | b'_' | b'=' => sign = true,
            b'\r' | b'\n' => {}
            _ => return false,
        }
    }
    capital || small && digit && sign
}

#[expect(clippy::cast_precision_loss, reason = "one digit behind the point is shown")]
fn size(bytes: usize) -> String {
    match bytes as f64 {
        few if few < 1e3 => format!("{bytes} B"),
        some if some < 1e6 => format!("{:.1} kB", some / 1e3),
        many => format!("{:.1} MB", many / 1e6),
    }
}

#[cfg(test)]
mod tests {
    use super::blob;

    #[test]
    fn base64_in_any_form_and_data_urls_are_blobs() {
        let image =
            |length: usize| "iVBORw0KGgoAAAANSUhEUgAA".chars().cycle().take(length).collect::<String>();
        assert_eq!(blob(&image(513)).as_deref(), Some("[base64, 513 B]"));
        assert_eq!(blob(&image(1_000_000)).as_deref(), Some("[base64, 1.0 MB]"));
        assert_eq!(
            blob(&format!("data:image/png;base64,{}", image(20_000))).as_deref(),
            Some("[base64, 20.0 kB]")
        );
        assert_eq!(blob(&format!("data:,{}", "%20x".repeat(400))).as_deref(), Some("[base64, 1.6 kB]"));
        assert!(blob(&"AAAA".repeat(200)).is_some(), "silence");
        assert!(blob(&"f39/".repeat(200)).is_some() && blob(&"a-_9".repeat(200)).is_some());
        assert!(blob(&format!("{}==", format!("{}\r\n", image(76)).repeat(40))).is_some(), "in lines");
    }

    #[test]
    fn what_people_write_is_no_blob() {
        let base64 = "iVBORw0KGgoAAAANSUhEUgAA".repeat(21);
        assert_eq!((base64.len(), blob(&base64)), (504, None), "short ones are keys and ids");
        for text in [
            "The caller asks whether Dr. Smith has time at 10:30 on Monday. ".repeat(20),
            "data: we have 3 kinds of it, and 4 of the other. ".repeat(20),
            "今日は予約をお願いしたいのですが".repeat(40),
            "Größenänderungsmaßnahmen".repeat(40),
            "x".repeat(5000),
            "word\nanother\nlist\n".repeat(60),
            "https://example.com/a/b?c=1&d=2,".repeat(30),
            "1234567890".repeat(60),
            "0123456789abcdef".repeat(40),
            "----------".repeat(60),
        ] {
            assert_eq!(blob(&text), None, "{}", &text[..20.min(text.len())]);
        }
    }
}
