//! Where `prometheus` comes from: `PATH`, the cache, or Debian's package, which needs no root.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;

use super::{Error, NAME};
use crate::controlplane::{Error as ProcessError, Search, is_executable};
use crate::golang::lock;
use crate::progress::{say, seconds};

/// Where a package keeps its program.
const IN_PACKAGE: &str = "usr/bin/prometheus";

/// Finds `prometheus` on `PATH` or in the cache; else fetches Debian's package into the cache, by
/// `apt-get download` and `dpkg-deb`. Several processes that fetch wait for each other.
///
/// # Errors
///
/// [`Error::NotToBeHad`] names what was tried and the ways out.
pub fn find_or_fetch(search: &Search) -> Result<PathBuf, Error> {
    let folder = search.cache.join(NAME);
    let cached = folder.join(NAME);
    let on_path = search.path.iter().map(|folder| folder.join(NAME));
    let at_hand = on_path.chain([cached.clone()]).find(|path| is_executable(path));
    if let Some(path) = at_hand {
        say(NAME, &format!("using {}", path.display()));
        return Ok(path);
    }
    std::fs::create_dir_all(&folder).map_err(ProcessError::io("create", &folder))?;
    let _lock = lock(NAME, &folder.join("fetch.lock"), "fetching Prometheus")?;
    if is_executable(&cached) {
        return Ok(cached);
    }
    let began = Instant::now();
    say(NAME, &format!("fetching Debian's package into {}", folder.display()));
    fetch(&folder, &cached).map_err(|why| Error::NotToBeHad { cache: folder, why })?;
    say(NAME, &format!("fetched {} in {}", cached.display(), seconds(began.elapsed())));
    Ok(cached)
}

fn text(error: impl Display) -> String {
    error.to_string()
}

/// Downloads the package and takes the program out of it. It appears in its place when it is whole.
fn fetch(folder: &Path, cached: &Path) -> Result<(), String> {
    // On the same file system as its place, so that the rename at the end is atomic.
    let work = tempfile::Builder::new().prefix(".fetching-").tempdir_in(folder).map_err(text)?;
    let work = work.path();
    download(work)?;
    let package = std::fs::read_dir(work)
        .map_err(text)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|ending| ending == "deb"))
        .ok_or("`apt-get download prometheus` has left no package")?;
    let mut unpack = Command::new("dpkg-deb");
    unpack.arg("-x").arg(package).arg("unpacked");
    run(&mut unpack, work)?;
    let program = work.join("unpacked").join(IN_PACKAGE);
    // One that does not run here is told now, and not by every test.
    run(Command::new(&program).arg("--version"), work)?;
    std::fs::rename(&program, cached).map_err(text)
}

/// Downloads by the machine's own lists of packages; where they do not know it (an image has none),
/// by lists that are fetched for this alone.
fn download(work: &Path) -> Result<(), String> {
    let own_lists = apt_get(work, None, "download");
    if own_lists.is_ok() {
        return Ok(());
    }
    let (lists, cache) = (work.join("lists"), work.join("cache"));
    for folder in [lists.join("partial"), cache.join("archives/partial")] {
        std::fs::create_dir_all(folder).map_err(text)?;
    }
    say(NAME, "the machine's lists of packages do not lead to it: fetching lists");
    let places = Some((lists.as_path(), cache.as_path()));
    apt_get(work, places, "update")?;
    apt_get(work, places, "download")
}

fn apt_get(work: &Path, places: Option<(&Path, &Path)>, verb: &str) -> Result<(), String> {
    let mut command = Command::new("apt-get");
    command.args(["-qq", "-o", "Acquire::Retries=2", "-o", "Acquire::http::Timeout=30"]);
    if let Some((lists, cache)) = places {
        command.args(["-o", &format!("Dir::State::lists={}", lists.display())]);
        command.args(["-o", &format!("Dir::Cache={}", cache.display())]);
    }
    // Without this, lists that cannot be fetched are no error of `update`.
    command.args(["-o", "APT::Update::Error-Mode=any", verb]);
    if verb == "download" {
        command.arg(NAME);
    }
    run(&mut command, work).map(drop)
}

/// Runs a program to its end.
fn run(command: &mut Command, folder: &Path) -> Result<Output, String> {
    let what = format!("{command:?}").replace('"', "");
    let output = command.current_dir(folder).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("`{what}`: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("`{what}` ended with {}: {said}", output.status))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    fn put(folder: &Path) -> PathBuf {
        std::fs::create_dir_all(folder).unwrap();
        let path = folder.join(NAME);
        std::fs::write(&path, "").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    #[test]
    fn path_comes_before_the_cache() {
        let root = tempfile::tempdir().unwrap();
        let search = Search {
            assets: None,
            cache: root.path().join("cache"),
            path: vec![root.path().join("empty"), root.path().join("usr")],
        };
        let cached = put(&search.cache.join(NAME));
        assert_eq!(find_or_fetch(&search).unwrap(), cached);
        let on_path = put(&root.path().join("usr"));
        assert_eq!(find_or_fetch(&search).unwrap(), on_path);
    }

    #[test]
    fn what_cannot_be_had_is_said_with_the_ways_out() {
        let missing = run(Command::new("no-such-program").arg("-x"), Path::new("/")).unwrap_err();
        assert!(missing.starts_with("`no-such-program -x`: "), "{missing}");
        let mut failing = Command::new("/bin/sh");
        failing.args(["-c", "echo no package >&2; exit 3"]);
        let failed = run(&mut failing, Path::new("/")).unwrap_err();
        assert!(failed.ends_with("exit status: 3: no package"), "{failed}");
        let error = Error::NotToBeHad { cache: PathBuf::from("/cache/prometheus"), why: failed };
        let error = error.to_string();
        for part in ["no package", "/cache/prometheus", "PATH", "apt-get install prometheus"] {
            assert!(error.contains(part), "{error}");
        }
    }
}
