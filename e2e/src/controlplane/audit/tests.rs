use std::io::Write as _;

use super::*;

/// A line as the API server writes it, shortened to what differs.
fn line(user: &str, verb: &str, stage: &str, uri: &str, object: &str, code: u16) -> String {
    format!(
        r#"{{"kind":"Event","apiVersion":"audit.k8s.io/v1","level":"Metadata","auditID":"a","stage":"{stage}","requestURI":"{uri}","verb":"{verb}","user":{{"username":"{user}","groups":["g"]}},"sourceIPs":["127.0.0.1"],"userAgent":"test/1","objectRef":{object},"responseStatus":{{"metadata":{{}},"code":{code}}},"requestReceivedTimestamp":"2026-01-02T03:04:05.000100Z","stageTimestamp":"2026-01-02T03:04:05.002600Z"}}"#
    ) + "\n"
}

const POD: &str = r#"{"resource":"pods","namespace":"n","name":"p","apiVersion":"v1"}"#;
const ROLLOUT_STATUS: &str = r#"{"resource":"rollouts","namespace":"n","name":"r","apiGroup":"argoproj.io","apiVersion":"v1alpha1","subresource":"status"}"#;

struct Log {
    _folder: tempfile::TempDir,
    file: File,
    log: AuditLog,
}

fn log() -> Log {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("audit.log");
    let file = File::create(&path).unwrap();
    Log { _folder: folder, file, log: AuditLog::new(&path) }
}

#[test]
fn a_request_is_read_whole() {
    let mut l = log();
    let text = line("ann", "patch", "ResponseComplete", "/x?y=1", ROLLOUT_STATUS, 409);
    l.file.write_all(text.as_bytes()).unwrap();
    let requests = l.log.requests("ann").unwrap();
    assert_eq!(
        requests,
        [Request {
            user: "ann".to_owned(),
            time: "2026-01-02T03:04:05.0001Z".parse().unwrap(),
            verb: "patch".to_owned(),
            group: "argoproj.io".to_owned(),
            resource: "rollouts".to_owned(),
            subresource: "status".to_owned(),
            namespace: "n".to_owned(),
            name: "r".to_owned(),
            uri: "/x?y=1".to_owned(),
            code: 409,
            user_agent: "test/1".to_owned(),
            latency: Duration::from_micros(2500),
        }]
    );
    assert!(l.log.requests("bob").unwrap().is_empty());
}

#[test]
fn a_line_counts_once_it_is_whole() {
    let mut l = log();
    let text = line("ann", "get", "ResponseComplete", "/x", POD, 200);
    let (head, rest) = text.split_at(100);
    l.file.write_all(head.as_bytes()).unwrap();
    assert_eq!(l.log.requests("ann").unwrap().len(), 0);
    l.file.write_all(rest.as_bytes()).unwrap();
    assert_eq!(l.log.requests("ann").unwrap().len(), 1);
    assert_eq!(l.log.requests("ann").unwrap().len(), 1, "nothing is read twice");
}

#[test]
fn a_watch_counts_when_it_opens_and_the_rest_when_it_ends() {
    let mut l = log();
    for (verb, stage) in [
        ("watch", "ResponseStarted"),
        ("watch", "ResponseComplete"),
        ("get", "ResponseStarted"),
        ("get", "ResponseComplete"),
    ] {
        l.file.write_all(line("ann", verb, stage, "/x", POD, 200).as_bytes()).unwrap();
    }
    let verbs: Vec<String> =
        l.log.requests("ann").unwrap().into_iter().map(|request| request.verb).collect();
    assert_eq!(verbs, ["watch", "get"]);
}

#[test]
fn markers_are_not_requests() {
    let mut l = log();
    let uri = format!("{MARKER}7");
    l.file.write_all(line("admin", "get", "ResponseComplete", &uri, "{}", 200).as_bytes()).unwrap();
    assert!(l.log.has_marker(&uri).unwrap());
    assert!(l.log.requests("admin").unwrap().is_empty());
}

#[test]
fn a_broken_line_is_named() {
    let mut l = log();
    l.file.write_all(line("a", "get", "ResponseComplete", "/x", POD, 200).as_bytes()).unwrap();
    l.file.write_all(b"{\"stage\": 1}\n").unwrap();
    let error = l.log.requests("a").unwrap_err().to_string();
    assert!(error.starts_with("line 2 of the audit log "), "{error}");
}

#[test]
fn counts_fold_by_sort_and_show_it() {
    let mut l = log();
    for text in [
        line("a", "patch", "ResponseComplete", "/x", ROLLOUT_STATUS, 200),
        line("a", "patch", "ResponseComplete", "/x", ROLLOUT_STATUS, 200),
        line("a", "patch", "ResponseComplete", "/x", ROLLOUT_STATUS, 409),
        line("a", "get", "ResponseComplete", "/x", POD, 404),
        line("a", "get", "ResponseComplete", "/apis?timeout=1s", "{}", 200),
    ] {
        l.file.write_all(text.as_bytes()).unwrap();
    }
    let table: Vec<String> = counts(&l.log.requests("a").unwrap())
        .iter()
        .map(|(sort, number)| format!("{number} {sort}"))
        .collect();
    assert_eq!(
        table,
        [
            "1 get /apis 200",
            "1 get pods 404",
            "2 patch rollouts.argoproj.io/status 200",
            "1 patch rollouts.argoproj.io/status 409",
        ]
    );
}

#[test]
fn an_apply_that_creates_uses_two_rights() {
    let mut l = log();
    for text in [
        line("a", "patch", "ResponseComplete", "/x", POD, 201),
        line("a", "patch", "ResponseComplete", "/x", ROLLOUT_STATUS, 200),
        line("a", "get", "ResponseComplete", "/apis", "{}", 200),
    ] {
        l.file.write_all(text.as_bytes()).unwrap();
    }
    let right = |group: &str, resource: &str, verb: &str| {
        (group.to_owned(), resource.to_owned(), verb.to_owned())
    };
    assert_eq!(
        l.log.verbs_used("a").unwrap(),
        BTreeSet::from([
            right("", "pods", "create"),
            right("", "pods", "patch"),
            right("argoproj.io", "rollouts/status", "patch"),
        ])
    );
}
