//! Personal values in a text: e-mail addresses, IP addresses, IBANs, and what `numbers` finds. Invariant: what is found lies in the
//! text in order, and nothing of it twice.

use super::cue::{Cue, Path};
use super::numbers;
use super::words::{Found, Next, begins_word, ends_word, is_escape};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::ops::Range;

const EMAIL: &str = "email";
const IBAN: &str = "iban";
const IP: &str = "ip";

/// How much each byte speaks for a personal value: [`ENOUGH`] alone, or a digit or a colon among others.
const WEIGHTS: [u8; 256] = {
    let mut weights = [0; 256];
    let mut digit = b'0';
    // The colon follows the nine.
    while digit <= b':' {
        weights[digit as usize] = 1;
        digit += 1;
    }
    // With the first bytes of digits of other scripts, and of full width.
    let alone = [b'@', b'%', 0xd9, 0xdb, 0xe0, 0xef];
    let mut at = 0;
    while at < alone.len() {
        weights[alone[at] as usize] = ENOUGH;
        at += 1;
    }
    weights
};
const ENOUGH: u8 = 4;

/// Whether a text may hold any of it: most hold none, and are not looked at again.
pub(super) fn may_hold(text: &[u8]) -> bool {
    let mut sum = 0;
    text.chunks(64).any(|piece| {
        sum += piece.iter().map(|byte| u32::from(WEIGHTS[usize::from(*byte)])).sum::<u32>();
        sum >= u32::from(ENOUGH)
    })
}

/// All of it. `path` is where the text stands.
pub(super) fn find(text: &str, path: &str) -> Vec<Found> {
    let path = &Path::new(path);
    if text.is_ascii() {
        return find_in_ascii(text, path);
    }
    let (mut plain, mut places) = (String::with_capacity(text.len()), Vec::with_capacity(text.len() + 1));
    for (at, char) in text.char_indices() {
        if let Some(char) = as_ascii(char) {
            plain.push(char);
            places.resize(plain.len(), at);
        }
    }
    places.push(text.len());
    let place = |at: usize| places.get(at).copied().unwrap_or(text.len());
    let mut found = find_in_ascii(&plain, path);
    for one in &mut found {
        one.range = place(one.range.start)..place(one.range.end);
    }
    found
}

/// A digit, a space or a hyphen of another kind as the one of ASCII; `None` for what has no width.
fn as_ascii(char: char) -> Option<char> {
    let code = u32::from(char);
    let digit = |zero: u32| char::from_digit(code - zero, 10);
    match code {
        0x660..=0x669 => digit(0x660),
        0x6f0..=0x6f9 => digit(0x6f0),
        0x966..=0x96f => digit(0x966),
        0x9e6..=0x9ef => digit(0x9e6),
        0xe50..=0xe59 => digit(0xe50),
        0xff01..=0xff5e => char::from_u32(code - 0xfee0),
        0xa0 | 0x2000..=0x200a | 0x202f | 0x3000 => Some(' '),
        0x2010..=0x2015 | 0x2212 => Some('-'),
        0xad | 0x200b..=0x200f | 0x2060 | 0xfeff => None,
        _ => Some(char),
    }
}

/// In a text whose digits, spaces and hyphens are those of ASCII.
fn find_in_ascii(text: &str, path: &Path<'_>) -> Vec<Found> {
    let bytes = text.as_bytes();
    let (mut found, mut at) = (Vec::<Found>::new(), 0);
    while let Some(byte) = bytes.get(at) {
        let next = match byte {
            b'@' => email(text, at, 1),
            b'%' if bytes[at..].starts_with(b"%40") => email(text, at, 3),
            b'%' if is_escape(bytes, at) => Some((Vec::new(), at + 3)),
            b'0'..=b'9' => uuid(bytes, at)
                .or_else(|| ip(text, at, path))
                .or_else(|| iban(bytes, at))
                .or_else(|| Some(numbers::find(text, at, path))),
            _ => None,
        };
        let Some((new, end)) = next else {
            at += 1;
            continue;
        };
        if let Some(first) = new.first() {
            found.retain(|known| known.range.end <= first.range.start);
        }
        found.extend(new);
        at = end.max(at + 1);
    }
    found
}

fn one(range: Range<usize>, kind: &'static str) -> Next {
    let end = range.end;
    (vec![Found { range, kind }], end)
}

fn email(text: &str, at: usize, sign: usize) -> Option<Next> {
    let is_local = |char: char| char.is_alphanumeric() || ".!#$&*+-/=?^_`{|}~".contains(char);
    let (before, behind) = (&text[..at], &text[at + sign..]);
    let local: usize = before.chars().rev().take_while(|char| is_local(*char)).map(char::len_utf8).sum();
    // What stands before it in a query, a path or a pair of braces is no part of it.
    let local = before[at - local..].rsplit(['=', '/', '&', '?', '{', '|']).next().map_or(0, str::len);
    let is_domain = |char: char| char.is_alphanumeric() || ".-".contains(char);
    let length: usize = behind.chars().take_while(|char| is_domain(*char)).map(char::len_utf8).sum();
    let domain = behind[..length].trim_end_matches(['.', '-']);
    let (host, top) = domain.rsplit_once('.')?;
    let is_name = top.chars().count() >= 2 && top.chars().all(|char| char.is_alphabetic() || char == '-')
        || top.starts_with("xn--");
    (local > 0 && !host.is_empty() && is_name).then(|| one(at - local..at + sign + domain.len(), EMAIL))
}

/// Passes over a UUID.
fn uuid(bytes: &[u8], at: usize) -> Option<Next> {
    let is_part = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b'-';
    let start = at - bytes[..at].iter().rev().take(36).take_while(|byte| is_part(byte)).count();
    let token = bytes.get(start..start + 36)?;
    let is_uuid = token.iter().enumerate().all(|(place, byte)| match place {
        8 | 13 | 18 | 23 => *byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    });
    (is_uuid && begins_word(bytes, start) && ends_word(bytes, start + 36)).then(|| (Vec::new(), start + 36))
}

/// An address of a machine; that of this machine names nobody.
fn ip(text: &str, at: usize, path: &Path<'_>) -> Option<Next> {
    let bytes = text.as_bytes();
    let is_part = |byte: &&u8| byte.is_ascii_hexdigit() || matches!(byte, b':' | b'.');
    let start = at - bytes[..at].iter().rev().take(45).take_while(is_part).count();
    let end = at + bytes[at..].iter().take(46).take_while(is_part).count();
    let token = &text[start..end];
    if !token.contains("::") && token.matches(':').count() < 7 && token.matches('.').count() < 3 {
        return None;
    }
    let trimmed = token.trim_end_matches(['.', ':']);
    // Beside a port.
    let mut whole =
        [Some(trimmed), trimmed.rsplit_once(':').map(|(address, _)| address)].into_iter().flatten();
    let six =
        whole.find_map(|text| Some((start..start + text.len(), IpAddr::V6(text.parse::<Ipv6Addr>().ok()?))));
    let (mut range, mut address) = six.map_or((0..0, None), |(range, address)| (range, Some(address)));
    if address.is_none() {
        // Beside a port, or behind a key.
        let before = bytes[start..at].iter().rposition(|byte| !byte.is_ascii_digit() && *byte != b'.');
        let from = start + before.map_or(0, |before| before + 1);
        let length =
            bytes[from..end].iter().take_while(|byte| byte.is_ascii_digit() || **byte == b'.').count();
        let part = text[from..from + length].trim_end_matches('.');
        range = from..from + part.len();
        address = part.parse::<Ipv4Addr>().ok().map(IpAddr::V4);
    }
    let address = address.filter(|address| match address {
        IpAddr::V4(_) => true,
        // A path of code may look like a short one.
        IpAddr::V6(_) => trimmed.bytes().filter(u8::is_ascii_hexdigit).count() >= 4,
    })?;
    if !begins_word(bytes, range.start) || !ends_word(bytes, range.end) {
        return None;
    }
    let names_nobody = address.is_loopback() || address.is_unspecified() || address == Ipv4Addr::BROADCAST;
    let is_version = || address.is_ipv4() && path.cue(&text[..range.start]) == Some(Cue::Version);
    if names_nobody || is_version() {
        return Some((Vec::new(), range.end));
    }
    Some(one(range, IP))
}

/// Countries that have IBANs (SWIFT's registry of IBANs, 2025).
const COUNTRIES: &str = "ADAEALATAZBABEBGBHBIBRBYCHCRCYCZDEDJDKDOEEEGESFIFKFOFRGBGEGIGLGRGTHNHRHUIEILIQIRISITJOKWKZLBLCLILTLULVLYMCMDME\
    MKMNMRMTMUNINLNOOMPKPLPSPTQARORSRUSASCSDSESISKSMSOSTSVTLTNTRUAVAVGXKYE";

/// In one piece, or in groups of four.
fn iban(bytes: &[u8], at: usize) -> Option<Next> {
    let start = at.checked_sub(2)?;
    let country = [bytes[start].to_ascii_uppercase(), bytes[start + 1].to_ascii_uppercase()];
    if !begins_word(bytes, start) || !COUNTRIES.as_bytes().chunks_exact(2).any(|known| known == country) {
        return None;
    }
    let (mut end, mut chars, mut whole) = (start, Vec::new(), None);
    loop {
        let group = bytes[end..].iter().take(35).take_while(|byte| byte.is_ascii_alphanumeric()).count();
        chars.extend_from_slice(&bytes[end..end + group]);
        end += group;
        if chars.len() > 34 || group == 0 {
            break;
        }
        if chars.len() >= 15 && is_iban(&chars) && ends_word(bytes, end) {
            whole = Some(start..end);
        }
        if group != 4 || !matches!(bytes.get(end), Some(b' ' | b'-')) {
            break;
        }
        end += 1;
    }
    whole.map(|whole| one(whole, IBAN))
}

/// The check digits of ISO 7064, for which country and check digits go to the end.
fn is_iban(chars: &[u8]) -> bool {
    let rest = chars[4..].iter().chain(&chars[..4]).fold(0, |rest, byte| {
        let value = char::from(*byte).to_digit(36).unwrap_or_default();
        (rest * if value > 9 { 100 } else { 10 } + value) % 97
    });
    rest == 1 && chars[2..4].iter().all(u8::is_ascii_digit)
}
