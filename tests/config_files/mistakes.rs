//! What cannot be used is said with its place and its remedy, all at once.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use ems_edge::config::{KEYS, Place, load_from};
use proptest::prelude::*;

use crate::{Folder, GOOD, MARK, TOKEN, assert_no_leak, good_but, load_text};

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
