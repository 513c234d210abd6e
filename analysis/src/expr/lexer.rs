//! Text into tokens.

use super::error::{CompileError, quoted};
use super::quoted as escapes;

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Kind {
    Name,
    Number,
    Text,
    /// Operators, and words that are one.
    Operator,
    Bracket,
    End,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Token {
    pub(crate) kind: Kind,
    pub(crate) text: String,
    pub(crate) column: u32,
    /// The column behind it.
    pub(crate) end: u32,
}

impl Token {
    pub(crate) fn is_operator(&self, text: &str) -> bool {
        self.kind == Kind::Operator && self.text == text
    }

    pub(crate) fn is_bracket(&self, text: &str) -> bool {
        self.kind == Kind::Bracket && self.text == text
    }

    /// As it is named in a message.
    pub(crate) fn shown(&self) -> String {
        match self.kind {
            Kind::End => "the end of the expression".to_owned(),
            Kind::Text if self.text.len() > 60 => quoted(&self.text),
            Kind::Text => format!("the text {}", quoted(&self.text)),
            Kind::Name | Kind::Number | Kind::Operator | Kind::Bracket => {
                format!("`{}`", self.text)
            }
        }
    }
}

const WORDS: [&str; 11] = [
    "in",
    "or",
    "and",
    "not",
    "matches",
    "contains",
    "startsWith",
    "endsWith",
    "let",
    "if",
    "else",
];

/// Of what names are made.
fn begins_name(c: char) -> bool {
    c == '_' || c == '$' || c.is_alphabetic()
}

fn continues_name(c: char) -> bool {
    begins_name(c) || c.is_numeric()
}

/// What may stand after a dot: a name, or a word that is an operator elsewhere.
pub(crate) fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(begins_name) && chars.all(continues_name)
}

pub(crate) fn tokens(source: &str) -> Result<Vec<Token>, CompileError> {
    let mut lexer = Lexer { chars: source.chars().collect(), at: 0, out: Vec::new() };
    while lexer.next_token()? {}
    let column = lexer.column();
    lexer.out.push(Token { kind: Kind::End, text: String::new(), column, end: column });
    Ok(lexer.out)
}

struct Lexer {
    chars: Vec<char>,
    at: usize,
    out: Vec<Token>,
}

impl Lexer {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn peek_second(&self) -> Option<char> {
        self.chars.get(self.at + 1).copied()
    }

    fn column(&self) -> u32 {
        u32::try_from(self.at + 1).unwrap_or(u32::MAX)
    }

    fn accept(&mut self, any: &str) -> bool {
        let found = self.peek().is_some_and(|c| any.contains(c));
        self.at += usize::from(found);
        found
    }

    fn accept_all(&mut self, any: &str) {
        while self.accept(any) {}
    }

    fn push(&mut self, kind: Kind, start: usize) {
        let text: String = self.chars[start..self.at].iter().collect();
        let column = u32::try_from(start + 1).unwrap_or(u32::MAX);
        self.out.push(Token { kind, text, column, end: self.column() });
    }

    /// False at the end.
    fn next_token(&mut self) -> Result<bool, CompileError> {
        let start = self.at;
        let Some(c) = self.peek() else { return Ok(false) };
        match c {
            c if c.is_whitespace() => self.at += 1,
            '\'' | '"' => self.quoted(c)?,
            '`' => self.raw()?,
            'b' | 'B' if matches!(self.peek_second(), Some('\'' | '"')) => {
                return Err(CompileError::at(self.column(), "byte literals are not supported"));
            }
            '0'..='9' => self.number()?,
            '.' if self.peek_second().is_some_and(|c| c.is_ascii_digit()) => self.number()?,
            '.' => self.operator(start, "."),
            '?' => self.operator(start, ".?"),
            '#' => self.operator(start, "#"),
            '|' => self.operator(start, "|"),
            ':' => self.operator(start, ":"),
            '&' | '!' | '=' | '*' | '<' | '>' => self.operator(start, "&=*"),
            ',' | ';' | '%' | '+' | '-' | '^' => self.operator(start, ""),
            '/' => self.slash()?,
            '(' | '[' | '{' | ')' | ']' | '}' => {
                self.at += 1;
                self.push(Kind::Bracket, start);
            }
            c if continues_name(c) => self.name(),
            c => {
                let message = format!("the character {c:?} means nothing here");
                return Err(CompileError::at(self.column(), message));
            }
        }
        Ok(true)
    }

    fn operator(&mut self, start: usize, second: &str) {
        self.at += 1;
        self.accept(second);
        self.push(Kind::Operator, start);
    }

    fn name(&mut self) {
        let start = self.at;
        while self.peek().is_some_and(continues_name) {
            self.at += 1;
        }
        let text: String = self.chars[start..self.at].iter().collect();
        let kind = if WORDS.contains(&text.as_str()) { Kind::Operator } else { Kind::Name };
        self.push(kind, start);
    }

    fn slash(&mut self) -> Result<(), CompileError> {
        let (start, column) = (self.at, self.column());
        self.at += 1;
        if self.accept("/") {
            while self.peek().is_some_and(|c| c != '\n') {
                self.at += 1;
            }
        } else if self.accept("*") {
            loop {
                match self.peek() {
                    None => return Err(CompileError::at(column, "the comment does not end")),
                    Some('*') if self.peek_second() == Some('/') => break,
                    Some(_) => self.at += 1,
                }
            }
            self.at += 2;
        } else {
            self.push(Kind::Operator, start);
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), CompileError> {
        let start = self.at;
        let column = self.column();
        let mut digits = "0123456789_";
        if self.accept("0") {
            if self.accept("xX") {
                digits = "0123456789abcdefABCDEF_";
            } else if self.accept("oO") {
                digits = "01234567_";
            } else if self.accept("bB") {
                digits = "01_";
            }
        }
        self.accept_all(digits);
        if self.peek() == Some('.') {
            // `1..3` is a range, not the number `1.` and a dot.
            if self.peek_second() == Some('.') {
                self.push(Kind::Number, start);
                return Ok(());
            }
            self.at += 1;
            self.accept_all(digits);
        }
        if self.accept("eE") {
            self.accept("+-");
            self.accept_all(digits);
        }
        if self.peek().is_some_and(continues_name) {
            return Err(CompileError::at(column, "this is not a number"));
        }
        self.push(Kind::Number, start);
        Ok(())
    }

    fn quoted(&mut self, quote: char) -> Result<(), CompileError> {
        let column = self.column();
        let start = self.at + 1;
        self.at = start;
        loop {
            match self.peek() {
                None | Some('\n') => {
                    return Err(CompileError::at(column, "the text does not end on its line"));
                }
                Some('\\') => self.at += 2,
                Some(c) if c == quote => break,
                Some(_) => self.at += 1,
            }
        }
        let text = escapes::unescape(&self.chars[start..self.at], quote)
            .map_err(|message| CompileError::at(column, message))?;
        self.at += 1;
        self.out.push(Token { kind: Kind::Text, text, column, end: self.column() });
        Ok(())
    }

    /// Between backticks nothing is escaped, and two of them are one.
    fn raw(&mut self) -> Result<(), CompileError> {
        let column = self.column();
        let mut text = String::new();
        self.at += 1;
        loop {
            match self.peek() {
                None => return Err(CompileError::at(column, "the text does not end")),
                Some('`') if self.peek_second() == Some('`') => {
                    text.push('`');
                    self.at += 2;
                }
                Some('`') => break,
                Some(c) => {
                    text.push(c);
                    self.at += 1;
                }
            }
        }
        self.at += 1;
        self.out.push(Token { kind: Kind::Text, text, column, end: self.column() });
        Ok(())
    }
}
