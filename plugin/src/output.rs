//! Where text goes: standard output and standard error, or a test.

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
        writeln!(self.out, "{line}")?;
        self.out.flush()
    }

    /// Prints lines.
    ///
    /// # Errors
    ///
    /// Nobody takes the output.
    pub fn lines(&mut self, lines: &[String]) -> io::Result<()> {
        for line in lines {
            writeln!(self.out, "{line}")?;
        }
        self.out.flush()
    }

    /// Prints a line to standard error.
    ///
    /// # Errors
    ///
    /// Nobody takes the output.
    pub fn complain(&mut self, line: &str) -> io::Result<()> {
        writeln!(self.err, "{line}")?;
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
    fn only_a_terminal_is_cleared() {
        assert_eq!(drawn(true), format!("{CLEAR}a\n{CLEAR}b\n"));
        assert_eq!(drawn(false), "a\n\nb\n");
    }
}
