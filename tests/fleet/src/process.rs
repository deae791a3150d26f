//! What processes cost, as the kernel accounts it.

use std::fs;
use std::io;

use crate::Failure;

/// The processes of a server.
pub(crate) struct Processes(Vec<u32>);

/// What they have cost so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Cost {
    /// CPU time of all threads, s.
    pub(crate) cpu: f64,
    /// Resident memory, kB.
    pub(crate) resident: u64,
}

impl Processes {
    pub(crate) fn new(pids: &[u32]) -> Self {
        Self(pids.to_vec())
    }

    /// Of now.
    pub(crate) fn cost(&self) -> Result<Cost, Failure> {
        let mut all = Cost::default();
        for &pid in &self.0 {
            all.cpu += cpu(&pid.to_string())?;
            all.resident += resident(pid)?;
        }
        Ok(all)
    }
}

/// The CPU time of this process, s.
pub(crate) fn own_cpu() -> Result<f64, Failure> {
    Ok(cpu("self")?)
}

fn cpu(pid: &str) -> io::Result<f64> {
    let mut nanoseconds = 0;
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        // A thread may end while it is looked at.
        let Ok(text) = fs::read_to_string(task?.path().join("schedstat")) else { continue };
        nanoseconds += text.split(' ').next().and_then(|first| first.parse::<u64>().ok()).unwrap_or(0);
    }
    Ok(nanoseconds as f64 / 1e9)
}

fn resident(pid: u32) -> Result<u64, Failure> {
    // VmRSS of `status` lags behind by pages that each processor has not yet counted in.
    let text = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Rss:"));
    let number = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
    number.ok_or_else(|| format!("process {pid}: no Rss in smaps_rollup").into())
}
