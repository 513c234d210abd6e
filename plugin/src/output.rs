//! Where text goes: standard output and standard error, or a test.

use std::borrow::Cow;
use std::io::{self, Write};

use crate::view::colour::Palette;

/// Clears a terminal and goes to its upper left corner.
const CLEAR: &str = "\u{1b}[H\u{1b}[2J\u{1b}[0;0H";

/// Both outputs, and how the first one is shown.
pub struct Output<'a> {
    out: &'a mut dyn Write,
    err: &'a mut dyn Write,
    /// Colours, or none.
    pub palette: Palette,
    /// Whether a person looks at it: then a watch redraws, else it appends.
    pub is_terminal: bool,
}

impl<'a> Output<'a> {
    /// Outputs without colours that are no terminal.
    pub fn plain(out: &'a mut dyn Write, err: &'a mut dyn Write) -> Self {
        Self { out, err, palette: Palette::PLAIN, is_terminal: false }
    }

    /// The same as a terminal or not, with or without colours.
    #[must_use]
    pub fn shown(self, is_terminal: bool, palette: Palette) -> Self {
        Self { palette, is_terminal, ..self }
    }

    /// Prints a line.
    ///
    /// # Errors
    ///
    /// Nobody takes the output.
    pub fn line(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.out, "{}", printable(line))?;
        self.out.flush()
    }

    /// Prints lines.
    ///
    /// # Errors
    ///
    /// Nobody takes the output.
    pub fn lines(&mut self, lines: &[String]) -> io::Result<()> {
        for line in lines {
            writeln!(self.out, "{}", printable(line))?;
        }
        self.out.flush()
    }

    /// Prints a line to standard error.
    ///
    /// # Errors
    ///
    /// Nobody takes the output.
    pub fn complain(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.err, "{}", printable(line))?;
        self.err.flush()
    }

    /// Takes the place of what a terminal shows; elsewhere follows it, after an empty line.
    ///
    /// # Errors
    ///
    /// Nobody takes the output.
    pub fn redraw(&mut self, lines: &[String], is_first: bool) -> io::Result<()> {
        if self.is_terminal {
            write!(self.out, "{CLEAR}")?;
        } else if !is_first {
            writeln!(self.out)?;
        }
        self.lines(lines)
    }
}

/// A line without what a terminal would obey: messages come from the cluster, and whoever wrote
/// them is not to move the cursor of who reads them. Colours stay.
fn printable(line: &str) -> Cow<'_, str> {
    if !line.contains(char::is_control) {
        return Cow::Borrowed(line);
    }
    let mut clean = String::with_capacity(line.len());
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        if let Some(code) = colour_code(rest) {
            clean.push_str(code);
            rest = &rest[code.len()..];
            continue;
        }
        match c {
            '\n' | '\r' | '\t' => clean.push(' '),
            c if c.is_control() => clean.push(char::REPLACEMENT_CHARACTER),
            c => clean.push(c),
        }
        rest = &rest[c.len_utf8()..];
    }
    Cow::Owned(clean)
}

/// The escape code of a colour that a text begins with.
fn colour_code(text: &str) -> Option<&str> {
    let digits = text.strip_prefix("\u{1b}[")?;
    let end = digits.find(|c: char| !c.is_ascii_digit())?;
    digits[end..].starts_with('m').then(|| &text[..end + "\u{1b}[m".len()])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(is_terminal: bool) -> String {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut output = Output::plain(&mut out, &mut err).shown(is_terminal, Palette::PLAIN);
        output.redraw(&["a".to_owned()], true).unwrap();
        output.redraw(&["b".to_owned()], false).unwrap();
        assert!(err.is_empty());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn messages_do_not_command_the_terminal() {
        let red = Palette::COLOURED.paint("no", Some(crate::view::colour::Colour::Red));
        assert_eq!(printable(&red), red);
        assert_eq!(printable("a\u{1b}[2Jb\u{1b}]0;c\u{7}"), "a\u{fffd}[2Jb\u{fffd}]0;c\u{fffd}");
        assert_eq!(printable("one\ntwo\u{1b}"), "one two\u{fffd}");
        assert_eq!(printable("├── ॥ é"), "├── ॥ é");
    }

    #[test]
    fn only_a_terminal_is_cleared() {
        assert_eq!(drawn(true), format!("{CLEAR}a\n{CLEAR}b\n"));
        assert_eq!(drawn(false), "a\n\nb\n");
    }
}
