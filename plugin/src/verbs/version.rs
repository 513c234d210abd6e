//! `version`: what this is, and from where.

/// The commit that this was built from, where the build says it.
const COMMIT: Option<&str> = option_env!("SLUICE_GIT_COMMIT");

pub(super) fn lines(short: bool) -> Vec<String> {
    let commit = COMMIT.filter(|commit| !commit.is_empty());
    let suffix = commit.map(|commit| format!("+{}", commit.get(..7).unwrap_or(commit)));
    let version = env!("CARGO_PKG_VERSION");
    let mut lines =
        vec![format!("kubectl-argo-rollouts: v{version}{}", suffix.unwrap_or_default())];
    if !short {
        lines.push(format!("  Project: Sluice ({})", env!("CARGO_PKG_REPOSITORY")));
        lines.push(format!("  GitCommit: {}", commit.unwrap_or("unknown")));
        let (os, arch) = (std::env::consts::OS, std::env::consts::ARCH);
        lines.push(format!("  Platform: {os}/{}", architecture(arch)));
    }
    lines
}

/// As Go names it, and Kubernetes with it.
fn architecture(arch: &str) -> &str {
    match arch {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_short_form_is_the_first_line() {
        let long = lines(false);
        assert!(
            long[0].starts_with(&format!("kubectl-argo-rollouts: v{}", env!("CARGO_PKG_VERSION")))
        );
        assert_eq!(lines(true), long[..1]);
        assert_eq!(architecture("x86_64"), "amd64");
    }
}
