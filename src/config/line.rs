//! One line of `config.env`: `dotenvy` reads it, once what `dotenvy` would silently change is ruled out.
//!
//! `dotenvy` substitutes `$…`, drops quotes and backslashes, takes a leading `#` for a comment, and quotes the
//! whole line in its errors. Each line is given to it alone, so that the number is known, and its errors are
//! never displayed, so that no secret is.

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    /// Nothing: empty, or a comment.
    Blank,
    /// `name=value`.
    Setting {
        /// A name, not yet known to be a key.
        name: String,
        /// The value without its quotes; empty means not set.
        value: String,
    },
    /// Text without a `=`.
    NoEquals {
        /// The word it begins with, which may be a key or a secret.
        word: String,
        /// All of it.
        line: String,
    },
    /// Nothing that can be trusted.
    Broken {
        /// The name, if the line has one.
        name: Option<String>,
        /// What stands behind the name, or the line if it has none: it may be a secret.
        rest: String,
        /// What is wrong and what to do.
        why: &'static str,
    },
}

/// Reads one line, without its line feed.
pub(super) fn read(bytes: &[u8]) -> Line {
    if bytes.trim_ascii_start().starts_with(b"#") {
        return Line::Blank;
    }
    let Ok(line) = std::str::from_utf8(bytes) else {
        return broken(None, &String::from_utf8_lossy(bytes), "is not UTF-8 text: save the file as UTF-8");
    };
    let line = line.trim();
    if line.is_empty() {
        return Line::Blank;
    }
    let line = line.strip_prefix("export").filter(|rest| rest.starts_with([' ', '\t'])).unwrap_or(line);
    let Some((name, value)) = line.split_once('=') else {
        let line = line.trim_start().to_owned();
        return Line::NoEquals { word: line.chars().take_while(|c| is_name_char(*c)).collect(), line };
    };
    let value = value.trim();
    let Some(name) = name_of(name.trim()) else {
        return broken(None, line, "has something other than a key before the '='; write KEY=value");
    };
    match trap(value) {
        Some(why) => broken(Some(name), value, why),
        None => by_dotenvy(name, value),
    }
}

/// Why `dotenvy` would read another value than the one that was meant.
fn trap(value: &str) -> Option<&'static str> {
    if value.contains(|c: char| c.is_control() && c != '\t') {
        return Some("has a control character (NUL or the like): type the line again");
    }
    match value.chars().next()? {
        '#' if value == "#" || value.starts_with("# ") => None,
        '#' => Some("has a value that begins with '#' and so reads as a comment; write KEY='#…'"),
        quote @ ('\'' | '"') => quoted_trap(value, quote),
        _ => bare_trap(value),
    }
}

fn quoted_trap(value: &str, quote: char) -> Option<&'static str> {
    let Some((inside, after)) = value.strip_prefix(quote)?.split_once(quote) else {
        return Some("has a quote that is not closed; write KEY='value'");
    };
    if quote == '"' && inside.contains(['$', '\\', '`']) {
        return Some(
            "has a '$', '`' or '\\' in double quotes, which changes the value; write KEY='value' in single quotes",
        );
    }
    if inside.ends_with('\\') {
        return Some(
            "has a '\\' before the closing quote, where no value can have one; write KEY='value' without it",
        );
    }
    let comment = after.starts_with([' ', '\t']) && after.trim_start().starts_with('#');
    (!after.is_empty() && !comment).then_some("has text after the closing quote; write KEY='value'")
}

fn bare_trap(value: &str) -> Option<&'static str> {
    let comment = value.find(" #").into_iter().chain(value.find("\t#")).min();
    let bare = value.get(..comment.unwrap_or(value.len()))?.trim_end();
    bare.contains([' ', '\t', '$', '\\', '`', '\'', '"']).then_some(
        "has a space, quote, '$', '`' or '\\', which changes the value; write KEY='value' in single quotes",
    )
}

fn by_dotenvy(name: String, value: &str) -> Line {
    let line = format!("{name}={value}");
    match dotenvy::from_read_iter(line.as_bytes()).next() {
        Some(Ok((read_name, read_value))) if read_name == name => Line::Setting { name, value: read_value },
        _ => broken(Some(name), value, "cannot be read as KEY='value'"),
    }
}

fn broken(name: Option<String>, rest: &str, why: &'static str) -> Line {
    Line::Broken { name, rest: rest.to_owned(), why }
}

fn name_of(text: &str) -> Option<String> {
    let starts_well = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    (starts_well && text.chars().all(is_name_char)).then(|| text.to_owned())
}

fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn value(line: &str) -> String {
        match read(line.as_bytes()) {
            Line::Setting { name, value } if name == "KEY" => value,
            other => panic!("{line:?}: {other:?}"),
        }
    }

    fn why(line: &[u8]) -> &'static str {
        match read(line) {
            Line::Broken { why, .. } => why,
            other => panic!("{}: {other:?}", line.escape_ascii()),
        }
    }

    #[test]
    fn a_value_is_read_as_it_is_written() {
        for (line, expected) in [
            ("KEY=v", "v"),
            ("  KEY = v  ", "v"),
            ("KEY=v\r", "v"),
            ("export KEY=v", "v"),
            ("export\tKEY='v'", "v"),
            ("KEY=v # it's a \"comment\" for $5", "v"),
            ("KEY=v\t# comment", "v"),
            ("KEY=a#b", "a#b"),
            ("KEY='a b'", "a b"),
            ("KEY=\"a b\"", "a b"),
            ("KEY='sk_a$b#c' # the new one", "sk_a$b#c"),
            ("KEY='a\\b\"c`d'", "a\\b\"c`d"),
            ("KEY=\"it's\"", "it's"),
            ("KEY=a=b==", "a=b=="),
            ("KEY=", ""),
            ("KEY=''", ""),
            ("KEY= # nothing", ""),
        ] {
            assert_eq!(value(line), expected, "{line:?}");
        }
    }

    #[test]
    fn what_would_change_a_value_silently_is_refused() {
        for line in [
            "KEY=sk_a$b#c",
            "KEY=\"sk_a$b\"",
            "KEY=${HOME}",
            "KEY=a'b'c",
            "KEY=a\"b",
            "KEY=a\\b",
            "KEY=\"a\\nb\"",
            "KEY=a b",
            "KEY=#sk_abc",
            "KEY='a'b",
            "KEY='a'#b",
            "KEY='a' b",
            "KEY='a",
            "KEY=\"a",
            "KEY='a\\'",
            "KEY=a\0b",
            "KEY=a\rb",
            "KEY=`id`",
        ] {
            assert!(why(line.as_bytes()).contains("KEY=") || line.contains(['\0', '\r']), "{line:?}");
        }
    }

    #[test]
    fn what_is_no_setting_is_refused() {
        for line in ["KEY", "export KEY", "KEY: v"] {
            assert!(matches!(read(line.as_bytes()), Line::NoEquals { word, .. } if word == "KEY"), "{line}");
        }
        assert!(why(b"=v").contains("before the '='"));
        assert!(why(b"1KEY=v").contains("before the '='"));
        assert!(why(b"KEY NAME=v").contains("before the '='"));
        assert!(why(b"\xd6=v").contains("UTF-8"));
        assert!(why("SCHLÜSSEL=v".as_bytes()).contains("before the '='"));
    }

    #[test]
    fn comments_and_empty_lines_are_nothing_in_any_encoding() {
        for line in [&b""[..], b"  \t\r", b"# KEY=v", b"   #", b"# gr\xfc\xdfe"] {
            assert_eq!(read(line), Line::Blank, "{}", line.escape_ascii());
        }
    }
}
