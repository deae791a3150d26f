//! Quantities as people say them.

use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// A length of time in its two largest units: `3 d 4 h`, `5 min`, `12 s`.
pub fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (large, unit, rest, small) = match seconds {
        0..MINUTE => return format!("{seconds} s"),
        MINUTE..HOUR if seconds >= 10 * MINUTE => return format!("{} min", seconds / MINUTE),
        MINUTE..HOUR => (seconds / MINUTE, "min", seconds % MINUTE, "s"),
        HOUR..DAY => (seconds / HOUR, "h", seconds % HOUR / MINUTE, "min"),
        DAY.. => (seconds / DAY, "d", seconds % DAY / HOUR, "h"),
    };
    if rest == 0 { format!("{large} {unit}") } else { format!("{large} {unit} {rest} {small}") }
}

/// A number with its noun: `1 sample`, `3 samples`.
pub fn count(number: u64, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// What a peer sent, fit for a log line: no control characters, at most 120 characters.
pub fn printable(text: &str) -> String {
    const MOST: usize = 120;
    let mut shown: String = text.chars().take(MOST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_span_has_at_most_two_units() {
        for (seconds, words) in [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min"),
            (130, "2 min 10 s"),
            (601, "10 min"),
            (3600, "1 h"),
            (7500, "2 h 5 min"),
            (86_400 * 3 + 3600 * 4 + 59, "3 d 4 h"),
        ] {
            assert_eq!(span(Duration::from_secs(seconds)), words);
        }
    }

    #[test]
    fn what_a_peer_sent_cannot_forge_or_fill_a_line() {
        assert_eq!(printable("a\nERROR \u{1b}[2J"), "a ERROR  [2J");
        assert_eq!(printable(&"x".repeat(1000)).chars().count(), 121);
    }
}
