//! A network of its own for a program: a namespace, joined to this machine by a cable that a test can pull.

use std::net::{IpAddr, Ipv4Addr};
use std::process::Command;
use std::sync::atomic::{AtomicU8, Ordering};

use crate::process::run;
use crate::wrapper::{Wrapper, tool};

/// A network namespace with one interface; it is gone when this is dropped. Needs root.
#[derive(Debug)]
pub struct Namespace {
    name: String,
    /// Its interface on this machine's side.
    outside: String,
    number: u8,
}

/// Its only interface.
const INSIDE: &str = "eth0";
static NEXT: AtomicU8 = AtomicU8::new(1);

impl Namespace {
    /// Makes one with an address and a way to [`Self::host`], and to nowhere else.
    #[track_caller]
    pub fn new() -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "network namespaces are made by root: run the tests as root"
        );
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        // An interface's name has at most 15 characters.
        let id = format!("{:x}n{number}", std::process::id());
        let this = Self { name: format!("ems-test-{id}"), outside: format!("ems{id}"), number };
        let Self { name, outside, .. } = &this;
        ip(&format!("netns add {name}"));
        ip(&format!("link add {outside} type veth peer name {INSIDE} netns {name}"));
        ip(&format!("addr add {}/30 dev {outside}", this.host()));
        ip(&format!("link set {outside} up"));
        ip(&format!("-n {name} addr add {}/30 dev {INSIDE}", this.address(2)));
        ip(&format!("-n {name} link set lo up"));
        ip(&format!("-n {name} link set {INSIDE} up"));
        this
    }

    /// This machine, as the namespace sees it.
    pub fn host(&self) -> IpAddr {
        self.address(1)
    }

    /// Runs a program inside.
    pub fn wrapper(&self) -> Wrapper {
        Wrapper::new("ip", &["netns", "exec", &self.name])
    }

    /// Pulls the cable: the interface inside loses its carrier.
    #[track_caller]
    pub fn unplug(&self) {
        ip(&format!("link set {} down", self.outside));
    }

    /// Plugs the cable in.
    #[track_caller]
    pub fn plug_in(&self) {
        ip(&format!("link set {} up", self.outside));
    }

    /// Takes the interface inside down, as somebody does who configures the network.
    #[track_caller]
    pub fn take_down(&self) {
        ip(&format!("-n {} link set {INSIDE} down", self.name));
    }

    /// Brings it up again.
    #[track_caller]
    pub fn bring_up(&self) {
        ip(&format!("-n {} link set {INSIDE} up", self.name));
    }

    /// From now on every packet vanishes, in both directions, and nobody is told.
    #[track_caller]
    pub fn swallow(&self) {
        self.iptables(&format!("--append INPUT --in-interface {INSIDE} --jump DROP"));
        self.iptables(&format!("--append OUTPUT --out-interface {INSIDE} --jump DROP"));
    }

    /// Packets pass again.
    #[track_caller]
    pub fn pass(&self) {
        self.iptables("--flush");
    }

    #[track_caller]
    fn iptables(&self, words: &str) {
        let mut command = Command::new(tool("ip"));
        command
            .args(["netns", "exec", &self.name])
            .arg(tool("iptables"))
            .arg("--wait")
            .args(words.split(' '));
        run(command).expect_success("iptables");
    }

    /// A network of four addresses in the range for tests between networks (RFC 2544, appendix C.2.2).
    fn address(&self, last: u8) -> IpAddr {
        let process = std::process::id().to_be_bytes();
        IpAddr::V4(Ipv4Addr::new(198, 18 + process[2] % 2, process[3], 4 * self.number + last))
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // What is left behind if this fails does no harm; the next test has names of its own.
        for words in [format!("link del {}", self.outside), format!("netns del {}", self.name)] {
            drop(Command::new(tool("ip")).args(words.split(' ')).output());
        }
    }
}

#[track_caller]
fn ip(words: &str) {
    let mut command = Command::new(tool("ip"));
    command.args(words.split(' '));
    run(command).expect_success(&format!("ip {words}"));
}
