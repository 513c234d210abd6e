//! The files that the tools of AWS share.

use std::collections::BTreeMap;

use crate::context::Environment;

/// The profiles of the config file and the credentials file, the latter's entries first.
#[derive(Clone, Default)]
pub(super) struct Profiles(BTreeMap<String, BTreeMap<String, String>>);

impl Profiles {
    /// Reads the files that an environment names. One that is not there, or cannot be read, has no
    /// profiles.
    pub(super) async fn read(environment: &Environment) -> Self {
        let path = |variable: &str, name: &str| {
            let home = || environment.get("HOME").map(|home| format!("{home}/.aws/{name}"));
            environment.get(variable).cloned().or_else(home)
        };
        let config = path("AWS_CONFIG_FILE", "config");
        let credentials = path("AWS_SHARED_CREDENTIALS_FILE", "credentials");
        let read = move || {
            let text = |path: Option<String>| {
                path.and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default()
            };
            Self::parse(&text(config), &text(credentials))
        };
        tokio::task::spawn_blocking(read).await.unwrap_or_default()
    }

    /// The profiles of a config file and a credentials file.
    pub(super) fn parse(config: &str, credentials: &str) -> Self {
        let mut profiles = Self::default();
        profiles.add(config, |section| {
            let name = section.strip_prefix("profile ").map(str::trim);
            name.or_else(|| (section == "default").then_some(section))
        });
        profiles.add(credentials, |section| Some(section));
        profiles
    }

    fn add(&mut self, text: &str, name_of: impl Fn(&str) -> Option<&str>) {
        let mut current: Option<String> = None;
        for line in text.lines() {
            let trimmed = line.trim();
            if let Some(section) = trimmed.strip_prefix('[').and_then(|rest| rest.split(']').next())
            {
                current = name_of(section.trim()).map(str::to_owned);
                if let Some(name) = &current {
                    self.0.entry(name.clone()).or_default();
                }
                continue;
            }
            // Indented lines belong to a group of settings for one service, which is not used.
            let nested = line.starts_with([' ', '\t']);
            if nested || trimmed.starts_with(['#', ';']) {
                continue;
            }
            let Some((name, (key, value))) = current.as_ref().zip(trimmed.split_once('=')) else {
                continue;
            };
            let value = value.split(" #").next().unwrap_or_default().trim().to_owned();
            let entries = self.0.entry(name.clone()).or_default();
            entries.insert(key.trim().to_ascii_lowercase(), value);
        }
    }

    /// A profile by name.
    pub(super) fn get(&self, name: &str) -> Option<&BTreeMap<String, String>> {
        self.0.get(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn both_files() {
        let config = "# c\n[default]\nregion = eu-west-1\n\n[profile  deploy ] ; x\nrole_arn=arn:a\n\
                      source_profile = default # why\ns3 =\n  addressing = path\n[other]\nregion=x\n\
                      [sso-session y]\nregion=z\n";
        let credentials =
            "[default]\naws_access_key_id = A\n AWS = x\n[deploy]\nROLE_ARN = arn:b\n";
        let profiles = Profiles::parse(config, credentials);
        let entry = |profile: &str, key: &str| {
            profiles.get(profile).and_then(|entries| entries.get(key)).map(String::as_str)
        };
        assert_eq!(entry("default", "region"), Some("eu-west-1"));
        assert_eq!(entry("default", "aws_access_key_id"), Some("A"));
        assert_eq!(entry("deploy", "role_arn"), Some("arn:b"));
        assert_eq!(entry("deploy", "source_profile"), Some("default"));
        assert_eq!(entry("deploy", "addressing"), None);
        assert_eq!(entry("other", "region"), None);
    }

    proptest! {
        #[test]
        fn no_file_panics(config in "[\\[\\]=#; a-z\n]{0,200}", credentials in "\\PC{0,100}") {
            Profiles::parse(&config, &credentials);
        }
    }
}
