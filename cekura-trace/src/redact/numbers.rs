//! Numbers of cards, of phones and of the US social security, in whatever groups they are written. Invariant: dates, times, amounts and
//! ids are none, unless a word says so.

use super::cue::{Cue, Path};
use super::words::{Found, Next, begins_word, ends_word, is_word};
use std::cell::OnceCell;
use std::ops::Range;

const CARD: &str = "card";
const PHONE: &str = "phone";
const SSN: &str = "ssn";

/// The most groups of digits that are looked at together.
const MOST: usize = 48;
/// The fewest digits of what is found.
const LEAST: usize = 7;

/// Groups of digits with little between them.
struct Run<'a> {
    text: &'a str,
    path: &'a Path<'a>,
    /// At least one.
    groups: Vec<Range<usize>>,
    /// How many digits each has.
    lengths: Vec<usize>,
    /// The digits of all.
    digits: Vec<u8>,
    /// Where those of each group begin, and where the last one's end.
    begins: Vec<usize>,
}

/// Finds out what is said of a number.
type Said<'a> = dyn Fn() -> Option<Cue> + 'a;

/// What is found in the digits that begin at `at`.
pub(super) fn find(text: &str, at: usize, path: &Path<'_>) -> Next {
    let groups = groups(text.as_bytes(), at);
    let end = groups.last().map_or(at + 1, |last| last.end);
    if groups.iter().map(Range::len).sum::<usize>() < LEAST {
        return (Vec::new(), end);
    }
    let run = Run::new(text, path, groups);
    let Some(free) = run.free() else { return (Vec::new(), end) };
    let mut found = Vec::new();
    let mut from = free.start;
    while let Some((card, kind)) = (from..free.end).find_map(|first| Some((run.card(first, free.end)?, CARD)))
    {
        run.find_others(from..card.start, &mut found);
        found.push(Found { range: run.range(&card), kind });
        from = card.end;
    }
    run.find_others(from..free.end, &mut found);
    let end = found.last().map_or(end, |last| last.range.end.max(end));
    (found, end)
}

/// The groups of digits that begin at `at`.
fn groups(bytes: &[u8], at: usize) -> Vec<Range<usize>> {
    let digits = |from: usize| from + bytes[from..].iter().take_while(|byte| byte.is_ascii_digit()).count();
    let mut end = digits(at);
    let mut groups = vec![at..end];
    while groups.len() < MOST {
        let is_between = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'-' | b'.' | b'/' | b'(' | b')' | b',');
        let mut next = end + bytes[end..].iter().take(4).take_while(is_between).count();
        // As a form of HTML sends a space.
        if next == end && bytes[end..].starts_with(b"%20") {
            next = end + 3;
        }
        if next == end || !bytes.get(next).is_some_and(u8::is_ascii_digit) {
            break;
        }
        end = digits(next);
        groups.push(next..end);
    }
    groups
}

impl<'a> Run<'a> {
    fn new(text: &'a str, path: &'a Path<'a>, groups: Vec<Range<usize>>) -> Self {
        let bytes = text.as_bytes();
        let lengths: Vec<_> = groups.iter().map(Range::len).collect();
        let (mut digits, mut begins) = (Vec::with_capacity(lengths.iter().sum()), vec![0]);
        for group in &groups {
            digits.extend(bytes[group.clone()].iter().map(|byte| byte - b'0'));
            begins.push(digits.len());
        }
        Self { text, path, groups, lengths, digits, begins }
    }

    /// The groups that are in no word, such as the name of a model.
    fn free(&self) -> Option<Range<usize>> {
        let bytes = self.text.as_bytes();
        let (first, last) = (self.groups.first()?, self.groups.last()?);
        let (mut from, mut to) = (0, self.groups.len());
        let is_letter =
            |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(|byte| is_word(*byte));
        let hyphen_before =
            first.start >= 2 && bytes[first.start - 1] == b'-' && is_letter(first.start.checked_sub(2));
        if hyphen_before || !begins_word(bytes, first.start) {
            from = 1;
            while from < to && self.between(from) == "-" {
                from += 1;
            }
        }
        let hyphen_behind = bytes.get(last.end) == Some(&b'-') && is_letter(Some(last.end + 1));
        if hyphen_behind || !ends_word(bytes, last.end) && self.extension(last.end).is_none() {
            to -= 1;
            while to > from && self.between(to) == "-" {
                to -= 1;
            }
        }
        (from < to).then_some(from..to)
    }

    /// What is between a group and the one before it.
    fn between(&self, group: usize) -> &str {
        &self.text[self.groups[group - 1].end..self.groups[group].start]
    }

    fn range(&self, groups: &Range<usize>) -> Range<usize> {
        self.groups[groups.start].start..self.groups[groups.end - 1].end
    }

    fn digits(&self, groups: &Range<usize>) -> &[u8] {
        &self.digits[self.begins[groups.start]..self.begins[groups.end]]
    }

    fn cue(&self, group: usize) -> Option<Cue> {
        self.path.cue(&self.text[..self.groups[group].start])
    }

    /// The groups from `first` on that are the number of a card: as many as there can be.
    fn card(&self, first: usize, end: usize) -> Option<Range<usize>> {
        let (mut length, mut card) = (0, None);
        for last in first..end {
            length += self.lengths[last];
            if length > 19 || last > first && self.between(last).contains('/') {
                break;
            }
            let groups = first..last + 1;
            if length >= 12 && is_card(self.digits(&groups)) && self.is_meant(&groups) {
                card = Some(groups);
            }
        }
        card
    }

    /// Whether digits that may be a card's are no id by chance.
    fn is_meant(&self, groups: &Range<usize>) -> bool {
        let lengths = &self.lengths[groups.clone()];
        let is_grouped = matches!(*lengths, [4, 4, 4, 4] | [4, 4, 4, 4, 3] | [4, 6, 4 | 5]);
        let is_even = self.is_even(groups) || lengths.iter().all(|length| *length == 1);
        let is_issued = has_issuer(self.digits(groups)) && is_even;
        match self.cue(groups.start) {
            Some(Cue::Card) => true,
            Some(Cue::Id | Cue::Version) => is_grouped && is_issued,
            _ => is_grouped || is_issued,
        }
    }

    /// Phones and social security numbers among these groups.
    fn find_others(&self, groups: Range<usize>, found: &mut Vec<Found>) {
        let (mut first, mut from) = (groups.start, groups.start);
        while first < groups.end {
            let date = self.date(first, &groups);
            let is_parted = first > from && self.between(first).contains(',');
            if date.is_some() || is_parted {
                self.find_in_piece(from..first, found);
                first = date.unwrap_or(first);
                from = first;
            }
            if date.is_none() {
                first += 1;
            }
        }
        self.find_in_piece(from..groups.end, found);
    }

    /// The end of a date that begins here.
    fn date(&self, first: usize, groups: &Range<usize>) -> Option<usize> {
        let end = first + 3;
        if end > groups.end {
            return None;
        }
        let sign = self.between(first + 1);
        let is_one = matches!(sign, "-" | "/" | "." | " ") && self.between(first + 2) == sign;
        if !is_one {
            return None;
        }
        let goes_on = end < groups.end && self.between(end) == sign && sign != " "
            || first > groups.start && self.between(first) == sign && sign != " ";
        let numbers =
            [0, 1, 2].map(|part| self.text[self.groups[first + part].clone()].parse().unwrap_or(9_999));
        let lengths = [0, 1, 2].map(|part| self.lengths[first + part]);
        let is_day = |day: u32, month: u32| {
            (1..=31).contains(&day) && (1..=12).contains(&month)
                || (1..=12).contains(&day) && (1..=31).contains(&month)
        };
        let is_date = match lengths {
            [4, 1 | 2, 1 | 2] => (1900..2100).contains(&numbers[0]) && is_day(numbers[1], numbers[2]),
            [1 | 2, 1 | 2, 4] => (1900..2100).contains(&numbers[2]) && is_day(numbers[0], numbers[1]),
            [2, 2, 2] => sign != " " && (is_day(numbers[0], numbers[1]) || is_day(numbers[1], numbers[2])),
            _ => false,
        };
        (!goes_on && is_date).then_some(end)
    }

    /// The longest number first, wherever one may begin.
    fn find_in_piece(&self, piece: Range<usize>, found: &mut Vec<Found>) {
        let mut first = piece.start;
        while first < piece.end && self.range(&(first..piece.end)).len() >= LEAST {
            let is_start = first == piece.start || self.between(first).contains([' ', '\t', '%']);
            let known = OnceCell::new();
            let cue = || *known.get_or_init(|| self.cue(first));
            let mut ends = (first + 1..=piece.end).rev().filter(|_| is_start);
            let kind = |end| Some((self.kind(&(first..end), &piece, &cue)?, end));
            let Some((kind, end)) = ends.find_map(kind) else {
                first += 1;
                continue;
            };
            let Range { mut start, end: mut last } = self.range(&(first..end));
            if kind == PHONE {
                let is_opening = |byte: &u8| matches!(byte, b'+' | b'(');
                start -= self.text.as_bytes()[..start]
                    .iter()
                    .rev()
                    .take(2)
                    .take_while(|byte| is_opening(byte))
                    .count();
                last = self.extension(last).unwrap_or(last);
            }
            found.push(Found { range: start..last, kind });
            first = end;
        }
    }

    /// What these groups are, if they are one number.
    fn kind(&self, groups: &Range<usize>, piece: &Range<usize>, cue: &Said<'_>) -> Option<&'static str> {
        let digits = self.digits(groups);
        let is_end = || groups.end == piece.end || self.between(groups.end).contains([' ', '\t', '%']);
        if !(LEAST..=19).contains(&digits.len()) || !is_end() {
            return None;
        }
        if self.is_social(groups, &digits, cue) {
            return Some(SSN);
        }
        self.is_phone(groups, &digits, cue).then_some(PHONE)
    }

    /// Whether the same stands between all groups.
    fn is_even(&self, groups: &Range<usize>) -> bool {
        (groups.start + 2..groups.end).all(|group| self.between(group) == self.between(groups.start + 1))
    }

    /// A number of the US social security, or of its tax office for those who have none.
    fn is_social(&self, groups: &Range<usize>, digits: &[u8], cue: &Said<'_>) -> bool {
        if digits.len() != 9 {
            return false;
        }
        let is_written = match self.lengths[groups.clone()] {
            [9] => cue() == Some(Cue::Social),
            [3, 2, 4] => self.is_even(groups) && matches!(self.between(groups.start + 1), "-" | " " | "."),
            _ => false,
        };
        let area = &digits[..3];
        is_written && area != [0; 3] && area != [6; 3] && digits[3..5] != [0; 2] && digits[5..] != [0; 4]
    }

    fn is_phone(&self, groups: &Range<usize>, digits: &[u8], cue: &Said<'_>) -> bool {
        let (bytes, range) = (self.text.as_bytes(), self.range(groups));
        let sign = |back: usize| range.start.checked_sub(back).map(|at| bytes[at]);
        let is_open = sign(1) == Some(b'(');
        let before = if is_open { 2 } else { 1 };
        let has_plus =
            sign(before) == Some(b'+') && !sign(before + 1).is_some_and(|byte| byte.is_ascii_digit());
        let three = range.start.checked_sub(3).map(|at| &bytes[at..range.start]);
        let has_plus = has_plus || three.is_some_and(|three| three.eq_ignore_ascii_case(b"%2b"));
        let most = if has_plus || digits.starts_with(&[0, 0]) { 17 } else { 15 };
        if digits.len() > most || self.is_beside_number(&range) {
            return false;
        }
        if has_plus || self.is_amount(groups, &range) {
            return has_plus && digits[0] != 0;
        }
        let lengths = &self.lengths[groups.clone()];
        let is_book = digits.len() == 13 && digits[0] == 9 && digits[1] == 7 && digits[2] >= 8;
        if is_book {
            return false;
        }
        match cue() {
            Some(Cue::Card | Cue::Id | Cue::Social | Cue::Version) => false,
            Some(Cue::Phone) => true,
            Some(Cue::Weak) if lengths.len() == 1 => {
                (9..=13).contains(&digits.len()) && !digits.ends_with(&[0; 4])
            }
            // The expiry of a card is none.
            Some(Cue::Weak) if lengths.len() < 6 && !self.text[range.clone()].contains('/') => true,
            _ => is_shaped(lengths, digits, is_open) || lengths.len() < 5 && self.is_spoken(digits, &range),
        }
    }

    /// Whether somebody says nothing but a number.
    fn is_spoken(&self, digits: &[u8], range: &Range<usize>) -> bool {
        const SPEECH: [&str; 5] = ["transcript", "text", "output", "content", "message"];
        let rest = [&self.text[..range.start], &self.text[range.end..]];
        let is_alone = rest[0].len() + rest[1].len() < 8
            && !rest.iter().any(|rest| rest.contains(char::is_alphanumeric));
        let is_time = digits[0] == 1 && digits.len() == 10;
        let is_speech = || self.path.last().is_some_and(|last| SPEECH.contains(&last));
        is_alone && matches!(digits.len(), 10 | 11) && !is_time && is_speech()
    }

    /// Whether it is part of a time, or of a range of numbers.
    fn is_beside_number(&self, range: &Range<usize>) -> bool {
        let bytes = self.text.as_bytes();
        let is_digit = |at: Option<usize>| at.and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_digit);
        let before =
            range.start >= 2 && bytes[range.start - 1] == b':' && is_digit(range.start.checked_sub(2));
        let behind = bytes.get(range.end) == Some(&b':') && is_digit(Some(range.end + 1));
        let is_mark = self.text[range.end..].starts_with(" bytes missing]");
        before || behind || is_mark
    }

    /// Whether it is money, or a number with its thousands parted, or with a fraction.
    fn is_amount(&self, groups: &Range<usize>, range: &Range<usize>) -> bool {
        const BEFORE: [&str; 8] = ["$", "£", "¥", "€", "₹", " EUR", " GBP", " USD"];
        const BEHIND: [&str; 15] = [
            "$", "%", "£", "¥", "€", "₹", "EUR", "GBP", "USD", "bytes", "dollars", "euros", "kr", "ms", "zł",
        ];
        let (before, behind) = (self.text[..range.start].trim_end(), self.text[range.end..].trim_start());
        let ends = |rest: &str| !rest.starts_with(char::is_alphanumeric);
        let has_unit = BEFORE.iter().any(|unit| before.ends_with(unit))
            || BEHIND.iter().any(|unit| behind.strip_prefix(unit).is_some_and(ends));
        let lengths = &self.lengths[groups.clone()];
        let has_zero = self.text[range.clone()].starts_with('0');
        let signs = || (groups.start + 1..groups.end).map(|group| self.between(group));
        let dots = signs().filter(|sign| *sign == ".").count();
        let has_thousands = lengths.len() > 1
            && lengths[1..].iter().all(|length| *length == 3)
            && signs().all(|sign| matches!(sign, "." | " "))
            && (dots > 0 || lengths[0] < 3);
        // Of dots, a phone's number has as many as it has gaps, or none.
        let has_fraction = dots > 0 && (dots + 1 < lengths.len() || lengths.len() == 2);
        has_unit || has_thousands && !has_zero || has_fraction && !(has_zero && lengths[0] > 1)
    }

    /// Where an extension ends that follows a phone's number.
    fn extension(&self, end: usize) -> Option<usize> {
        let rest = &self.text[end..];
        let words = ["x", " x", " ext. ", " ext ", " ext.", "ext.", "ext", ", ext. ", " #", " extension "];
        words.into_iter().filter_map(|word| rest.strip_prefix(word)).find_map(|digits| {
            let length = digits.bytes().take_while(u8::is_ascii_digit).count();
            let at = self.text.len() - digits.len() + length;
            ((1..=6).contains(&length) && ends_word(self.text.as_bytes(), at)).then_some(at)
        })
    }
}

/// Whether the groups are those of a phone's number.
fn is_shaped(lengths: &[usize], digits: &[u8], is_open: bool) -> bool {
    if lengths.len() >= 9 && lengths.iter().all(|length| *length == 1) {
        let is_next = |two: &[u8]| two[0].abs_diff(two[1]) == 1 || *two == [9, 0];
        return !digits.windows(2).all(is_next);
    }
    if let [length] = *lengths {
        return digits[0] == 0 && (9..=16).contains(&length) && !digits.starts_with(&[0, 0, 0]);
    }
    let is_local = digits[0] == 0 && digits.len() >= if lengths[0] > 1 { 8 } else { 9 };
    // As in "in 2026 150000 people".
    let is_year = matches!(digits, [1, 9, ..] | [2, 0, ..]);
    is_local && lengths != [5, 4]
        || is_open && digits.len() >= 7 && lengths[0] <= 5
        || lengths == [4, 6] && !is_year
        || SHAPES.contains(&lengths)
}

/// How many digits the groups of numbers have that begin with neither a `+` nor a zero.
const SHAPES: [&[usize]; 17] = [
    &[1, 3, 3, 2, 2],
    &[1, 3, 3, 4],
    &[2, 3, 2, 2],
    &[2, 3, 4],
    &[2, 4, 4],
    &[2, 4, 5],
    &[2, 5, 4],
    &[3, 2, 2, 2],
    &[3, 3, 2, 2],
    &[3, 3, 3],
    &[3, 3, 4],
    &[3, 4, 4],
    &[3, 5, 4],
    &[3, 6],
    &[3, 7],
    &[5, 5],
    &[5, 6],
];

/// The check digit of ISO 7812.
fn is_card(digits: &[u8]) -> bool {
    let sum = digits.iter().rev().enumerate().map(|(place, digit)| match (place % 2, digit) {
        (0, digit) => u32::from(*digit),
        (_, 5..) => u32::from(*digit) * 2 - 9,
        (_, digit) => u32::from(*digit) * 2,
    });
    sum.sum::<u32>() % 10 == 0 && digits.iter().any(|digit| *digit != 0)
}

/// Whether cards are issued that begin so, and are so long.
fn has_issuer(digits: &[u8]) -> bool {
    let first = digits[..4].iter().fold(0, |number, digit| number * 10 + u32::from(*digit));
    match digits.len() {
        12 => matches!(first, 5000..=5099 | 5600..=5899 | 6000..=6999 | 604),
        13 => matches!(first, 4000..=4999 | 5000..=5099 | 5600..=5899 | 6304 | 6759..=6763),
        14 => matches!(first, 3000..=3059 | 3095 | 3600..=3699 | 3800..=3999),
        15 => matches!(first, 3400..=3499 | 3700..=3799 | 2131 | 1800),
        16 => {
            matches!(first, 2221..=2720 | 3000..=3059 | 3500..=3599 | 3600..=3999 | 4000..=4999 | 5000..=5999 | 6000..=6999)
        }
        17 | 18 => matches!(first, 5000..=5099 | 5600..=5899 | 6000..=6999),
        19 => matches!(first, 4000..=4999 | 5000..=5099 | 5600..=5899 | 6000..=6999),
        _ => false,
    }
}
