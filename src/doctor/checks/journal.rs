//! The journal takes what is logged.

use crate::doctor::facts::Facts;
use crate::doctor::report::Verdict;

pub(super) fn judge(facts: &Facts) -> Verdict {
    if facts.unit.is_none() {
        return Verdict::Skipped("systemd does not run here".to_owned());
    }
    if !facts.root.join("run/systemd/journal/socket").exists() {
        return Verdict::failed(
            "journal.down",
            "journald does not run, so nothing is logged",
            "sudo systemctl restart systemd-journald",
        );
    }
    // Raspberry Pi OS keeps it so, to spare the card: no fault.
    if facts.root.join("var/log/journal").is_dir() {
        Verdict::Ok("journalctl -u ems-edge; kept over reboots".to_owned())
    } else {
        Verdict::Ok("journalctl -u ems-edge; gone after a reboot, unlike ems-edge status --events".to_owned())
    }
}
