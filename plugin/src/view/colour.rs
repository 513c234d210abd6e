//! Colours of the terminal, and when they are used.

/// A foreground colour, by its number among the ANSI escape codes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Colour {
    /// Something is wrong.
    Red = 31,
    /// All is well.
    Green = 32,
    /// On trial, or not known.
    Yellow = 33,
    /// On its way.
    HighBlue = 94,
}

/// Whether colours are used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Palette {
    is_coloured: bool,
}

impl Palette {
    /// Text without colours.
    pub const PLAIN: Self = Self { is_coloured: false };
    /// Text with colours.
    pub const COLOURED: Self = Self { is_coloured: true };

    /// Colours only where a person sees them and does not mind: on a terminal that is not `dumb`,
    /// without `--no-color`, and without `NO_COLOR` in the environment (any text but an empty one,
    /// <https://no-color.org>).
    pub fn for_output(
        is_terminal: bool,
        no_color_flag: bool,
        no_color: Option<&str>,
        term: Option<&str>,
    ) -> Self {
        let unwanted = no_color_flag || no_color.is_some_and(|value| !value.is_empty());
        Self { is_coloured: is_terminal && !unwanted && term != Some("dumb") }
    }

    /// The text in this colour.
    pub fn paint(self, text: &str, colour: Option<Colour>) -> String {
        match colour {
            Some(colour) if self.is_coloured => {
                format!("\u{1b}[{}m{text}\u{1b}[0m", colour as u8)
            }
            _ => text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_for_terminals_of_those_who_want_them() {
        let on = |terminal, flag, no_color, term| {
            Palette::for_output(terminal, flag, no_color, term) == Palette::COLOURED
        };
        assert!(on(true, false, None, Some("xterm-256color")));
        assert!(on(true, false, Some(""), None));
        assert!(!on(false, false, None, Some("xterm-256color")));
        assert!(!on(true, true, None, Some("xterm-256color")));
        assert!(!on(true, false, Some("1"), Some("xterm-256color")));
        assert!(!on(true, false, None, Some("dumb")));
    }

    #[test]
    fn what_has_no_colour_has_no_escape_codes() {
        assert_eq!(
            Palette::COLOURED.paint("stable", Some(Colour::Green)),
            "\u{1b}[32mstable\u{1b}[0m"
        );
        assert_eq!(Palette::COLOURED.paint("x", Some(Colour::HighBlue)), "\u{1b}[94mx\u{1b}[0m");
        assert_eq!(Palette::COLOURED.paint("॥", None), "॥");
        assert_eq!(Palette::PLAIN.paint("stable", Some(Colour::Green)), "stable");
    }
}
