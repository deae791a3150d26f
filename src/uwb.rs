//! Positions of UWB tags from a Qorvo DWM1001 at a serial port: the module's shell prints a line for each.
//!
//! The module may be unplugged and come back: the port is opened again and again. Of each tag only the latest position
//! waits for the uplink.

mod lep;
mod port;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use ems_protocol::UwbLocation;
use tokio::sync::Notify;
use tokio::time::{Instant, sleep, timeout_at};
use tracing::{info, warn};

use crate::clock::{BootTime, Clock};
use lep::{Fix, Line};
use port::Port;

/// How long a port that is not there is left alone.
const RETRY: Duration = Duration::from_secs(2);
/// A module that prints no position for this long is asked to.
const SILENCE: Duration = Duration::from_secs(5);
/// Each asking doubles it, up to this: what is sent is a switch, and a tag that moves seldom would go on and off.
const LONGEST_SILENCE: Duration = Duration::from_mins(5);
/// Tags of which a position waits: more are a fault of the line.
const MAX_TAGS: usize = 256;

/// Positions on their way from the module to the uplink.
#[derive(Debug, Default)]
pub struct Positions {
    /// The latest of each tag, and when it was read. Owned here; bound [`MAX_TAGS`].
    waiting: RefCell<BTreeMap<String, (Fix, BootTime)>>,
    filled: Notify,
}

impl Positions {
    /// Returns when there may be a position.
    pub async fn filled(&self) {
        self.filled.notified().await;
    }

    /// Takes one that waits, with its label by `clock`.
    pub fn next(&self, clock: &Clock) -> Option<UwbLocation> {
        let (tag, (fix, read)) = self.waiting.borrow_mut().pop_first()?;
        let (timestamp, _) = clock.label(read);
        Some(UwbLocation {
            device_id: tag,
            location: fix.location,
            accuracy: None,
            quality: Some(fix.quality),
            timestamp,
        })
    }

    fn put(&self, fix: Fix, read: BootTime) {
        let mut waiting = self.waiting.borrow_mut();
        if waiting.len() < MAX_TAGS || waiting.contains_key(&fix.tag) {
            waiting.insert(fix.tag.clone(), (fix, read));
            self.filled.notify_one();
        }
    }
}

/// What reads the module.
pub struct Source {
    /// The port, for example `/dev/ttyACM0`.
    pub path: PathBuf,
    /// Where the positions go.
    pub positions: Rc<Positions>,
    /// Stamps them.
    pub clock: Rc<Clock>,
}

impl Source {
    /// Reads for as long as the daemon runs.
    pub async fn run(self) {
        let mut trouble = None;
        loop {
            let why = match Port::open(&self.path) {
                Ok(mut port) => {
                    if trouble.take().is_some() {
                        info!(port = %self.path.display(), "the UWB module's port is there again");
                    }
                    self.read(&mut port).await
                }
                Err(why) => why,
            };
            // Said once for each reason, not each time that it is tried.
            if trouble.as_ref() != Some(&why) {
                warn!(port = %self.path.display(), "no positions of UWB tags: {why}");
                trouble = Some(why);
            }
            sleep(RETRY).await;
        }
    }

    /// Reads until the port fails; the reason.
    async fn read(&self, port: &mut Port) -> String {
        let mut heard = Instant::now();
        let mut patience = SILENCE;
        let mut said_broken = false;
        loop {
            let line = match timeout_at(heard + patience, port.line()).await {
                Ok(Ok(line)) => line,
                Ok(Err(why)) => return why,
                Err(_) => {
                    if let Err(why) = port.ask_for_positions().await {
                        return why;
                    }
                    heard = Instant::now();
                    patience = longer(patience);
                    continue;
                }
            };
            match lep::parse(&line) {
                Line::Position(fix) => {
                    (heard, patience) = (Instant::now(), SILENCE);
                    said_broken = false;
                    self.positions.put(fix, self.clock.boottime());
                }
                Line::Broken(why) if !said_broken => {
                    said_broken = true;
                    warn!(port = %self.path.display(), "a line of the UWB module is passed over: {why}");
                }
                // A prompt, an echo, an empty line; or a broken one after another.
                Line::Other | Line::Broken(_) => {}
            }
        }
    }
}

fn longer(silence: Duration) -> Duration {
    (silence * 2).min(LONGEST_SILENCE)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemTime;
    use ems_protocol::Point;

    #[test]
    fn a_silent_module_is_asked_more_and_more_seldom() {
        let waits = std::iter::successors(Some(SILENCE), |silence| Some(longer(*silence))).take(8);
        assert!(waits.map(|silence| silence.as_secs()).eq([5, 10, 20, 40, 80, 160, 300, 300]));
    }

    #[test]
    fn of_each_tag_the_latest_waits_and_their_number_is_bounded() {
        let positions = Positions::default();
        let clock = Clock::new(SystemTime);
        let fix = |n: usize, x: f64| Fix {
            tag: format!("{n:04}"),
            location: Point { x, y: 0.0, z: 0.0 },
            quality: 90.0,
        };
        for x in [1.0, 2.0] {
            for tag in 0..2 * MAX_TAGS {
                positions.put(fix(tag, x), BootTime(0));
            }
        }
        let mut count = 0;
        while let Some(location) = positions.next(&clock) {
            assert_eq!((location.location.x, location.quality), (2.0, Some(90.0)));
            count += 1;
        }
        assert_eq!(count, MAX_TAGS);
    }
}
