//! The command line (user-interfaces §1.1, §1.2).

mod analysis;

use clap::{ArgAction, CommandFactory, Parser, Subcommand};

use crate::flags::KubeFlags;
pub use analysis::{
    Analyze, Create, CreateKind, CreateRun, Format, GetRun, Lint, RunNames, Terminate,
};

/// Looks at Rollouts, promotes and aborts them, and says why they wait.
#[derive(Debug, Parser)]
#[command(
    name = "kubectl-argo-rollouts",
    bin_name = "kubectl argo rollouts",
    arg_required_else_help = true,
    disable_help_subcommand = true
)]
pub struct Args {
    /// How to reach the cluster.
    #[command(flatten)]
    pub kube: KubeFlags,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Show a Rollout with its ReplicaSets, pods and analyses, or an AnalysisRun
    #[command(subcommand, arg_required_else_help = true)]
    Get(Get),
    /// List Rollouts
    #[command(subcommand, arg_required_else_help = true)]
    List(List),
    /// Show the status of a Rollout, by default until it is Healthy (exit code 0) or Degraded (1)
    Status(Status),
    /// End the pause of a Rollout; where there is none, skip the step under way
    Promote(Promote),
    /// Give the new version up and go back to the stable one
    Abort(Names),
    /// Try an aborted version again
    #[command(subcommand, arg_required_else_help = true)]
    Retry(Retry),
    /// Pause Rollouts by setting spec.paused
    Pause(Names),
    /// Say what a Rollout waits for, since when, what ends the wait, and what you can do
    Why(Name),
    /// Create objects from files, or an AnalysisRun from a template
    Create(Create),
    /// End AnalysisRuns
    #[command(subcommand, arg_required_else_help = true)]
    Terminate(Terminate),
    /// Say what is wrong with the Rollouts and analyses of a file, without a cluster
    Lint(Lint),
    /// Carry out an analysis without a cluster: on data of now, or of the past
    Analyze(Analyze),
    /// Watch a good and a bad release, on an API server and an operator in this process
    Playground(Playground),
    /// Print the version
    Version(Version),
}

/// Kinds that `get` shows.
#[derive(Debug, Subcommand)]
pub enum Get {
    /// Show a Rollout with its ReplicaSets, pods and analyses
    #[command(visible_aliases = ["ro", "rollouts"])]
    Rollout(GetRollout),
    /// Show an AnalysisRun with its measurements, and what decided
    #[command(visible_aliases = ["ar", "analysisruns"])]
    Analysisrun(GetRun),
}

/// `get rollout`.
#[derive(Debug, clap::Args)]
pub struct GetRollout {
    /// Name of the Rollout
    pub name: String,
    /// How it is shown.
    #[command(flatten)]
    pub look: Look,
}

/// How something is shown.
#[derive(Clone, Copy, Debug, Default, clap::Args)]
pub struct Look {
    /// Go on showing it as it changes, until Ctrl-C; an AnalysisRun until it is over
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set, hide_possible_values = true)]
    pub watch: bool,
    /// No colours; they are used on a terminal only, and not with NO_COLOR or TERM=dumb
    #[arg(long = "no-color", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", default_value_t = false, action = ArgAction::Set,
          hide_possible_values = true)]
    pub no_color: bool,
    /// End the watch after so many seconds, with exit code 0; 0 is never
    #[arg(long = "timeout-seconds", value_name = "SECONDS", default_value_t = 0)]
    pub timeout_seconds: u64,
}

/// Kinds that `list` lists.
#[derive(Debug, Subcommand)]
pub enum List {
    /// List Rollouts
    #[command(visible_aliases = ["ro", "rollout"])]
    Rollouts(ListRollouts),
}

/// `list rollouts`.
#[derive(Debug, clap::Args)]
pub struct ListRollouts {
    /// Those of all namespaces
    #[arg(short = 'A', long = "all-namespaces", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", default_value_t = false, action = ArgAction::Set,
          hide_possible_values = true)]
    pub all_namespaces: bool,
    /// Only the one with this name
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Go on with a line for each change, until Ctrl-C
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set, hide_possible_values = true)]
    pub watch: bool,
    /// Begin each line with the time
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set, hide_possible_values = true)]
    pub timestamps: bool,
}

/// `status`.
#[derive(Debug, clap::Args)]
pub struct Status {
    /// Name of the Rollout
    pub name: String,
    /// Go on until it is Healthy or Degraded
    #[arg(short, long, num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = true, action = ArgAction::Set, hide_possible_values = true)]
    pub watch: bool,
    /// Give up after this time, with exit code 1: 30s, 5m, 1h; 0 is never
    #[arg(short, long, value_name = "DURATION", default_value = "0")]
    pub timeout: String,
}

/// `promote`.
#[derive(Debug, clap::Args)]
pub struct Promote {
    /// Name of the Rollout
    pub name: String,
    /// Skip all steps, pauses and analyses
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set, hide_possible_values = true)]
    pub full: bool,
    /// Skip the step under way
    #[arg(short = 'c', long = "skip-current-step", hide = true, num_args = 0..=1,
          require_equals = true, default_missing_value = "true", default_value_t = false,
          action = ArgAction::Set)]
    pub skip_current_step: bool,
    /// Skip all steps
    #[arg(short = 'a', long = "skip-all-steps", hide = true, num_args = 0..=1,
          require_equals = true, default_missing_value = "true", default_value_t = false,
          action = ArgAction::Set)]
    pub skip_all_steps: bool,
}

/// Kinds that `retry` tries again.
#[derive(Debug, Subcommand)]
pub enum Retry {
    /// Try an aborted version again, from the first step
    #[command(visible_aliases = ["ro", "rollouts"])]
    Rollout(Names),
}

/// Names of Rollouts.
#[derive(Debug, clap::Args)]
pub struct Names {
    /// Names of the Rollouts
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
}

/// The name of a Rollout.
#[derive(Debug, clap::Args)]
pub struct Name {
    /// Name of the Rollout
    pub name: String,
    /// No colours; they are used on a terminal only, and not with NO_COLOR or TERM=dumb
    #[arg(long = "no-color", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", default_value_t = false, action = ArgAction::Set,
          hide_possible_values = true)]
    pub no_color: bool,
}

/// `playground`.
#[derive(Debug, clap::Args)]
pub struct Playground {
    /// No colours; they are used on a terminal only, and not with NO_COLOR or TERM=dumb
    #[arg(long = "no-color", num_args = 0..=1, require_equals = true,
          default_missing_value = "true", default_value_t = false, action = ArgAction::Set,
          hide_possible_values = true)]
    pub no_color: bool,
}

/// `version`.
#[derive(Debug, clap::Args)]
pub struct Version {
    /// One line
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = "true",
          default_value_t = false, action = ArgAction::Set, hide_possible_values = true)]
    pub short: bool,
}

impl Verb {
    /// Whether `--no-color` was given.
    pub fn no_color(&self) -> bool {
        match self {
            Self::Get(Get::Rollout(get)) => get.look.no_color,
            Self::Get(Get::Analysisrun(get)) => get.look.no_color,
            Self::Create(create) => create.no_color,
            Self::Analyze(analyze) => analyze.no_color,
            Self::Why(why) => why.no_color,
            Self::Playground(playground) => playground.no_color,
            Self::List(_)
            | Self::Status(_)
            | Self::Promote(_)
            | Self::Abort(_)
            | Self::Retry(_)
            | Self::Pause(_)
            | Self::Terminate(_)
            | Self::Lint(_)
            | Self::Version(_) => false,
        }
    }

    /// The exit code of a command line that cannot be understood: that of bad input to the verb.
    pub fn misused(line: impl IntoIterator<Item = std::ffi::OsString>) -> u8 {
        let read = Args::command().ignore_errors(true).try_get_matches_from(line);
        match read.as_ref().map(clap::ArgMatches::subcommand_name) {
            Ok(Some("analyze")) => crate::error::ERROR,
            _ => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Args, clap::Error> {
        Args::try_parse_from(std::iter::once("kubectl-argo-rollouts").chain(line.split(' ')))
    }

    #[test]
    fn the_command_is_consistent() {
        use clap::CommandFactory;
        Args::command().debug_assert();
    }

    #[test]
    fn aliases_and_flags_in_any_place() {
        for line in [
            "get rollout web -n shop -w --no-color",
            "-n shop get ro web --watch=true --no-color=true",
            "get -n shop rollouts -w=true web --no-color --context c",
        ] {
            let args = parse(line).unwrap();
            assert_eq!(args.kube.namespace.as_deref(), Some("shop"), "{line}");
            let Verb::Get(Get::Rollout(get)) = args.verb else { panic!("{line}") };
            let look = get.look;
            assert_eq!(
                (get.name.as_str(), look.watch, look.no_color),
                ("web", true, true),
                "{line}"
            );
        }
        assert!(parse("list ro -A --name web --timestamps -w").is_ok());
        assert!(parse("list rollout").is_ok());
        assert!(parse("retry rollouts web api").is_ok());
        assert!(parse("promote web -c -a").is_ok());
        assert!(parse("get ar run -w").is_ok() && parse("get analysisruns run").is_ok());
        assert!(parse("terminate ar a b").is_ok() && parse("terminate analysisruns a").is_ok());
        assert!(parse("create -f a.yaml --filename b.yaml -w").is_ok());
        assert!(parse("create -n shop ar --from t -a x=1 --argument y=2 --global").is_ok());
        assert!(parse("analyze -f t.yaml -a x=1 --arg y=2 --argument z=3 -o json").is_ok());
    }

    #[test]
    fn status_watches_unless_told_otherwise() {
        let watch = |line: &str| match parse(line).unwrap().verb {
            Verb::Status(status) => status.watch,
            other => panic!("{other:?}"),
        };
        assert!(watch("status web"));
        assert!(!watch("status web --watch=false -t 30s"));
        assert!(!watch("status web -w=false"));
    }

    #[test]
    fn a_misused_analyze_is_no_verdict() {
        let code = |line: &str| {
            let words = std::iter::once("kubectl-argo-rollouts").chain(line.split(' '));
            Verb::misused(words.map(Into::into))
        };
        assert_eq!(code("analyze --bogus"), 3);
        assert_eq!(code("-n shop analyze -f t.yaml --to 1h"), 3);
        assert_eq!(code("get analyze --bogus"), 1);
        assert_eq!(code("bogus"), 1);
    }

    #[test]
    fn what_is_not_there_is_an_error() {
        for line in [
            "bogus",
            "get",
            "get rollout",
            "abort",
            "retry experiment x",
            "get rollout a b",
            "create",
            "terminate ar",
            "terminate experiment x",
            "lint",
            "lint web.yaml",
            "analyze",
            "analyze --from 2h",
            "analyze -f t.yaml --to 1h",
            "analyze -f t.yaml -o yaml",
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
