//! Lists that are sets or maps: no item twice.

use serde_json::{Map, Value};

use super::{FieldPath, ListType, Schema};
use crate::status_error::FieldError;

/// One error per item that stands in a set-like list a second time.
pub(crate) fn duplicates(
    value: &Value,
    schema: &Schema,
    path: &FieldPath,
    errors: &mut Vec<FieldError>,
) {
    match value {
        Value::Object(map) => {
            for (key, child) in map {
                if let Some(known) = schema.properties.get(key) {
                    duplicates(child, known, &path.child(key), errors);
                } else if let Some(known) = &schema.additional {
                    duplicates(child, known, &path.child(key), errors);
                }
            }
        }
        Value::Array(items) => {
            match &schema.list {
                ListType::Atomic => {}
                ListType::Set => report(items, path, errors),
                ListType::Map(keys) => {
                    let of_item = |item: &Value| {
                        let pairs = keys.iter().filter_map(|key| {
                            item.get(key).map(|value| (key.clone(), value.clone()))
                        });
                        Value::Object(pairs.collect::<Map<_, _>>())
                    };
                    report(&items.iter().map(of_item).collect::<Vec<_>>(), path, errors);
                }
            }
            if let Some(known) = &schema.items {
                for (index, item) in items.iter().enumerate() {
                    duplicates(item, known, &path.index(index), errors);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn report(keys: &[Value], path: &FieldPath, errors: &mut Vec<FieldError>) {
    for (index, key) in keys.iter().enumerate() {
        // The second appearance is reported, further ones are not.
        if keys[..index].iter().filter(|other| *other == key).count() == 1 {
            errors.push(FieldError::duplicate(path.index(index).as_str(), key));
        }
    }
}
