//! Escapes in quoted texts.

/// The text between the quotes, its escapes resolved.
pub(crate) fn unescape(body: &[char], quote: char) -> Result<String, &'static str> {
    let mut out = String::with_capacity(body.len());
    let mut rest = body.iter().copied().peekable();
    while let Some(c) = rest.next() {
        match c {
            '\r' => {
                if rest.peek() == Some(&'\n') {
                    rest.next();
                }
                out.push('\n');
            }
            '\\' => {
                let escape = rest.next().ok_or("the text ends within an escape")?;
                out.push(match escape {
                    'a' => '\u{7}',
                    'b' => '\u{8}',
                    'f' => '\u{c}',
                    'n' => '\n',
                    'r' => '\r',
                    't' => '\t',
                    'v' => '\u{b}',
                    '\\' => '\\',
                    c if c == quote => c,
                    'x' => hex(&mut rest, 2)?,
                    'u' if rest.peek() == Some(&'{') => {
                        rest.next();
                        braced(&mut rest)?
                    }
                    'u' => hex(&mut rest, 4)?,
                    'U' => hex(&mut rest, 8)?,
                    '0'..='3' => {
                        let digits = [Some(escape), rest.next(), rest.next()];
                        number(digits.into_iter(), 8)?
                    }
                    _ => return Err("there is no such escape"),
                });
            }
            c => out.push(c),
        }
    }
    Ok(out)
}

const BAD: &str = "the escape is not a character";

fn hex(rest: &mut impl Iterator<Item = char>, digits: usize) -> Result<char, &'static str> {
    number((0..digits).map(|_| rest.next()), 16)
}

fn number(digits: impl Iterator<Item = Option<char>>, radix: u32) -> Result<char, &'static str> {
    let mut code = 0_u32;
    for digit in digits {
        let digit = digit.and_then(|c| c.to_digit(radix)).ok_or(BAD)?;
        code = code.checked_mul(radix).and_then(|c| c.checked_add(digit)).ok_or(BAD)?;
    }
    character(code)
}

/// Up to six digits, then the brace that ends them.
fn braced(rest: &mut impl Iterator<Item = char>) -> Result<char, &'static str> {
    let mut code = 0;
    for count in 0..=6 {
        match rest.next() {
            Some('}') if count > 0 => return character(code),
            Some(c) if count < 6 => code = code * 16 + c.to_digit(16).ok_or(BAD)?,
            _ => return Err(BAD),
        }
    }
    Err(BAD)
}

/// Halves of surrogate pairs are read as the replacement character.
fn character(code: u32) -> Result<char, &'static str> {
    match char::from_u32(code) {
        Some(c) => Ok(c),
        None if (0xD800..0xE000).contains(&code) => Ok('\u{FFFD}'),
        None => Err(BAD),
    }
}
