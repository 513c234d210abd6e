//! kubectl itself, as people use it.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::controlplane::{ControlPlane, Error, Program};

/// kubectl of one user in one namespace.
#[derive(Clone, Debug)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    namespace: Option<String>,
}

/// What kubectl said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Whether it succeeded.
    pub success: bool,
    /// Its answer.
    pub stdout: String,
    /// Its errors and warnings.
    pub stderr: String,
}

impl Kubectl {
    /// kubectl of a user, in the namespace `default`.
    ///
    /// # Errors
    ///
    /// [`Error::UnknownUser`].
    pub fn of(plane: &ControlPlane, user: &str) -> Result<Self, Error> {
        let program = plane.program(Program::Kubectl).to_owned();
        Ok(Self { program, kubeconfig: plane.kubeconfig(user)?, namespace: None })
    }

    /// The same in another namespace.
    #[must_use]
    pub fn namespace(&self, namespace: &str) -> Self {
        Self { namespace: Some(namespace.to_owned()), ..self.clone() }
    }

    /// Runs it.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn run(&self, arguments: &[&str]) -> Result<Said, String> {
        self.with_input(arguments, "")
    }

    /// Runs it with `input`, which `-f -` reads.
    ///
    /// # Errors
    ///
    /// When it cannot be started.
    pub fn with_input(&self, arguments: &[&str], input: &str) -> Result<Said, String> {
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let file = folder.path().join("input");
        std::fs::write(&file, input).map_err(|e| e.to_string())?;
        let input = std::fs::File::open(&file).map_err(|e| e.to_string())?;
        let output = Command::new(&self.program)
            .arg(format!("--kubeconfig={}", self.kubeconfig.display()))
            // What is known of one control plane is not true of the next on the same port.
            .arg(format!("--cache-dir={}", folder.path().join("cache").display()))
            .args(self.namespace.iter().map(|namespace| format!("--namespace={namespace}")))
            .args(arguments)
            .stdin(Stdio::from(input))
            .output()
            .map_err(|e| format!("{}: {e}", self.program.display()))?;
        Ok(Said {
            success: output.status.success(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        })
    }

    /// Runs it with `input`; for what is to succeed and to warn of nothing. Returns its answer.
    ///
    /// # Errors
    ///
    /// Shows what it said instead.
    pub fn quietly(&self, arguments: &[&str], input: &str) -> Result<String, String> {
        let said = self.with_input(arguments, input)?;
        if said.success && said.stderr.is_empty() {
            Ok(said.stdout)
        } else {
            Err(format!("kubectl {}: {}{}", arguments.join(" "), said.stdout, said.stderr))
        }
    }
}
