//! The rows of a trace: three columns of a CSV file, found by their names.

use std::io::{self, BufRead};

const COLUMNS: [&str; 3] = ["t_s", "v_bat_V", "i_bat_A"];
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
/// No line of samples is longer, in bytes.
const LONGEST_LINE: usize = 64 * 1024;

/// A sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Row<'a> {
    /// Of its line in the file, from 1.
    pub(super) number: u64,
    /// The time as it is written.
    pub(super) time: &'a [u8],
    pub(super) seconds: f64,
    pub(super) volts: f64,
    pub(super) amps: f64,
}

/// A line of the file.
pub(super) enum Line<'a> {
    Row(Row<'a>),
    Bad { number: u64, why: String },
    Failed(io::Error),
}

/// The file, line by line.
pub(super) struct Rows<R> {
    input: R,
    line: Vec<u8>,
    number: u64,
    places: [usize; 3],
}

impl<R: BufRead> Rows<R> {
    /// Reads up to the line of column names; lines that begin with `#` are passed over.
    pub(super) fn open(input: R) -> Result<Self, String> {
        let mut rows = Self { input, line: Vec::new(), number: 0, places: [0; 3] };
        loop {
            match rows.read() {
                Ok(true) => {}
                Ok(false) => {
                    return Err("is empty: it begins with the column names t_s,v_bat_V,i_bat_A".to_owned());
                }
                Err(error) => return Err(format!("cannot be read: {error}")),
            }
            if !rows.is_blank() {
                break;
            }
        }
        let head = String::from_utf8_lossy(&rows.line).into_owned();
        // Some programs put the names into quotes.
        let names: Vec<&str> = head.split(',').map(|name| name.trim().trim_matches('"')).collect();
        for (place, column) in rows.places.iter_mut().zip(COLUMNS) {
            let mut found = names.iter().enumerate().filter(|(_, name)| **name == column).map(|(at, _)| at);
            *place = found.next().ok_or_else(|| {
                format!(
                    "line {} names no column {column}: it needs t_s, v_bat_V and i_bat_A with commas between",
                    rows.number
                )
            })?;
            if found.next().is_some() {
                return Err(format!("line {} names {column} twice: leave one of them out", rows.number));
            }
        }
        Ok(rows)
    }

    /// The next line. `None` at the end.
    pub(super) fn next(&mut self) -> Option<Line<'_>> {
        loop {
            match self.read() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Line::Failed(error)),
            }
            if !self.is_blank() {
                break;
            }
        }
        let number = self.number;
        Some(match parse(&self.line, number, self.places) {
            Ok(row) => Line::Row(row),
            Err(why) => Line::Bad { number, why },
        })
    }

    /// One line without its end; false at the end of the file.
    fn read(&mut self) -> io::Result<bool> {
        self.line.clear();
        let limit = LONGEST_LINE as u64;
        let mut bytes = io::Read::take(&mut self.input, limit).read_until(b'\n', &mut self.line)?;
        let whole = bytes < LONGEST_LINE || self.line.ends_with(b"\n");
        // The rest of an endless line is passed over, not kept.
        while !whole && bytes > 0 {
            let mut rest = Vec::new();
            bytes = io::Read::take(&mut self.input, limit).read_until(b'\n', &mut rest)?;
            if rest.ends_with(b"\n") {
                break;
            }
        }
        self.number += 1;
        if self.number == 1 && self.line.starts_with(BYTE_ORDER_MARK) {
            self.line.drain(..BYTE_ORDER_MARK.len());
        }
        let read = !self.line.is_empty();
        while self.line.last().is_some_and(u8::is_ascii_whitespace) {
            self.line.pop();
        }
        Ok(read)
    }

    fn is_blank(&self) -> bool {
        self.line.first().is_none_or(|byte| *byte == b'#')
    }
}

fn parse(line: &[u8], number: u64, places: [usize; 3]) -> Result<Row<'_>, String> {
    let mut fields: [Option<&[u8]>; 3] = [None; 3];
    for (at, field) in line.split(|byte| *byte == b',').enumerate() {
        for (place, found) in places.iter().zip(&mut fields) {
            if *place == at {
                *found = Some(field);
            }
        }
    }
    let [time, volts, amps] = fields;
    Ok(Row {
        number,
        time: time.unwrap_or_default().trim_ascii(),
        seconds: value(time, "t_s")?,
        volts: value(volts, "v_bat_V")?,
        amps: value(amps, "i_bat_A")?,
    })
}

fn value(field: Option<&[u8]>, column: &str) -> Result<f64, String> {
    let field = field.ok_or_else(|| format!("has no {column}: too few columns"))?.trim_ascii();
    if field.is_empty() {
        return Err(format!("{column} is empty"));
    }
    let text = std::str::from_utf8(field).ok();
    match text.and_then(|text| text.parse::<f64>().ok()) {
        Some(number) if number.is_finite() => Ok(number),
        _ => {
            let shown: String = String::from_utf8_lossy(field).chars().take(24).collect();
            Err(format!("{column} is {}, which is no number", shown.escape_debug()))
        }
    }
}
