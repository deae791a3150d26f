//! The GPIO of a Raspberry Pi 4 for a real program: the registers are a file in the place of `/dev/gpiomem`, and a thread
//! does what the chip would (BCM2711 ARM Peripherals, chapter 5), and keeps each edge.

use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle, sleep};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::bus::Bus;
use crate::programs::program;
use crate::wrapper::Wrapper;

/// A pin's level has changed.
#[derive(Debug, Clone, Copy)]
pub struct Edge {
    /// When it was seen.
    pub at: Instant,
    /// The pin, by its number at the chip.
    pub gpio: u8,
    /// To which level.
    pub is_high: bool,
}

/// The pins of a board. Unless driven, each is pulled down.
#[derive(Debug)]
pub struct Pins {
    state: Arc<State>,
    watcher: Option<JoinHandle<()>>,
    files: Option<(TempDir, Bus)>,
}

#[derive(Debug)]
struct State {
    registers: File,
    edges: Mutex<Vec<Edge>>,
    stop: AtomicBool,
    /// Held low whatever drives it: shorted.
    shorted: Mutex<Vec<u8>>,
}

/// Byte offsets of the first registers of their kinds.
const FUNCTION: u64 = 0x00;
const SET: u64 = 0x1c;
const CLEAR: u64 = 0x28;
const LEVEL: u64 = 0x34;
/// Pins that are on the header.
const COUNT: u8 = 28;
const OUTPUT: u32 = 0b001;
const PAUSE: Duration = Duration::from_micros(50);

impl Pins {
    /// A board of its own.
    pub fn new() -> Self {
        let dir = TempDir::new().expect("a temporary folder");
        fs::write(dir.path().join("gpiochip0"), "").expect("a file");
        fs::write(dir.path().join("compatible"), "raspberrypi,4-model-b\0brcm,bcm2711\0").expect("a file");
        let mut pins = Self::at(&dir.path().join("gpiomem"));
        pins.files = Some((dir, Bus::new("")));
        pins
    }

    /// The pins whose registers are the file `path`, which is made.
    pub fn at(path: &Path) -> Self {
        fs::write(path, [0; 4096]).expect("a file of registers");
        let registers = File::options().read(true).write(true).open(path).expect("a file of registers");
        let state = Arc::new(State {
            registers,
            edges: Mutex::default(),
            stop: AtomicBool::new(false),
            shorted: Mutex::default(),
        });
        let watched = Arc::clone(&state);
        let watcher = Some(thread::spawn(move || watched.watch()));
        Self { state, watcher, files: None }
    }

    /// Runs a program on this board: its device tree, `/dev/gpiomem`, `/dev/gpiochip0`. Needs root.
    #[track_caller]
    pub fn wrapper(&self) -> Wrapper {
        let (dir, bus) = self.files.as_ref().expect("the pins of a machine are the machine's");
        let tool = Wrapper::program(&program("i2c-bus"), &["--bus", path(&bus.control()), "--"]);
        let board = Wrapper::with_mounts(&format!(
            "board={}
             mount -t tmpfs none /sys/firmware
             mkdir -p /sys/firmware/devicetree/base
             cp $board/compatible /sys/firmware/devicetree/base/
             dev=$(mktemp -d)
             mount -t tmpfs none $dev
             for name in null zero full random urandom tty; do : >$dev/$name; mount --bind /dev/$name $dev/$name; done
             for name in gpiomem gpiochip0; do : >$dev/$name; mount --bind $board/$name $dev/$name; done
             ln -s /proc/self/fd $dev/fd
             mount --move $dev /dev
             rmdir $dev",
            path(dir.path())
        ));
        board.inside(tool)
    }

    /// The same for a command.
    #[track_caller]
    pub fn around(&self, command: &Command) -> Command {
        self.wrapper().around(command)
    }

    /// The I2C bus of the board, where a program under [`Self::wrapper`] finds it.
    #[track_caller]
    pub fn bus(&self) -> &Bus {
        &self.files.as_ref().expect("the pins of a machine are the machine's").1
    }

    /// Whether the pin is high.
    pub fn is_high(&self, gpio: u8) -> bool {
        self.state.read(LEVEL) >> gpio & 1 != 0
    }

    /// Every edge so far, oldest first.
    pub fn edges(&self) -> Vec<Edge> {
        self.state.edges.lock().expect("a watcher that lives").clone()
    }

    /// How often the pin has risen.
    pub fn rises(&self, gpio: u8) -> usize {
        self.edges().iter().filter(|edge| edge.gpio == gpio && edge.is_high).count()
    }

    /// Holds a pin low, whatever drives it.
    pub fn short(&self, gpio: u8) {
        self.state.shorted.lock().expect("a watcher that lives").push(gpio);
    }
}

impl Default for Pins {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    fn watch(&self) {
        let (mut latch, mut level) = (0_u32, 0_u32);
        while !self.stop.load(Ordering::Relaxed) {
            // The program waits for the level before it writes again: nothing is overwritten.
            let (set, clear) = (self.take(SET), self.take(CLEAR));
            latch = (latch | set) & !clear;
            let driven = self.outputs();
            let shorted = self.shorted.lock().expect("a test that lives");
            let new = shorted.iter().fold(latch & driven, |level, gpio| level & !(1 << gpio));
            drop(shorted);
            if new != level {
                self.note(new ^ level, new);
                level = new;
                self.write(LEVEL, level);
            }
            sleep(PAUSE);
        }
    }

    fn note(&self, changed: u32, level: u32) {
        let at = Instant::now();
        let pins = (0..COUNT).filter(|gpio| changed >> gpio & 1 != 0);
        let edges = pins.map(|gpio| Edge { at, gpio, is_high: level >> gpio & 1 != 0 });
        self.edges.lock().expect("a test that lives").extend(edges);
    }

    /// The pins that are outputs, a bit each.
    fn outputs(&self) -> u32 {
        let functions = [0, 1, 2].map(|register| self.read(FUNCTION + register * 4));
        let is_output = |gpio: &u8| functions[usize::from(gpio / 10)] >> (gpio % 10 * 3) & 0b111 == OUTPUT;
        (0..COUNT).filter(is_output).fold(0, |all, gpio| all | 1 << gpio)
    }

    /// What was written to a register that acts by being written to.
    fn take(&self, offset: u64) -> u32 {
        let value = self.read(offset);
        if value != 0 {
            self.write(offset, 0);
        }
        value
    }

    fn read(&self, offset: u64) -> u32 {
        let mut bytes = [0; 4];
        self.registers.read_exact_at(&mut bytes, offset).expect("a file of registers");
        u32::from_ne_bytes(bytes)
    }

    fn write(&self, offset: u64, value: u32) {
        self.registers.write_all_at(&value.to_ne_bytes(), offset).expect("a file of registers");
    }
}

impl Drop for Pins {
    fn drop(&mut self) {
        self.state.stop.store(true, Ordering::Relaxed);
        if let Some(watcher) = self.watcher.take() {
            drop(watcher.join());
        }
    }
}

fn path(path: &Path) -> &str {
    path.to_str().expect("a temporary folder with a plain name")
}
