//! Injected failures: what a network and a busy API server do to a client now and then.

use crate::audit::{RequestRecord, is_write};
use crate::kinds::GroupResource;
use crate::status_error::StatusError;

/// What happens to a request instead of its normal course.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Refused with this code and reason; nothing is applied.
    Status {
        /// HTTP code, such as 500.
        code: u16,
        /// Reason of the `Status`, such as `InternalError`.
        reason: String,
        /// Message of the `Status`.
        message: String,
    },
    /// Refused with 409 Conflict, as if another writer had been faster; nothing is applied.
    Conflict,
    /// Applied, but the client sees a broken connection instead of the answer.
    LostReply,
    /// Not applied; the client sees a broken connection.
    Unreachable,
}

/// Which requests a fault hits. Empty fields match everything; without verbs, all writes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Matcher {
    /// Only this user's.
    pub user: Option<String>,
    /// Only these verbs.
    pub verbs: Vec<String>,
    /// Only this resource.
    pub resource: Option<GroupResource>,
    /// Only this subresource; `Some("")` for the main resource.
    pub subresource: Option<String>,
    /// Only this object.
    pub name: Option<String>,
}

impl Matcher {
    fn matches(&self, request: &RequestRecord) -> bool {
        let verb = match self.verbs.as_slice() {
            [] => is_write(&request.verb),
            verbs => verbs.contains(&request.verb),
        };
        let same = |wanted: &Option<String>, found: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == found)
        };
        verb && same(&self.user, &request.user)
            && same(&self.subresource, &request.subresource)
            && same(&self.name, &request.name)
            && self.resource.as_ref().is_none_or(|wanted| {
                wanted.group == request.group && wanted.resource == request.resource
            })
    }
}

/// Where the connection of a client breaks, relative to its n-th write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The write never reaches the API server.
    BeforeApply,
    /// The write is applied, its answer is lost.
    BeforeReply,
    /// The write is applied and answered; everything after it fails.
    AfterReply,
}

#[derive(Debug)]
struct Rule {
    matcher: Matcher,
    skip: u64,
    times: u64,
    fault: Fault,
}

#[derive(Debug)]
struct Death {
    user: String,
    writes_left: u64,
    cut: Cut,
}

/// The faults that wait for their request.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    rules: Vec<Rule>,
    deaths: Vec<Death>,
}

/// What the faults decide about one request.
#[derive(Debug, Default)]
pub(crate) struct Verdict {
    pub(crate) refusal: Option<StatusError>,
    pub(crate) apply: bool,
    pub(crate) reply: bool,
    /// The connection is dead afterwards.
    pub(crate) dies: bool,
}

impl Faults {
    pub(crate) fn inject(&mut self, matcher: Matcher, nth: u64, times: u64, fault: Fault) {
        self.rules.push(Rule { matcher, skip: nth.saturating_sub(1), times, fault });
    }

    pub(crate) fn disconnect(&mut self, user: &str, nth_write: u64, cut: Cut) {
        let writes_left = nth_write.max(1);
        self.deaths.push(Death { user: user.to_owned(), writes_left, cut });
    }

    pub(crate) fn clear(&mut self) {
        self.rules.clear();
        self.deaths.clear();
    }

    /// Decides about a request that is about to be served, and counts it.
    pub(crate) fn judge(&mut self, request: &RequestRecord) -> Verdict {
        let mut verdict = Verdict { refusal: None, apply: true, reply: true, dies: false };
        if is_write(&request.verb) {
            self.judge_deaths(request, &mut verdict);
        }
        let mut struck = false;
        for rule in &mut self.rules {
            if !rule.matcher.matches(request) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            rule.times -= 1;
            // Every rule counts every request; where two strike at once the first one shows.
            if struck {
                continue;
            }
            struck = true;
            match &rule.fault {
                Fault::Status { code, reason, message } => {
                    verdict.refusal = Some(StatusError::plain(*code, reason, message));
                }
                Fault::Conflict => {
                    let resource = GroupResource::new(&request.group, &request.resource);
                    verdict.refusal = Some(StatusError::modified(&resource, &request.name));
                }
                Fault::LostReply => verdict.reply = false,
                Fault::Unreachable => {
                    verdict.apply = false;
                    verdict.reply = false;
                }
            }
        }
        self.rules.retain(|rule| rule.times > 0);
        verdict
    }

    fn judge_deaths(&mut self, request: &RequestRecord, verdict: &mut Verdict) {
        for death in &mut self.deaths {
            if death.user != request.user {
                continue;
            }
            death.writes_left -= 1;
            if death.writes_left == 0 {
                verdict.dies = true;
                verdict.apply = death.cut != Cut::BeforeApply;
                verdict.reply = death.cut == Cut::AfterReply;
            }
        }
        self.deaths.retain(|death| death.writes_left > 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(user: &str, verb: &str, resource: &str) -> RequestRecord {
        RequestRecord {
            at: chrono::DateTime::UNIX_EPOCH,
            user: user.into(),
            verb: verb.into(),
            group: String::new(),
            resource: resource.into(),
            subresource: String::new(),
            namespace: "a".into(),
            name: "x".into(),
            field_manager: String::new(),
            code: 0,
            body: None,
            changed: false,
        }
    }

    #[test]
    fn the_nth_match_fails_the_given_number_of_times() {
        let mut faults = Faults::default();
        let matcher = Matcher {
            user: Some("op".into()),
            resource: Some(GroupResource::new("", "pods")),
            ..Matcher::default()
        };
        faults.inject(matcher, 2, 2, Fault::Conflict);
        let mut refused =
            |user, verb, resource| faults.judge(&request(user, verb, resource)).refusal.is_some();
        assert!(!refused("op", "create", "pods"), "the first passes");
        assert!(!refused("op", "get", "pods"), "reads do not count");
        assert!(!refused("me", "create", "pods"), "nor do other users");
        assert!(refused("op", "patch", "pods"));
        assert!(refused("op", "delete", "pods"));
        assert!(!refused("op", "delete", "pods"), "the fault is used up");
    }

    #[test]
    fn a_connection_dies_at_its_nth_write() {
        for (cut, apply, reply) in [
            (Cut::BeforeApply, false, false),
            (Cut::BeforeReply, true, false),
            (Cut::AfterReply, true, true),
        ] {
            let mut faults = Faults::default();
            faults.disconnect("op", 2, cut);
            assert!(!faults.judge(&request("op", "create", "pods")).dies);
            assert!(!faults.judge(&request("op", "list", "pods")).dies);
            let verdict = faults.judge(&request("op", "create", "pods"));
            assert_eq!((verdict.dies, verdict.apply, verdict.reply), (true, apply, reply));
            assert!(!faults.judge(&request("op", "create", "pods")).dies, "once");
        }
    }
}
