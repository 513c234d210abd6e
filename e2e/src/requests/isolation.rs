//! A network of the tests' own: a network namespace in which every address of a pod is this machine.
//!
//! The test program starts itself again, by util-linux's `unshare`, in a namespace that goes with
//! its last process: nothing is left to clean up, however it ends. There is nothing in it but the
//! loopback device, which is set up by two messages to the kernel (rtnetlink(7)): no program is
//! needed for it.

use std::ffi::OsStr;
use std::fmt::Display;
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};

/// Tells the program that it is in the namespace.
const INSIDE: &str = "SLUICE_OWN_NETWORK";
/// Ways into a namespace: as root, and as a user who is root in a user namespace of their own.
const WAYS: [&[&str]; 2] = [&["--net"], &["--user", "--map-root-user", "--net"]];
/// The addresses of pods, as KWOK is told.
const PODS: (Ipv4Addr, u8) = (Ipv4Addr::new(10, 244, 0, 0), 16);

/// The loopback device, the first of every namespace.
const LOOPBACK: u32 = 1;
const HEADER_BYTES: usize = 16;
const ANSWER_BYTES_MAX: usize = 4096;
const NLM_F_REQUEST: u16 = 0x1;
const NLM_F_ACK: u16 = 0x4;
const NLM_F_EXCL: u16 = 0x200;
const NLM_F_CREATE: u16 = 0x400;
const NLMSG_ERROR: u16 = 2;
const RTM_NEWLINK: u16 = 16;
const RTM_NEWROUTE: u16 = 24;
const IFF_UP: u32 = 1;
const AF_INET: u8 = 2;
const RT_TABLE_LOCAL: u8 = 255;
const RTPROT_BOOT: u8 = 3;
const RT_SCOPE_HOST: u8 = 254;
const RTN_LOCAL: u8 = 2;
const RTA_DST: u16 = 1;
const RTA_OIF: u16 = 4;

/// How this program gets a network of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// It is in one.
    Inside,
    /// By these arguments of `unshare`.
    Through(&'static [&'static str]),
}

impl Network {
    /// Looks for a way into one.
    ///
    /// # Errors
    ///
    /// Says why this machine allows none.
    pub fn find() -> Result<Self, String> {
        if std::env::var_os(INSIDE).is_some() {
            return Ok(Self::Inside);
        }
        let mut refusals = Vec::new();
        for way in WAYS {
            match attempt(way) {
                Ok(()) => return Ok(Self::Through(way)),
                Err(refusal) => refusals.push(refusal),
            }
        }
        Err(refusals.join("; "))
    }

    /// Puts the program into it: in its place, one with the same arguments begins anew, and returns
    /// from this when it is set up. What has to be done where there is another network has to be done
    /// before.
    ///
    /// # Errors
    ///
    /// Says what went wrong.
    pub fn enter(self) -> Result<(), String> {
        match self {
            Self::Inside => set_up(),
            Self::Through(way) => Err(begin_anew(way)),
        }
    }
}

/// Whether a namespace is to be had in this way, and can be set up.
fn attempt(way: &[&str]) -> Result<(), String> {
    let mut command = Command::new("unshare");
    command.args(way).arg("true").stdin(Stdio::null());
    let output = command.output().map_err(|error| format!("`unshare`: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("`unshare {}`: {said}", way.join(" ")))
}

/// Returns only if that fails.
fn begin_anew(way: &[&str]) -> String {
    let program = match std::env::current_exe() {
        Ok(program) => program,
        Err(error) => return format!("cannot tell which program this is: {error}"),
    };
    let mut command = Command::new("unshare");
    command.args(way).arg("--").arg(program).args(std::env::args_os().skip(1));
    let error = command.env(INSIDE, OsStr::new("1")).exec();
    format!("cannot start again by `unshare`: {error}")
}

/// `ip link set lo up; ip route add local 10.244.0.0/16 dev lo`.
fn set_up() -> Result<(), String> {
    let failed = |what: &str, error: &dyn Display| format!("{what}: {error}");
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::RAW,
        SocketFlags::CLOEXEC,
        None,
    )
    .map_err(|error| failed("cannot talk to the kernel's routing", &error))?;
    for (what, message) in [("setting up lo", link_up()), ("the route to pods", route_to_pods())] {
        rustix::net::send(&socket, &message, SendFlags::empty())
            .map_err(|error| failed(what, &error))?;
        let mut answer = [0; ANSWER_BYTES_MAX];
        let (length, _) = rustix::net::recv(&socket, &mut answer[..], RecvFlags::empty())
            .map_err(|error| failed(what, &error))?;
        verdict(&answer[..length]).map_err(|error| failed(what, &error))?;
    }
    Ok(())
}

fn link_up() -> Vec<u8> {
    let mut body = vec![0; 4];
    for word in [LOOPBACK, IFF_UP, IFF_UP] {
        body.extend(word.to_ne_bytes());
    }
    message(RTM_NEWLINK, NLM_F_REQUEST | NLM_F_ACK, &body)
}

fn route_to_pods() -> Vec<u8> {
    let (network, bits) = PODS;
    let mut body = vec![AF_INET, bits, 0, 0, RT_TABLE_LOCAL, RTPROT_BOOT, RT_SCOPE_HOST, RTN_LOCAL];
    body.extend([0; 4]);
    for (kind, value) in [(RTA_DST, network.octets()), (RTA_OIF, LOOPBACK.to_ne_bytes())] {
        body.extend(8_u16.to_ne_bytes());
        body.extend(kind.to_ne_bytes());
        body.extend(value);
    }
    message(RTM_NEWROUTE, NLM_F_REQUEST | NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, &body)
}

fn message(kind: u16, flags: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER_BYTES + body.len()).unwrap_or_default();
    let mut message = Vec::from(length.to_ne_bytes());
    message.extend(kind.to_ne_bytes());
    message.extend(flags.to_ne_bytes());
    // Number and sender: one question at a time, so there is nothing to tell apart.
    message.extend([0; 8]);
    message.extend(body);
    message
}

/// The kernel answers with an error, which is 0 where all is well.
fn verdict(answer: &[u8]) -> Result<(), String> {
    let kind = answer.get(4..6).map(|bytes| [bytes[0], bytes[1]]).map(u16::from_ne_bytes);
    let code = answer.get(HEADER_BYTES..HEADER_BYTES + 4);
    let code = code.and_then(|bytes| <[u8; 4]>::try_from(bytes).ok()).map(i32::from_ne_bytes);
    match (kind, code) {
        (Some(NLMSG_ERROR), Some(0)) => Ok(()),
        (Some(NLMSG_ERROR), Some(code)) => {
            Err(std::io::Error::from_raw_os_error(-code).to_string())
        }
        _ => Err(format!("an answer that is none: {answer:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_as_long_as_they_say() {
        for (message, length) in [(link_up(), 32), (route_to_pods(), 44)] {
            assert_eq!(message.len(), length);
            assert_eq!(message[..4], u32::try_from(length).unwrap().to_ne_bytes());
        }
    }

    #[test]
    fn what_the_kernel_refuses_is_said() {
        let answer = |code: i32| message(NLMSG_ERROR, 0, &code.to_ne_bytes());
        assert_eq!(verdict(&answer(0)), Ok(()));
        assert!(verdict(&answer(-1)).unwrap_err().contains("not permitted"));
        assert!(verdict(&[]).is_err());
    }
}
