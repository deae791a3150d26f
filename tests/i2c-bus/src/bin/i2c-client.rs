//! A program that uses an I2C bus as the daemon does, through `linux-embedded-hal`: the tests run it under
//! `i2c-bus` and tell it on stdin what to do.
//!
//! A request is one line, `TAG OPERATION ARGUMENTS…`, numbers as `0x40` or `64`; its answer is one line on
//! stdout, `TAG ok HEX` or `TAG errno N`. Each runs on a thread of its own.
//!
//! | operation | does |
//! |---|---|
//! | `read ADDRESS REGISTER LENGTH` | writes the register pointer, then reads |
//! | `write ADDRESS BYTE…` | one write |
//! | `two-reads ADDRESS` | two reads in one transfer |
//! | `word ADDRESS REGISTER` | `I2C_SLAVE` and an SMBus word read |
//! | `slave ADDRESS` | `I2C_SLAVE` alone |
//! | `messages ADDRESS COUNT` | a transfer of so many empty writes |
//! | `bytes ADDRESS LENGTH` | a read of so many bytes, shown as their count |

use std::io::{self, BufRead, Write};
use std::path::Path;
use std::process::ExitCode;
use std::thread;

use embedded_hal::i2c::{I2c, Operation};
use linux_embedded_hal::I2cdev;
use linux_embedded_hal::i2cdev::core::{I2CDevice, I2CMessage, I2CTransfer};
use linux_embedded_hal::i2cdev::linux::{LinuxI2CBus, LinuxI2CDevice, LinuxI2CError, LinuxI2CMessage};

fn main() -> ExitCode {
    let Some(path) = std::env::args_os().nth(1) else {
        complain("usage: i2c-client PATH");
        return ExitCode::from(2);
    };
    thread::scope(|scope| {
        for line in io::stdin().lock().lines() {
            let Ok(line) = line else { break };
            let path = Path::new(&path);
            scope.spawn(move || {
                let (tag, request) = line.split_once(' ').unwrap_or((line.as_str(), ""));
                let answer = match perform(path, request) {
                    Ok(bytes) => {
                        bytes.iter().fold("ok ".to_owned(), |text, byte| text + &format!("{byte:02x}"))
                    }
                    Err(Trouble::Bus(LinuxI2CError::Errno(errno))) => format!("errno {errno}"),
                    Err(Trouble::Bus(LinuxI2CError::Io(error))) => format!("error {error}"),
                    Err(Trouble::Request(what)) => format!("cannot understand {what}"),
                };
                if let Err(error) = writeln!(io::stdout(), "{tag} {}", answer.trim_end()) {
                    complain(&error.to_string());
                }
            });
        }
    });
    ExitCode::SUCCESS
}

enum Trouble {
    Bus(LinuxI2CError),
    Request(String),
}

impl From<LinuxI2CError> for Trouble {
    fn from(error: LinuxI2CError) -> Self {
        Self::Bus(error)
    }
}

impl From<linux_embedded_hal::I2CError> for Trouble {
    fn from(error: linux_embedded_hal::I2CError) -> Self {
        match error.inner() {
            LinuxI2CError::Errno(errno) => Self::Bus(LinuxI2CError::Errno(*errno)),
            LinuxI2CError::Io(error) => Self::Request(error.to_string()),
        }
    }
}

fn perform(path: &Path, request: &str) -> Result<Vec<u8>, Trouble> {
    let mut words = request.split_whitespace();
    let operation = words.next().unwrap_or_default();
    let numbers: Vec<u16> = words
        .map(|word| match word.strip_prefix("0x") {
            Some(hex) => u16::from_str_radix(hex, 16),
            None => word.parse(),
        })
        .collect::<Result<_, _>>()
        .map_err(|error| Trouble::Request(format!("{request}: {error}")))?;
    let byte = |number: u16| number.to_le_bytes()[0];
    match (operation, numbers.as_slice()) {
        ("read", &[address, register, length]) => {
            let mut buffer = vec![0; usize::from(length)];
            I2cdev::new(path)?.write_read(byte(address), &[byte(register)], &mut buffer)?;
            Ok(buffer)
        }
        ("write", [address, bytes @ ..]) => {
            let bytes: Vec<u8> = bytes.iter().copied().map(byte).collect();
            I2cdev::new(path)?.write(byte(*address), &bytes)?;
            Ok(Vec::new())
        }
        ("two-reads", &[address]) => {
            let (mut first, mut second) = ([0; 2], [0; 2]);
            let mut both = [Operation::Read(&mut first), Operation::Read(&mut second)];
            I2cdev::new(path)?.transaction(byte(address), &mut both)?;
            Ok([first, second].concat())
        }
        ("word", &[address, register]) => {
            let word = LinuxI2CDevice::new(path, address)?.smbus_read_word_data(byte(register))?;
            Ok(word.to_le_bytes().to_vec())
        }
        ("slave", &[address]) => LinuxI2CDevice::new(path, address).map(|_| Vec::new()).map_err(Trouble::Bus),
        ("messages", &[address, count]) => {
            let mut messages: Vec<_> =
                (0..count).map(|_| LinuxI2CMessage::write(&[]).with_address(address)).collect();
            LinuxI2CBus::new(path)?.transfer(&mut messages)?;
            Ok(Vec::new())
        }
        ("bytes", &[address, length]) => {
            let mut buffer = vec![0; usize::from(length)];
            LinuxI2CBus::new(path)?
                .transfer(&mut [LinuxI2CMessage::read(&mut buffer).with_address(address)])?;
            Ok(length.to_be_bytes().to_vec())
        }
        _ => Err(Trouble::Request(request.to_owned())),
    }
}

#[expect(clippy::print_stderr, reason = "for whoever runs it by hand")]
fn complain(what: &str) {
    eprintln!("i2c-client: {what}");
}
