//! The name of each event's message for the journal: `journalctl MESSAGE_ID=…` finds them whatever their words.

/// Codes with their `MESSAGE_ID` (`systemd.journal-fields(7)`): made once, at random, and never given to another.
const IDS: &[(&str, &str)] = &[
    ("DAEMON_STARTED", "ab122069baed448e98016719e7282744"),
    ("DAEMON_STOPPED", "58172e56c016479b981c3f31e5f111d5"),
    ("POWER_LOST", "147e0178309247c29f5bd284d0256ea8"),
    ("DAEMON_CRASHED", "207bffcbdced4b0bbe0d0117202f61d2"),
    ("SENSOR_LOST", "5e051058d88d473cb056f5fbb98d2330"),
    ("SENSOR_RECOVERED", "7c9b6878114e43a09ccd24dd7ac61af9"),
    ("SENSOR_UNSTEADY", "40311fcebb014054ad9e88377762edc6"),
    ("LINK_CONNECTED", "38d5d96bd0b3400499415c7385c838a8"),
    ("LINK_DISCONNECTED", "20bd3ab4a2d54ad08a394364f95f0cb0"),
    ("LINK_UNSTEADY", "653c55d131514c61b51535a77a4efe7d"),
    ("CLOCK_STEPPED", "d1bd9a23d8b94fa4924465cf6e0f25c0"),
    ("SAMPLES_DROPPED", "06a7be9feaa44335b0599b5ff1ef3752"),
    ("DAEMON_STALLED", "62b24fa6055044df97097c696a92dd5e"),
    ("OUTPUT_CHANGED", "9e757e507ff64bf088aeb8a455e4b9eb"),
    ("OUTPUT_FAULT", "906a14bc32184712beb15aa93cb9fa2e"),
    ("MODE_CHANGED", "1f4d4926ca0b4945a7c0ffdcce115590"),
    ("ERROR_RESET", "84b320833c10408eab09d6e9eb0e8cc5"),
    ("SPOOL_UNUSABLE", "cb2164384f584e6eabf724b4b377f3e8"),
    ("SPOOL_WORKS", "2187bfe37a12474cba964d66964e8b08"),
    ("SPOOL_DAMAGED", "f329bb1de63543bc9bf0c62955126a8f"),
    ("STORE_UNUSABLE", "4e6260037cd844c1b262dc685739ef97"),
    ("STORE_WORKS", "b6d0c69464d8468f9d48e927d5e4590d"),
    ("STORE_HEALED", "906171941dc346108fad7ad3a5be244b"),
    ("STORE_TORN", "5196ed16085d44f3b3848f59f54f4f22"),
    ("STORE_BLOCK_DAMAGED", "26556ed99a6b4552aea89476473b3a48"),
];

/// The `MESSAGE_ID` of a code.
pub fn message_id(code: &str) -> Option<&'static str> {
    IDS.iter().find(|(known, _)| *known == code).map(|(_, id)| *id)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn each_code_has_an_id_of_its_own() {
        let ids: BTreeSet<_> = IDS.iter().map(|(_, id)| id).collect();
        assert_eq!(ids.len(), IDS.len());
        assert!(ids.iter().all(|id| id.len() == 32 && id.bytes().all(|b| b.is_ascii_hexdigit())));
        assert_eq!(message_id("no such code"), None);
    }
}
