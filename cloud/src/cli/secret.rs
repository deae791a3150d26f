//! Passwords that somebody gives, or that are drawn.

use std::fs;
use std::io::{self, Read};
use std::path::Path;

use data_encoding::BASE32_NOPAD;

use super::Failure;

/// The password in a file, or on standard input for `-`, without its line end.
pub(super) fn read_password(option: &str, file: &Path) -> Result<String, Failure> {
    let mut text = String::new();
    if file == Path::new("-") {
        io::stdin().take(64 * 1024).read_to_string(&mut text).map(|_| ())
    } else {
        fs::read_to_string(file).map(|content| text = content)
    }
    .map_err(|error| Failure::usage(format!("{option} {}: {error}", file.display())))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// 120 bits in letters that are not mistaken for each other when read out.
pub(super) fn random_password() -> Result<String, Failure> {
    let mut bytes = [0; 15];
    getrandom::fill(&mut bytes).map_err(Failure::other)?;
    let text = BASE32_NOPAD.encode(&bytes).to_lowercase();
    let groups: Vec<&str> =
        text.as_bytes().chunks(6).filter_map(|group| std::str::from_utf8(group).ok()).collect();
    Ok(groups.join("-"))
}
