//! Analysis as a Rollout refers to it (spec §1.7).

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::analysis::{DryRun, MeasurementRetention};
use crate::open_enum::open_enum;

/// DOC RolloutAnalysis
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutAnalysis {
    /// DOC RolloutAnalysis.templates
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub templates: Vec<AnalysisTemplateRef>,
    /// DOC RolloutAnalysis.args
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<AnalysisRunArgument>,
    /// DOC RolloutAnalysis.dryRun
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dry_run: Vec<DryRun>,
    /// DOC RolloutAnalysis.measurementRetention
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub measurement_retention: Vec<MeasurementRetention>,
    /// DOC RolloutAnalysis.analysisRunMetadata
    #[serde(skip_serializing_if = "Option::is_none")]
    pub analysis_run_metadata: Option<AnalysisRunMetadata>,
}

/// DOC RolloutAnalysisBackground
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RolloutAnalysisBackground {
    /// The fields of [`RolloutAnalysis`], inline.
    #[serde(flatten)]
    pub analysis: RolloutAnalysis,
    /// DOC RolloutAnalysisBackground.startingStep
    #[serde(skip_serializing_if = "Option::is_none")]
    pub starting_step: Option<i32>,
}

/// DOC AnalysisTemplateRef
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnalysisTemplateRef {
    /// DOC AnalysisTemplateRef.templateName
    pub template_name: String,
    /// DOC AnalysisTemplateRef.clusterScope
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_scope: Option<bool>,
}

/// DOC AnalysisRunArgument
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnalysisRunArgument {
    /// DOC AnalysisRunArgument.name
    pub name: String,
    /// DOC AnalysisRunArgument.value
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub value: String,
    /// DOC AnalysisRunArgument.valueFrom
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value_from: Option<ArgumentValueFrom>,
}

/// DOC ArgumentValueFrom
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ArgumentValueFrom {
    /// DOC ArgumentValueFrom.podTemplateHashValue
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pod_template_hash_value: Option<ValueFromPodTemplateHash>,
    /// DOC ArgumentValueFrom.fieldRef
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field_ref: Option<FieldRef>,
}

/// DOC FieldRef
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct FieldRef {
    /// DOC FieldRef.fieldPath
    pub field_path: String,
}

/// DOC AnalysisRunMetadata
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct AnalysisRunMetadata {
    /// DOC AnalysisRunMetadata.labels
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// DOC AnalysisRunMetadata.annotations
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

open_enum! {
    /// DOC ValueFromPodTemplateHash
    ValueFromPodTemplateHash {
        /// DOC ValueFromPodTemplateHash.Stable
        Stable = "Stable",
        /// DOC ValueFromPodTemplateHash.Latest
        Latest = "Latest",
    }
}
