//! Makes one line of any text that others have written. Invariant: the line has nothing that a terminal obeys, and nothing
//! that is invisible or that reorders what stands around it.

/// At most so many characters of a text, in one line: a blank in place of each control character, and a `�` in place of
/// each one that is invisible.
pub(crate) fn one_line(text: &str, longest: usize) -> String {
    let shown = text.chars().map(|each| match each {
        _ if each.is_control() || matches!(each, '\u{2028}' | '\u{2029}') => ' ',
        _ if is_invisible(each) => char::REPLACEMENT_CHARACTER,
        _ => each,
    });
    shown.take(longest).collect::<String>().trim().to_owned()
}

/// Whether nothing is seen of a character, or it reorders or joins what stands around it: what Unicode has as
/// `Default_Ignorable_Code_Point`, and annotations.
pub(crate) fn is_invisible(each: char) -> bool {
    matches!(
        each,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

#[cfg(test)]
mod tests {
    use super::{is_invisible, one_line};

    #[test]
    fn nothing_in_a_line_reorders_it_or_hides_in_it() {
        let text = "no\r\nkey\u{1b}[31m \u{202e}yranac\u{202c} z\u{200b}w\u{feff}j \u{2066}x\u{2069}\u{e0041}\u{2028}end\u{7}";
        let line = one_line(text, 100);
        assert_eq!(line, "no  key [31m �yranac� z�w�j �x�� end");
        assert!(!line.contains(|each: char| each.is_control() || is_invisible(each)));
    }

    #[test]
    fn what_people_write_stays_as_it_is() {
        for text in ["Zażółć gęślą jaźń", "日本語のエラー", "ошибка: ключ", "مفتاح غير صالح", "n\u{303}"]
        {
            assert_eq!(one_line(text, 100), text);
        }
        assert_eq!(one_line(" é ".repeat(99).as_str(), 4), "é");
    }
}
