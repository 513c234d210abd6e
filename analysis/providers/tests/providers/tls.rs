//! Certificates, through the real client.

use std::sync::Arc;

use rcgen::{CertificateParams, KeyPair};
use serde_json::json;
use sluice_providers::http::{Settings, SettingsError, SystemResolver, client};

use crate::stage::{Stage, failure, metric, sample};
use crate::stand_in::{StandIn, ok, redirect};

fn certificate(name: &str) -> (String, String) {
    let key = rcgen::generate_simple_self_signed(vec![name.to_owned()]).unwrap();
    (key.cert.pem(), key.signing_key.serialize_pem())
}

fn trusting(pem: &str) -> Stage {
    let settings = Settings { extra_roots: Some(pem.into()), ..Settings::default() };
    Stage { settings, ..Stage::default() }
}

#[tokio::test]
async fn a_self_signed_certificate() {
    let (pem, key) = certificate("localhost");
    let server = StandIn::start_tls(&pem, &key, |_| ok("1")).await;
    let url = format!("https://localhost:{}/", server.port);
    let strict = metric(json!({"web": {"url": url}}));

    let error = failure(&Stage::default().context(), &strict).await;
    assert_eq!(error.category, "connect");
    let expected = format!(
        "GET {url}: certificate signed by an unknown authority: add its CA with \
         --analysis-ca-file, or set insecure: true"
    );
    assert_eq!(error.message, expected);

    assert_eq!(sample(&trusting(&pem).context(), &strict).await.text, "1");

    let insecure = metric(json!({"web": {"url": url, "insecure": true}}));
    assert_eq!(sample(&Stage::default().context(), &insecure).await.text, "1");
    let query = json!({"address": url, "query": "up", "insecure": true});
    let error = failure(&Stage::default().context(), &metric(json!({"prometheus": query}))).await;
    assert_eq!(error.category, "body", "it is not the certificate: {error}");
}

/// A certificate for another name, and one that has expired, are told apart.
#[tokio::test]
async fn certificates_that_do_not_fit() {
    let (pem, key) = certificate("other.test");
    let server = StandIn::start_tls(&pem, &key, |_| ok("1")).await;
    let url = format!("https://localhost:{}/", server.port);
    let error = failure(&trusting(&pem).context(), &metric(json!({"web": {"url": url}}))).await;
    assert!(error.message.contains("the certificate is for another name"), "{error}");

    let mut parameters = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    parameters.not_after = rcgen::date_time_ymd(2020, 1, 1);
    parameters.not_before = rcgen::date_time_ymd(2019, 1, 1);
    let key = KeyPair::generate().unwrap();
    let pem = parameters.self_signed(&key).unwrap().pem();
    let server = StandIn::start_tls(&pem, &key.serialize_pem(), |_| ok("1")).await;
    let url = format!("https://localhost:{}/", server.port);
    let error = failure(&trusting(&pem).context(), &metric(json!({"web": {"url": url}}))).await;
    assert!(error.message.contains("the certificate has expired"), "{error}");
}

#[tokio::test]
async fn encryption_is_not_given_up_by_a_redirect() {
    let plain = StandIn::start(|_| ok("1")).await;
    let (pem, key) = certificate("localhost");
    let location = plain.url("/");
    let server = StandIn::start_tls(&pem, &key, move |_| redirect(302, location.clone())).await;
    let url = format!("https://localhost:{}/", server.port);
    let error = failure(&trusting(&pem).context(), &metric(json!({"web": {"url": url}}))).await;
    assert_eq!(error.category, "egress");
    assert!(error.message.contains("that is not encrypted"), "{error}");
    assert!(plain.asked().is_empty());
}

#[tokio::test]
async fn a_server_without_tls_is_told() {
    let server = StandIn::start(|_| ok("1")).await;
    let url = format!("https://127.0.0.1:{}/", server.port);
    let error = failure(&Stage::default().context(), &metric(json!({"web": {"url": url}}))).await;
    assert_eq!(error.category, "connect");
    assert!(error.message.contains("TLS fails"), "{error}");
}

#[test]
fn files_that_hold_no_certificates() {
    let (good, key) = certificate("localhost");
    for pem in
        ["", "nothing", &key, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"]
    {
        let settings = Settings { extra_roots: Some(pem.into()), ..Settings::default() };
        let error = client(&settings, Arc::new(SystemResolver)).err().unwrap();
        assert!(matches!(&error, SettingsError::Roots(_)), "{error}");
        assert!(error.to_string().contains("--analysis-ca-file"), "{error}");
    }
    let two = format!("# ours\n{good}\n{}", certificate("other").0);
    let settings = Settings { extra_roots: Some(two.into()), ..Settings::default() };
    assert!(client(&settings, Arc::new(SystemResolver)).is_ok());
}
