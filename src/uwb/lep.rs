//! The lines of the DWM1001's shell command `lep`: `POS,index,id,x,y,z,quality`, lengths in m, quality in %.

use ems_protocol::{Point, Timestamp, UwbLocation};

/// Where a tag is, as the module says.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Fix {
    /// The tag's short address in hexadecimal digits.
    pub(super) tag: String,
    /// Where it is.
    pub(super) location: Point,
    /// How good the position is, 0 to 100 %.
    pub(super) quality: f64,
}

/// What a line is.
#[derive(Debug, PartialEq)]
pub(super) enum Line {
    /// A position.
    Position(Fix),
    /// It should be one, but this is wrong.
    Broken(String),
    /// Something else that a shell prints.
    Other,
}

/// Reads a line without its end. The prompt may stand before it.
pub(super) fn parse(line: &str) -> Line {
    let Some((_, rest)) = line.split_once("POS,") else { return Line::Other };
    match fix(rest) {
        Ok(fix) => Line::Position(fix),
        Err(field) => Line::Broken(format!(
            "{field}; expected POS,index,id,x,y,z,quality, got {:?}",
            crate::words::printable(line)
        )),
    }
}

/// Later versions of the firmware append fields.
fn fix(text: &str) -> Result<Fix, String> {
    let mut fields = text.split(',').map(str::trim);
    let mut next = |name: &str| fields.next().ok_or_else(|| format!("{name} is missing"));
    next("index")?.parse::<u32>().map_err(|_| "index is no number".to_owned())?;
    let tag = next("id")?.to_owned();
    if tag.is_empty() || !tag.bytes().all(|c| c.is_ascii_hexdigit()) {
        return Err("id has other characters than hexadecimal digits".to_owned());
    }
    let mut number = |name: &str| {
        let number = next(name)?.parse::<f64>().ok().filter(|number| number.is_finite());
        number.ok_or_else(|| format!("{name} is no number"))
    };
    let location = Point { x: number("x")?, y: number("y")?, z: number("z")? };
    let quality = number("quality")?;
    let fix = Fix { tag, location, quality };
    checked(fix)
}

/// What the cloud would refuse is not sent.
fn checked(fix: Fix) -> Result<Fix, String> {
    let location = UwbLocation {
        device_id: fix.tag.clone(),
        location: fix.location,
        accuracy: None,
        quality: Some(fix.quality),
        timestamp: Timestamp::from_millis(0),
    };
    location.check().map(|()| fix).map_err(|error| error.message)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_are_read_with_and_without_what_a_shell_prints_around_them() {
        let fix = Fix { tag: "0C1A".into(), location: Point { x: 1.5, y: -2.0, z: 0.25 }, quality: 87.0 };
        for line in [
            "POS,0,0C1A,1.50,-2.00,0.25,87",
            "dwm> POS,0,0C1A,1.5,-2,0.25,87,x0A",
            " POS,12, 0C1A ,1.5,-2,0.25,87 ",
        ] {
            assert_eq!(parse(line), Line::Position(fix.clone()), "{line}");
        }
    }

    #[test]
    fn other_lines_are_passed_over_and_broken_ones_say_what_is_wrong() {
        for line in ["", "dwm> ", "lep", " DWM1001 TWR Real Time Location System"] {
            assert_eq!(parse(line), Line::Other, "{line}");
        }
        for (line, why) in [
            ("POS,", "index"),
            ("POS,0", "id is missing"),
            ("POS,0,0C1A,1.5,-2", "z is missing"),
            ("POS,0,0C1A,1.5,-2,0.25", "quality is missing"),
            ("POS,0,0C1A,nan,-2,0.25,87", "x is no number"),
            ("POS,0,0C1A,1.5,inf,0.25,87", "y is no number"),
            ("POS,0,0C1A,1e9,-2,0.25,87", "location.x"),
            ("POS,0,0C1A,1.5,-2,0.25,101", "quality"),
            ("POS,0,../x,1.5,-2,0.25,87", "id has other"),
            ("POS,0,,1.5,-2,0.25,87", "id has other"),
        ] {
            let Line::Broken(words) = parse(line) else { panic!("{line}") };
            assert!(words.starts_with(why), "{line}: {words}");
        }
    }
}
