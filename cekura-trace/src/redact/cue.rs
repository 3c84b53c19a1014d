//! What the words before a number, or the key of its value, say that it is. Invariant: the nearest word that says something decides.

use std::cell::OnceCell;

/// What a number is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cue {
    Card,
    /// An id, an amount, a size: nothing personal.
    Id,
    Phone,
    Social,
    /// Of a program.
    Version,
    /// Somebody's number, without a word of which.
    Weak,
}

/// How many words are looked at, and how many bytes.
const WORDS: usize = 6;
const BYTES: usize = 80;

// Each list is sorted.
const CARD: &[&str] = &[
    "amex",
    "card",
    "cards",
    "carta",
    "cartao",
    "carte",
    "cartão",
    "cc",
    "credit",
    "creditcard",
    "debit",
    "karta",
    "karte",
    "kort",
    "kreditkarte",
    "mastercard",
    "pan",
    "tarjeta",
    "visa",
];
const SOCIAL: &[&str] = &["itin", "social", "ssn"];
const PHONE: &[&str] = &[
    "anrufen",
    "appelez",
    "bel",
    "bellen",
    "call",
    "callback",
    "cell",
    "cellphone",
    "cellulare",
    "celular",
    "chiami",
    "contact",
    "dial",
    "dzwonić",
    "fax",
    "handy",
    "ligue",
    "llame",
    "llámeme",
    "mobil",
    "mobile",
    "mobiltelefon",
    "móvil",
    "phone",
    "phones",
    "portable",
    "reach",
    "ring",
    "ringen",
    "rufen",
    "sms",
    "tel",
    "telefon",
    "telefone",
    "telefonnummer",
    "telefono",
    "telefoon",
    "telephone",
    "teléfono",
    "text",
    "tlf",
    "tél",
    "téléphone",
    "whatsapp",
];
/// Of a key only what names a number, for a text may be called `text`, and a call `call`.
const PHONE_KEYS: &[&str] = &[
    "callee",
    "caller",
    "cell",
    "fax",
    "mobile",
    "msisdn",
    "phone",
    "phones",
    "tel",
    "telefon",
    "telefono",
    "telephone",
    "whatsapp",
];
const ID: &[&str] = &[
    "account",
    "amount",
    "barcode",
    "batch",
    "bestellnummer",
    "bestellung",
    "booking",
    "bytes",
    "commande",
    "commit",
    "confirmation",
    "count",
    "created",
    "ean",
    "epoch",
    "flight",
    "hash",
    "id",
    "ids",
    "invoice",
    "isbn",
    "job",
    "konto",
    "offset",
    "order",
    "parcel",
    "pedido",
    "pid",
    "policy",
    "postcode",
    "price",
    "rechnung",
    "ref",
    "reference",
    "room",
    "score",
    "seq",
    "serial",
    "session",
    "shipment",
    "size",
    "sku",
    "span",
    "ticket",
    "timestamp",
    "tokens",
    "took",
    "total",
    "trace",
    "tracking",
    "ts",
    "upc",
    "updated",
    "uuid",
    "zip",
];
const VERSION: &[&str] = &["build", "release", "revision", "rv", "v", "version"];
const NUMBER: &[&str] = &["nr", "number", "numbers", "numer", "numero", "nummer", "numéro", "número"];
/// What comes before a number that somebody tells.
const TELLS: &[&str] = &["c'est", "est", "está", "is", "ist", "it's", "that's", "är", "è", "é"];

/// Where a text stands, and what that says of the numbers in it.
pub(super) struct Path<'a> {
    path: &'a str,
    says: OnceCell<Option<Cue>>,
}

impl<'a> Path<'a> {
    pub(super) fn new(path: &'a str) -> Self {
        Self { path, says: OnceCell::new() }
    }

    /// Its last part.
    pub(super) fn last(&self) -> Option<&'a str> {
        self.path.rsplit('.').next()
    }

    /// What the text before a number says, or where that says nothing, its path.
    pub(super) fn cue(&self, before: &str) -> Option<Cue> {
        let mut from = before.len().saturating_sub(BYTES);
        while !before.is_char_boundary(from) {
            from += 1;
        }
        let before = &before[from..];
        let said = if before.is_ascii() { in_ascii(before.as_bytes()) } else { in_any(before) };
        said.or_else(|| *self.says.get_or_init(|| of_path(self.path)))
    }
}

/// What a text of ASCII says before a number. It is the usual one, and there may be hundreds of numbers.
fn in_ascii(before: &[u8]) -> Option<Cue> {
    // No word that says something is as long.
    let mut lower = [0; 16];
    let words = before.rsplit(|byte| !byte.is_ascii_alphanumeric() && *byte != b'\'');
    let mut weak = None;
    for word in words.filter(|word| !word.is_empty()).take(WORDS) {
        let Some(lower) = lower.get_mut(..word.len()).filter(|_| !word[0].is_ascii_digit()) else { continue };
        lower.copy_from_slice(word);
        lower.make_ascii_lowercase();
        match str::from_utf8(lower).ok().and_then(|word| of_word(word, PHONE, TELLS)) {
            Some(Cue::Weak) => weak = Some(Cue::Weak),
            None => {}
            said => return said,
        }
    }
    weak
}

fn in_any(before: &str) -> Option<Cue> {
    let before = before.to_lowercase();
    // Where words are not parted, one is looked for.
    if before.chars().rev().take(6).collect::<String>().contains("話電") {
        return Some(Cue::Phone);
    }
    nearest(before.rsplit(|char: char| !char.is_alphanumeric() && char != '\''), PHONE, TELLS)
}

/// What a key says: its last two parts count.
fn of_path(path: &str) -> Option<Cue> {
    let (mut words, mut was_small) = (Vec::new(), false);
    for part in path.rsplitn(3, '.').take(2) {
        let mut spaced = String::with_capacity(part.len() + 4);
        for char in part.chars() {
            if was_small && char.is_uppercase() {
                spaced.push(' ');
            }
            was_small = char.is_lowercase();
            spaced.extend(char.to_lowercase());
        }
        words.extend(spaced.rsplit(|char: char| !char.is_alphanumeric()).map(str::to_owned));
    }
    nearest(words.iter().map(String::as_str), PHONE_KEYS, &[])
}

/// What the nearest word says that says something; `words` come in reverse order.
fn nearest<'a>(words: impl Iterator<Item = &'a str>, phone: &[&str], tells: &[&str]) -> Option<Cue> {
    let mut weak = None;
    for word in words.filter(|word| !word.is_empty()).take(WORDS) {
        match of_word(word, phone, tells) {
            Some(Cue::Weak) => weak = Some(Cue::Weak),
            None => {}
            said => return said,
        }
    }
    weak
}

/// What a word says by itself; of one that says little, another may say more.
fn of_word(word: &str, phone: &[&str], tells: &[&str]) -> Option<Cue> {
    let known = [
        (CARD, Cue::Card),
        (SOCIAL, Cue::Social),
        (phone, Cue::Phone),
        (ID, Cue::Id),
        (VERSION, Cue::Version),
        (NUMBER, Cue::Weak),
        (tells, Cue::Weak),
    ];
    known.into_iter().find(|(words, _)| words.binary_search(&word).is_ok()).map(|(_, cue)| cue)
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_lists_of_words_are_sorted() {
        for list in [
            super::CARD,
            super::SOCIAL,
            super::PHONE,
            super::PHONE_KEYS,
            super::ID,
            super::VERSION,
            super::NUMBER,
            super::TELLS,
        ] {
            assert!(list.is_sorted(), "{list:?}");
        }
    }
}
