//! What the kernel says of processes (proc(5)).

use std::fs;

/// The descendants of a process, itself first.
pub(crate) fn family(pid: u32) -> Vec<u32> {
    let mut family = vec![pid];
    let mut next = 0;
    while let Some(&parent) = family.get(next) {
        family.extend(children(parent));
        next += 1;
    }
    family
}

/// The descendant of `pid` that is the first process of the machine: the init of a namespace within a namespace.
pub(crate) fn init_of_machine(pid: u32) -> Option<u32> {
    family(pid).into_iter().find(|&candidate| {
        let numbers = field(candidate, "NSpid:").unwrap_or_default();
        let numbers: Vec<&str> = numbers.split_whitespace().collect();
        numbers.len() >= 3 && numbers.last() == Some(&"1") && name(candidate) == "systemd"
    })
}

/// The process of the machine that has this number inside it; `init` is its first process.
pub(crate) fn from_inside(init: u32, inside: u32) -> Option<u32> {
    family(init).into_iter().find(|&candidate| {
        let numbers = field(candidate, "NSpid:").unwrap_or_default();
        numbers.split_whitespace().last() == Some(inside.to_string().as_str())
    })
}

/// The threads of a process that have this name.
pub(crate) fn threads(pid: u32, thread: &str) -> Vec<u32> {
    let all = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.filter(|id| {
        fs::read_to_string(format!("/proc/{pid}/task/{id}/comm")).is_ok_and(|name| name.trim() == thread)
    })
    .collect()
}

fn children(pid: u32) -> Vec<u32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists
        .flat_map(|list| list.split_whitespace().filter_map(|id| id.parse().ok()).collect::<Vec<_>>())
        .collect()
}

fn name(pid: u32) -> String {
    fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}

fn field(pid: u32, name: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned)
}
