//! The one line that `systemctl status` shows.

use crate::sample::{Outcome, Sample};
use crate::status::Snapshot;

/// The longest line, in characters: what a terminal shows without folding it too often.
const LONGEST: usize = 300;

/// Volts, amperes and state of charge; the link; what waits; the most important trouble with its remedy.
pub(super) fn of(sample: Option<&Sample>, snapshot: &Snapshot, connected: bool, waiting: u64) -> String {
    let mut parts = vec![battery(sample)];
    parts.push(if connected { "connected" } else { "not connected" }.to_owned());
    if waiting > 1 {
        parts.push(format!("{waiting} samples waiting"));
    }
    parts.extend(snapshot.problems.first().map(|problem| problem.message.clone()));
    one_line(&parts.join("; "))
}

/// For systemd: one line, and no longer than people read.
pub(super) fn one_line(text: &str) -> String {
    let flat = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match flat.char_indices().nth(LONGEST) {
        None => flat,
        Some((end, _)) => format!("{}…", flat.get(..end).unwrap_or_default()),
    }
}

fn battery(sample: Option<&Sample>) -> String {
    match sample.map(|sample| sample.outcome) {
        None => "no sample yet".to_owned(),
        Some(Outcome::Gap(flag)) => flag.to_owned(),
        Some(Outcome::Measured { reading, estimate, .. }) => {
            let current = reading.current.map(|a| format!(", {a:.1} A")).unwrap_or_default();
            format!("{:.2} V{current}, SOC {:.0} %", reading.voltage, estimate.soc)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemd_shows_is_one_line_of_bounded_length() {
        assert_eq!(one_line("a\n  b\tc"), "a b c");
        let long = one_line(&"ü ".repeat(400));
        assert_eq!(long.chars().count(), LONGEST + 1);
    }
}
