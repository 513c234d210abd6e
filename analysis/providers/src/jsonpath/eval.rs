//! From a template and a value to what is found.

use std::borrow::Cow;

use serde_json::Value;

use super::compare::compare;
use super::{Block, JsonPathError, Operator, Path, STEPS_MAX, Slice, Step, VALUES_MAX, error};

type Values<'a> = Vec<Cow<'a, Value>>;

/// One evaluation, which counts what it costs.
#[derive(Default)]
pub(super) struct Evaluation {
    steps: usize,
    found: usize,
}

impl Evaluation {
    pub(super) fn template<'a>(
        &mut self,
        blocks: &[Block],
        value: &'a Value,
    ) -> Result<Vec<Values<'a>>, JsonPathError> {
        let mut found = Vec::new();
        self.blocks(blocks, Cow::Borrowed(value), &mut found)?;
        Ok(found)
    }

    fn blocks<'a>(
        &mut self,
        blocks: &[Block],
        value: Cow<'a, Value>,
        found: &mut Vec<Values<'a>>,
    ) -> Result<(), JsonPathError> {
        for block in blocks {
            self.spend(1)?;
            match block {
                Block::Path(path) => {
                    let values = self.path(path, vec![value.clone()])?;
                    self.found += values.len() + 1;
                    if self.found > VALUES_MAX {
                        return error(format!("the template finds more than {VALUES_MAX} values"));
                    }
                    found.push(values);
                }
                Block::Range(path, body) => {
                    for value in self.path(path, vec![value.clone()])? {
                        self.blocks(body, value, found)?;
                    }
                }
            }
        }
        Ok(())
    }

    fn spend(&mut self, steps: usize) -> Result<(), JsonPathError> {
        self.steps = self.steps.saturating_add(steps);
        if self.steps > STEPS_MAX {
            return error(format!("the evaluation takes more than {STEPS_MAX} steps"));
        }
        Ok(())
    }

    fn path<'a>(
        &mut self,
        path: &Path,
        mut values: Values<'a>,
    ) -> Result<Values<'a>, JsonPathError> {
        for step in path {
            self.spend(values.len() + 1)?;
            values = self.step(step, values)?;
            if values.len() > VALUES_MAX {
                return error(format!("the template finds more than {VALUES_MAX} values"));
            }
        }
        Ok(values)
    }

    fn step<'a>(&mut self, step: &Step, values: Values<'a>) -> Result<Values<'a>, JsonPathError> {
        match step {
            Step::Field(name) if name.is_empty() => Ok(values),
            Step::Field(name) => field(name, values),
            Step::Wildcard => Ok(values.into_iter().flat_map(children).collect()),
            Step::Recursive => {
                let mut found = Vec::new();
                for value in values {
                    self.descend(value, &mut found)?;
                }
                Ok(found)
            }
            Step::Slice(slice) => {
                let mut found = Vec::new();
                for value in values {
                    found.extend(elements(slice, value)?);
                }
                Ok(found)
            }
            Step::Union(members) => {
                let mut found = Vec::new();
                for member in members {
                    found.extend(self.path(member, values.clone())?);
                }
                Ok(found)
            }
            Step::Exists(path) => self.filter(values, |this, value| {
                Ok(this.path(path, vec![value]).is_ok_and(|found| !found.is_empty()))
            }),
            Step::Filter(left, operator, right) => {
                self.filter(values, |this, value| this.compares(value, left, *operator, right))
            }
            Step::Constant(constant) => {
                Ok(values.iter().map(|_| Cow::Owned(constant.clone())).collect())
            }
        }
    }

    /// A value with all that is below it, from the outside in. The depth of JSON is bounded by who
    /// read it.
    fn descend<'a>(
        &mut self,
        value: Cow<'a, Value>,
        found: &mut Values<'a>,
    ) -> Result<(), JsonPathError> {
        self.spend(1)?;
        let below = children(value.clone());
        // A text counts as a list of its characters, of which nothing can be asked.
        if !below.is_empty() || value.as_str().is_some_and(|text| !text.is_empty()) {
            found.push(value);
        }
        for value in below {
            self.descend(value, found)?;
        }
        Ok(())
    }

    fn filter<'a>(
        &mut self,
        values: Values<'a>,
        passes: impl Fn(&mut Self, Cow<'a, Value>) -> Result<bool, JsonPathError>,
    ) -> Result<Values<'a>, JsonPathError> {
        let mut found = Vec::new();
        for value in values {
            if !value.is_array() {
                return error("only a list can be filtered");
            }
            for element in children(value) {
                self.spend(1)?;
                if passes(self, element.clone())? {
                    found.push(element);
                }
            }
        }
        Ok(found)
    }

    fn compares(
        &mut self,
        value: Cow<'_, Value>,
        left: &Path,
        operator: Operator,
        right: &Path,
    ) -> Result<bool, JsonPathError> {
        let lefts = self.path(left, vec![value.clone()])?;
        let rights = self.path(right, vec![value])?;
        match (&lefts[..], &rights[..]) {
            ([], _) | (_, []) => Ok(false),
            ([left], [right]) => compare(left, operator, right),
            _ => error("can only compare one element at a time"),
        }
    }
}

fn field<'a>(name: &str, values: Values<'a>) -> Result<Values<'a>, JsonPathError> {
    if values.is_empty() {
        return Ok(values);
    }
    let get = |value: Cow<'a, Value>| match value {
        Cow::Borrowed(value) => value.get(name).map(Cow::Borrowed),
        Cow::Owned(value) => value.get(name).cloned().map(Cow::Owned),
    };
    let found: Values<'_> = values.into_iter().filter_map(get).collect();
    if found.is_empty() {
        // Which one is not said: a piece of the template may be a piece of a secret.
        return error("a field is not found");
    }
    Ok(found)
}

fn children(value: Cow<'_, Value>) -> Values<'_> {
    match value {
        Cow::Borrowed(Value::Array(items)) => items.iter().map(Cow::Borrowed).collect(),
        Cow::Borrowed(Value::Object(entries)) => {
            let mut entries: Vec<_> = entries.iter().collect();
            entries.sort_by_key(|(key, _)| *key);
            entries.into_iter().map(|(_, value)| Cow::Borrowed(value)).collect()
        }
        // Constants hold neither lists nor objects.
        Cow::Borrowed(_) | Cow::Owned(_) => Vec::new(),
    }
}

fn elements<'a>(slice: &Slice, value: Cow<'a, Value>) -> Result<Values<'a>, JsonPathError> {
    if value.is_null() {
        return Ok(Vec::new());
    }
    if !value.is_array() {
        return error("the value is not array or slice");
    }
    let items = children(value);
    let length = i64::try_from(items.len()).unwrap_or(i64::MAX);
    let place = |index: i64| if index < 0 { index.saturating_add(length) } else { index };
    let from = place(slice.from.unwrap_or(0));
    let to = if slice.single { from.saturating_add(1) } else { place(slice.to.unwrap_or(length)) };
    if from == to {
        return Ok(Vec::new());
    }
    for (index, last) in [(from, length - 1), (to, length)] {
        if index < 0 || index > last {
            let text = format!("array index out of bounds: index {index}, length {length}");
            return error(text);
        }
    }
    if from > to {
        return error(format!("starting index {from} is greater than ending index {to}"));
    }
    let step = match slice.step.map(usize::try_from) {
        None => 1,
        Some(Ok(step)) if step > 0 => step,
        Some(_) => return error("step must be > 0"),
    };
    let (from, to) = (usize::try_from(from).unwrap_or(0), usize::try_from(to).unwrap_or(0));
    Ok(items.into_iter().take(to).skip(from).step_by(step).collect())
}
