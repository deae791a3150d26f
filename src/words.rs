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

/// What a peer sent, fit for a log line: no device tokens, no control characters, at most 120 characters.
pub fn printable(text: &str) -> String {
    const MOST: usize = 120;
    let text = &without_tokens(text);
    let mut shown: String = text.chars().take(MOST).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(MOST).is_some() {
        shown.push('…');
    }
    shown
}

/// The text without device tokens, which begin with `sk_`.
pub fn without_tokens(text: &str) -> String {
    const BEGIN: &str = "sk_";
    let is_token = |c: char| c.is_ascii_alphanumeric() || "_-+/=.~".contains(c);
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, token)) = rest.split_once(BEGIN) {
        shown.push_str(before);
        let after = token.trim_start_matches(is_token);
        // A name such as task_1 is none, and neither is the example's sk_...
        let is_word = before.ends_with(|c: char| c.is_ascii_alphanumeric());
        let length = token.len() - after.len();
        if is_word || length < 5 {
            shown.push_str(BEGIN);
            rest = token;
        } else {
            shown.push_str("[secret]");
            rest = after;
        }
    }
    shown.push_str(rest);
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_taken_out_of_a_text_and_nothing_else() {
        assert_eq!(without_tokens("a 'sk_live_0123' b sk_x-y_z0\n"), "a '[secret]' b [secret]\n");
        for text in ["task_12345678", "write API_TOKEN='sk_...'", "sk_", ""] {
            assert_eq!(without_tokens(text), text);
        }
    }

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
        assert_eq!(printable("no sk_live_0123\tknown"), "no [secret] known");
    }
}
