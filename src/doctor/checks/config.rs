//! The configuration holds together.

use crate::doctor::facts::Facts;
use crate::doctor::report::Verdict;

pub(super) fn judge(facts: &Facts) -> Verdict {
    let loaded = match &facts.config {
        Ok(loaded) => loaded,
        Err(mistakes) => {
            return Verdict::failed(
                "config.mistakes",
                mistakes.to_string(),
                "mend what is named and run this again, or let ems-edge setup ask for it",
            );
        }
    };
    let file = match &loaded.path {
        Some(path) => path.display().to_string(),
        None => "the environment".to_owned(),
    };
    if let Some(snapshot) = facts.snapshot()
        && snapshot.device_id != loaded.config.device_id.as_str()
    {
        return Verdict::warning(
            "config.not_applied",
            format!(
                "{file} says DEVICE_ID={}, and the daemon runs as {}",
                loaded.config.device_id, snapshot.device_id
            ),
            "systemctl restart ems-edge",
        );
    }
    // The mode of the file is another check's.
    match loaded.warnings.iter().find(|warning| !warning.contains("chmod")) {
        Some(warning) => Verdict::warning("config.warning", warning.clone(), format!("see {file}")),
        None => Verdict::Ok(format!("{file}: {} at {}", loaded.config.device_id, loaded.config.server_url)),
    }
}
