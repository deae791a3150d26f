//! What a good file comes to.

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

use ems_edge::battery::Chemistry;
use ems_edge::config::{KEYS, load_from};
use ems_edge::sensor::{CurrentSign, SensorKind};

use crate::{Folder, GOOD, MARK, TOKEN, good_but, load_text, load_with};

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
