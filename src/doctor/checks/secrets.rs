//! Nobody but root and the service may read the token.

use std::fs;
use std::os::unix::fs::MetadataExt as _;

use crate::config::KEYS;
use crate::doctor::account::{group_name, group_number};
use crate::doctor::facts::Facts;
use crate::doctor::report::Verdict;

pub(super) fn judge(facts: &Facts) -> Verdict {
    let path = facts.config_file.display();
    let names = || KEYS.iter().filter(|key| key.secret).flat_map(|key| [Some(key.name), key.alias]).flatten();
    let in_unit = facts.unit().and_then(|unit| unit.get("Environment")).unwrap_or_default();
    if let Some(name) = names().find(|name| in_unit.contains(&format!("{name}="))) {
        return Verdict::failed(
            "secrets.in_unit",
            format!("{name} is set in the unit, where systemctl show gives it to everybody"),
            format!("take it out of the unit (systemctl edit ems-edge) and put it into {path}"),
        );
    }
    let Ok(file) = fs::metadata(&facts.config_file) else {
        return Verdict::Skipped(format!("{path} cannot be looked at"));
    };
    let mode = file.mode() & 0o7777;
    let mend = format!("sudo chown root:{} {path} && sudo chmod 0640 {path}", owner(facts));
    if mode & 0o007 != 0 {
        return Verdict::failed(
            "secrets.open",
            format!("{path} holds the token and is open to every user of this machine (mode {mode:04o})"),
            mend,
        );
    }
    let strangers =
        file.gid() != 0 && file.gid() != facts.account.gid && Some(file.gid()) != group_number("ems-edge");
    if mode & 0o070 != 0 && strangers {
        return Verdict::warning(
            "secrets.group",
            format!("{path} holds the token and is open to the group {}", group_name(file.gid())),
            mend,
        );
    }
    Verdict::Ok(format!("{path} is for its owner and group alone (mode {mode:04o})"))
}

fn owner(facts: &Facts) -> String {
    if facts.account.is_service { group_name(facts.account.gid) } else { "root".to_owned() }
}
