//! The ResourceQuota controller: what of a quota is used up. Objects alone are counted.

use serde_json::{Map, Value, json};
use std::time::Duration;

use super::queue::Work;
use crate::api::{Subresource, quota};
use crate::kinds::GroupResource;
use crate::state::State;
use crate::store::Key;

/// How soon a refused write is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// Writes what a quota allows, and how much of it is used.
pub(super) fn sync(state: &mut State, key: &Key) {
    let quotas = GroupResource::new("", "resourcequotas");
    let Some(quota) = state.store.get(&quotas, key).cloned() else { return };
    let hard = &quota["spec"]["hard"];
    let mut status = json!({"hard": hard});
    let names = hard.as_object().into_iter().flatten().map(|(name, _)| name);
    let known = names.filter(|name| quota::counted(name).is_some());
    let count = |name: &String| quota::used(state, name, &key.namespace).to_string();
    let used: Map<String, Value> = known.map(|name| (name.clone(), count(name).into())).collect();
    if !used.is_empty() {
        status["used"] = used.into();
    }
    if hard.is_null() || quota["status"] == status {
        return;
    }
    let mut object = Value::clone(&quota);
    object["status"] = status;
    if state.update_internal(&quotas, key, Subresource::Status, object).is_err() {
        state.work.later(Work::Quota(key.clone()), RETRY);
    }
}
