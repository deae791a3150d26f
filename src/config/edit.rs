//! Changes in the technician's own file: a line is set, and everything else stays as it is.

use super::line::{self, Line};
use super::table::Key;

/// `text` with `key` set to `value`: in the line that sets it, else below the comment that explains it, else at the end.
///
/// # Errors
/// A value that no line can hold.
pub fn set(text: &str, key: &Key, value: &str) -> Result<String, String> {
    let quoted = quoted(value).ok_or_else(|| {
        format!("{} has quotes of both kinds, or a line's end, which no line of this file can hold", key.name)
    })?;
    let end = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
    if let Some(line) = lines.iter_mut().find(|line| name_of(line).is_some_and(|name| key.is_called(&name))) {
        let (name, comment) = (name_of(line).unwrap_or_default(), comment_of(line));
        *line = format!("{name}={quoted}{comment}{end}");
        return Ok(lines.concat());
    }
    let new = format!("{}={quoted}{end}", key.name);
    let explained = lines.iter().rposition(|line| {
        let inside = line.trim_start().strip_prefix('#').map(str::trim_start);
        inside.and_then(name_of).is_some_and(|name| key.is_called(&name))
    });
    if let Some(at) = explained {
        lines.insert(at + 1, new);
    } else {
        if let Some(last) = lines.last_mut().filter(|last| !last.ends_with('\n')) {
            last.push_str(end);
        }
        lines.push(new);
    }
    Ok(lines.concat())
}

/// The key of a line that sets one.
fn name_of(line: &str) -> Option<String> {
    match line::read(line.trim_end_matches('\n').as_bytes()) {
        Line::Setting { name, .. } | Line::Broken { name: Some(name), .. } => Some(name),
        Line::NoEquals { word, line } if word.len() == line.trim().len() => Some(word),
        Line::NoEquals { .. } | Line::Broken { name: None, .. } | Line::Blank => None,
    }
}

/// What stands behind the value: ` # the new one`.
fn comment_of(line: &str) -> &str {
    let line = line.trim_end();
    let Some((before, value)) = line.split_once('=') else { return "" };
    let value_at = before.len() + 1 + (value.len() - value.trim_start().len());
    let value = value.trim_start();
    let skipped = match value.chars().next() {
        Some(quote @ ('\'' | '"')) => {
            value.get(1..).and_then(|rest| rest.find(quote)).map_or(value.len(), |at| at + 2)
        }
        _ => 0,
    };
    let rest = value.get(skipped..).unwrap_or_default();
    let comment = rest.find(" #").into_iter().chain(rest.find("\t#")).min();
    // With the space before it, however wide.
    let begin = comment.and_then(|at| Some(rest.get(..at)?.trim_end().len()));
    begin.and_then(|at| line.get(value_at + skipped + at..)).unwrap_or_default()
}

/// The value as a line holds it.
fn quoted(value: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:+@%,".contains(c);
    if value.contains(['\n', '\r', '\0']) {
        None
    } else if !value.is_empty() && value.chars().all(is_plain) {
        Some(value.to_owned())
    } else if !value.contains('\'') && !value.ends_with('\\') {
        Some(format!("'{value}'"))
    } else if !value.contains(['"', '$', '`', '\\']) {
        Some(format!("\"{value}\""))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::super::keys::entry;
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_line_is_changed_and_nothing_else() {
        let text = "# mine\nDEVICE_ID=old   # of the shed\n\nSENSOR=ina226\n";
        let changed = set(text, &entry::device_id, "ems_002").unwrap();
        assert_eq!(changed, "# mine\nDEVICE_ID=ems_002   # of the shed\n\nSENSOR=ina226\n");
        assert_eq!(set("API_SECRET='a#b' # x", &entry::api_token, "c d").unwrap(), "API_SECRET='c d' # x\n");
    }

    #[test]
    fn a_key_that_is_not_set_goes_below_its_explanation_or_to_the_end() {
        let text = "#CURRENT_SIGN=normal\n#DEVICE_ID=mine of old\nSHUNT=1ohm";
        assert_eq!(
            set(text, &entry::current_sign, "inverted").unwrap(),
            "#CURRENT_SIGN=normal\nCURRENT_SIGN=inverted\n#DEVICE_ID=mine of old\nSHUNT=1ohm"
        );
        assert_eq!(set("SHUNT=1ohm", &entry::sensor, "ina226").unwrap(), "SHUNT=1ohm\nSENSOR=ina226\n");
        assert_eq!(set("A=1\r\n", &entry::sensor, "ina226").unwrap(), "A=1\r\nSENSOR=ina226\r\n");
    }

    #[test]
    fn a_line_that_cannot_be_read_is_replaced() {
        assert_eq!(set("SHUNT=a b\n", &entry::shunt, "1ohm").unwrap(), "SHUNT=1ohm\n");
        assert_eq!(set("SHUNT\n", &entry::shunt, "1ohm").unwrap(), "SHUNT=1ohm\n");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_again_and_other_lines_stay(value in "[ -~]{1,40}", before in "(# [ -~]{0,20}\n){0,3}") {
            let value = value.trim();
            if let Ok(text) = set(&before, &entry::api_token, value) {
                prop_assert!(text.starts_with(&before));
                let line = text[before.len()..].trim_end();
                match line::read(line.as_bytes()) {
                    Line::Setting { value: read, .. } => prop_assert_eq!(read, value),
                    other => prop_assert!(value.is_empty(), "{:?}: {:?}", line, other),
                }
            }
        }
    }
}
