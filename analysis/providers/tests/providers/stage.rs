//! The world around a measurement.

use std::collections::BTreeMap;
use std::io;
use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use secrecy::SecretString;
use serde_json::{Value, json};
use sluice_analysis::expr::{Condition, Limits};
use sluice_analysis::{Ongoing, Reading, Redactor, Sample, Verdict};
use sluice_crd::analysis::{Measurement, Metric};
use sluice_providers::http::{HttpClient, Resolver, Settings, SystemResolver, client, own_client};
use sluice_providers::{
    Aws, Cluster, Context, Environment, JobId, ProviderError, Redactions, RunId, SecretReader,
    Taken, provider_of, take,
};

pub(crate) const NOW: &str = "2026-01-31T12:00:00Z";
pub(crate) const NOW_SECONDS: i64 = 1_769_860_800;

/// Secrets by namespace and name.
#[derive(Default)]
pub(crate) struct Secrets {
    pub(crate) stored: BTreeMap<(String, String), BTreeMap<String, String>>,
    /// What was asked for: `namespace/name: key, key`.
    pub(crate) asked: Mutex<Vec<String>>,
}

#[async_trait]
impl SecretReader for Secrets {
    async fn read(
        &self,
        namespace: &str,
        name: &str,
        key: &str,
    ) -> Result<SecretString, ProviderError> {
        let found = self.read_some(namespace, name, &[key]).await?.remove(key);
        found.ok_or_else(|| ProviderError::new("secret", "no such key"))
    }

    async fn read_some(
        &self,
        namespace: &str,
        name: &str,
        keys: &[&str],
    ) -> Result<BTreeMap<String, SecretString>, ProviderError> {
        self.asked.lock().unwrap().push(format!("{namespace}/{name}: {}", keys.join(", ")));
        let secret = self.stored.get(&(namespace.to_owned(), name.to_owned()));
        let value = |key: &&str| {
            let value = secret?.get(*key)?;
            Some(((*key).to_owned(), SecretString::from(value.clone())))
        };
        Ok(keys.iter().filter_map(value).collect())
    }
}

/// A cluster that remembers its Jobs.
#[derive(Default)]
pub(crate) struct Jobs {
    pub(crate) jobs: Mutex<BTreeMap<(String, String), Value>>,
    pub(crate) pods: Mutex<Vec<Value>>,
    pub(crate) place: Option<(String, bool)>,
    /// The API server does not answer.
    pub(crate) busy: Mutex<bool>,
}

impl Jobs {
    fn answers(&self) -> Result<(), ProviderError> {
        if *self.busy.lock().unwrap() {
            return Err(ProviderError::new("busy", "the API server did not answer"));
        }
        Ok(())
    }
}

#[async_trait]
impl Cluster for Jobs {
    async fn create_job(&self, namespace: &str, manifest: &Value) -> Result<(), ProviderError> {
        self.answers()?;
        let name = manifest["metadata"]["name"].as_str().unwrap().to_owned();
        let mut jobs = self.jobs.lock().unwrap();
        match jobs.insert((namespace.to_owned(), name), manifest.clone()) {
            None => Ok(()),
            Some(_) => Err(ProviderError::new("cluster", "there is such a Job")),
        }
    }

    async fn job(&self, id: &JobId) -> Result<Option<Value>, ProviderError> {
        self.answers()?;
        let key = (id.namespace.clone(), id.name.clone());
        Ok(self.jobs.lock().unwrap().get(&key).cloned())
    }

    async fn pods_of(&self, _: &JobId) -> Result<Vec<Value>, ProviderError> {
        self.answers()?;
        Ok(self.pods.lock().unwrap().clone())
    }

    async fn delete_job(&self, id: &JobId) -> Result<(), ProviderError> {
        self.answers()?;
        self.jobs.lock().unwrap().remove(&(id.namespace.clone(), id.name.clone()));
        Ok(())
    }

    fn place(&self, run: &RunId) -> (String, bool) {
        self.place.clone().unwrap_or_else(|| (run.namespace.clone(), false))
    }
}

/// Names that resolve to what a test says, each answer once, the last one for ever.
#[derive(Default)]
pub(crate) struct Names {
    pub(crate) answers: Mutex<BTreeMap<String, Vec<Vec<IpAddr>>>>,
    pub(crate) asked: Mutex<Vec<String>>,
}

impl Names {
    pub(crate) fn of(names: &[(&str, &[&[&str]])]) -> Arc<Self> {
        let addresses = |list: &&[&str]| list.iter().map(|ip| ip.parse().unwrap()).collect();
        let name = |(name, lists): &(&str, &[&[&str]])| {
            ((*name).to_owned(), lists.iter().map(addresses).collect())
        };
        let answers = Mutex::new(names.iter().map(name).collect());
        Arc::new(Self { answers, asked: Mutex::default() })
    }

    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

#[async_trait]
impl Resolver for Names {
    async fn resolve(&self, host: &str) -> io::Result<Vec<IpAddr>> {
        self.asked.lock().unwrap().push(host.to_owned());
        let mut answers = self.answers.lock().unwrap();
        match answers.get_mut(host) {
            None => Err(io::Error::new(io::ErrorKind::NotFound, "no such name")),
            Some(lists) if lists.len() > 1 => Ok(lists.remove(0)),
            Some(lists) => Ok(lists[0].clone()),
        }
    }
}

/// What a context is made of.
#[derive(Default)]
pub(crate) struct Stage {
    pub(crate) settings: Settings,
    pub(crate) resolver: Option<Arc<dyn Resolver>>,
    pub(crate) environment: Vec<(&'static str, String)>,
    pub(crate) secrets: Secrets,
    pub(crate) jobs: Jobs,
    pub(crate) redactor: Redactor,
}

impl Stage {
    pub(crate) fn secret(mut self, namespace: &str, name: &str, keys: &[(&str, &str)]) -> Self {
        let pair = |(key, value): &(&str, &str)| ((*key).to_owned(), (*value).to_owned());
        let key = (namespace.to_owned(), name.to_owned());
        self.secrets.stored.insert(key, keys.iter().map(pair).collect());
        self
    }

    pub(crate) fn variable(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    pub(crate) fn clients(&mut self) -> (HttpClient, HttpClient) {
        let resolver = self.resolver.take().unwrap_or_else(|| Arc::new(SystemResolver));
        let made = client(&self.settings, Arc::clone(&resolver)).unwrap();
        (made, own_client(&self.settings, resolver).unwrap())
    }

    pub(crate) fn context(self) -> Context {
        self.shared().0
    }

    /// The context, and what is behind it.
    pub(crate) fn shared(mut self) -> (Context, Arc<Secrets>, Arc<Jobs>) {
        let (http, own) = self.clients();
        let environment: Environment =
            self.environment.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let environment = Arc::new(environment);
        let (secrets, jobs) = (Arc::new(self.secrets), Arc::new(self.jobs));
        let context = Context {
            now: NOW.parse().unwrap(),
            data_of: None,
            run: RunId {
                namespace: "shop".to_owned(),
                name: "run".to_owned(),
                uid: "fbfd5d2e-4492-4caf-8089-0d7547d737ea".to_owned(),
            },
            number: 1,
            home: "argo-rollouts".to_owned(),
            http,
            secrets: secrets.clone(),
            cluster: jobs.clone(),
            aws: Arc::new(Aws::new(Arc::clone(&environment), own)),
            environment,
            redactions: Redactions::from(self.redactor),
        };
        (context, secrets, jobs)
    }
}

pub(crate) fn now() -> DateTime<Utc> {
    NOW.parse().unwrap()
}

/// A metric with one provider.
pub(crate) fn metric(provider: Value) -> Metric {
    serde_json::from_value(json!({"name": "m", "provider": provider})).unwrap()
}

pub(crate) async fn measure(cx: &Context, metric: &Metric) -> Taken {
    take(provider_of(&metric.provider).unwrap(), cx, metric).await
}

pub(crate) async fn sample(cx: &Context, metric: &Metric) -> Sample {
    match measure(cx, metric).await.outcome {
        Ok(Reading::Sample(sample)) => sample,
        Ok(other) => panic!("{other:?}"),
        Err(error) => panic!("{error}"),
    }
}

pub(crate) async fn failure(cx: &Context, metric: &Metric) -> ProviderError {
    match measure(cx, metric).await.outcome {
        Ok(reading) => panic!("{reading:?}"),
        Err(error) => error,
    }
}

pub(crate) fn verdict(taken: Taken) -> Verdict {
    match taken.outcome {
        Ok(Reading::Verdict(verdict)) => verdict,
        Ok(other) => panic!("{other:?}"),
        Err(error) => panic!("{error}"),
    }
}

pub(crate) fn ongoing(taken: Taken) -> Ongoing {
    match taken.outcome {
        Ok(Reading::Ongoing(ongoing)) => ongoing,
        Ok(other) => panic!("{other:?}"),
        Err(error) => panic!("{error}"),
    }
}

/// A measurement that is under way, as its run's status has it.
pub(crate) fn under_way(ongoing: &Ongoing) -> Measurement {
    serde_json::from_value(json!({
        "phase": "Running",
        "startedAt": NOW,
        "metadata": ongoing.metadata,
    }))
    .unwrap()
}

/// Whether a condition holds for a sample.
pub(crate) fn holds(sample: &Sample, condition: &str) -> bool {
    let condition = Condition::compile(condition).unwrap();
    condition.holds(&sample.value, Limits::default()).unwrap()
}
