use secrecy::ExposeSecret;

use super::*;

fn environment(pairs: &[(&str, &str)]) -> Environment {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

fn planned(pairs: &[(&str, &str)], config: &str, wanted: &Wanted) -> Result<String, ProviderError> {
    let plan = plan(&environment(pairs), &Profiles::parse(config, ""), wanted)?;
    let base = match plan.base {
        Base::Keys(keys) => format!("keys {} {}", keys.id, keys.secret.expose_secret()),
        Base::WebIdentity { role, token_file } => format!("token {token_file} for {}", role.arn),
        Base::Container => "container".to_owned(),
        Base::Machine => "machine".to_owned(),
    };
    let roles = plan.roles.into_iter().map(|role| format!(", {}", role.arn));
    Ok(roles.fold(base, |all, role| all + &role))
}

fn profile(name: &str) -> Wanted {
    Wanted { profile: Some(name.to_owned()), ..Wanted::default() }
}

const CONFIG: &str = "
[default]
aws_access_key_id = D
aws_secret_access_key = d
[profile middle]
source_profile = default
role_arn = arn:middle
[profile end]
source_profile = middle
role_arn = arn:end
[profile own]
source_profile = own
role_arn = arn:own
aws_access_key_id = O
aws_secret_access_key = o
[profile token]
role_arn = arn:token
web_identity_token_file = /t
[profile machine]
role_arn = arn:machine
credential_source = Ec2InstanceMetadata
[profile container]
role_arn = arn:container
credential_source = EcsContainer
[profile environment]
role_arn = arn:environment
credential_source = Environment
[profile process]
credential_process = /bin/x
[profile round]
source_profile = about
[profile about]
source_profile = round
[profile lost]
source_profile = nowhere
";

#[test]
fn the_order_of_the_sdks() {
    let keys = [("AWS_ACCESS_KEY_ID", "A"), ("AWS_SECRET_ACCESS_KEY", "s")];
    let irsa = [("AWS_WEB_IDENTITY_TOKEN_FILE", "/token"), ("AWS_ROLE_ARN", "arn:irsa")];
    let chosen = [("AWS_PROFILE", "middle")];
    let container = [("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://169.254.170.23/v1")];
    let all = [&keys[..], &irsa, &chosen, &container].concat();
    let none = Wanted::default();
    for (skipped, expected) in [
        (0, "keys A s"),
        (2, "token /token for arn:irsa"),
        (4, "keys D d, arn:middle"),
        (5, "keys D d"),
    ] {
        assert_eq!(planned(&all[skipped..], CONFIG, &none).unwrap(), expected);
    }
    let region_only = "[default]\nregion = x\n";
    assert_eq!(planned(&container, region_only, &none).unwrap(), "container");
    assert_eq!(planned(&[], region_only, &none).unwrap(), "machine");
    let role = Wanted { role_arn: Some("arn:wanted".to_owned()), ..Wanted::default() };
    assert_eq!(planned(&irsa, "", &role).unwrap(), "token /token for arn:irsa, arn:wanted");
}

#[test]
fn profiles_refer_to_each_other() {
    let keys = [("AWS_ACCESS_KEY_ID", "A"), ("AWS_SECRET_ACCESS_KEY", "s")];
    for (name, expected) in [
        ("end", "keys D d, arn:middle, arn:end"),
        ("own", "keys O o, arn:own"),
        ("token", "token /t for arn:token"),
        ("machine", "machine, arn:machine"),
        ("container", "container, arn:container"),
        ("environment", "keys A s, arn:environment"),
    ] {
        assert_eq!(planned(&keys, CONFIG, &profile(name)).unwrap(), expected);
    }
    for name in ["process", "round", "lost", "unknown"] {
        let error = planned(&keys, CONFIG, &profile(name)).unwrap_err();
        assert_eq!(error.category, "secret");
        assert!(error.message.starts_with("the AWS profile "), "{}", error.message);
    }
    assert!(planned(&[], CONFIG, &profile("environment")).is_err());
}

#[test]
fn the_region() {
    let profiles = Profiles::parse("[default]\nregion = d\n[profile p]\nregion = p\n", "");
    let both = environment(&[("AWS_REGION", "e"), ("AWS_DEFAULT_REGION", "f")]);
    let written = Wanted { region: Some("w".to_owned()), ..Wanted::default() };
    assert_eq!(region(&both, &profiles, &written).as_deref(), Some("w"));
    assert_eq!(region(&both, &profiles, &Wanted::default()).as_deref(), Some("e"));
    assert_eq!(region(&both, &profiles, &profile("p")).as_deref(), Some("p"));
    let none = Environment::new();
    assert_eq!(region(&none, &profiles, &Wanted::default()).as_deref(), Some("d"));
    assert_eq!(region(&none, &profiles, &profile("q")), None);
}
