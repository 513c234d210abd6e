use serde_json::json;

use crate::hardships;
use crate::stage::{Stage, failure, holds, metric, sample};
use crate::stand_in::{StandIn, ok, status};

#[tokio::test]
async fn a_part_of_the_answer_is_the_value() {
    let server =
        StandIn::start(|_| ok(r#"{"data":{"ok":true,"rates":[0.97,0.99]},"note":"<b>"}"#)).await;
    let cx = Stage::default().context();
    for (path, text, condition) in [
        (
            "",
            r#"{"data":{"ok":true,"rates":[0.97,0.99]},"note":"\u003cb\u003e"}"#,
            "result.data.ok",
        ),
        ("{$.data}", r#"{"ok":true,"rates":[0.97,0.99]}"#, "result.ok && result.rates[1] > 0.98"),
        ("{.data.rates[0]}", "0.97", "result >= 0.95"),
        ("{.data.rates[*]}", "0.97", "result < 0.98"),
        ("{$.note}", r#""\u003cb\u003e""#, "result == '<b>'"),
        ("{range .data.rates[1:]}{@}{end}", "0.99", "asFloat(result) == 0.99"),
    ] {
        let metric = metric(json!({"web": {"url": server.url("/x?a=b"), "jsonPath": path}}));
        let sample = sample(&cx, &metric).await;
        assert_eq!(sample.text, text);
        assert!(holds(&sample, condition), "{condition}");
    }
    let asked = server.asked().pop().unwrap();
    assert_eq!((asked.method.as_str(), asked.uri.as_str()), ("GET", "/x?a=b"));
}

#[tokio::test]
async fn what_is_sent() {
    let server = StandIn::start(|_| ok("true")).await;
    let cx = Stage::default().context();
    for (spec, method, content_type, body) in [
        (json!({"method": "POST", "body": "a=b"}), "POST", "", "a=b"),
        (
            json!({"method": "PUT", "jsonBody": {"b": [1, "x"], "a": null}}),
            "PUT",
            "application/json",
            r#"{"a":null,"b":[1,"x"]}"#,
        ),
        (
            json!({"method": "POST", "body": "x", "headers": [
                {"key": "Content-Type", "value": "text/plain"},
                {"key": "Host", "value": "elsewhere"},
                {"key": "X-Token", "value": "t"},
            ]}),
            "POST",
            "text/plain",
            "x",
        ),
        (json!({"method": "POST"}), "POST", "", ""),
    ] {
        let mut spec = spec;
        spec["url"] = json!(server.url("/"));
        sample(&cx, &metric(json!({"web": spec}))).await;
        let asked = server.asked().pop().unwrap();
        assert_eq!((asked.method.as_str(), asked.body.as_str()), (method, body));
        assert_eq!(asked.header("content-type"), content_type);
        assert_eq!(asked.header("host"), format!("127.0.0.1:{}", server.port));
    }
    assert_eq!(server.asked()[2].header("x-token"), "t");
}

#[tokio::test]
async fn other_answers_are_texts() {
    for body in ["It worked!", "<html>fine</html>", "", "{\"data\":[1,"] {
        let server = StandIn::start(move |_| ok(body)).await;
        let metric = metric(json!({"web": {"url": server.url("/")}}));
        let sample = sample(&Stage::default().context(), &metric).await;
        assert_eq!(sample.text, body);
        assert!(holds(&sample, &format!("result == {}", json!(body))));
    }
}

#[tokio::test]
async fn another_status_is_an_error_with_what_was_said() {
    let server = StandIn::start(|_| status(503, "come\nback   later")).await;
    let metric = metric(json!({"web": {"url": server.url("/health?key=k")}}));
    let error = failure(&Stage::default().context(), &metric).await;
    let url = server.url("/health?…");
    assert_eq!(
        error.message,
        format!(
            "GET {url}: received non 2xx response code: 503 Service Unavailable: come back later"
        )
    );
}

#[tokio::test]
async fn long_values_are_cut_but_judged_whole() {
    let long = "x".repeat(100_000);
    let body = long.clone();
    let server = StandIn::start(move |_| ok(body.clone())).await;
    let metric = metric(json!({"web": {"url": server.url("/")}}));
    let sample = sample(&Stage::default().context(), &metric).await;
    assert!(sample.text.len() <= 4096 && sample.text.ends_with("… (100000 bytes in all)"));
    assert!(holds(&sample, "len(result) == 100000"));
}

#[tokio::test]
async fn the_user_of_a_url() {
    let server = StandIn::start(|_| ok("1")).await;
    let url = format!("http://me:pw@127.0.0.1:{}/", server.port);
    sample(&Stage::default().context(), &metric(json!({"web": {"url": url}}))).await;
    assert_eq!(server.only().header("authorization"), "Basic bWU6cHc=");
}

#[tokio::test]
async fn authentication_is_the_same_as_for_prometheus() {
    let server = StandIn::start(|asked| match asked.path() {
        "/token" => ok(r#"{"access_token":"tok"}"#),
        _ => ok("1"),
    })
    .await;
    let cx = Stage::default()
        .variable("AWS_ACCESS_KEY_ID", "AKID")
        .variable("AWS_SECRET_ACCESS_KEY", "s")
        .context();
    for (authentication, header) in [
        (json!({"basicAuth": {"username": "a", "password": "b"}}), "Basic YTpi"),
        (json!({"oauth2": {"tokenUrl": server.url("/token"), "clientId": "i"}}), "Bearer tok"),
        (
            json!({"sigv4": {"region": "eu-west-1"}}),
            "AWS4-HMAC-SHA256 Credential=AKID/20260131/eu-west-1/aps/aws4_request",
        ),
    ] {
        let spec = json!({"url": server.url("/"), "authentication": authentication});
        sample(&cx, &metric(json!({"web": spec}))).await;
        let asked = server.asked().pop().unwrap();
        assert!(asked.header("authorization").starts_with(header), "{asked:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_asked() {
    for (spec, said) in [
        (json!({"url": "localhost/x"}), "web.url: `localhost/x` is not a URL"),
        (json!({"url": "ftp://a/"}), "web.url: `ftp://a/` begins with neither"),
        (json!({"url": "http://a", "jsonPath": "{.a"}), "web.jsonPath `{.a`: unclosed action"),
        (
            json!({"url": "http://a", "body": "x"}),
            "Body/JSONBody can only be used with POST or PUT",
        ),
        (json!({"url": "http://a", "headers": [{"key": "a b", "value": ""}]}), "`a b` cannot be"),
    ] {
        let error = failure(&Stage::default().context(), &metric(json!({"web": spec}))).await;
        assert_eq!(error.category, "spec");
        assert!(error.message.starts_with(said), "{error}");
    }
}

#[tokio::test]
async fn hardships_of_web() {
    hardships::all(&["HTML", "malformed", "empty"], |server| {
        let provider = json!({"web": {"url": server.url("/"), "timeoutSeconds": 2}});
        (Stage::default().context(), provider)
    })
    .await;
}
