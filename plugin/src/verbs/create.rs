//! `create`: objects from files, and an AnalysisRun from a template.

use std::path::Path;

use kube::Resource;
use kube::api::{ApiResource, DynamicObject};
use serde_json::{Value, json};
use sluice_analysis::NO_DATA_ANNOTATION;
use sluice_analysis::merge::{Additions, MergeError, NamedTemplate, gather, merge, no_data};
use sluice_crd::analysis::{
    AnalysisRun, AnalysisTemplate, AnalysisTemplateSpec, ClusterAnalysisTemplate,
};
use sluice_crd::experiment::Experiment;
use sluice_crd::rollout::{AnalysisTemplateRef, Rollout};
use sluice_planner::names::INSTANCE_ID;

use super::{Stop, get};
use crate::args::{Create, CreateRun, GetRollout, Look};
use crate::cluster;
use crate::error::Failure;
use crate::manifests::{self, Document, Kind, Templates, arguments, titles};
use crate::output::Output;
use crate::session::Session;

/// Creates what is in the files, in their order. All of it is looked at before.
pub(super) async fn files(
    session: &Session,
    args: &Create,
    output: &mut Output<'_>,
    stop: &Stop,
) -> Result<(), Failure> {
    if args.filename.is_empty() {
        let what = "name a file (-f FILE), or create an analysisrun";
        return Err(Failure::NotCreatable(what.to_owned()));
    }
    let documents = manifests::read(&args.filename)?;
    let objects = documents.iter().map(object).collect::<Result<Vec<_>, _>>()?;
    if args.watch && !matches!(objects.as_slice(), [(Kind::Rollout, _)]) {
        let what = "--watch is for one Rollout, and nothing else can be watched";
        return Err(Failure::NotCreatable(what.to_owned()));
    }
    let mut name = String::new();
    for (kind, object) in &objects {
        name =
            cluster::create(session, &resource(*kind), namespace(session, *kind, object), object)
                .await?;
        output.line(&format!("{}.argoproj.io/{name} created", word(*kind)))?;
    }
    if !args.watch {
        return Ok(());
    }
    let look = Look { watch: true, no_color: args.no_color, ..Look::default() };
    get::rollout(session, &GetRollout { name, look }, output, stop).await
}

/// The object of a document, which has to be of one of our kinds and as that says.
fn object(document: &Document) -> Result<(Kind, DynamicObject), Failure> {
    let Some(kind) = document.kind() else {
        let api_version = document.value["apiVersion"].as_str().unwrap_or_default();
        let group = api_version.rsplit_once('/').map_or("", |(group, _)| group);
        let kind = document.value["kind"].as_str().unwrap_or_default();
        let what = format!("{}: creates of {group}/{kind} unsupported", document.place);
        return Err(Failure::NotCreatable(what));
    };
    match kind {
        Kind::Rollout => drop(document.typed::<Rollout>()?),
        Kind::Experiment => drop(document.typed::<Experiment>()?),
        Kind::AnalysisTemplate => drop(document.typed::<AnalysisTemplate>()?),
        Kind::ClusterAnalysisTemplate => drop(document.typed::<ClusterAnalysisTemplate>()?),
        Kind::AnalysisRun => drop(document.typed::<AnalysisRun>()?),
    }
    // As it is written: fields that are newer than our types are sent as well.
    Ok((kind, document.typed()?))
}

fn resource(kind: Kind) -> ApiResource {
    match kind {
        Kind::Rollout => ApiResource::erase::<Rollout>(&()),
        Kind::Experiment => ApiResource::erase::<Experiment>(&()),
        Kind::AnalysisTemplate => ApiResource::erase::<AnalysisTemplate>(&()),
        Kind::ClusterAnalysisTemplate => ApiResource::erase::<ClusterAnalysisTemplate>(&()),
        Kind::AnalysisRun => ApiResource::erase::<AnalysisRun>(&()),
    }
}

/// A kind as the original names it when it has created one.
fn word(kind: Kind) -> String {
    match kind {
        Kind::ClusterAnalysisTemplate => Kind::AnalysisTemplate.as_str().to_lowercase(),
        kind => kind.as_str().to_lowercase(),
    }
}

/// Where an object goes: where it says, or where the session is.
fn namespace<'a>(session: &'a Session, kind: Kind, object: &'a DynamicObject) -> Option<&'a str> {
    let own = object.metadata.namespace.as_deref();
    (kind != Kind::ClusterAnalysisTemplate).then(|| own.unwrap_or(&session.namespace))
}

/// Creates an AnalysisRun from a template.
pub(super) async fn run(
    session: &Session,
    create: &Create,
    args: &CreateRun,
    output: &mut Output<'_>,
) -> Result<(), Failure> {
    if !create.filename.is_empty() || create.watch {
        let what = "-f and --watch are not for create analysisrun: it has --from-file";
        return Err(Failure::NotCreatable(what.to_owned()));
    }
    let given = arguments(&args.argument).map_err(Failure::NotCreatable)?;
    let mut known = Known { session, templates: Templates::default() };
    let root = match (&args.from, &args.from_file) {
        (Some(name), None) => name.clone(),
        (None, Some(file)) => {
            known.templates = Templates::of(&manifests::read(std::slice::from_ref(file))?)?;
            only(&known.templates, args.global, file)?
        }
        _ => {
            let what = "one of --from or --from-file must be specified";
            return Err(Failure::NotCreatable(what.to_owned()));
        }
    };
    let templates = known.gather(&root, args.global).await?;
    let declared =
        |name: &str| templates.iter().any(|t| t.spec.args.iter().any(|a| a.name == name));
    for argument in given.iter().filter(|argument| !declared(&argument.name)) {
        let name = &argument.name;
        output.complain(&format!("Warning: the template declares no argument {name}: left out"))?;
    }
    let unfit = |error: MergeError| Failure::NotCreatable(error.to_string());
    let additions = Additions { args: given, ..Additions::default() };
    let spec = merge(&templates, &additions).map_err(unfit)?;

    let mut metadata = json!({"namespace": session.namespace});
    match (&args.name, &args.generate_name) {
        (Some(name), _) => metadata["name"] = json!(name),
        (None, Some(prefix)) => metadata["generateName"] = json!(prefix),
        (None, None) => metadata["generateName"] = json!(format!("{root}-")),
    }
    if let Some(id) = &args.instance_id {
        metadata["labels"] = json!({INSTANCE_ID: id});
    }
    if let Some(policy) = no_data(&templates) {
        metadata["annotations"] = json!({NO_DATA_ANNOTATION: policy});
    }
    let object: Value = json!({
        "apiVersion": AnalysisRun::api_version(&()),
        "kind": AnalysisRun::kind(&()),
        "metadata": metadata,
        "spec": spec,
    });
    let object: DynamicObject =
        serde_json::from_value(object).map_err(|error| Failure::NotCreatable(error.to_string()))?;
    let resource = resource(Kind::AnalysisRun);
    let name = cluster::create(session, &resource, Some(&session.namespace), &object).await?;
    Ok(output.line(&format!("analysisrun.argoproj.io/{name} created"))?)
}

/// The name of the template of a file that is meant: the one that no other one of it names.
fn only(templates: &Templates, global: bool, file: &Path) -> Result<String, Failure> {
    let mut roots = templates.roots();
    roots.retain(|root| root.cluster_scope == Some(global));
    match roots.as_slice() {
        [root] => Ok(root.template_name.clone()),
        [] if global => Err(Failure::NotCreatable(format!(
            "{} holds no ClusterAnalysisTemplate",
            file.display()
        ))),
        [] => Err(Failure::NotCreatable(format!(
            "{} holds no AnalysisTemplate (--global is for ClusterAnalysisTemplates)",
            file.display()
        ))),
        several => Err(Failure::NotCreatable(format!(
            "{} holds several templates: {}; put the one that is meant into a file of its own, or \
             create them and use --from",
            file.display(),
            titles(several)
        ))),
    }
}

/// Templates that are known, and where others are to be had.
struct Known<'a> {
    session: &'a Session,
    templates: Templates,
}

impl Known<'_> {
    /// A template with all that it leads to. What a file does not hold is read from the cluster.
    async fn gather(
        &mut self,
        name: &str,
        cluster_scope: bool,
    ) -> Result<Vec<NamedTemplate>, Failure> {
        let root = AnalysisTemplateRef {
            template_name: name.to_owned(),
            cluster_scope: Some(cluster_scope),
        };
        let refs = std::slice::from_ref(&root);
        loop {
            let find = |cluster_scope, name: &str| self.templates.find(cluster_scope, name);
            let missing = match gather(refs, &find) {
                Ok(templates) => return Ok(templates),
                Err(missing) => missing,
            };
            // Each turn reads at least one more of them, or ends with the API server's refusal.
            for error in missing {
                let MergeError::Missing { cluster_scope, name } = error else {
                    return Err(Failure::NotCreatable(error.to_string()));
                };
                let template = self.read(cluster_scope, &name).await?;
                self.templates.add(template);
            }
        }
    }

    async fn read(&self, cluster_scope: bool, name: &str) -> Result<NamedTemplate, Failure> {
        let (spec, metadata) = if cluster_scope {
            let template: ClusterAnalysisTemplate =
                cluster::one(self.session, &resource(Kind::ClusterAnalysisTemplate), None, name)
                    .await?;
            (template.spec.0, template.metadata)
        } else {
            let namespace = Some(self.session.namespace.as_str());
            let template: AnalysisTemplate =
                cluster::one(self.session, &resource(Kind::AnalysisTemplate), namespace, name)
                    .await?;
            (template.spec, template.metadata)
        };
        let spec: AnalysisTemplateSpec = spec;
        let policy = metadata.annotations.and_then(|mut all| all.remove(NO_DATA_ANNOTATION));
        Ok(NamedTemplate { cluster_scope, name: name.to_owned(), spec, no_data: policy })
    }
}
