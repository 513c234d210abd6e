//! From text to a template.

use serde_json::Value;

use super::{Block, DEPTH_MAX, JsonPathError, Operator, Path, Slice, Step, error};

/// A part of a template before ranges are put together.
enum Part {
    Path(Path),
    Range(Path),
    End,
}

pub(super) fn template(source: &str) -> Result<Vec<Block>, JsonPathError> {
    let mut parts = Vec::new();
    let mut rest = source;
    while !rest.is_empty() {
        let Some(open) = rest.find('{') else {
            parts.push(Part::Path(vec![text(rest)]));
            break;
        };
        if open > 0 {
            parts.push(Part::Path(vec![text(&rest[..open])]));
        }
        let mut scanner = Scanner { rest: &rest[open + 1..], depth: 0 };
        parts.push(scanner.action(true)?);
        rest = scanner.rest;
    }
    let mut parts = parts.into_iter();
    let blocks = blocks(&mut parts, 0)?;
    if parts.next().is_some() {
        return error("not in range, nothing to end");
    }
    Ok(blocks)
}

/// The blocks up to the end of a range, or of the template.
fn blocks(parts: &mut std::vec::IntoIter<Part>, depth: usize) -> Result<Vec<Block>, JsonPathError> {
    if depth > DEPTH_MAX {
        return error(format!("ranges are nested deeper than {DEPTH_MAX} levels"));
    }
    let mut blocks = Vec::new();
    while let Some(part) = parts.next() {
        match part {
            Part::Path(path) => blocks.push(Block::Path(path)),
            Part::Range(path) => blocks.push(Block::Range(path, self::blocks(parts, depth + 1)?)),
            Part::End if depth > 0 => return Ok(blocks),
            Part::End => return error("not in range, nothing to end"),
        }
    }
    Ok(blocks)
}

fn text(text: &str) -> Step {
    Step::Constant(Value::from(text))
}

/// Reads one action, from behind its brace.
struct Scanner<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Scanner<'a> {
    /// An action within another one, such as an operand of a filter.
    fn inner(&self, source: &str) -> Result<Path, JsonPathError> {
        if self.depth >= DEPTH_MAX {
            return error(format!("the action is nested deeper than {DEPTH_MAX} levels"));
        }
        let mut scanner = Scanner { rest: source, depth: self.depth + 1 };
        match scanner.action(false)? {
            Part::Path(path) => Ok(path),
            Part::Range(_) | Part::End => error("a range cannot be within another action"),
        }
    }

    /// The steps of an action, up to its brace where it is `closed` by one.
    fn action(&mut self, closed: bool) -> Result<Part, JsonPathError> {
        let (mut path, mut range, mut end) = (Path::new(), false, false);
        loop {
            let Some(next) = self.rest.chars().next() else {
                if closed {
                    return error("unclosed action");
                }
                break;
            };
            match next {
                '}' if closed => {
                    self.skip(1);
                    break;
                }
                '\r' | '\n' => return error("unclosed action"),
                ' ' | '@' | '$' => self.skip(1),
                '[' if self.rest.starts_with("[?(") => path.push(self.filter()?),
                '[' => self.bracket(&mut path)?,
                '"' | '\'' => path.push(Step::Constant(self.quoted(next)?.into())),
                '.' if self.rest.starts_with("..") => self.recursive(&mut path)?,
                '.' => {
                    self.skip(1);
                    path.push(self.field());
                }
                '+' | '-' | '0'..='9' => path.push(self.number()?),
                c if c.is_alphanumeric() || c == '_' => {
                    match self.take_while(|c| !is_terminator(c)) {
                        "true" => path.push(Step::Constant(true.into())),
                        "false" => path.push(Step::Constant(false.into())),
                        "range" => range = true,
                        "end" => end = true,
                        word => return error(format!("unrecognized identifier {word}")),
                    }
                }
                other => return error(format!("unrecognized character in action: {other:?}")),
            }
        }
        Ok(match (range, end) {
            (_, true) => Part::End,
            (true, false) => Part::Range(path),
            (false, false) => Part::Path(path),
        })
    }

    fn skip(&mut self, bytes: usize) {
        self.rest = &self.rest[bytes..];
    }

    fn take_while(&mut self, belongs: impl Fn(char) -> bool) -> &'a str {
        let end = self.rest.find(|c| !belongs(c)).unwrap_or(self.rest.len());
        let (taken, rest) = self.rest.split_at(end);
        self.rest = rest;
        taken
    }

    fn recursive(&mut self, path: &mut Path) -> Result<(), JsonPathError> {
        if path.last() == Some(&Step::Recursive) {
            return error("invalid multiple recursive descent");
        }
        self.skip(2);
        path.push(Step::Recursive);
        if self.rest.starts_with(|c: char| c.is_alphanumeric() || c == '_') {
            path.push(self.field());
        }
        Ok(())
    }

    /// A field up to what ends it; a backslash takes the next character as it is.
    fn field(&mut self) -> Step {
        let (mut name, mut escaped, mut end) = (String::new(), false, self.rest.len());
        for (place, c) in self.rest.char_indices() {
            if escaped {
                name.push(c);
                escaped = false;
            } else if c == '\\' {
                escaped = true;
            } else if is_terminator(c) {
                end = place;
                break;
            } else {
                name.push(c);
            }
        }
        self.skip(end);
        if name == "*" { Step::Wildcard } else { Step::Field(name) }
    }

    fn number(&mut self) -> Result<Step, JsonPathError> {
        let begin = self.rest;
        let sign = usize::from(begin.starts_with(['+', '-']));
        self.skip(sign);
        let digits = self.take_while(|c| c.is_ascii_digit() || c == '.');
        let text = &begin[..sign + digits.len()];
        let value = match (text.parse::<i64>(), text.parse::<f64>()) {
            (Ok(whole), _) => Value::from(whole),
            (Err(_), Ok(number)) => Value::from(number),
            (Err(_), Err(_)) => return error(format!("cannot parse number {text}")),
        };
        Ok(Step::Constant(value))
    }

    /// A text in quotes, which are at hand.
    fn quoted(&mut self, quote: char) -> Result<String, JsonPathError> {
        let mut chars = self.rest.char_indices().skip(1);
        let mut text = String::new();
        while let Some((place, c)) = chars.next() {
            match c {
                '\n' => break,
                c if c == quote => {
                    self.skip(place + c.len_utf8());
                    return Ok(text);
                }
                '\\' => match chars.next().map(|(_, c)| c) {
                    Some('n') => text.push('\n'),
                    Some('t') => text.push('\t'),
                    Some('r') => text.push('\r'),
                    Some(c @ ('\\' | '"' | '\'')) => text.push(c),
                    Some(c) => return error(format!("unknown escape \\{c} in a quoted string")),
                    None => break,
                },
                c => text.push(c),
            }
        }
        error("unterminated quoted string")
    }

    fn bracket(&mut self, path: &mut Path) -> Result<(), JsonPathError> {
        let end = self.rest.find([']', '\n']).unwrap_or(self.rest.len());
        if !self.rest[end..].starts_with(']') {
            return error("unterminated array");
        }
        let inside = &self.rest[1..end];
        self.skip(end + 1);
        if inside.contains(',') {
            let member = |member: &str| self.inner(&format!("[{}]", member.trim_matches(' ')));
            let members = inside.split(',').map(member).collect::<Result<_, _>>()?;
            path.push(Step::Union(members));
        } else if let Some(key) = key(inside) {
            path.extend(self.inner(&format!(".{key}"))?);
        } else {
            path.push(Step::Slice(slice(inside)?));
        }
        Ok(())
    }

    fn filter(&mut self) -> Result<Step, JsonPathError> {
        self.skip(3);
        let inside = self.filter_text()?;
        let Some(at) = inside.find(['!', '<', '>', '=']).filter(|at| *at > 0) else {
            return Ok(Step::Exists(self.inner(inside)?));
        };
        let (left, rest) = inside.split_at(at);
        let length = rest.find(|c| !"!<>=~".contains(c)).unwrap_or(rest.len());
        let (operator, right) = rest.split_at(length);
        let operator = match operator {
            "==" => Operator::Equal,
            "!=" => Operator::NotEqual,
            "<" => Operator::Less,
            "<=" => Operator::LessEqual,
            ">" => Operator::Greater,
            ">=" => Operator::GreaterEqual,
            "=~" => Operator::Matches,
            other => return error(format!("unrecognized filter operator {other}")),
        };
        Ok(Step::Filter(self.inner(left)?, operator, self.inner(right)?))
    }

    /// What is between the parentheses of a filter. One within quotes does not close it.
    fn filter_text(&mut self) -> Result<&'a str, JsonPathError> {
        let (mut quote, mut escaped) = (None, false);
        for (place, c) in self.rest.char_indices() {
            match (c, quote) {
                ('\n', _) => break,
                _ if escaped => escaped = false,
                ('\\', _) => escaped = true,
                (c, Some(open)) if c == open => quote = None,
                (_, Some(_)) => {}
                ('"' | '\'', None) => quote = Some(c),
                (')', None) => {
                    let inside = &self.rest[..place];
                    self.skip(place + 1);
                    if !self.rest.starts_with(']') {
                        return error("unclosed array expect ]");
                    }
                    self.skip(1);
                    return Ok(inside);
                }
                _ => {}
            }
        }
        error("unterminated filter")
    }
}

/// What ends a field or an identifier.
fn is_terminator(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\r' | '\n' | '.' | ',' | '[' | ']' | '$' | '@' | '{' | '}')
}

/// The key between single quotes.
fn key(inside: &str) -> Option<&str> {
    let key = inside.strip_prefix('\'')?.strip_suffix('\'')?;
    (!key.contains('\'')).then_some(key)
}

fn slice(inside: &str) -> Result<Slice, JsonPathError> {
    let inside = if inside == "*" { ":" } else { inside };
    let parts: Vec<_> = inside.split(':').collect();
    let number = |place: usize| match parts.get(place) {
        None | Some(&"") => Ok(None),
        Some(text) => match text.parse::<i64>() {
            Ok(number) if !text.starts_with('+') => Ok(Some(number)),
            _ => error(format!("invalid array index {inside}")),
        },
    };
    if parts.len() > 3 {
        return error(format!("invalid array index {inside}"));
    }
    Ok(Slice { from: number(0)?, to: number(1)?, step: number(2)?, single: parts.len() == 1 })
}
