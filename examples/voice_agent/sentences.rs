//! A text that is still being written → its sentences, each once and as soon as it is whole.

#[derive(Default)]
pub(crate) struct Sentences {
    taken: usize,
}

impl Sentences {
    /// The next sentence of a text that has only grown since the last call. Its last one comes when the text is whole.
    pub(crate) fn next(&mut self, text: &str, is_whole: bool) -> Option<String> {
        let rest = text.get(self.taken..)?;
        let end = end_of_sentence(rest).or_else(|| is_whole.then_some(rest.len()))?;
        let sentence = rest[..end].trim();
        if !says_something(sentence) {
            return None;
        }
        self.taken += end;
        Some(sentence.to_owned())
    }

    /// Whether there was none yet.
    pub(crate) fn is_empty(&self) -> bool {
        self.taken == 0
    }
}

/// A full stop may stand in a number: white space after it says that it ended something.
fn end_of_sentence(text: &str) -> Option<usize> {
    let mut spaces = text.match_indices(char::is_whitespace).map(|(at, _)| at);
    spaces.find(|at| text[..*at].ends_with(['.', '!', '?']) && says_something(&text[..*at]))
}

fn says_something(text: &str) -> bool {
    text.contains(char::is_alphanumeric)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The sentences that each longer beginning of the text brings; the last one is the whole of it.
    fn taken<const N: usize>(beginnings: [&str; N]) -> [Vec<String>; N] {
        let mut sentences = Sentences::default();
        let mut count = 0;
        beginnings.map(|text| {
            count += 1;
            std::iter::from_fn(|| sentences.next(text, count == N)).collect()
        })
    }

    #[test]
    fn a_sentence_comes_when_the_next_one_begins() {
        let beginnings = [
            "It costs 3",
            "It costs 3.",
            "It costs 3.50! ",
            "It costs 3.50! Any",
            "It costs 3.50! Anything?",
        ];
        assert_eq!(
            taken(beginnings).map(|taken| taken.concat()),
            ["", "", "It costs 3.50!", "", "Anything?"]
        );
    }

    #[test]
    fn a_whole_text_gives_all_of_its_sentences() {
        assert_eq!(taken(["Yes. Half past two? ... Good"]), [["Yes.", "Half past two?", "... Good"]]);
    }

    #[test]
    fn what_says_nothing_is_no_sentence() {
        assert_eq!(taken(["", " ", " ...", " ... "]), [const { Vec::<String>::new() }; 4]);
    }
}
