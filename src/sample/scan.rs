//! Reads names, numbers and punctuation from a text and knows where it stands.
//!
//! It must not know what a model is.

use super::SyntaxError;

/// A number or a string as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Literal<'a> {
    /// Digits with an optional sign.
    Integer(&'a str),
    /// A number with a point or an exponent, or `inf` or `nan`.
    Decimal(&'a str),
    /// A quoted string, escapes resolved.
    Text(String),
}

/// A position in a text.
#[derive(Debug, Clone)]
pub(super) struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl<'a> Scanner<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Scanner { text, at: 0 }
    }

    /// An error at the place that was reached.
    pub(super) fn error(&self, message: impl Into<String>) -> SyntaxError {
        let before = self.text.get(..self.at).unwrap_or(self.text);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        SyntaxError {
            line: before.matches('\n').count() + 1,
            column: before.get(line_start..).map_or(0, |line| line.chars().count()) + 1,
            message: message.into(),
        }
    }

    /// The next byte that is neither space nor comment, which stays unread.
    pub(super) fn peek(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        while let Some(&byte) = bytes.get(self.at) {
            if byte == b'#' {
                while bytes.get(self.at).is_some_and(|&byte| byte != b'\n') {
                    self.at += 1;
                }
            } else if byte.is_ascii_whitespace() {
                self.at += 1;
            } else {
                return Some(byte);
            }
        }
        None
    }

    /// Reads `wanted` if it is next.
    pub(super) fn matches(&mut self, wanted: u8) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += 1;
        }
        found
    }

    /// Reads `wanted`.
    pub(super) fn expect(&mut self, wanted: u8) -> Result<(), SyntaxError> {
        if self.matches(wanted) {
            return Ok(());
        }
        let found = self.rest().chars().next();
        let found = found.map_or("the end of the text".to_string(), |c| format!("`{c}`"));
        Err(self.error(format!("expected `{}`, found {found}", char::from(wanted))))
    }

    /// Reads `item` once or more, with `,` between.
    pub(super) fn list(&mut self, mut item: impl FnMut(&mut Self) -> Result<(), SyntaxError>) -> Result<(), SyntaxError> {
        loop {
            item(self)?;
            if !self.matches(b',') {
                return Ok(());
            }
        }
    }

    /// The identifier that is next, unread; empty if there is none.
    pub(super) fn peek_identifier(&mut self) -> &'a str {
        if !self.peek().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_') {
            return "";
        }
        let rest = self.rest();
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        rest.get(..end.unwrap_or(rest.len())).unwrap_or("")
    }

    /// Reads an identifier.
    pub(super) fn identifier(&mut self) -> Result<&'a str, SyntaxError> {
        let found = self.peek_identifier();
        if found.is_empty() {
            return Err(self.error("expected an identifier"));
        }
        self.at += found.len();
        Ok(found)
    }

    /// Reads `word` if it is the next identifier and `after` follows it.
    pub(super) fn matches_word(&mut self, word: &str, after: u8) -> bool {
        if self.peek_identifier() != word {
            return false;
        }
        let mut ahead = self.clone();
        ahead.at += word.len();
        let found = ahead.matches(after);
        if found {
            *self = ahead;
        }
        found
    }

    /// Whether a name, quoted or not, is next.
    pub(super) fn at_name(&mut self) -> bool {
        self.peek() == Some(b'"') || !self.peek_identifier().is_empty()
    }

    /// Reads a name: an identifier, or anything in quotes.
    pub(super) fn name(&mut self) -> Result<String, SyntaxError> {
        if self.peek() == Some(b'"') {
            return self.quoted();
        }
        self.identifier().map(str::to_string)
    }

    /// Reads a quoted string; a backslash keeps the character behind it.
    pub(super) fn quoted(&mut self) -> Result<String, SyntaxError> {
        self.expect(b'"')?;
        let mut value = String::new();
        let rest = self.rest();
        let mut characters = rest.char_indices();
        while let Some((offset, character)) = characters.next() {
            match character {
                '"' => {
                    self.at += offset + 1;
                    return Ok(value);
                }
                '\\' => value.extend(characters.next().map(|(_, escaped)| escaped)),
                _ => value.push(character),
            }
        }
        Err(self.error("a string is not closed"))
    }

    /// Reads a number or a string.
    pub(super) fn literal(&mut self) -> Result<Literal<'a>, SyntaxError> {
        if self.peek() == Some(b'"') {
            return self.quoted().map(Literal::Text);
        }
        let rest = self.rest();
        let unsigned = rest.strip_prefix('-').unwrap_or(rest);
        let sign = rest.len() - unsigned.len();
        let word = unsigned.find(|c: char| !c.is_ascii_alphabetic());
        let word = unsigned.get(..word.unwrap_or(unsigned.len())).unwrap_or("");
        let is_special = ["inf", "infinity", "nan"].iter().any(|special| word.eq_ignore_ascii_case(special));
        let length = if is_special { word.len() } else { number_length(unsigned) };
        if length == 0 {
            return Err(self.error("expected a number or a string"));
        }
        let number = rest.get(..sign + length).unwrap_or("");
        self.at += number.len();
        let is_integer = number.bytes().all(|b| b.is_ascii_digit() || b == b'-');
        Ok(if is_integer { Literal::Integer(number) } else { Literal::Decimal(number) })
    }

    /// Reads a whole number.
    pub(super) fn integer(&mut self) -> Result<i64, SyntaxError> {
        let before = self.clone();
        let value = match self.literal()? {
            Literal::Integer(digits) => digits.parse().ok(),
            _ => None,
        };
        value.ok_or_else(|| before.error("expected a whole number of 64 bits"))
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }
}

/// The length of the digits, point and exponent that `text` starts with; zero if it starts otherwise.
fn number_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let digits = |from: usize| {
        let rest = bytes.get(from..).unwrap_or(&[]);
        rest.iter().take_while(|b| b.is_ascii_digit()).count()
    };
    let mut end = digits(0);
    if end == 0 {
        return 0;
    }
    if bytes.get(end) == Some(&b'.') {
        end += 1;
        end += digits(end);
    }
    if matches!(bytes.get(end), Some(b'e' | b'E')) {
        end += 1;
        if matches!(bytes.get(end), Some(b'+' | b'-')) {
            end += 1;
        }
        end += digits(end);
    }
    end
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn literals_keep_their_spelling_and_their_kind() {
        let expected = [
            Literal::Integer("-12"),
            Literal::Decimal("1.5e-3"),
            Literal::Decimal("-inf"),
            Literal::Decimal("nan"),
            Literal::Decimal("2."),
            Literal::Text("a\"b".to_string()),
        ];
        let mut scanner = Scanner::new("-12 1.5e-3, -inf nan 2. # remark\n \"a\\\"b\"");
        for wanted in expected {
            assert_eq!(scanner.literal(), Ok(wanted));
            scanner.matches(b',');
        }
        assert_eq!(scanner.peek(), None);
    }

    #[test]
    fn errors_name_line_and_column() {
        let mut scanner = Scanner::new("a\n  é ?");
        assert_eq!(scanner.identifier(), Ok("a"));
        let error = scanner.identifier().unwrap_err();
        assert_eq!((error.line, error.column), (2, 3));
    }
}
