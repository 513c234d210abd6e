//! The same template, written differently: nulls, empty values, explicit defaults.

use serde_json::{Map, Value, json};

use crate::identity::shape::{Default, Form, Kind, POD_TEMPLATE_SPEC, Shape};

/// Adds to `template` what the API server takes for nothing, or would have filled in itself.
pub(super) fn add(template: &mut Value, seed: u64) {
    // A third of the templates stay as they are.
    if !seed.is_multiple_of(3) {
        Noise { state: seed }.visit(Kind::Object(&POD_TEMPLATE_SPEC), template);
    }
}

struct Noise {
    state: u64,
}

impl Noise {
    /// A number below `bound` (splitmix64).
    fn below(&mut self, bound: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % bound
    }

    fn visit(&mut self, kind: Kind, value: &mut Value) {
        match (kind, value) {
            (Kind::Object(shape), Value::Object(fields)) => self.visit_object(shape, fields),
            (Kind::List(element), Value::Array(values)) => {
                values.iter_mut().for_each(|value| self.visit(*element, value));
            }
            _ => {}
        }
    }

    fn visit_object(&mut self, shape: &Shape, fields: &mut Map<String, Value>) {
        for field in shape.fields {
            if let Some(value) = fields.get_mut(field.name) {
                self.visit(field.kind, value);
                continue;
            }
            // Not even empty ones are taken: of a claim template, and of the pod's own resources.
            if ["finalizers", "ownerReferences", "managedFields", "claims"].contains(&field.name) {
                continue;
            }
            let nothing = match (field.form, field.kind, self.below(40)) {
                (_, _, 0) => Value::Null,
                (Form::Omitted, Kind::Text, 1) => json!(""),
                (Form::Omitted, Kind::Bool, 1) => json!(false),
                (Form::Omitted, Kind::Int, 1) => json!(0),
                (Form::Omitted, Kind::List(_), 1) => json!([]),
                (Form::Omitted, Kind::Map(_) | Kind::Resources, 1) => json!({}),
                (_, _, 2) => match field.default {
                    Default::Written(literal) => literal.to_value(),
                    Default::Meant(_) | Default::None => continue,
                },
                _ => continue,
            };
            fields.insert(field.name.to_owned(), nothing);
        }
    }
}
