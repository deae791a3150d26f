//! Configuration files as people write them: good ones, and every way to get one wrong.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashMap;
use std::ffi::OsString;
use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use ems_edge::battery::Chemistry;
use ems_edge::config::{KEYS, Loaded, Mistakes, Place, load_from};
use ems_edge::sensor::{CurrentSign, SensorKind};
use proptest::prelude::*;
use tempfile::TempDir;

/// Longer than anything here takes on the slowest machine.
const HANG: Duration = Duration::from_secs(30);
/// The part of the token by which a leak is recognised.
const MARK: &str = "Zq7Xw9Kd83";
const TOKEN: &str = "sk_Zq7Xw9Kd83";
const GOOD: [&str; 8] = [
    "DEVICE_ID=ems_001",
    "API_TOKEN=sk_Zq7Xw9Kd83",
    "SERVER_URL=wss://cloud.example.com",
    "SENSOR=ina226",
    "SHUNT=100A/75mV",
    "CHEMISTRY=lfp",
    "CELLS_SERIES=8",
    "CAPACITY_AH=100",
];

struct Folder {
    folder: TempDir,
}

impl Folder {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn file(&self, bytes: impl AsRef<[u8]>) -> PathBuf {
        let path = self.folder.path().join("config.env");
        fs::write(&path, bytes).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        path
    }
}

fn load_text(bytes: impl AsRef<[u8]>) -> Result<Loaded, Mistakes> {
    load_with(bytes, &[])
}

fn load_with(bytes: impl AsRef<[u8]>, environment: &[(&str, &str)]) -> Result<Loaded, Mistakes> {
    let place = Folder::new();
    let path = place.file(bytes);
    load_from(Some(&path), &[], variables(environment))
}

fn variables(pairs: &[(&str, &str)]) -> impl Fn(&str) -> Option<OsString> {
    let map: HashMap<_, _> =
        pairs.iter().map(|(name, value)| ((*name).to_owned(), OsString::from(value))).collect();
    move |name| map.get(name).cloned()
}

/// [`GOOD`] with these lines in the place of those with the same key, or at the end.
fn good_but(lines: &[&str]) -> String {
    let key = |line: &str| line.split('=').next().unwrap().to_owned();
    let mut all: Vec<_> = GOOD.iter().map(ToString::to_string).collect();
    for line in lines {
        match all.iter_mut().find(|old| key(old) == key(line)) {
            Some(old) => (*line).clone_into(old),
            None => all.push((*line).to_owned()),
        }
    }
    all.join("\n") + "\n"
}

fn assert_no_leak(mistakes: &Mistakes) {
    for text in [mistakes.to_string(), format!("{mistakes:?}")] {
        assert!(!text.contains(MARK), "the token leaked: {text}");
    }
}

/// A line in a good file, the key and the words that the one mistake must have.
const BROKEN_LINES: &[(&str, Option<&str>, &[&str])] = &[
    // Values.
    ("DEVICE_ID=Ems 001", Some("DEVICE_ID"), &["single quotes", "DEVICE_ID='value'"]),
    ("DEVICE_ID=EMS_001", Some("DEVICE_ID"), &["=\"EMS_001\"", "a-z", "write e.g. DEVICE_ID=ems_001"]),
    ("DEVICE_ID=sk_zq7xw9kd83", Some("DEVICE_ID"), &["looks like a token", "write e.g. DEVICE_ID=ems_001"]),
    ("API_TOKEN='sk_...'", Some("API_TOKEN"), &["placeholder", "the cloud shows the real token"]),
    ("API_TOKEN=sk_1", Some("API_TOKEN"), &["shorter than 8", "copy it again"]),
    ("API_TOKEN=sk_a$Zq7Xw9Kd83#c", Some("API_TOKEN"), &["'$'", "API_TOKEN='value' in single quotes"]),
    ("API_TOKEN=\"sk_a${Zq7Xw9Kd83}\"", Some("API_TOKEN"), &["'$'", "API_TOKEN='value' in single quotes"]),
    ("API_TOKEN='sk_Zq7Xw9Kd83", Some("API_TOKEN"), &["not closed", "API_TOKEN='value'"]),
    ("API_TOKEN=#sk_Zq7Xw9Kd83", Some("API_TOKEN"), &["comment", "API_TOKEN='#…'"]),
    ("API_TOKEN='sk_Zq7Xw9Kd83 '", Some("API_TOKEN"), &["space", "copy it again"]),
    ("API_TOKEN='sk_Zq7Xw9Kd83ß'", Some("API_TOKEN"), &["visible ASCII", "copy it again"]),
    ("API_TOKEN=sk_Zq7Xw9Kd83\0", Some("API_TOKEN"), &["control character", "type the line again"]),
    ("API_SECRET=sk_other_Zq7Xw9Kd83", Some("API_TOKEN"), &["API_TOKEN (line 2)", "differ", "keep one"]),
    (
        "SERVER_URL=https://cloud.example.com",
        Some("SERVER_URL"),
        &["write e.g. SERVER_URL=wss://cloud.example.com"],
    ),
    (
        "SERVER_URL=ws://cloud.example.com",
        Some("SERVER_URL"),
        &["without TLS", "SERVER_URL=wss://cloud.example.com"],
    ),
    ("SERVER_URL=wss://h.example/ws/device/x", Some("SERVER_URL"), &["path", "SERVER_URL=wss://h.example"]),
    ("SERVER_URL=wss://u:Zq7Xw9Kd83@h.example", Some("SERVER_URL"), &["user or password", "API_TOKEN alone"]),
    (
        "SERVER_URL=wss://h.example?t=Zq7Xw9Kd83",
        Some("SERVER_URL"),
        &["?query", "SERVER_URL=wss://cloud.example.com"],
    ),
    (
        "SERVER_URL=wss://h.example#Zq7Xw9Kd83",
        Some("SERVER_URL"),
        &["#fragment", "SERVER_URL=wss://cloud.example.com"],
    ),
    (
        "SERVER_URL=cloud.example.com",
        Some("SERVER_URL"),
        &["no scheme", "SERVER_URL=wss://cloud.example.com"],
    ),
    (
        "CA_FILE=/nonexistent/ca.pem",
        Some("CA_FILE"),
        &["does not exist", "PEM", "CA_FILE=/etc/ems-edge/ca.pem"],
    ),
    ("CA_FILE=/dev/zero", Some("CA_FILE"), &["not a regular file", "CA_FILE=/etc/ems-edge/ca.pem"]),
    ("CA_FILE=/", Some("CA_FILE"), &["is a directory", "CA_FILE=/etc/ems-edge/ca.pem"]),
    ("CA_FILE=Cargo.toml", Some("CA_FILE"), &["holds no certificate", "BEGIN CERTIFICATE"]),
    ("SENSOR=ina2266", Some("SENSOR"), &["ina219, ina226, ina228", "SENSOR=ina226"]),
    ("I2C_BUS=/dev/spidev0.0", Some("I2C_BUS"), &["/dev/i2c-1", "I2C_BUS=1"]),
    ("I2C_ADDRESS=0x80", Some("I2C_ADDRESS"), &["0x08 to 0x77", "I2C_ADDRESS=0x40"]),
    ("SHUNT=100A", Some("SHUNT"), &["=\"100A\"", "millivolts", "write e.g. SHUNT=100A/75mV"]),
    ("SHUNT=5000uohm5", Some("SHUNT"), &["uohm, mohm or ohm", "SHUNT=100A/75mV"]),
    ("SHUNT=5ohm", Some("SHUNT"), &["10 µΩ to 1 Ω", "SHUNT=100A/75mV"]),
    ("CURRENT_SIGN=minus", Some("CURRENT_SIGN"), &["normal, inverted"]),
    ("DIVIDER=0.5", Some("DIVIDER"), &["1 to 100", "DIVIDER=2.0"]),
    ("DIVIDER=2,5", Some("DIVIDER"), &["decimal point", "DIVIDER=2.5"]),
    ("DIVIDER=nan", Some("DIVIDER"), &["1 to 100", "DIVIDER=2.0"]),
    ("CHEMISTRY=lifepo", Some("CHEMISTRY"), &["lfp, nmc, lead_acid"]),
    ("CELLS_SERIES=0", Some("CELLS_SERIES"), &["1 to 400", "CELLS_SERIES=16"]),
    ("CELLS_SERIES=16.0", Some("CELLS_SERIES"), &["whole number", "CELLS_SERIES=16"]),
    ("CAPACITY_AH=-100", Some("CAPACITY_AH"), &["0.1 to 100000", "CAPACITY_AH=100"]),
    ("SAMPLE_INTERVAL=50ms", Some("SAMPLE_INTERVAL"), &["100ms to 60s", "SAMPLE_INTERVAL=1s"]),
    ("SAMPLE_INTERVAL=1m", Some("SAMPLE_INTERVAL"), &["100ms to 60s", "SAMPLE_INTERVAL=1s"]),
    ("LOG_LEVEL=verbose", Some("LOG_LEVEL"), &["error, warn, info, debug, trace"]),
    ("STATE_DIR=state", Some("STATE_DIR"), &["absolute path", "STATE_DIR=/var/lib/ems-edge"]),
    (
        "BOARD=waveshare-ups-hat-bb",
        Some("BOARD"),
        &["waveshare-ups-hat-a", "write e.g. BOARD=waveshare-ups-hat-b"],
    ),
    ("SENSOR_NAME=../../etc", Some("SENSOR_NAME"), &["not a path", "SENSOR_NAME=ina226"]),
    // Lines.
    ("SHUNT=", Some("SHUNT"), &["is not set", "write e.g. SHUNT=100A/75mV"]),
    ("SHUNT 100A/75mV", Some("SHUNT"), &["no '='", "write SHUNT=value"]),
    ("API_TOKEN: sk_Zq7Xw9Kd83", Some("API_TOKEN"), &["no '='", "write API_TOKEN=value"]),
    ("sk_Zq7Xw9Kd83", None, &["no '='", "write KEY=value"]),
    ("sk_Zq7Xw9Kd83=", None, &["unknown key;", "config.example.env"]),
    ("SHNUT=sk_Zq7Xw9Kd83", None, &["unknown key SHNUT", "did you mean SHUNT"]),
    ("API_TOKNE=sk_Zq7Xw9Kd83", None, &["unknown key API_TOKNE", "did you mean API_TOKEN"]),
    ("shunt=100A/75mV", None, &["capitals", "write SHUNT="]),
    ("COLOUR=blue", None, &["unknown key COLOUR", "config.example.env"]),
    ("=sk_Zq7Xw9Kd83", None, &["before the '='", "write KEY=value"]),
];

#[test]
fn each_broken_line_is_said_with_key_line_and_remedy_and_without_the_token() {
    for (line, key, words) in BROKEN_LINES {
        let mut text = good_but(&[line]);
        // A line without `=`, or of another name, does not stand in for the good one.
        if line.starts_with("SHUNT ") || line.starts_with("API_TOKEN:") {
            let name = line.split([' ', ':']).next().unwrap();
            text = text.replace(GOOD.iter().find(|good| good.starts_with(name)).unwrap(), "");
        }
        let number = text.lines().position(|l| l == *line).unwrap() + 1;
        let mistakes = load_text(&text).expect_err(line);
        assert_no_leak(&mistakes);
        let shown = mistakes.to_string();
        assert_eq!(mistakes.count(), 1, "{line}: {shown}");
        let mistake = mistakes.iter().next().unwrap();
        assert_eq!(mistake.key, *key, "{line}: {shown}");
        for word in *words {
            assert!(mistake.text.contains(word), "{line}: no {word:?} in {shown}");
        }
        // What is empty is missing in the whole file.
        if *line != "SHUNT=" {
            assert!(matches!(&mistake.place, Place::Line(_, n) if *n == number), "{line}: {shown}");
            assert!(shown.contains(&format!("config.env:{number}: ")), "{line}: {shown}");
        }
    }
}

#[test]
fn all_mistakes_come_at_once_and_by_line() {
    let text =
        "LOG_LEVEL=loud\nSERVER_URL=http://x\n\nSENSOR=ina226\nCELLS_SERIES=none\nFOO=1\nLOG_LEVEL=info\n";
    let mistakes = load_text(text).unwrap_err();
    let lines: Vec<_> = mistakes.to_string().lines().map(str::to_owned).collect();
    assert_eq!(lines[0], "10 mistakes in the configuration:");
    let places = [
        ":1: LOG_LEVEL",
        ":2: SERVER_URL",
        ":5: CELLS_SERIES",
        ":6: unknown key FOO",
        ":7: LOG_LEVEL is set on line 1",
    ];
    for (line, place) in lines[1..].iter().zip(places) {
        assert!(line.contains(place), "{place}: {lines:#?}");
    }
    for (line, key) in lines[6..].iter().zip(["DEVICE_ID", "API_TOKEN", "SHUNT", "CHEMISTRY", "CAPACITY_AH"])
    {
        assert!(line.contains(&format!("config.env: {key} is not set")), "{key}: {lines:#?}");
        assert!(line.contains(&format!("write e.g. {key}=")), "{key}: {lines:#?}");
    }
    assert_eq!(lines.len(), 11);
}

#[test]
fn a_good_file_becomes_types() {
    let loaded =
        load_text(good_but(&["DIVIDER=1.02 # measured", "CURRENT_SIGN=-1", "export I2C_BUS=3"])).unwrap();
    let config = &loaded.config;
    assert_eq!(config.device_id.as_str(), "ems_001");
    assert_eq!(config.api_token.expose(), TOKEN);
    assert_eq!(config.server_url.to_string(), "wss://cloud.example.com");
    assert_eq!(config.ca_file, None);
    let wiring = config.wiring();
    assert_eq!(wiring.kind, SensorKind::Ina226);
    assert_eq!(wiring.bus, Path::new("/dev/i2c-3"));
    assert_eq!(wiring.address, 0x40);
    assert_eq!(wiring.current_sign, CurrentSign::Inverted);
    assert!((wiring.shunt.ohms - 750e-6).abs() < 1e-12);
    assert!((wiring.divider - 1.02).abs() < 1e-12);
    assert_eq!(config.pack().chemistry, Chemistry::Lfp);
    assert_eq!(config.pack().cells_series, 8);
    assert_eq!(config.sample_interval, Duration::from_secs(1));
    assert_eq!(config.state_dir, Path::new("/var/lib/ems-edge"));
    assert_eq!(loaded.warnings, Vec::<String>::new());
    assert!(!format!("{loaded:?}").contains(MARK));
}

#[test]
fn the_simulator_brings_its_own_wiring_and_pack() {
    let text = format!("{}\n{}\n{}\nSENSOR=simulated\n", GOOD[0], GOOD[1], GOOD[2]);
    let config = load_text(&text).unwrap().config;
    assert_eq!((config.i2c_address, config.cells_series, config.chemistry), (0x40, 16, Chemistry::Lfp));
    assert!((config.divider - 2.0).abs() < 1e-12 && (config.capacity_ah - 100.0).abs() < 1e-12);
    let chosen = load_text(text + "CELLS_SERIES=8\n").unwrap().config;
    assert_eq!(chosen.cells_series, 8);
}

#[test]
fn crlf_a_byte_order_mark_and_comments_in_latin_1_do_no_harm() {
    let mut bytes = b"\xef\xbb\xbf".to_vec();
    bytes.extend(good_but(&["# Zelle"]).replace('\n', "\r\n").into_bytes());
    bytes.extend(b"# gr\xfc\xdfe\r\n");
    let config = load_text(bytes).unwrap().config;
    assert_eq!(config.device_id.as_str(), "ems_001");
    assert_eq!(config.api_token.expose(), TOKEN);
}

#[test]
fn a_token_with_signs_comes_whole_out_of_single_quotes() {
    let config = load_text(good_but(&["API_TOKEN='sk_a$b#c\"d\\e`f'"])).unwrap().config;
    assert_eq!(config.api_token.expose(), "sk_a$b#c\"d\\e`f");
}

#[test]
fn the_guides_name_for_the_token_is_taken() {
    let guide = good_but(&[]).replace("API_TOKEN", "API_SECRET");
    assert_eq!(load_text(guide).unwrap().config.api_token.expose(), TOKEN);
    let both = good_but(&["API_SECRET=sk_Zq7Xw9Kd83"]);
    assert_eq!(load_text(both).unwrap().config.api_token.expose(), TOKEN);
}

#[test]
fn the_environment_wins_and_its_empty_values_do_not_count() {
    let environment =
        [("DEVICE_ID", "ems_002"), ("SENSOR", ""), ("API_SECRET", "sk_of_the_environment"), ("UNKNOWN", "1")];
    let config = load_with(good_but(&[]), &environment).unwrap().config;
    assert_eq!(config.device_id.as_str(), "ems_002");
    assert_eq!(config.sensor, SensorKind::Ina226);
    assert_eq!(config.api_token.expose(), "sk_of_the_environment");
}

#[test]
fn a_mistake_in_the_environment_says_environment() {
    let environment =
        [("CELLS_SERIES", "many"), ("API_TOKEN", "Zq7Xw9Kd83\u{7}"), ("LOG_LEVEL", "x\u{1b}[31m")];
    let mistakes = load_with(good_but(&[]), &environment).unwrap_err();
    assert_no_leak(&mistakes);
    let text = mistakes.to_string();
    assert!(
        text.contains("environment: CELLS_SERIES=\"many\": expected a whole number from 1 to 400"),
        "{text}"
    );
    assert!(text.contains("environment: API_TOKEN: has a character"), "{text}");
    assert!(text.contains("\\u{1b}[31m") && !text.contains('\u{1b}'), "{text}");
}

#[test]
fn an_environment_that_is_no_utf_8_is_said() {
    let place = Folder::new();
    let path = place.file(good_but(&[]));
    let environment =
        |name: &str| (name == "API_TOKEN").then(|| OsString::from_vec(b"Zq7Xw9Kd83\xff".to_vec()));
    let mistakes = load_from(Some(&path), &[], environment).unwrap_err();
    assert_no_leak(&mistakes);
    assert!(mistakes.to_string().contains("environment: API_TOKEN is not UTF-8 text"), "{mistakes}");
}

#[test]
fn two_names_of_the_token_that_differ_in_the_environment_are_a_mistake() {
    let environment = [("API_TOKEN", "sk_Zq7Xw9Kd83"), ("API_SECRET", "sk_Zq7Xw9Kd83_too")];
    let mistakes = load_with(good_but(&[]), &environment).unwrap_err();
    assert_no_leak(&mistakes);
    assert!(mistakes.to_string().contains("two names of one setting and differ"), "{mistakes}");
}

#[test]
fn the_first_file_of_the_search_is_read_and_only_that() {
    let place = Folder::new();
    let first = place.file(good_but(&[]));
    let missing = place.folder.path().join("not/there.env");
    let second = place.folder.path().join("second.env");
    fs::write(&second, "nonsense").unwrap();
    let loaded = load_from(None, &[&missing, &first, &second], |_| None).unwrap();
    assert_eq!(loaded.path.as_deref(), Some(first.as_path()));
}

#[test]
fn without_a_file_the_environment_must_have_everything() {
    let place = Folder::new();
    let (one, two) = (place.folder.path().join("one.env"), place.folder.path().join("two.env"));
    let pairs: Vec<_> = GOOD.iter().map(|line| line.split_once('=').unwrap()).collect();
    let loaded = load_from(None, &[&one, &two], variables(&pairs)).unwrap();
    assert_eq!(loaded.path, None);

    let text = load_from(None, &[&one, &two], variables(&pairs[1..])).unwrap_err().to_string();
    let (one, two) = (one.display(), two.display());
    let tried = format!("looked for {one} and {two}): copy config.example.env to {one} and fill it in");
    assert!(text.contains(&tried), "{text}");
    assert!(text.contains("environment: DEVICE_ID is not set"), "{text}");
    assert!(text.starts_with("2 mistakes"), "{text}");
}

#[test]
fn a_file_that_was_asked_for_must_be_there_and_be_a_file() {
    let place = Folder::new();
    let folder = place.folder.path();
    let pipe = folder.join("pipe");
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0)
        .unwrap();
    let large = folder.join("large.env");
    fs::write(&large, "# filler\n".repeat(10_000)).unwrap();
    let itself = folder.join("loop");
    std::os::unix::fs::symlink(&itself, &itself).unwrap();
    for (path, what, remedy) in [
        (folder.join("missing.env"), "does not exist", "copy config.example.env"),
        (folder.to_owned(), "is a directory", "name the file itself"),
        (pipe, "is not a regular file", "name the file itself"),
        (large, "is larger than 64 KiB", "is this the right file?"),
        (itself, "cannot be read", "check the file"),
    ] {
        let (done, loaded) = mpsc::channel();
        let asked_for = path.clone();
        thread::spawn(move || {
            let _ = done.send(load_from(Some(&asked_for), &[], |_| None));
        });
        let mistakes = loaded.recv_timeout(HANG).expect("it does not hang").unwrap_err();
        let text = mistakes.to_string();
        assert_eq!(mistakes.count(), 1, "{text}");
        assert!(
            text.contains(what) && text.contains(remedy) && text.contains(path.to_str().unwrap()),
            "{text}"
        );
    }
}

#[test]
fn text_in_another_encoding_is_one_mistake() {
    let utf_16: Vec<u8> =
        [0xfeff].into_iter().chain(good_but(&[]).encode_utf16()).flat_map(u16::to_le_bytes).collect();
    let mistakes = load_text(utf_16).unwrap_err();
    assert_eq!(mistakes.count(), 1, "{mistakes}");
    assert!(mistakes.to_string().contains("UTF-16 text: save the file as UTF-8"), "{mistakes}");

    let latin_1 = [good_but(&[]).as_bytes(), b"STATE_DIR=/srv/gr\xfc\xdfe\n"].concat();
    let mistakes = load_text(latin_1).unwrap_err();
    assert!(
        mistakes.to_string().contains("config.env:9: is not UTF-8 text: save the file as UTF-8"),
        "{mistakes}"
    );
}

#[test]
fn a_picture_in_the_place_of_the_file_does_not_fill_the_screen() {
    let noise: Vec<u8> = (0..60_000_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let text = load_text(noise).unwrap_err().to_string();
    assert!(text.lines().count() <= 52, "{}", text.lines().count());
    assert!(text.lines().last().unwrap().contains("more"), "{text}");
}

#[test]
fn a_file_that_every_user_can_read_is_a_warning_if_the_token_is_in_it() {
    let place = Folder::new();
    let path = place.file(good_but(&[]));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
    let warnings = load_from(Some(&path), &[], |_| None).unwrap().warnings;
    assert_eq!(warnings.len(), 1);
    assert!(warnings[0].contains(&format!("chmod o-rwx {}", path.display())), "{warnings:?}");

    fs::write(&path, good_but(&["API_TOKEN="])).unwrap();
    let environment = variables(&[("API_TOKEN", TOKEN)]);
    assert_eq!(load_from(Some(&path), &[], environment).unwrap().warnings, Vec::<String>::new());
}

#[test]
fn a_ca_file_is_read_into_certificates() {
    let ca = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/ca.pem");
    let loaded = load_text(good_but(&[&format!("CA_FILE={ca}")])).unwrap();
    assert_eq!(loaded.config.ca_file.unwrap().certificates().len(), 1);

    let place = Folder::new();
    let damaged = place.folder.path().join("damaged.pem");
    let pem = fs::read_to_string(ca).unwrap();
    for (text, words) in [
        (pem.replace("-----END", "----END"), "damaged PEM"),
        (pem.replacen("MII", "AAA", 1), "no X.509 certificate"),
        (String::new(), "holds no certificate"),
    ] {
        fs::write(&damaged, text).unwrap();
        let mistakes = load_text(good_but(&[&format!("CA_FILE={}", damaged.display())])).unwrap_err();
        assert!(mistakes.to_string().contains(words), "{words}: {mistakes}");
    }
}

#[test]
fn a_ca_file_without_tls_is_a_warning() {
    let ca = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/ca.pem");
    let text = good_but(&["SERVER_URL=ws://127.0.0.1:8080", &format!("CA_FILE={ca}")]);
    assert_eq!(load_text(text).unwrap().warnings, ["CA_FILE is not used: SERVER_URL is without TLS"]);
}

#[test]
fn a_ca_file_that_is_found_only_from_here_is_a_warning_with_the_whole_path() {
    // A test runs in the folder of its package.
    let here = std::env::current_dir().unwrap().join("tests/fixtures/ca.pem");
    let warnings = load_text(good_but(&["CA_FILE=tests/fixtures/ca.pem"])).unwrap().warnings;
    assert_eq!(warnings.len(), 1, "{warnings:?}");
    assert!(warnings[0].contains(&format!("CA_FILE={}", here.display())), "{warnings:?}");
}

#[test]
fn directories_come_from_systemd_unless_they_are_set() {
    let unit =
        [("STATE_DIRECTORY", "/var/lib/private/ems-edge:/var/lib/other"), ("RUNTIME_DIRECTORY", "/run/unit")];
    let config = load_with(good_but(&["RUNTIME_DIR=/run/mine"]), &unit).unwrap().config;
    assert_eq!(config.state_dir, Path::new("/var/lib/private/ems-edge"));
    assert_eq!(config.runtime_dir, Path::new("/run/mine"));
}

#[test]
fn the_example_parses_with_a_token_and_names_every_key_and_nothing_else() {
    let example = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/config.example.env")).unwrap();
    let refused = load_text(&example).unwrap_err();
    assert_eq!(refused.count(), 1, "{refused}");
    assert!(refused.to_string().contains("API_TOKEN: is still the placeholder"), "{refused}");

    let filled = example.replace("'sk_...'", TOKEN);
    load_text(&filled).unwrap_or_else(|mistakes| panic!("{mistakes}"));

    let setting = |line: &str| {
        let line = line.strip_prefix('#').unwrap_or(line);
        let (name, _) = line.split_once('=')?;
        let upper = name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
        upper.then(|| (name.to_owned(), line.to_owned()))
    };
    let settings: Vec<_> = filled.lines().filter_map(setting).collect();
    let names: Vec<_> = settings.iter().map(|(name, _)| name.as_str()).collect();
    let keys: Vec<_> = KEYS.iter().map(|key| key.name).collect();
    assert_eq!(names, keys);

    let ca = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/ca.pem");
    let all_on: Vec<_> = settings.iter().map(|(_, line)| line.replace("/etc/ems-edge/ca.pem", ca)).collect();
    load_text(all_on.join("\n")).unwrap_or_else(|mistakes| panic!("{mistakes}"));
}

#[test]
fn defaults_and_examples_of_the_table_parse() {
    let place = Folder::new();
    let path = place.file("");
    for by_example in [true, false] {
        let environment = |name: &str| {
            let key = KEYS.iter().find(|key| key.name == name)?;
            let required = GOOD.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
            let example =
                Some(key.example).filter(|_| by_example && !["API_TOKEN", "CA_FILE"].contains(&name));
            example.or(required).map(OsString::from)
        };
        load_from(Some(&path), &[], environment).unwrap_or_else(|mistakes| panic!("{mistakes}"));
    }
}

/// Pieces of files, weighted towards what the parser has to decide about.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    let names = KEYS.iter().flat_map(|key| [Some(key.name), key.alias]).flatten().collect::<Vec<_>>();
    let signs =
        ["=", "\n", "'", "\"", "$", "\\", "#", " ", "\t", "export ", "\r\n", "://", "@", "?", "/", "\0", "`"];
    prop_oneof![
        4 => prop::sample::select(names).prop_map(|name| format!("\n{name}=").into_bytes()),
        4 => Just(TOKEN.as_bytes().to_vec()),
        4 => prop::sample::select(signs.to_vec()).prop_map(|sign| sign.as_bytes().to_vec()),
        2 => prop::sample::select(GOOD.to_vec()).prop_map(|line| format!("\n{line}\n").into_bytes()),
        2 => prop::collection::vec(any::<u8>(), 0..8),
        1 => any::<char>().prop_map(|c| c.to_string().into_bytes()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn no_file_makes_the_parser_panic_or_show_the_token(
        file in prop::collection::vec(piece(), 0..24),
        variable in prop::option::of((prop::sample::select(KEYS.to_vec()), prop::collection::vec(piece(), 0..3))),
    ) {
        let place = Folder::new();
        let path = place.file(file.concat());
        let environment = |name: &str| {
            variable.as_ref().filter(|(key, _)| key.name == name).map(|(_, value)| OsString::from_vec(value.concat()))
        };
        let shown = match load_from(Some(&path), &[], environment) {
            Ok(loaded) => format!("{loaded:?}"),
            Err(mistakes) => {
                let lines = mistakes.to_string();
                prop_assert!(!lines.replace('\n', "").contains(char::is_control), "{lines:?}");
                format!("{lines} {mistakes:?}")
            }
        };
        prop_assert!(!shown.contains(MARK), "{shown}");
    }
}
