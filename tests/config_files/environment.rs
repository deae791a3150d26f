//! Values of the environment, and how they stand to those of the file.

use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt;

use ems_edge::config::load_from;
use ems_edge::sensor::SensorKind;

use crate::{Folder, GOOD, assert_no_leak, good_but, load_with, variables};

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
