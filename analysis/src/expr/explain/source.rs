//! Parts of a condition as they are written, and short names for them.

use super::super::ast::{Binary, Kind, Node, Span};
use super::shown::{Shown, cut};

/// How long a part may be that stands in evidence as it is written.
const SHORT_CHARS_MAX: usize = 32;

/// The text of a condition, by characters.
pub(super) struct Source<'a> {
    text: &'a str,
    shown: Shown<'a>,
    /// Where each character begins, if there are others than those of ASCII.
    begins: Vec<usize>,
}

impl<'a> Source<'a> {
    pub(super) fn new(text: &'a str, shown: Shown<'a>) -> Self {
        let begins = if text.is_ascii() {
            Vec::new()
        } else {
            text.char_indices().map(|(at, _)| at).collect()
        };
        Self { text, shown, begins }
    }

    fn slice(&self, span: Span) -> &'a str {
        let byte = |column: u32| {
            let at = column.saturating_sub(1) as usize;
            if self.text.is_ascii() {
                at.min(self.text.len())
            } else {
                self.begins.get(at).copied().unwrap_or(self.text.len())
            }
        };
        self.text.get(byte(span.start)..byte(span.end)).unwrap_or_default()
    }

    /// On one line, what is broken joined again; without the secrets that arguments brought in.
    pub(super) fn line(&self, span: Span) -> String {
        let lines: Vec<&str> = self.slice(span).lines().map(str::trim).collect();
        self.shown.redacted(lines.join(" ").trim())
    }

    /// What two parts were made one of has no text of its own.
    fn written(&self, node: &Node) -> String {
        match &node.kind {
            Kind::Binary(operator @ (Binary::And | Binary::Or), left, right)
                if node.span == Span::NOWHERE =>
            {
                let symbol = operator.symbol();
                format!("{} {symbol} {}", self.written(left), self.written(right))
            }
            _ => self.line(node.span),
        }
    }

    /// A part as it is written; of a longer call, the name.
    pub(super) fn short(&self, node: &Node) -> String {
        let written = self.written(node);
        if written.chars().count() <= SHORT_CHARS_MAX {
            return written;
        }
        match written.split_once('(') {
            Some((name, _))
                if matches!(node.kind, Kind::Builtin(_) | Kind::Call { .. })
                    && name.chars().all(|c| c.is_alphanumeric() || c == '.' || c == '_')
                    && name.len() < SHORT_CHARS_MAX =>
            {
                format!("{name}(…)")
            }
            _ => cut(&written, SHORT_CHARS_MAX),
        }
    }
}
