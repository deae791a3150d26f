//! The board's own LED, blinked so that somebody in front of a row of boards finds this one.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

/// The activity LED of a Raspberry Pi: since Linux 5.17, and before.
const NAMES: [&str; 2] = ["ACT", "led0"];
/// Half of a blink.
const HALF: Duration = Duration::from_millis(200);

/// An LED under `/sys/class/leds` (Documentation/leds/leds-class.rst). What drove it before drives it again when this
/// is dropped.
#[derive(Debug)]
pub struct Led {
    folder: PathBuf,
    trigger: String,
    bright: String,
}

impl Led {
    /// The board's, below `root` (`/`); nothing if it has none.
    ///
    /// # Errors
    /// If it has one that this user may not drive.
    pub fn of_board(root: &Path) -> io::Result<Option<Self>> {
        let leds = root.join("sys/class/leds");
        let Some(folder) = NAMES.iter().map(|name| leds.join(name)).find(|folder| folder.is_dir()) else {
            return Ok(None);
        };
        let triggers = fs::read_to_string(folder.join("trigger"))?;
        // The one in use stands in brackets.
        let used = triggers.split_whitespace().find_map(|word| word.strip_prefix('[')?.strip_suffix(']'));
        let trigger = used.unwrap_or("none").to_owned();
        let bright = fs::read_to_string(folder.join("max_brightness"))
            .map_or("1".to_owned(), |max| max.trim().to_owned());
        let led = Self { folder, trigger, bright };
        led.write("trigger", "none")?;
        Ok(Some(led))
    }

    /// Blinks for so long.
    ///
    /// # Errors
    /// If it cannot be driven any more.
    pub async fn blink(&self, time: Duration) -> io::Result<()> {
        let end = Instant::now() + time;
        while Instant::now() < end {
            self.write("brightness", &self.bright)?;
            sleep(HALF).await;
            self.write("brightness", "0")?;
            sleep(HALF).await;
        }
        Ok(())
    }

    fn write(&self, file: &str, text: &str) -> io::Result<()> {
        fs::write(self.folder.join(file), text)
    }
}

impl Drop for Led {
    fn drop(&mut self) {
        drop(self.write("trigger", &self.trigger));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_led_is_given_back_to_what_drove_it() {
        let root = tempfile::tempdir().unwrap();
        let led = root.path().join("sys/class/leds/ACT");
        fs::create_dir_all(&led).unwrap();
        fs::write(led.join("trigger"), "none timer [mmc0] heartbeat\n").unwrap();
        fs::write(led.join("max_brightness"), "255\n").unwrap();
        let board = Led::of_board(root.path()).unwrap().unwrap();
        assert_eq!(fs::read_to_string(led.join("trigger")).unwrap(), "none");
        board.blink(Duration::from_secs(2)).await.unwrap();
        assert_eq!(fs::read_to_string(led.join("brightness")).unwrap(), "0");
        drop(board);
        assert_eq!(fs::read_to_string(led.join("trigger")).unwrap(), "mmc0");
    }

    #[test]
    fn a_board_without_one_has_none() {
        assert!(Led::of_board(tempfile::tempdir().unwrap().path()).unwrap().is_none());
    }
}
