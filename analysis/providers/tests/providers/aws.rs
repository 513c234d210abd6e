//! Where the controller's AWS credentials come from, through the real client for them.

use std::io::Write;

use serde_json::json;
use sluice_crd::analysis::Metric;
use sluice_providers::http::{Egress, Settings};
use tempfile::NamedTempFile;

use crate::stage::{Names, Stage, failure, metric, sample};
use crate::stand_in::{Asked, Reply, StandIn, ok, status};

/// Credentials expire an hour after the measurements' time.
const EXPIRES: &str = "2026-01-31T13:00:00Z";

fn sts(id: &str) -> Reply {
    ok(format!(
        "<X><Credentials><AccessKeyId>{id}</AccessKeyId><SecretAccessKey>kept-back</SecretAccessKey>\
         <SessionToken>t-{id}</SessionToken><Expiration>{EXPIRES}</Expiration></Credentials></X>"
    ))
}

fn metadata(id: &str) -> Reply {
    ok(json!({
        "AccessKeyId": id, "SecretAccessKey": "kept-back", "Token": format!("t-{id}"), "Expiration": EXPIRES,
    })
    .to_string())
}

fn file(text: &str) -> NamedTempFile {
    let mut file = NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn path(file: &NamedTempFile) -> String {
    file.path().to_str().unwrap().to_owned()
}

/// The web provider signs what it sends when it is told to.
fn signed(server: &StandIn, sigv4: serde_json::Value) -> Metric {
    metric(json!({"web": {"url": server.url("/target"), "authentication": {"sigv4": sigv4}}}))
}

fn key_of(asked: &Asked) -> &str {
    let (_, rest) = asked.header("authorization").split_once("Credential=").unwrap();
    rest.split('/').next().unwrap()
}

fn to_target(server: &StandIn) -> Vec<Asked> {
    server.asked().into_iter().filter(|asked| asked.path() == "/target").collect()
}

#[tokio::test]
async fn a_web_identity() {
    let server =
        StandIn::start(|asked| if asked.path() == "/target" { ok("1") } else { sts("WEB") }).await;
    let token = file(" the-token\n");
    let cx = Stage::default()
        .variable("AWS_WEB_IDENTITY_TOKEN_FILE", path(&token))
        .variable("AWS_ROLE_ARN", "arn:aws:iam::1:role/r")
        .variable("AWS_ENDPOINT_URL_STS", server.url(""))
        .context();
    sample(&cx, &signed(&server, json!({"region": "eu-west-1"}))).await;
    let asked = &server.asked()[0];
    assert_eq!(asked.pair("Action"), "AssumeRoleWithWebIdentity");
    assert_eq!(asked.pair("RoleArn"), "arn:aws:iam::1:role/r");
    assert_eq!(asked.pair("WebIdentityToken"), "the-token");
    assert_eq!(asked.header("authorization"), "");
    let target = &to_target(&server)[0];
    assert_eq!((key_of(target), target.header("x-amz-security-token")), ("WEB", "t-WEB"));
}

#[tokio::test]
async fn credentials_are_kept_until_shortly_before_they_expire() {
    let server =
        StandIn::start(|asked| if asked.path() == "/target" { ok("1") } else { sts("WEB") }).await;
    let token = file("t");
    let mut cx = Stage::default()
        .variable("AWS_WEB_IDENTITY_TOKEN_FILE", path(&token))
        .variable("AWS_ROLE_ARN", "arn:x")
        .variable("AWS_ENDPOINT_URL_STS", server.url(""))
        .context();
    let metric = signed(&server, json!({"region": "eu-west-1"}));
    for (at, fetched) in
        [("2026-01-31T12:00:00Z", 1), ("2026-01-31T12:54:59Z", 1), ("2026-01-31T12:55:00Z", 2)]
    {
        cx.now = at.parse().unwrap();
        sample(&cx, &metric).await;
        let all = server.asked().len();
        assert_eq!(all - to_target(&server).len(), fetched, "{at}");
    }
}

/// Of a thousand measurements that fail for the same reason, one asks.
#[tokio::test]
async fn a_failure_is_kept_for_a_while() {
    let server = StandIn::start(|_| status(500, "out of order")).await;
    let token = file("t");
    let mut cx = Stage::default()
        .variable("AWS_WEB_IDENTITY_TOKEN_FILE", path(&token))
        .variable("AWS_ROLE_ARN", "arn:x")
        .variable("AWS_ENDPOINT_URL_STS", server.url(""))
        .context();
    let metric = signed(&server, json!({"region": "eu-west-1"}));
    for (at, asked) in
        [("2026-01-31T12:00:00Z", 1), ("2026-01-31T12:00:09Z", 1), ("2026-01-31T12:00:10Z", 2)]
    {
        cx.now = at.parse().unwrap();
        assert_eq!(failure(&cx, &metric).await.category, "status");
        assert_eq!(server.asked().len(), asked, "{at}");
    }
}

#[tokio::test]
async fn a_role_is_assumed() {
    let server =
        StandIn::start(|asked| if asked.path() == "/target" { ok("1") } else { sts("ROLE") }).await;
    let cx = Stage::default()
        .variable("AWS_ACCESS_KEY_ID", "BASE")
        .variable("AWS_SECRET_ACCESS_KEY", "kept-back")
        .variable("AWS_ENDPOINT_URL_STS", server.url(""))
        .context();
    let role = json!({"region": "eu-west-1", "roleArn": "arn:wanted"});
    sample(&cx, &signed(&server, role)).await;
    let asked = &server.asked()[0];
    assert_eq!(
        (asked.pair("Action"), asked.pair("RoleArn")),
        ("AssumeRole".into(), "arn:wanted".into())
    );
    assert_eq!(asked.pair("RoleSessionName"), "sluice");
    let scope = "AWS4-HMAC-SHA256 Credential=BASE/20260131/eu-west-1/sts/aws4_request";
    assert!(asked.header("authorization").starts_with(scope), "{asked:?}");
    assert_eq!(key_of(&to_target(&server)[0]), "ROLE");
}

#[tokio::test]
async fn profiles_of_the_shared_files() {
    let server =
        StandIn::start(|asked| if asked.path() == "/target" { ok("1") } else { sts("ROLE") }).await;
    let config = file(
        "[profile deploy]\nrole_arn = arn:deploy\nsource_profile = base\nregion = eu-north-1\n",
    );
    let credentials = file("[base]\naws_access_key_id = BASE\naws_secret_access_key = kept-back\n");
    let cx = Stage::default()
        .variable("AWS_CONFIG_FILE", path(&config))
        .variable("AWS_SHARED_CREDENTIALS_FILE", path(&credentials))
        .variable("AWS_ENDPOINT_URL_STS", server.url(""))
        .variable("AWS_EC2_METADATA_DISABLED", "true")
        .context();
    sample(&cx, &signed(&server, json!({"profile": "deploy"}))).await;
    let asked = &server.asked()[0];
    assert_eq!((key_of(asked), asked.pair("RoleArn")), ("BASE", "arn:deploy".to_owned()));
    let target = &to_target(&server)[0];
    assert!(target.header("authorization").contains("ROLE/20260131/eu-north-1/aps/"), "{target:?}");

    let unknown = failure(&cx, &signed(&server, json!({"profile": "x", "region": "r"}))).await;
    assert_eq!(unknown.message, "the AWS profile x is not in the controller's files");
}

#[tokio::test]
async fn the_endpoint_of_a_container() {
    let server = StandIn::start(|asked| match asked.path() {
        "/target" => ok("1"),
        "/v1/credentials" if asked.header("authorization") == "pod-token" => metadata("POD"),
        _ => status(403, "no"),
    })
    .await;
    let token = file("pod-token\n");
    let cx = Stage::default()
        .variable("AWS_CONTAINER_CREDENTIALS_FULL_URI", server.url("/v1/credentials"))
        .variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", path(&token))
        .variable("AWS_REGION", "eu-west-1")
        .context();
    sample(&cx, &signed(&server, json!({"region": "eu-west-1"}))).await;
    assert_eq!(key_of(&to_target(&server)[0]), "POD");
}

fn machine(asked: &Asked) -> Reply {
    let token = asked.header("x-aws-ec2-metadata-token");
    match (asked.method.as_str(), asked.path()) {
        (_, "/target") => ok("1"),
        ("PUT", "/latest/api/token")
            if asked.header("x-aws-ec2-metadata-token-ttl-seconds") == "300" =>
        {
            ok("imds-token")
        }
        _ if token != "imds-token" => status(401, "no token"),
        ("GET", "/latest/meta-data/iam/security-credentials/") => ok("the-role\n"),
        ("GET", "/latest/meta-data/iam/security-credentials/the-role") => metadata("MACHINE"),
        ("GET", "/latest/meta-data/placement/region") => ok("ap-south-1"),
        _ => status(404, "?"),
    }
}

/// The metadata of the machine is asked although measurements may not go to private addresses.
#[tokio::test]
async fn the_metadata_of_the_machine() {
    let server = StandIn::start(machine).await;
    let egress = Egress { deny_private: true, allow: Vec::new() };
    let stage = Stage { settings: Settings { egress, ..Settings::default() }, ..Stage::default() };
    let cx = stage.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url("")).context();
    let metric = signed(&server, json!({"profile": "", "roleArn": "", "region": "eu-west-1"}));
    let error = failure(&cx, &metric).await;
    assert_eq!(error.category, "egress", "the measurement itself is refused: {error}");
    assert_eq!(server.asked().len(), 3);

    let stage = Stage { resolver: Some(Names::of(&[])), ..Stage::default() };
    let cx = stage.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.url("")).context();
    let query = json!({"cloudWatch": {"metricDataQueries": []}});
    let error = failure(&cx, &crate::stage::metric(query)).await;
    // No request goes to Amazon from here; that the region was found is what counts.
    assert!(error.message.contains("https://monitoring.ap-south-1.amazonaws.com/"), "{error}");
}

#[tokio::test]
async fn what_goes_wrong_is_told() {
    let server = StandIn::start(|_| status(403, "AccessDenied: not you")).await;
    let cx = Stage::default()
        .variable("AWS_ACCESS_KEY_ID", "BASE")
        .variable("AWS_SECRET_ACCESS_KEY", "kept-back")
        .variable("AWS_ENDPOINT_URL_STS", server.url(""))
        .context();
    let role = signed(&server, json!({"region": "eu-west-1", "roleArn": "arn:wanted"}));
    let error = failure(&cx, &role).await;
    assert_eq!(error.category, "status");
    assert!(error.message.contains("AccessDenied: not you"), "{error}");

    let cx = Stage::default()
        .variable("AWS_WEB_IDENTITY_TOKEN_FILE", "/nowhere/token")
        .variable("AWS_ROLE_ARN", "arn:x")
        .context();
    let error = failure(&cx, &signed(&server, json!({"region": "eu-west-1"}))).await;
    assert_eq!(error.category, "secret");
    assert!(
        error.message.starts_with("the AWS token file /nowhere/token cannot be read"),
        "{error}"
    );
}
