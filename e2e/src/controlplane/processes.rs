//! A group of processes that never outlives the process that started it.
//!
//! The kernel offers "kill my children when I die" on Linux only and through unsafe calls, so a
//! supervisor does it: a shell that waits for the end of a pipe which only this process can write
//! to. However this process ends, by return, panic, Ctrl-C or SIGKILL, the kernel closes the pipe;
//! the supervisor then kills the whole process group and removes its folders.

use std::fs::File;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};

use rustix::process::{Pid, Signal, kill_process};

use super::Error;
use super::report::tail;

/// `$1` is the process group, `$2` a folder to remove always, `$3` one to remove unless told to
/// keep it. A killed process may still be in the middle of creating a file, hence the second try.
const SUPERVISOR: &str = r#"
trap '' INT TERM HUP
read -r word
kill -s KILL -- "-$1" 2>/dev/null
remove() { rm -rf -- "$@" || { sleep 1; rm -rf -- "$@"; }; }
remove "$2"
[ "$word" = keep ] || remove "$3"
"#;

/// Running programs with their logs, killed together.
#[derive(Debug)]
pub(crate) struct ProcessGroup {
    /// Leads the group and so gives it its number; ends by itself when its stdin is closed.
    anchor: Child,
    supervisor: Child,
    /// The pipe to the supervisor. None once stopped.
    lifeline: Option<ChildStdin>,
    members: Vec<Member>,
}

#[derive(Debug)]
struct Member {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl ProcessGroup {
    /// A group without members. When it ends, `scratch` is removed, and `folder` too unless
    /// [`Self::keep_folder`] was called.
    pub(crate) fn new(scratch: &Path, folder: &Path) -> Result<Self, Error> {
        let shell = Path::new("/bin/sh");
        let anchor = Command::new("cat")
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Error::io("start", Path::new("cat")))?;
        // Before the first member, so that there is no moment in which one could be orphaned.
        let mut supervisor = Command::new(shell)
            .process_group(0)
            .args(["-c", SUPERVISOR, "sluice-supervisor", &anchor.id().to_string()])
            .args([scratch, folder])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(Error::io("start", shell))?;
        let lifeline = supervisor.stdin.take();
        Ok(Self { anchor, supervisor, lifeline, members: Vec::new() })
    }

    /// The number of the process group.
    fn id(&self) -> u32 {
        self.anchor.id()
    }

    /// Starts `command` as a member. What it prints goes to the file `log`.
    pub(crate) fn spawn(
        &mut self,
        name: &'static str,
        command: &mut Command,
        log: &Path,
    ) -> Result<(), Error> {
        let program = PathBuf::from(command.get_program());
        let out = File::create(log).map_err(Error::io("create", log))?;
        let err = out.try_clone().map_err(Error::io("open", log))?;
        let group = i32::try_from(self.id()).unwrap_or_default();
        let child = command
            .process_group(group)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .spawn()
            .map_err(Error::io("start", &program))?;
        self.members.push(Member { name, child, log: log.to_owned() });
        Ok(())
    }

    /// Fails with the end of its log if a member has ended.
    pub(crate) fn check(&mut self) -> Result<(), Error> {
        for member in &mut self.members {
            let status = member.child.try_wait().map_err(Error::io("wait for", &member.log))?;
            if let Some(status) = status {
                return Err(Error::Exited {
                    program: member.name,
                    status,
                    log: member.log.clone(),
                    tail: tail(&member.log),
                });
            }
        }
        Ok(())
    }

    /// Forgets the members called `name`, killing those that still run.
    pub(crate) fn remove(&mut self, name: &str) {
        for member in self.members.extract_if(.., |member| member.name == name) {
            let mut child = member.child;
            // Fails only if it has ended already.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Ends a member as its last user would: SIGKILL, unannounced. For tests.
    pub(crate) fn kill(&self, name: &str) {
        for member in self.members.iter().filter(|member| member.name == name) {
            if let Some(pid) = pid(&member.child) {
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }

    /// The process numbers of the members, with their names.
    pub(crate) fn pids(&self) -> Vec<(&'static str, u32)> {
        self.members.iter().map(|member| (member.name, member.child.id())).collect()
    }

    /// Makes the folder survive the end of the group, for its logs.
    pub(crate) fn keep_folder(&mut self) {
        if let Some(lifeline) = &mut self.lifeline {
            use std::io::Write as _;
            // If the supervisor is dead, nobody removes the folder.
            let _ = lifeline.write_all(b"keep\n");
        }
    }

    /// Kills all members and waits until they and the folders are gone.
    pub(crate) fn stop(&mut self) {
        if self.lifeline.take().is_none() {
            return;
        }
        drop(self.anchor.stdin.take());
        // Waiting fails only for a child that has been waited for.
        for member in &mut self.members {
            let _ = member.child.wait();
        }
        let _ = self.anchor.wait();
        let _ = self.supervisor.wait();
    }
}

impl Drop for ProcessGroup {
    fn drop(&mut self) {
        self.stop();
    }
}

fn pid(child: &Child) -> Option<Pid> {
    i32::try_from(child.id()).ok().and_then(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Read as _};

    use rustix::process::test_kill_process_group;

    use super::*;

    fn group_exists(group: u32) -> bool {
        let group = Pid::from_raw(i32::try_from(group).unwrap()).unwrap();
        test_kill_process_group(group).is_ok()
    }

    struct Folders {
        _root: tempfile::TempDir,
        scratch: PathBuf,
        folder: PathBuf,
    }

    fn folders() -> Folders {
        let root = tempfile::tempdir().unwrap();
        let (scratch, folder) = (root.path().join("scratch"), root.path().join("folder"));
        std::fs::create_dir(&scratch).unwrap();
        std::fs::create_dir(&folder).unwrap();
        Folders { _root: root, scratch, folder }
    }

    /// A program that runs until it is killed, and has a child that does too.
    fn forever() -> Command {
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "sleep 1000 & echo started; wait"]);
        command
    }

    #[test]
    fn stop_kills_members_with_their_children_and_removes_the_folders() {
        let f = folders();
        let mut group = ProcessGroup::new(&f.scratch, &f.folder).unwrap();
        group.spawn("one", &mut forever(), &f.folder.join("one.log")).unwrap();
        group.spawn("two", &mut forever(), &f.folder.join("two.log")).unwrap();
        let id = group.id();
        group.check().unwrap();
        assert!(group_exists(id));
        group.stop();
        assert!(!group_exists(id) || only_orphans_of_init(id));
        assert!(!f.scratch.exists());
        assert!(!f.folder.exists());
    }

    /// Grandchildren are dead but become init's to wait for, which takes it a moment.
    fn only_orphans_of_init(id: u32) -> bool {
        std::fs::read_dir("/proc").unwrap().flatten().all(|entry| {
            let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
            // pid (name) state ppid pgrp ...; the name may hold spaces.
            let rest: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
            rest.get(2) != Some(&id.to_string().as_str()) || rest[0] == "Z" || rest[0] == "X"
        })
    }

    #[test]
    fn folder_is_kept_when_asked_but_not_the_scratch() {
        let f = folders();
        let mut group = ProcessGroup::new(&f.scratch, &f.folder).unwrap();
        group.spawn("one", &mut forever(), &f.folder.join("one.log")).unwrap();
        group.keep_folder();
        drop(group);
        assert!(!f.scratch.exists());
        assert!(f.folder.join("one.log").exists());
    }

    #[test]
    fn a_member_that_ends_is_reported_with_its_log() {
        let f = folders();
        let mut group = ProcessGroup::new(&f.scratch, &f.folder).unwrap();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "echo out of luck >&2; exit 3"]);
        group.spawn("unlucky", &mut command, &f.folder.join("unlucky.log")).unwrap();
        group.members[0].child.wait().unwrap();
        let error = group.check().unwrap_err().to_string();
        assert!(error.starts_with("unlucky ended (exit status: 3)"), "{error}");
        assert!(error.ends_with("out of luck"), "{error}");
        group.remove("unlucky");
        group.check().unwrap();
    }

    /// Tells the test below that it runs as its own child, and where to put its folders.
    const CHILD: &str = "SLUICE_TEST_PROCESS_GROUP_CHILD";

    /// Runs itself as a child process that starts a group and is then killed with SIGKILL.
    #[test]
    fn group_dies_with_a_killed_owner() {
        if let Some(root) = std::env::var_os(CHILD) {
            let root = PathBuf::from(root);
            let (scratch, folder) = (root.join("scratch"), root.join("folder"));
            let mut group = ProcessGroup::new(&scratch, &folder).unwrap();
            // The member and its child hold the pipe open as long as they live.
            let mut member = Command::new("/bin/sh");
            member.args(["-c", "exec >\"$PIPE\"; sleep 1000 & echo alive; wait"]);
            member.env("PIPE", root.join("pipe"));
            group.spawn("member", &mut member, &folder.join("member.log")).unwrap();
            // Until killed.
            let _ = std::io::stdin().read(&mut [0]);
            return;
        }
        let f = folders();
        let root = f.scratch.parent().unwrap().to_owned();
        let pipe = root.join("pipe");
        assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        let mut owner = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "controlplane::processes::tests::group_dies_with_a_killed_owner"])
            .env(CHILD, &root)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut pipe = BufReader::new(File::open(&pipe).unwrap());
        let mut line = String::new();
        pipe.read_line(&mut line).unwrap();
        assert_eq!(line, "alive\n");
        owner.kill().unwrap();
        owner.wait().unwrap();
        // Ends when nobody holds the other end any more: all members are dead.
        let mut rest = String::new();
        pipe.read_to_string(&mut rest).unwrap();
        assert_eq!(rest, "");
    }
}
