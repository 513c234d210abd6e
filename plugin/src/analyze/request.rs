//! What is to be analyzed: from documents and arguments to a run that is made ready. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use http::Uri;
use secrecy::{ExposeSecret, SecretString};
use sluice_analysis::merge::{Additions, MergeError, gather, merge, no_data};
use sluice_analysis::run::{CompiledRun, compile, compile_afresh};
use sluice_analysis::{NO_DATA_ANNOTATION, Redactor};
use sluice_crd::analysis::{AnalysisRun, AnalysisRunSpec, Argument, MetricProvider};
use sluice_crd::rollout::AnalysisTemplateRef;

use super::{Problem, Window};
use crate::manifests::{Document, Kind, Templates, arguments, titles};

/// The most measurements of the past: more than a day of one in ten seconds, and about an hour of
/// questions to a server that takes a third of a second.
const MEASUREMENTS_MAX: i64 = 10_000;

/// What the flags say.
#[derive(Clone, Copy, Debug, Default)]
pub struct Asked<'a> {
    /// Values of arguments: `NAME=VALUE`.
    pub arguments: &'a [String],
    /// The templates that are meant.
    pub templates: &'a [String],
    /// The address of Prometheus.
    pub prometheus: Option<&'a str>,
    /// The piece of the past that is judged, if it is not the present.
    pub window: Option<Window>,
}

/// An analysis that can be carried out.
#[derive(Debug)]
pub struct Request {
    /// What it was made of: `AnalysisTemplate "success-rate"`.
    pub title: String,
    /// Its name.
    pub name: String,
    /// The spec of the run. It holds no secrets.
    pub spec: AnalysisRunSpec,
    /// The same, made ready.
    pub run: Arc<CompiledRun>,
    /// Values of the arguments that would be read from Secrets.
    pub secrets: BTreeMap<String, SecretString>,
}

impl Request {
    /// Reads what is asked for.
    ///
    /// # Errors
    ///
    /// Why it cannot be carried out.
    pub fn of(documents: &[Document], asked: &Asked<'_>) -> Result<Self, Problem> {
        let given = arguments(asked.arguments).map_err(Problem::Argument)?;
        let Source { title, name, mut spec, policy, secrets } = source(documents, asked, &given)?;
        if let Some(address) = asked.prometheus {
            redirect(&mut spec, address)?;
        }
        let run = compile(&spec, policy.as_deref(), &mut compile_afresh)?;
        let secrets = needed(&run, secrets)?;
        for metric in &run.metrics {
            check_provider(metric.name(), &metric.metric.provider, asked.window.is_some())?;
        }
        if let Some(window) = asked.window {
            check_number(&run, window)?;
        }
        Ok(Self { title, name, spec, run: Arc::new(run), secrets })
    }

    /// Takes the secrets out of texts.
    pub fn redactor(&self) -> Redactor {
        let mut redactor = Redactor::default();
        for secret in self.secrets.values() {
            redactor.add(secret.expose_secret());
        }
        redactor
    }
}

/// A spec, and what is known beside it.
struct Source {
    title: String,
    name: String,
    spec: AnalysisRunSpec,
    /// What its annotation says of measurements without data.
    policy: Option<String>,
    secrets: BTreeMap<String, SecretString>,
}

fn source(
    documents: &[Document],
    asked: &Asked<'_>,
    given: &[Argument],
) -> Result<Source, Problem> {
    let templates = Templates::of(documents)?;
    let runs: Vec<_> = documents.iter().filter(|d| d.kind() == Some(Kind::AnalysisRun)).collect();
    let roots = roots(&templates, asked.templates)?;
    match (runs.as_slice(), roots.as_slice()) {
        ([], []) => Err(Problem::Nothing),
        ([run], []) => of_run(run, given),
        ([], [_]) => of_templates(&templates, &roots, given),
        ([], _) if !asked.templates.is_empty() => of_templates(&templates, &roots, given),
        _ => {
            let mut all: Vec<String> = runs.iter().map(|run| run.title()).collect();
            all.push(titles(&roots));
            all.retain(|title| !title.is_empty());
            Err(Problem::Several(all.join(", ")))
        }
    }
}

/// The templates that are meant.
fn roots(templates: &Templates, names: &[String]) -> Result<Vec<AnalysisTemplateRef>, Problem> {
    if names.is_empty() {
        return Ok(templates.roots());
    }
    let mut all = Vec::new();
    for name in names {
        let named = templates.named(name);
        match named.as_slice() {
            [] => return Err(Problem::NoSuchTemplate(name.clone())),
            [one] => all.push(one.clone()),
            several => return Err(Problem::Several(titles(several))),
        }
    }
    Ok(all)
}

fn of_templates(
    templates: &Templates,
    roots: &[AnalysisTemplateRef],
    given: &[Argument],
) -> Result<Source, Problem> {
    let found = gather(roots, &|cluster_scope, name| templates.find(cluster_scope, name));
    let found = found.map_err(|errors| {
        Problem::Templates(errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    })?;
    let declared = || found.iter().flat_map(|template| &template.spec.args);
    check_declared(given, declared())?;
    let (open, secrets) = apart(given, declared());
    let additions = Additions { args: open, ..Additions::default() };
    let spec = merge(&found, &additions).map_err(|error| match error {
        MergeError::NoValue(name) => Problem::NoValue(name),
        error => Problem::Templates(error.to_string()),
    })?;
    let name = roots.iter().map(|root| root.template_name.as_str()).collect::<Vec<_>>().join("-");
    Ok(Source { title: titles(roots), name, spec, policy: no_data(&found), secrets })
}

fn of_run(document: &Document, given: &[Argument]) -> Result<Source, Problem> {
    let run: AnalysisRun = document.typed()?;
    let mut spec = run.spec;
    check_declared(given, &spec.args)?;
    let (open, secrets) = apart(given, &spec.args);
    for argument in &mut spec.args {
        if let Some(own) = open.iter().find(|own| own.name == argument.name) {
            *argument = own.clone();
        }
        if argument.value.is_none() && argument.value_from.is_none() {
            return Err(Problem::NoValue(argument.name.clone()));
        }
    }
    spec.terminate = false;
    Ok(Source {
        title: document.title(),
        name: document.name().to_owned(),
        spec,
        policy: document.annotation(NO_DATA_ANNOTATION).map(str::to_owned),
        secrets,
    })
}

fn check_declared<'a>(
    given: &[Argument],
    declared: impl IntoIterator<Item = &'a Argument>,
) -> Result<(), Problem> {
    let declared: BTreeSet<&str> = declared.into_iter().map(|a| a.name.as_str()).collect();
    match given.iter().find(|argument| !declared.contains(argument.name.as_str())) {
        None => Ok(()),
        Some(argument) => {
            let declared: Vec<&str> = declared.into_iter().collect();
            let declared =
                if declared.is_empty() { "none".to_owned() } else { declared.join(", ") };
            Err(Problem::Undeclared { name: argument.name.clone(), declared })
        }
    }
}

/// The values for the open, and those for arguments that are read from Secrets: they stay so, that
/// their values are treated as those of Secrets are.
fn apart<'a>(
    given: &[Argument],
    declared: impl IntoIterator<Item = &'a Argument>,
) -> (Vec<Argument>, BTreeMap<String, SecretString>) {
    let is_secret = |argument: &&Argument| {
        argument.value_from.as_ref().is_some_and(|from| from.secret_key_ref.is_some())
    };
    let secret: BTreeSet<&str> =
        declared.into_iter().filter(is_secret).map(|argument| argument.name.as_str()).collect();
    let (secrets, open): (Vec<_>, Vec<_>) =
        given.iter().cloned().partition(|argument| secret.contains(argument.name.as_str()));
    let secrets = secrets
        .into_iter()
        .map(|argument| (argument.name, SecretString::from(argument.value.unwrap_or_default())));
    (open, secrets.collect())
}

/// The secrets, which have to be there as far as a metric uses them.
fn needed(
    run: &CompiledRun,
    secrets: BTreeMap<String, SecretString>,
) -> Result<BTreeMap<String, SecretString>, Problem> {
    for name in run.metrics.iter().flat_map(|metric| &metric.secrets) {
        if let (Some(from), None) = (run.secrets.get(name), secrets.get(name)) {
            let (secret, key) = (from.name.clone(), from.key.clone());
            return Err(Problem::NoSecret { name: name.clone(), secret, key });
        }
    }
    Ok(secrets)
}

/// Asks all metrics of Prometheus there.
fn redirect(spec: &mut AnalysisRunSpec, address: &str) -> Result<(), Problem> {
    let uri: Option<Uri> = address.parse().ok();
    let is_usable =
        |uri: &Uri| matches!(uri.scheme_str(), Some("http" | "https")) && uri.host().is_some();
    if !uri.as_ref().is_some_and(is_usable) {
        return Err(Problem::Address(address.to_owned()));
    }
    for metric in &mut spec.metrics {
        if let Some(prometheus) = &mut metric.provider.prometheus {
            address.clone_into(&mut prometheus.address);
        }
    }
    Ok(())
}

/// Whether a provider can be asked without a cluster, and of the past.
fn check_provider(metric: &str, provider: &MetricProvider, past: bool) -> Result<(), Problem> {
    let kind = sluice_providers::type_name(provider);
    let why = if provider.job.is_some() {
        "runs a Job, which takes a cluster; create an AnalysisRun there"
    } else if past && provider.prometheus.is_none() {
        "cannot be asked for a time that is past, only Prometheus can; leave --from out to measure \
         now"
    } else if provider.new_relic.is_some()
        || provider.wavefront.is_some()
        || provider.influxdb.is_some()
    {
        "reads its credentials from a Secret of a cluster; create an AnalysisRun there"
    } else {
        return Ok(());
    };
    Err(Problem::Provider { metric: metric.to_owned(), kind, why })
}

fn check_number(run: &CompiledRun, window: Window) -> Result<(), Problem> {
    let span = (window.to - window.from).num_milliseconds();
    let number = |metric: &sluice_analysis::run::CompiledMetric| {
        let most =
            metric.interval.map_or(1, |interval| span / interval.num_milliseconds().max(1) + 1);
        metric.count.map_or(most, |count| count.min(most))
    };
    let number = run.metrics.iter().map(number).fold(0_i64, i64::saturating_add);
    if number > MEASUREMENTS_MAX {
        return Err(Problem::TooMany { number, most: MEASUREMENTS_MAX });
    }
    Ok(())
}
