//! What is said on the command line of analyses and of manifests.

use std::path::PathBuf;

use clap::{ArgAction, Subcommand, ValueEnum};

use super::Look;

/// `get analysisrun`.
#[derive(Debug, clap::Args)]
pub struct GetRun {
    /// Name of the AnalysisRun
    pub name: String,
    /// How it is shown.
    #[command(flatten)]
    pub look: Look,
}

/// Kinds that `terminate` ends.
#[derive(Debug, Subcommand)]
pub enum Terminate {
    /// End AnalysisRuns: without failures so far they are Successful
    #[command(visible_aliases = ["ar", "analysisruns"])]
    Analysisrun(RunNames),
}

/// Names of AnalysisRuns.
#[derive(Debug, clap::Args)]
pub struct RunNames {
    /// Names of the AnalysisRuns
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
}

/// `create`.
#[derive(Debug, clap::Args)]
#[command(arg_required_else_help = true)]
pub struct Create {
    /// What is created otherwise than from files.
    #[command(subcommand)]
    pub kind: Option<CreateKind>,
    /// Rollouts, Experiments, AnalysisTemplates, ClusterAnalysisTemplates or AnalysisRuns; `-` is
    /// standard input; may be repeated
    #[arg(short = 'f', long = "filename", value_name = "FILE")]
    pub filename: Vec<PathBuf>,
    /// Go on showing the Rollout that was created, until Ctrl-C
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set, hide_possible_values = true)]
    pub watch: bool,
    /// No colours; they are used on a terminal only, and not with NO_COLOR or TERM=dumb
    #[arg(long = "no-color", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", default_value_t = false, action = ArgAction::Set,
          hide_possible_values = true)]
    pub no_color: bool,
}

/// Kinds that are created from something else than themselves.
#[derive(Debug, Subcommand)]
pub enum CreateKind {
    /// Create an AnalysisRun from a template of the cluster, or of a file
    #[command(visible_alias = "ar", arg_required_else_help = true)]
    Analysisrun(CreateRun),
}

/// `create analysisrun`.
#[derive(Debug, clap::Args)]
pub struct CreateRun {
    /// Value of an argument of the template; may be repeated
    #[arg(short = 'a', long = "argument", value_name = "NAME=VALUE")]
    pub argument: Vec<String>,
    /// Name of the template in the cluster
    #[arg(long, value_name = "TEMPLATE")]
    pub from: Option<String>,
    /// File with the template
    #[arg(long = "from-file", value_name = "FILE")]
    pub from_file: Option<PathBuf>,
    /// What the name of the run begins with [default: the template's name and a dash]
    #[arg(long = "generate-name", value_name = "PREFIX")]
    pub generate_name: Option<String>,
    /// The template is a ClusterAnalysisTemplate
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set, hide_possible_values = true)]
    pub global: bool,
    /// The instance of the controller that is to look after the run
    #[arg(long = "instance-id", value_name = "ID")]
    pub instance_id: Option<String>,
    /// Name of the run
    #[arg(long)]
    pub name: Option<String>,
}

/// `lint`.
#[derive(Debug, clap::Args)]
pub struct Lint {
    /// The file, of one or several documents; `-` is standard input; may be repeated
    #[arg(short = 'f', long = "filename", value_name = "FILE", required = true)]
    pub filename: Vec<PathBuf>,
}

/// `analyze`.
#[derive(Debug, clap::Args)]
#[command(
    arg_required_else_help = true,
    after_help = "Exit codes: 0 Successful, 1 Failed, 2 Inconclusive (also when it was stopped, or \
                  nothing was measured), 3 Error (also where nothing could be begun)."
)]
pub struct Analyze {
    /// An AnalysisTemplate, ClusterAnalysisTemplate or AnalysisRun, with the templates that it
    /// names; `-` is standard input; may be repeated
    #[arg(short = 'f', long = "filename", value_name = "FILE", required = true)]
    pub filename: Vec<PathBuf>,
    /// Value of an argument; of one that is read from a Secret the value is shown nowhere; may be
    /// repeated
    #[arg(short = 'a', long = "arg", visible_alias = "argument", value_name = "NAME=VALUE")]
    pub argument: Vec<String>,
    /// Which template of the files is meant, where there are several; more of them are merged
    #[arg(long, value_name = "NAME")]
    pub template: Vec<String>,
    /// Judge the past, from then on: 2h ago, or an instant such as 2026-11-21T07:30:00Z
    #[arg(long, value_name = "WHEN")]
    pub from: Option<String>,
    /// Where the past ends [default: now]
    #[arg(long, value_name = "WHEN", requires = "from")]
    pub to: Option<String>,
    /// Address of Prometheus, in place of those in the metrics
    #[arg(long, value_name = "URL")]
    pub prometheus: Option<String>,
    /// Print nothing but the AnalysisRun, as a controller would have written it
    #[arg(short, long, value_enum, value_name = "FORMAT")]
    pub output: Option<Format>,
    /// No colours; they are used on a terminal only, and not with NO_COLOR or TERM=dumb
    #[arg(long = "no-color", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", default_value_t = false, action = ArgAction::Set,
          hide_possible_values = true)]
    pub no_color: bool,
}

/// A format for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// One object of JSON.
    Json,
}
