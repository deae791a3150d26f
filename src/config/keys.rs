//! The table of keys.
//!
//! An entry is the field of [`Config`], its type, the function that parses it, and the [`Key`]. Its doc comment
//! is what the field's documentation and the command line say of it: the first line alone is the summary.

use std::path::PathBuf;
use std::time::Duration;

use ems_protocol::DeviceId;
use tracing::Level;

use super::board::{self, Board};
use super::mistake::Refusal;
use super::reader::Reader;
use super::table::{Key, Need, keys};
use super::{CaFile, Secret, ServerUrl, ca_file, secret, server_url, shunt, values};
use crate::battery::Chemistry;
use crate::command::Allowed;
use crate::outputs::Plan;
use crate::sensor::{CurrentSign, SenseInterval, SensorKind, Shunt};

keys! {
    /// The name of this device, as the cloud knows it.
    /// 1 to 63 characters of a-z, 0-9, `_` and `-`, beginning with a letter or digit. No two devices share one.
    device_id: DeviceId = values::device_id, Key {
        name: "DEVICE_ID",
        example: "ems_001",
        ..Key::BLANK
    };

    /// The secret that proves it to the cloud.
    /// Shown once when the device is added there. `API_SECRET` is another name for it.
    api_token: Secret = secret::token, Key {
        name: "API_TOKEN",
        alias: Some("API_SECRET"),
        example: "'sk_...'",
        secret: true,
        ..Key::BLANK
    };

    /// The cloud: scheme, host and, unless it is 443, port.
    /// The path is appended by the daemon. `ws://` is taken for this machine alone, for tests on a bench.
    server_url: ServerUrl = server_url::parse, Key {
        name: "SERVER_URL",
        remote: true,
        example: "wss://cloud.example.com",
        ..Key::BLANK
    };

    /// Certificates (PEM) of the authority that signed the cloud's, instead of the system's roots.
    /// Only for a cloud with a certificate of its own making.
    ca_file: Option<CaFile> = ca_file::parse, Key {
        name: "CA_FILE",
        example: "/etc/ems-edge/ca.pem",
        need: Need::Default(""),
        ..Key::BLANK
    };

    /// The board with the measuring chip, which sets what is soldered on it.
    /// `waveshare-ups-hat-b` or `-d`, `geekworm-x728` and others; a line of its own for SENSOR, SHUNT and so on wins.
    board: Option<Board> = board::parse, Key {
        name: "BOARD",
        example: "waveshare-ups-hat-b",
        need: Need::Default(""),
        ..Key::BLANK
    };

    /// The measuring chip: `ina219`, `ina226`, `ina228`, `ina238`, `max17048`, `ads1115`; `hwmon`, `power_supply`; `simulated`.
    /// The first six are read on the I2C bus, `hwmon` and `power_supply` by the kernel; `simulated` needs no hardware.
    sensor: SensorKind = values::sensor, Key {
        name: "SENSOR",
        example: "ina226",
        ..Key::BLANK
    };

    /// The name of the kernel's device for `SENSOR=hwmon` or `power_supply`; of two alike with its chip, `ina226@1-0041`.
    /// `cat /sys/class/hwmon/*/name` and `ls /sys/class/power_supply` list them.
    sensor_name: String = values::sensor_name, Key {
        name: "SENSOR_NAME",
        example: "ina226",
        need: Need::Default(""),
        ..Key::BLANK
    };

    /// The I2C bus of the chip: a number or a path such as `/dev/i2c-1`.
    i2c_bus: PathBuf = values::i2c_bus, Key {
        name: "I2C_BUS",
        example: "1",
        need: Need::Default("1"),
        ..Key::BLANK
    };

    /// The chip's 7-bit address on that bus, 0x08 to 0x77.
    /// `i2cdetect -y -r 1` lists who answers. An INA219 or INA226 is at 0x40 to 0x4F.
    i2c_address: u8 = values::i2c_address, Key {
        name: "I2C_ADDRESS",
        example: "0x40",
        need: Need::Default("0x40"),
        ..Key::BLANK
    };

    /// The shunt: the rating printed on it (`100A/75mV`) or its resistance (`500uohm`, `0.1ohm`).
    /// From 10 µΩ to 1 Ω.
    shunt: Shunt = shunt::parse, Key {
        name: "SHUNT",
        example: "100A/75mV",
        need: Need::BySensor { chip: None, simulated: "100A/75mV" },
        ..Key::BLANK
    };

    /// `normal`, or `inverted` if the current shows as negative while the battery charges.
    current_sign: CurrentSign = values::current_sign, Key {
        name: "CURRENT_SIGN",
        remote: true,
        example: "normal",
        need: Need::Default("normal"),
        ..Key::BLANK
    };

    /// The pack's voltage divided by the voltage at the chip's bus pin, both measured: 1 without a divider, to 100.
    divider: f64 = values::divider, Key {
        name: "DIVIDER",
        remote: true,
        example: "2.0",
        need: Need::BySensor { chip: Some("1"), simulated: "2.0" },
        ..Key::BLANK
    };

    /// The probe at the battery: the id of a DS18B20 (`28-0123456789ab`), or the name of a hwmon device.
    /// `ls /sys/bus/w1/devices` and `cat /sys/class/hwmon/*/name` list them. Without one there is no temperature.
    /// A probe that falls silent for 60 s is the warning `PROBE_LOST`, and lithium is not charged until it is back.
    temperature_sensor: String = values::sensor_name, Key {
        name: "TEMPERATURE_SENSOR",
        example: "28-0123456789ab",
        need: Need::Default(""),
        ..Key::BLANK
    };

    /// The serial port of a Qorvo DWM1001 that knows where UWB tags are, for example `/dev/ttyACM0`.
    /// Without one there are no positions. The module may be unplugged and come back.
    uwb_serial: Option<PathBuf> = values::serial_port, Key {
        name: "UWB_SERIAL",
        example: "/dev/ttyACM0",
        need: Need::Default(""),
        ..Key::BLANK
    };

    /// The battery's chemistry: `lfp`, `nmc` or `lead_acid`.
    chemistry: Chemistry = values::chemistry, Key {
        name: "CHEMISTRY",
        example: "lfp",
        need: Need::BySensor { chip: None, simulated: "lfp" },
        ..Key::BLANK
    };

    /// Cells in series, 1 to 400: a 12 V lead-acid battery has 6, a 51.2 V LFP pack 16.
    cells_series: u16 = values::cells_series, Key {
        name: "CELLS_SERIES",
        example: "16",
        need: Need::BySensor { chip: None, simulated: "16" },
        ..Key::BLANK
    };

    /// The pack's rated capacity in Ah, 0.1 to 100000.
    capacity_ah: f64 = values::capacity_ah, Key {
        name: "CAPACITY_AH",
        remote: true,
        example: "100",
        need: Need::BySensor { chip: None, simulated: "100" },
        ..Key::BLANK
    };

    /// The voltage that the charger holds at the end of a charge, for the whole pack.
    /// Without it the chemistry's usual one (3.50, 4.20 or 2.40 V a cell). It tells when the battery is full.
    charge_voltage: Option<f64> = values::pack_voltage, Key {
        name: "CHARGE_VOLTAGE",
        example: "56.0",
        need: Need::Default(""),
        ..Key::BLANK
    };

    /// What is drawn from the battery past the shunt, in A: by this board, if it is fed from the battery directly.
    standby_current: f64 = values::standby_current, Key {
        name: "STANDBY_CURRENT",
        example: "0.1",
        need: Need::Default("0"),
        ..Key::BLANK
    };

    /// Loads are cut at this voltage of the whole pack, after 10 s; the chemistry's usual one without it.
    empty_voltage: Option<f64> = values::pack_voltage, Key {
        name: "EMPTY_VOLTAGE",
        example: "42.0",
        need: Need::Default(""),
        ..Key::BLANK
    };

    /// Loads are cut when the state of charge may be as low as this, in %.
    empty_soc: f64 = values::percent, Key {
        name: "EMPTY_SOC",
        example: "5",
        need: Need::Default("5"),
        ..Key::BLANK
    };

    /// Charging stops at this voltage of the whole pack, full or not; above the charger's, or no charge completes.
    over_voltage: Option<f64> = values::pack_voltage, Key {
        name: "OVER_VOLTAGE",
        example: "58.4",
        need: Need::Default(""),
        ..Key::BLANK
    };

    /// A full battery is charged again when its state of charge is certainly below this, in %.
    charge_again_soc: f64 = values::percent, Key {
        name: "CHARGE_AGAIN_SOC",
        example: "95",
        need: Need::Default("95"),
        ..Key::BLANK
    };

    /// The largest charging current in A; the rated capacity in an hour without it.
    max_charge_current: Option<f64> = values::limit_current, Key {
        name: "MAX_CHARGE_CURRENT",
        example: "50",
        need: Need::Default(""),
        ..Key::BLANK
    };

    /// The largest load in A; three times the rated capacity in an hour without it.
    max_load_current: Option<f64> = values::limit_current, Key {
        name: "MAX_LOAD_CURRENT",
        example: "100",
        need: Need::Default(""),
        ..Key::BLANK
    };

    /// No charging of a colder battery, in °C, where its temperature is measured: 0 for lithium, −20 for lead-acid.
    min_charge_temperature: Option<f64> = values::temperature, Key {
        name: "MIN_CHARGE_TEMPERATURE",
        example: "0",
        need: Need::Default(""),
        ..Key::BLANK
    };

    /// No use of a hotter battery, in °C, where its temperature is measured: 60 for lithium, 55 for lead-acid.
    max_temperature: Option<f64> = values::temperature, Key {
        name: "MAX_TEMPERATURE",
        example: "60",
        need: Need::Default(""),
        ..Key::BLANK
    };

    /// Time between two samples, 100ms to 60s; a number alone is seconds.
    sample_interval: Duration = values::sample_interval, Key {
        name: "SAMPLE_INTERVAL",
        remote: true,
        example: "1s",
        need: Need::Default("1s"),
        ..Key::BLANK
    };

    /// How often the current is read and added up between two samples: `auto`, `off`, or 100ms to 10s.
    /// `auto` is 100ms for an INA219, INA226 and INA238, 200ms for `hwmon`, and off for the others: an INA228 counts by itself.
    /// Without effect where a sample has fewer than four of them.
    sense_interval: SenseInterval = values::sense_interval, Key {
        name: "SENSE_INTERVAL",
        remote: true,
        example: "100ms",
        need: Need::Default("auto"),
        ..Key::BLANK
    };

    /// How long a sample waits in memory for its confirmation before it goes to the card, 5s to 600s.
    /// A power cut loses at most this much; a longer time spares the card.
    flush_interval: Duration = values::flush_interval, Key {
        name: "FLUSH_INTERVAL",
        remote: true,
        example: "60s",
        need: Need::Default("60s"),
        ..Key::BLANK
    };

    /// How much of the card unconfirmed samples may take, in MB: 1 to 65536.
    /// 64 MB hold about a month at one sample a second. At the bound the oldest go, and are counted.
    backlog_max_mb: u64 = values::backlog_max_mb, Key {
        name: "BACKLOG_MAX_MB",
        remote: true,
        example: "64",
        need: Need::Default("64"),
        ..Key::BLANK
    };

    /// How many hours of samples are kept for a cloud that cannot be reached: 1 to 87600.
    backlog_hours: u64 = values::backlog_hours, Key {
        name: "BACKLOG_HOURS",
        remote: true,
        example: "168",
        need: Need::Default("168"),
        ..Key::BLANK
    };

    /// How many old samples a second are sent beside the live ones: 1 to 100000.
    backlog_rate: u32 = values::backlog_rate, Key {
        name: "BACKLOG_RATE",
        remote: true,
        example: "5000",
        need: Need::Default("5000"),
        ..Key::BLANK
    };

    /// The actions that the cloud may ask for, with commas between; `all` or `none`.
    /// The default leaves out REBOOT and what drives outputs: `SET_MODE` and `SET_OUTPUT`.
    commands_allow: Allowed = values::commands_allow, Key {
        name: "COMMANDS_ALLOW",
        example: "PING,READ_NOW,IDENTIFY",
        need: Need::Default("PING,READ_NOW,IDENTIFY,RESET_ERROR,SET_CONFIG,ROTATE_TOKEN,DIAGNOSTICS,RESTART"),
        ..Key::BLANK
    };

    /// What is switched at the board's GPIO: names and pins (BCM numbers), `charge:17,load:27:low`; none by default.
    /// `charge` and `load` follow the battery's protection, `identify` is a lamp for IDENTIFY, the cloud switches any other
    /// name. `low` after the pin: it is on when the pin is low. Off is the safe state.
    outputs: Plan = values::outputs, Key {
        name: "OUTPUTS",
        example: "charge:17,load:27",
        need: Need::Default(""),
        ..Key::BLANK
    };

    /// How long an output stays on at least, 0s to 3600s; the battery's protection alone is quicker.
    output_min_on: Duration = values::output_time, Key {
        name: "OUTPUT_MIN_ON",
        example: "10s",
        need: Need::Default("10s"),
        ..Key::BLANK
    };

    /// How long an output stays off at least, after a start too: 0s to 3600s.
    output_min_off: Duration = values::output_time, Key {
        name: "OUTPUT_MIN_OFF",
        example: "10s",
        need: Need::Default("10s"),
        ..Key::BLANK
    };

    /// How much is logged: `error`, `warn`, `info`, `debug` or `trace`.
    log_level: Level = values::log_level, Key {
        name: "LOG_LEVEL",
        remote: true,
        example: "info",
        need: Need::Default("info"),
        ..Key::BLANK
    };

    /// The directory for what must outlive a restart; an absolute path.
    state_dir: PathBuf = values::directory, Key {
        name: "STATE_DIR",
        example: "/var/lib/ems-edge",
        need: Need::Default("/var/lib/ems-edge"),
        directory_from: Some("STATE_DIRECTORY"),
        ..Key::BLANK
    };

    /// The directory in RAM for what must outlive a crash, not a power cut; an absolute path.
    runtime_dir: PathBuf = values::directory, Key {
        name: "RUNTIME_DIR",
        example: "/run/ems-edge",
        need: Need::Default("/run/ems-edge"),
        directory_from: Some("RUNTIME_DIRECTORY"),
        ..Key::BLANK
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_keys_share_a_name() {
        let mut names: Vec<_> = KEYS.iter().flat_map(|key| [Some(key.name), key.alias]).flatten().collect();
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn every_key_says_what_it_is_and_shows_an_example() {
        for key in KEYS {
            assert!(!key.summary().is_empty() && !key.example.is_empty(), "{}", key.name);
        }
    }
}
