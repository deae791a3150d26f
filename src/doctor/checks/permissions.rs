//! The service's user may read what the service needs.

use std::fs;

use crate::config::CaFile;
use crate::doctor::facts::Facts;
use crate::doctor::report::Verdict;

/// Read permission.
const READ: u32 = 4;

pub(super) fn judge(facts: &Facts) -> Verdict {
    let account = &facts.account;
    let certificate = facts.settings().and_then(|config| config.ca_file.as_ref());
    let files = [
        ("the configuration", Some(facts.config_file.as_path())),
        ("CA_FILE", certificate.map(CaFile::path)),
    ];
    for (what, path) in files.into_iter().filter_map(|(what, path)| Some((what, path?))) {
        let Ok(file) = fs::metadata(path) else { continue };
        if !account.may(&file, READ) {
            return Verdict::failed(
                "permissions.unreadable",
                format!("{what} {} may not be read by {}", path.display(), account.name),
                format!(
                    "sudo chgrp {} {path} && sudo chmod 0640 {path}",
                    account.name,
                    path = path.display()
                ),
            );
        }
    }
    Verdict::Ok(format!("{} may read the configuration", account.name))
}
