//! The service runs, and will after the next boot.

use crate::doctor::facts::{Daemon, Facts};
use crate::doctor::report::Verdict;

pub(super) fn judge(facts: &Facts) -> Verdict {
    if let Some(part) = facts.snapshot().and_then(|snapshot| snapshot.stalled.as_ref()) {
        return Verdict::failed(
            "service.stalled",
            format!("the daemon runs, but its {part} makes no progress"),
            "systemctl restart ems-edge",
        );
    }
    if let Daemon::Silent(why) = &facts.daemon {
        return Verdict::failed(
            "service.silent",
            why.clone(),
            "run this with sudo; if it stays so, systemctl restart ems-edge",
        );
    }
    let unit = match &facts.unit {
        None => {
            return match facts.snapshot() {
                Some(_) => Verdict::Ok("the daemon runs; systemd does not".to_owned()),
                None => Verdict::Skipped("systemd does not run here, and neither does the daemon".to_owned()),
            };
        }
        Some(Err(why)) => {
            return Verdict::warning(
                "service.systemd",
                format!("systemd does not answer ({why})"),
                "see systemctl status",
            );
        }
        Some(Ok(unit)) => unit,
    };
    if !unit.is_installed() {
        return match facts.snapshot() {
            Some(_) => Verdict::Ok("the daemon runs, without a unit of systemd".to_owned()),
            None => Verdict::warning(
                "service.not_installed",
                "there is no unit ems-edge.service",
                "install the package ems-edge, or start ems-edge run by hand",
            ),
        };
    }
    let state = unit.get("ActiveState").unwrap_or("unknown");
    let result = unit.get("Result").unwrap_or("success");
    match state {
        "active" | "activating" | "reloading" if facts.snapshot().is_some() => {}
        // Named there, with the remedy.
        "failed" if unit.get("ExecMainStatus") == Some("78") && facts.config.is_err() => {
            return Verdict::Skipped("its configuration keeps it from running".to_owned());
        }
        "failed" if unit.get("ExecMainStatus") == Some("78") => {
            return Verdict::failed(
                "service.config",
                "the service does not run because of its configuration",
                "the file has been mended since: systemctl restart ems-edge",
            );
        }
        "active" | "activating" | "reloading" | "failed" => {
            return Verdict::failed(
                "service.failed",
                format!("the service is {state} ({result}), and no daemon answers"),
                "journalctl -u ems-edge -n 50 says why; then systemctl restart ems-edge",
            );
        }
        _ => {
            return Verdict::warning(
                "service.stopped",
                "the service does not run",
                "systemctl start ems-edge",
            );
        }
    }
    if unit.get("UnitFileState").is_some_and(|state| state == "disabled") {
        return Verdict::warning(
            "service.disabled",
            "the service runs, but does not start at boot",
            "systemctl enable ems-edge",
        );
    }
    let restarts = unit.get("NRestarts").filter(|number| *number != "0");
    let restarts = restarts.map(|number| format!(", restarted {number} times")).unwrap_or_default();
    Verdict::Ok(format!("active{restarts}"))
}
