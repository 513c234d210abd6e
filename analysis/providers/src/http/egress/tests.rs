use proptest::prelude::*;

use super::*;

fn verdict(egress: &Egress, url: &str) -> Result<(), Refused> {
    egress.check_url(&Url::parse(url).unwrap())
}

#[test]
fn metadata_services_are_refused_however_they_are_written() {
    let all = Egress {
        deny_private: false,
        allow: vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()],
    };
    for host in [
        "169.254.169.254",
        "169.254.170.2",
        "2852039166",
        "0xa9fea9fe",
        "0xa9.0xfe.0xa9.0xfe",
        "0251.0376.0251.0376",
        "169.16689662",
        "169.254.169.254.",
        "[::ffff:169.254.169.254]",
        "[::ffff:a9fe:a9fe]",
        "[::169.254.169.254]",
        "[::ffff:0:169.254.169.254]",
        "[64:ff9b::a9fe:a9fe]",
        "[64:ff9b:1::a9fe:a9fe]",
        "[64:ff9b:1:a9fe:a9:fe00::]",
        "[2002:a9fe:a9fe::1]",
        "[2001:0:1:2:3:4:5601:5601]",
        "[2001:db8::5efe:a9fe:a9fe]",
        "[fe80::1]",
        "[febf::1]",
        "[fd00:ec2::254]",
        "[fd00:ec2::23]",
        "[fd20:ce::254]",
        "100.100.100.200",
        "192.0.0.192",
        "168.63.129.16",
        "metadata.google.internal",
        "METADATA.google.internal.",
        "metadata.goog",
        "instance-data.ec2.internal",
    ] {
        let refused = verdict(&all, &format!("http://{host}/latest/")).unwrap_err().to_string();
        assert!(refused.contains("never taken there"), "{host}: {refused}");
    }
}

#[test]
fn private_networks_are_allowed_unless_denied() {
    let deny = Egress { deny_private: true, allow: Vec::new() };
    for host in [
        "127.0.0.1",
        "localhost.",
        "10.1.2.3",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "0.0.0.0",
        "[::]",
        "[::1]",
        "[fd12::1]",
        "[::ffff:10.0.0.1]",
        "[64:ff9b::10.0.0.1]",
        "255.255.255.255",
        "224.0.0.1",
    ] {
        let url = format!("http://{host}/");
        assert_eq!(verdict(&Egress::default(), &url), Ok(()), "{host}");
        if host != "localhost." {
            let refused = verdict(&deny, &url).unwrap_err().to_string();
            assert!(refused.contains("--analysis-allow"), "{host}: {refused}");
        }
    }
    for host in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "[2606:4700::1111]", "example.com"] {
        assert_eq!(verdict(&deny, &format!("https://{host}/")), Ok(()), "{host}");
    }
}

#[test]
fn what_is_allowed_among_private_networks() {
    let allow = ["10.0.0.0/8", "fd12::/16", "prometheus.monitoring.svc", "*.corp.example"];
    let egress = Egress {
        deny_private: true,
        allow: allow.iter().map(|text| text.parse().unwrap()).collect(),
    };
    let ip = |text: &str| text.parse::<IpAddr>().unwrap();
    for (name, address, allowed) in [
        ("", "10.9.9.9", true),
        ("", "::ffff:10.9.9.9", true),
        ("", "fd12::5", true),
        ("", "192.168.0.1", false),
        ("anything", "10.0.0.1", true),
        ("prometheus.monitoring.svc", "192.168.0.1", true),
        ("Prometheus.Monitoring.svc.", "192.168.0.1", true),
        ("evil.prometheus.monitoring.svc", "192.168.0.1", false),
        ("a.corp.example", "192.168.0.1", true),
        ("corp.example", "192.168.0.1", false),
        ("evilcorp.example", "192.168.0.1", false),
        ("prometheus.monitoring.svc", "169.254.169.254", false),
    ] {
        let verdict = egress.check_address(name, ip(address));
        assert_eq!(verdict.is_ok(), allowed, "{name} {address}: {verdict:?}");
    }
    let said = egress.check_address("evil.example", ip("192.168.0.1")).unwrap_err().to_string();
    assert!(said.starts_with("evil.example has the address 192.168.0.1, which is"), "{said}");
}

#[test]
fn what_can_be_allowed() {
    assert_eq!("*.Example.com".parse(), Ok(Allowed::Below("example.com".to_owned())));
    assert_eq!("10.0.0.1".parse(), Ok(Allowed::Net("10.0.0.1/32".parse().unwrap())));
    for text in ["", "*", "*.", "http://a", "10.0.0.0/40", "a b", "a/b"] {
        assert!(text.parse::<Allowed>().is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn link_local_addresses_stay_refused_in_disguise(c: u8, d: u8, prefix in prop::sample::select(vec!["::ffff:", "::", "64:ff9b::", "64:ff9b:1::", "2001:db8::5efe:"])) {
        let address = format!("{prefix}169.254.{c}.{d}").parse().unwrap();
        prop_assert!(Egress::default().check_address("", address).is_err(), "{}", address);
    }
}
