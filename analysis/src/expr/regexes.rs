//! Regular expressions as Go writes them, within the budget.
//!
//! A text is read by an automaton that is built while it reads: fast, except where the text leads to
//! ever new states. Then all states of the expression are followed at once, which takes a text's
//! length times the expression's size. The crate `regex` falls back to that by itself and does not
//! say so: `[a-c]*a[a-c]{3000}d` took 36 s for 1 MiB of `a` (measured, release build). Here the
//! engines are used one by one, and the second one is paid for before it runs. With the default
//! limits, 24 patterns on 5 texts of 1 MiB and of 20 KB took 0.17 s at most, an ordinary one 2 ms
//! for 1 MiB; what would take longer is an error of the budget, after 35 ms at most.

use std::sync::Arc;

use regex_automata::hybrid::dfa::{self, DFA};
use regex_automata::nfa::thompson::pikevm::PikeVM;
use regex_automata::nfa::thompson::{self, NFA, WhichCaptures};
use regex_automata::util::syntax;
use regex_automata::{Input, MatchKind};

use super::budget::Budget;
use super::error::Fault;

/// The largest compiled expression: nested repetitions grow by multiplication.
const COMPILED_BYTES_MAX: usize = 256 * 1024;

/// The longest pattern.
const PATTERN_BYTES_MAX: usize = 4096;

/// How deep groups may be nested.
const NESTED_MAX: u32 = 50;

/// What the automaton may keep of its states, and how often it may forget them all: what is harder
/// than that goes to the other engine.
const AUTOMATON_BYTES_MAX: usize = 256 * 1024;
const FORGOTTEN_MAX: usize = 10;

/// What building all states of one automaton is worth, at most, as often as it is used.
const BUILDING_STEPS_MAX: usize = 500_000;

/// How many states of an expression are followed for a step.
const STATES_A_STEP: usize = 8;

/// How many patterns an evaluation keeps compiled.
const KEPT_MAX: usize = 4;

/// A compiled pattern, and what was learned while it was used.
#[derive(Debug)]
pub(crate) struct Pattern {
    states: usize,
    automaton: Option<(DFA, dfa::Cache)>,
    thorough: PikeVM,
    built: usize,
}

/// Compiled patterns, the latest last: a condition has one or two, and uses them for each element.
#[derive(Debug, Default)]
pub(crate) struct Patterns(Vec<(Arc<str>, Pattern)>);

impl Patterns {
    pub(crate) fn is_match(
        &mut self,
        pattern: &Arc<str>,
        text: &str,
        budget: &mut Budget,
    ) -> Result<bool, Fault> {
        let known = self.0.iter_mut().find(|(known, _)| known == pattern);
        if let Some((_, compiled)) = known {
            return compiled.is_match(text, budget);
        }
        // To read a pattern costs far more than to read a text.
        budget.steps(1000 + 20 * pattern.len())?;
        let mut compiled = Pattern::compile(pattern).map_err(Fault::Message)?;
        budget.steps(5 * compiled.states)?;
        let found = compiled.is_match(text, budget);
        if self.0.len() == KEPT_MAX {
            self.0.remove(0);
        }
        self.0.push((pattern.clone(), compiled));
        found
    }
}

impl Pattern {
    pub(crate) fn compile(pattern: &str) -> Result<Self, String> {
        if pattern.len() > PATTERN_BYTES_MAX {
            return Err(format!("the regular expression is longer than {PATTERN_BYTES_MAX} bytes"));
        }
        let bad = |reason: String| {
            let last = reason.lines().last().unwrap_or_default();
            format!("not a regular expression: {}", last.trim_start_matches("error: "))
        };
        let config = thompson::Config::new()
            .nfa_size_limit(Some(COMPILED_BYTES_MAX))
            .which_captures(WhichCaptures::None);
        let nfa = thompson::Compiler::new()
            .syntax(syntax::Config::new().nest_limit(NESTED_MAX))
            .configure(config)
            .build(&translate(pattern))
            .map_err(|error| match std::error::Error::source(&error) {
                Some(source) => bad(source.to_string()),
                None => bad(error.to_string()),
            })?;
        let thorough =
            PikeVM::builder().build_from_nfa(nfa.clone()).map_err(|e| bad(e.to_string()))?;
        let (states, built) = (nfa.states().len(), 0);
        Ok(Self { states, automaton: automaton(nfa), thorough, built })
    }

    fn is_match(&mut self, text: &str, budget: &mut Budget) -> Result<bool, Fault> {
        let followed = text.len().saturating_mul(self.states) / STATES_A_STEP;
        let input = Input::new(text).earliest(true);
        budget.read(text)?;
        if let Some((automaton, states)) = &mut self.automaton {
            let building = followed.min(BUILDING_STEPS_MAX - self.built);
            budget.steps(building)?;
            self.built += building;
            if let Ok(found) = automaton.try_search_fwd(states, &input) {
                return Ok(found.is_some());
            }
        }
        budget.steps(followed)?;
        Ok(self.thorough.is_match(&mut self.thorough.create_cache(), input))
    }
}

fn automaton(nfa: NFA) -> Option<(DFA, dfa::Cache)> {
    let config = DFA::config()
        .match_kind(MatchKind::LeftmostFirst)
        .cache_capacity(AUTOMATON_BYTES_MAX)
        .skip_cache_capacity_check(true)
        .minimum_cache_clear_count(Some(FORGOTTEN_MAX));
    let automaton = DFA::builder().configure(config).build_from_nfa(nfa).ok()?;
    let states = automaton.create_cache();
    Some((automaton, states))
}

/// In Go, `\d` and its like are ASCII, and brackets within brackets mean nothing.
fn translate(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 16);
    let mut chars = pattern.chars().peekable();
    // Where in a class we are: at its beginning, `]` is an ordinary character.
    let mut class: Option<usize> = None;
    while let Some(c) = chars.next() {
        let place = class;
        class = class.map(|n| n + 1);
        match c {
            '\\' => match chars.next() {
                Some('d') => out.push_str("[0-9]"),
                Some('D') => out.push_str("[^0-9]"),
                Some('w') => out.push_str("[0-9A-Za-z_]"),
                Some('W') => out.push_str("[^0-9A-Za-z_]"),
                Some('s') => out.push_str(r"[\t\n\x0C\r ]"),
                Some('S') => out.push_str(r"[^\t\n\x0C\r ]"),
                Some('b') if place.is_none() => out.push_str(r"(?-u:\b)"),
                Some('B') if place.is_none() => out.push_str(r"(?-u:\B)"),
                Some(c @ ('<' | '>')) => out.push(c),
                Some(c) => {
                    out.push('\\');
                    out.push(c);
                }
                None => out.push('\\'),
            },
            '[' if place.is_none() => {
                out.push('[');
                if chars.peek() == Some(&'^') {
                    chars.next();
                    out.push('^');
                }
                class = Some(0);
            }
            '[' if chars.peek() == Some(&':') => out.push('['),
            ':' if place.is_some() && chars.peek() == Some(&']') => {
                // The end of a named class, as in `[[:alpha:]]`; else of the class itself.
                out.push(':');
                if is_named(&out) {
                    chars.next();
                    out.push(']');
                }
            }
            ']' if place == Some(0) => out.push_str(r"\]"),
            ']' if place.is_some() => {
                out.push(']');
                class = None;
            }
            '[' | '&' | '~' if place.is_some() => {
                out.push('\\');
                out.push(c);
            }
            c => out.push(c),
        }
    }
    out
}

/// Whether what was written ends within `[:name:`.
fn is_named(written: &str) -> bool {
    let Some((_, name)) = written[..written.len() - 1].rsplit_once("[:") else { return false };
    name.chars().all(|c| c.is_ascii_lowercase() || c == '^')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expr::Limits;

    fn is_match(pattern: &str, text: &str) -> Result<bool, Fault> {
        Pattern::compile(pattern).unwrap().is_match(text, &mut Budget::new(Limits::default()))
    }

    #[test]
    fn classes_are_those_of_go() {
        for (pattern, text, found) in [
            (r"^\d+$", "123", true),
            (r"^\d+$", "١٢٣", false),
            (r"^\w+$", "é", false),
            (r"^[\w-]+$", "a-b_1", true),
            (r"[[]", "[", true),
            (r"[]]", "]", true),
            (r"[^]]", "]", false),
            (r"^[a&&b]+$", "a&b", true),
            (r"^[[:digit:]x]+$", "1x2", true),
            (r"\bok\b", "its ok!", true),
            (r"(?i)^ERR", "error", true),
            (r"(?i)^É$", "é", true),
            (r"^\p{Lu}\p{Greek}$", "Äω", true),
            (r"^[a:]$", ":", true),
            (r"^.$", "é", true),
            (r"a$", "a\n", false),
        ] {
            assert_eq!(is_match(pattern, text), Ok(found), "{pattern} on {text}");
        }
        for bad in ["(", "[", "a{1,2", "*", &"a".repeat(5000), r"(?:\w{1000}){1000}"] {
            let bad_in_go = bad != "a{1,2";
            assert!(Pattern::compile(bad).is_err() || !bad_in_go, "{bad}");
        }
    }

    /// As many letters, in an order that leads to ever new states.
    fn unruly(length: usize) -> String {
        let mut state = 7_u64;
        let mut letter = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            char::from(b'a' + (state >> 33) as u8 % 3)
        };
        (0..length).map(|_| letter()).collect()
    }

    #[test]
    fn what_takes_too_long_is_not_begun() {
        let large = unruly(1 << 20);
        for hard in ["a[a-c]{2000}d", "[a-c]*a[a-c]{1000}d"] {
            let found = is_match(hard, &large);
            assert!(matches!(found, Err(Fault::Budget { .. })), "{hard}: {found:?}");
            // Both engines have to say the same.
            assert_eq!(is_match(hard, &large[..1000]), Ok(false), "{hard}");
        }
        for easy in [r"(?i)error\s+(4|5)\d\d", "(a*)*d", "[a-c]*a[a-c]{10}d", "(.*)(.*)(.*)x"] {
            assert_eq!(is_match(easy, &large), Ok(false), "{easy}");
        }
    }
}
