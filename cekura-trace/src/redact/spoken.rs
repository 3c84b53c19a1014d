//! Numbers that are said digit by digit, as a recogniser may write them. Invariant: fewer than seven number words in a row are none.

use super::find::Found;

pub(super) const DIGITS: &str = "digits";

/// The least number words, those that are digits included.
const LEAST: usize = 7;

/// Of nine languages. The longer numbers are those that English says in a phone's number.
const WORDS: &[&str] = &[
    // English
    "zero",
    "oh",
    "o",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
    "hundred",
    "thousand",
    "double",
    "triple",
    // German
    "null",
    "eins",
    "zwei",
    "zwo",
    "drei",
    "vier",
    "fünf",
    "sechs",
    "sieben",
    "acht",
    "neun",
    // French
    "zéro",
    "un",
    "deux",
    "trois",
    "quatre",
    "cinq",
    "sept",
    "huit",
    "neuf",
    "dix",
    "vingt",
    "trente",
    "quarante",
    "cinquante",
    "soixante",
    // Spanish
    "cero",
    "uno",
    "dos",
    "tres",
    "cuatro",
    "cinco",
    "seis",
    "siete",
    "ocho",
    "nueve",
    // Italian
    "due",
    "tre",
    "quattro",
    "cinque",
    "sei",
    "sette",
    "otto",
    "nove",
    // Portuguese
    "um",
    "dois",
    "três",
    "quatro",
    "meia",
    "sete",
    "oito",
    // Dutch
    "nul",
    "een",
    "twee",
    "drie",
    "vijf",
    "zes",
    "zeven",
    "negen",
    // Polish
    "jeden",
    "dwa",
    "trzy",
    "cztery",
    "pięć",
    "sześć",
    "siedem",
    "osiem",
    "dziewięć",
    // Swedish
    "noll",
    "ett",
    "två",
    "fyra",
    "fem",
    "sju",
    "åtta",
    "nio",
];

pub(super) fn find(text: &str) -> Vec<Found> {
    let (mut found, mut row) = (Vec::new(), Row::default());
    let mut at = 0;
    // One more, which is none.
    for word in text.split(|char: char| !char.is_alphanumeric()).chain(["."]) {
        let is_digit = word.len() == 1 && word.bytes().all(|byte| byte.is_ascii_digit());
        let is_word = !is_digit && WORDS.contains(&word.to_lowercase().as_str());
        if is_digit || is_word {
            row.start.get_or_insert(at);
            row.end = at + word.len();
            row.count += 1;
            row.words += usize::from(is_word);
        } else if !word.is_empty() {
            let Row { start, end, count, words } = std::mem::take(&mut row);
            if let Some(start) = start.filter(|_| count >= LEAST && 2 * words >= count) {
                found.push(Found { range: start..end, kind: DIGITS });
            }
        }
        let sign = text[(at + word.len()).min(text.len())..].chars().next();
        at += word.len() + sign.map_or(0, char::len_utf8);
    }
    found
}

/// Number words in a row.
#[derive(Default)]
struct Row {
    start: Option<usize>,
    end: usize,
    count: usize,
    words: usize,
}
