//! The board's own state: what a technician asks first when a device drops out.
//!
//! It goes with live samples alone: a stored sample is small, and what the board was like yesterday helps nobody.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use ems_protocol::SystemStatus;

/// What is read is this old at most. The kernel itself asks the firmware for the supply every two seconds.
const FRESH: Duration = Duration::from_secs(5);
/// The firmware's word on the supply (`get_throttled`): under-voltage now, and at any time since it was switched on.
const UNDER_VOLTAGE_NOW: u32 = 1;
const UNDER_VOLTAGE_SEEN: u32 = 1 << 16;

/// Reads the board's state, where there is any, and remembers it for a few seconds.
#[derive(Debug)]
pub struct Board {
    root: PathBuf,
    /// `in0_lcrit_alarm` of the supply's monitor; it does not move while the kernel runs.
    alarm: Option<PathBuf>,
    read: Option<Instant>,
    state: BoardState,
}

/// What is known of the board.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct BoardState {
    /// Processor, °C.
    pub cpu_temperature: Option<f64>,
    /// Signal of the first wireless interface, dBm.
    pub wifi_strength: Option<f64>,
    /// The supply is below 4.63 V, or was within the last seconds.
    pub undervoltage: Option<bool>,
    /// It has been since the board was switched on, or, where the firmware cannot be asked, since this program runs.
    pub undervoltage_seen: bool,
}

impl Board {
    /// The board whose `/sys` and `/proc` are below `root`, which is `/`.
    pub fn new(root: &Path) -> Self {
        let alarm = entries(&root.join("sys/class/hwmon"))
            .find(|folder| text(&folder.join("name")).is_some_and(|name| name.trim() == "rpi_volt"))
            .map(|folder| folder.join("in0_lcrit_alarm"));
        Self { root: root.to_owned(), alarm, read: None, state: BoardState::default() }
    }

    /// The state, at most five seconds old.
    pub fn state(&mut self) -> BoardState {
        if self.read.is_none_or(|read| read.elapsed() >= FRESH) {
            self.read = Some(Instant::now());
            self.look();
        }
        self.state
    }

    fn look(&mut self) {
        let throttled = text(&self.root.join("sys/devices/platform/soc/soc:firmware/get_throttled"));
        let throttled =
            throttled.and_then(|hex| u32::from_str_radix(hex.trim().trim_start_matches("0x"), 16).ok());
        let alarm = self.alarm.as_deref().and_then(text).map(|alarm| alarm.trim() == "1");
        let undervoltage = alarm.or_else(|| throttled.map(|bits| bits & UNDER_VOLTAGE_NOW != 0));
        let seen = undervoltage == Some(true) || throttled.is_some_and(|bits| bits & UNDER_VOLTAGE_SEEN != 0);
        self.state = BoardState {
            cpu_temperature: text(&self.root.join("sys/class/thermal/thermal_zone0/temp"))
                .and_then(|millidegrees| millidegrees.trim().parse::<f64>().ok())
                .map(|millidegrees| (millidegrees / 100.0).round() / 10.0)
                .filter(|celsius| (-60.0..=200.0).contains(celsius)),
            wifi_strength: text(&self.root.join("proc/net/wireless")).as_deref().and_then(signal),
            undervoltage,
            undervoltage_seen: self.state.undervoltage_seen || seen,
        };
    }
}

impl BoardState {
    /// Fills in what is known.
    pub fn fill(&self, status: &mut SystemStatus) {
        status.cpu_temperature = self.cpu_temperature;
        status.wifi_strength = self.wifi_strength;
        status.undervoltage = self.undervoltage;
        if self.undervoltage_seen {
            status.extra.insert("undervoltage_since_boot".to_owned(), true.into());
        }
    }
}

/// The third number of the first interface: two lines of headings, then `wlan0: 0000   61.  -49.  -256 …`.
fn signal(table: &str) -> Option<f64> {
    let (_, numbers) = table.lines().nth(2)?.split_once(':')?;
    let level = numbers.split_whitespace().nth(2)?.trim_end_matches('.').parse().ok()?;
    // A card without a link, and one that counts in units of its own.
    (-120.0..0.0).contains(&level).then_some(level)
}

fn entries(folder: &Path) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(folder).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}

fn text(path: &Path) -> Option<String> {
    fs::read_to_string(path).ok()
}

#[cfg(test)]
mod tests {
    use tempfile::TempDir;

    use super::*;

    const WIRELESS: &str = "Inter-| sta-|   Quality        |   Discarded packets               | Missed | WE\n \
         face | tus | link level noise |  nwid  crypt   frag  retry   misc | beacon | 22\n \
         wlan0: 0000   61.  -49.  -256        0      0      0      0    241        0\n";

    fn put(root: &TempDir, path: &str, text: &str) {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    #[test]
    fn a_pi_on_wifi_with_a_weak_supply() {
        let root = TempDir::new().unwrap();
        put(&root, "sys/class/hwmon/hwmon1/name", "rpi_volt\n");
        put(&root, "sys/class/hwmon/hwmon1/in0_lcrit_alarm", "1\n");
        put(&root, "sys/class/hwmon/hwmon0/name", "cpu_thermal\n");
        put(&root, "sys/class/thermal/thermal_zone0/temp", "48312\n");
        put(&root, "proc/net/wireless", WIRELESS);
        let mut board = Board::new(root.path());
        let state = board.state();
        assert_eq!(state.cpu_temperature, Some(48.3));
        assert_eq!(state.wifi_strength, Some(-49.0));
        assert_eq!((state.undervoltage, state.undervoltage_seen), (Some(true), true));
        put(&root, "sys/class/hwmon/hwmon1/in0_lcrit_alarm", "0\n");
        assert_eq!(board.state(), state, "not asked again at once");
        board.look();
        assert_eq!((board.state.undervoltage, board.state.undervoltage_seen), (Some(false), true));
    }

    #[test]
    fn the_firmware_remembers_what_was_before_this_program() {
        let root = TempDir::new().unwrap();
        put(&root, "sys/devices/platform/soc/soc:firmware/get_throttled", "50000\n");
        let state = Board::new(root.path()).state();
        assert_eq!((state.undervoltage, state.undervoltage_seen), (Some(false), true));
    }

    #[test]
    fn what_a_machine_does_not_tell_is_left_out() {
        let root = TempDir::new().unwrap();
        let mut status = SystemStatus::default();
        Board::new(root.path()).state().fill(&mut status);
        assert_eq!(status, SystemStatus::default());
        put(&root, "sys/class/thermal/thermal_zone0/temp", "hot");
        put(&root, "proc/net/wireless", &WIRELESS.replace("-49.", "0."));
        assert_eq!(Board::new(root.path()).state(), BoardState::default());
    }
}
