//! Never stuck in silence (issue 5): a Rollout that has come to rest short of what was asked for says
//! since when, and what it waits for.

use serde_json::Value;

use super::{Breach, name};

/// Reasons that end by something that moves. Where nothing has moved for a while they say so.
const MOVING: [&str; 4] = ["PodsNotAvailable", "PodsMoving", "EndpointsNotReady", "ServiceWaits"];

/// Reasons that hold until somebody mends what they name by its path or kind.
const NAMED: [&str; 5] =
    ["InvalidSpec", "UnsupportedFeature", "GivenBack", "GivingBack", "WriteRefused"];

/// Looks at a Rollout at rest.
pub(super) fn kept(rollout: &Value) -> Option<Breach> {
    let conditions = rollout["status"]["conditions"].as_array()?;
    let ready = conditions.iter().find(|c| c["type"] == "Ready")?;
    if ready["status"] == "True" {
        return None;
    }
    let text = |field: &str| ready[field].as_str().unwrap_or_default();
    let (reason, message) = (text("reason"), text("message"));
    let lacks = if message.is_empty() {
        "no message"
    } else if MOVING.contains(&reason) && !message.contains("no progress since 2") {
        "no word of since when nothing moves"
    } else if !NAMED.contains(&reason) && !has_instant(message) {
        "no instant"
    } else {
        return None;
    };
    let what = format!("Rollout {} stands at {reason} with {lacks}: {message}", name(rollout));
    Some(Breach { promise: "silence", what })
}

/// Whether a text holds a point in time, as all texts of Sluice have it.
fn has_instant(text: &str) -> bool {
    let is_instant = |at: usize| {
        let mut rest = text.get(at..).unwrap_or_default().chars();
        "dddd-dd-ddTdd:dd:ddZ".chars().all(|of| {
            rest.next().is_some_and(|c| if of == 'd' { c.is_ascii_digit() } else { c == of })
        })
    };
    text.char_indices().any(|(at, _)| is_instant(at))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn says(reason: &str, message: &str) -> bool {
        let ready =
            json!({"type": "Ready", "status": "False", "reason": reason, "message": message});
        kept(&json!({"metadata": {"name": "web"}, "status": {"conditions": [ready]}})).is_none()
    }

    #[test]
    fn whoever_waits_says_since_when() {
        assert!(says("PausedAtStep", "step 2/2 (pause): paused since 2026-01-01T00:00:00Z until"));
        assert!(!says("PausedAtStep", "step 2/2 (pause): paused until somebody promotes"));
        assert!(!says("PodsNotAvailable", "0 of 1; degraded at 2026-01-01T00:00:00Z"));
        assert!(says("PodsNotAvailable", "0 of 1; no progress since 2026-01-01T00:00:00Z"));
        assert!(says("InvalidSpec", "spec.replicas: is -1"));
        assert!(!says("InvalidSpec", ""));
    }
}
