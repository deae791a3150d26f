//! The ioctls of `/dev/i2c-N`, with the checks and answers of the kernel's `drivers/i2c/i2c-dev.c`.

use rustix::io::Errno;

use crate::adapter::Adapter;
use crate::complain;
use crate::memory::Memory;
use crate::open_files::{Client, OpenFiles};
use crate::seccomp::Notification;
use crate::smbus;
use crate::wire::{Data, Message};

// linux/i2c-dev.h
const I2C_RETRIES: u32 = 0x0701;
const I2C_TIMEOUT: u32 = 0x0702;
const I2C_SLAVE: u32 = 0x0703;
const I2C_TENBIT: u32 = 0x0704;
const I2C_FUNCS: u32 = 0x0705;
const I2C_SLAVE_FORCE: u32 = 0x0706;
const I2C_RDWR: u32 = 0x0707;
const I2C_PEC: u32 = 0x0708;
const I2C_SMBUS: u32 = 0x0720;
const MESSAGES_MAX: u32 = 42;
const MESSAGE_BYTES_MAX: u16 = 8192;

// linux/i2c.h
const I2C_M_RD: u16 = 0x0001;
const I2C_M_TEN: u16 = 0x0010;
const I2C_M_RECV_LEN: u16 = 0x0400;

/// `I2C_FUNC_I2C | I2C_FUNC_SMBUS_EMUL` without PEC, which the simulated chips do not have. The Pi's
/// controller reports the same and PEC.
const FUNCTIONALITY: u64 = 0x0eff_0001;

const LONGEST_10_BIT_ADDRESS: u64 = 0x3ff;
const LONGEST_7_BIT_ADDRESS: u64 = 0x7f;

/// The device driver between the callers and the adapter.
pub(crate) struct I2cDev {
    adapter: Adapter,
    files: OpenFiles,
}

impl I2cDev {
    /// The device files of `adapter`.
    pub(crate) fn new(adapter: Adapter) -> Self {
        Self { adapter, files: OpenFiles::default() }
    }

    /// Carries out one ioctl; `still_waits` tells whether its caller lives.
    pub(crate) fn ioctl(
        &self,
        call: &Notification,
        memory: &Memory,
        still_waits: &dyn Fn() -> bool,
    ) -> Result<u32, Errno> {
        match call.request {
            I2C_SLAVE | I2C_SLAVE_FORCE => self.choose_address(call),
            I2C_TENBIT => self.update(call, |client| client.ten_bit = call.argument != 0),
            I2C_PEC => self.update(call, |client| client.packet_error_code = call.argument != 0),
            I2C_FUNCS => memory.write(call.argument, &FUNCTIONALITY.to_ne_bytes()).map(|()| 0),
            I2C_RDWR => self.combined(call, memory, still_waits),
            I2C_SMBUS => self.smbus(call, memory, still_waits),
            // The simulated adapter has no use for them, but the same limits.
            I2C_RETRIES | I2C_TIMEOUT => i32::try_from(call.argument).map(|_| 0).map_err(|_| Errno::INVAL),
            _ => Err(Errno::NOTTY),
        }
    }

    fn choose_address(&self, call: &Notification) -> Result<u32, Errno> {
        let longest = if self.client(call)?.ten_bit { LONGEST_10_BIT_ADDRESS } else { LONGEST_7_BIT_ADDRESS };
        let address =
            u16::try_from(call.argument).ok().filter(|_| call.argument <= longest).ok_or(Errno::INVAL)?;
        if call.request == I2C_SLAVE && self.adapter.is_busy(address) {
            return Err(Errno::BUSY);
        }
        self.update(call, |client| client.address = address)
    }

    /// `I2C_RDWR`: a `struct i2c_rdwr_ioctl_data` at the argument.
    fn combined(
        &self,
        call: &Notification,
        memory: &Memory,
        still_waits: &dyn Fn() -> bool,
    ) -> Result<u32, Errno> {
        let [array @ .., n0, n1, n2, n3, _, _, _, _] = memory.read::<16>(call.argument)?;
        let (array, count) = (u64::from_ne_bytes(array), u32::from_ne_bytes([n0, n1, n2, n3]));
        if array == 0 || count == 0 || count > MESSAGES_MAX {
            return Err(Errno::INVAL);
        }
        let mut buffers = Vec::new();
        let mut messages = Vec::new();
        for index in 0..u64::from(count) {
            let (buffer, message) = take_message(memory, array.wrapping_add(index * 16))?;
            buffers.push(buffer);
            messages.push(message);
        }
        self.adapter.transfer(&mut messages, still_waits)?;
        for (buffer, message) in buffers.into_iter().zip(&messages) {
            if let Data::Read(bytes) = &message.data {
                memory.write(buffer, bytes)?;
            }
        }
        Ok(count)
    }

    /// `I2C_SMBUS`: a `struct i2c_smbus_ioctl_data` at the argument.
    fn smbus(
        &self,
        call: &Notification,
        memory: &Memory,
        still_waits: &dyn Fn() -> bool,
    ) -> Result<u32, Errno> {
        let [direction, command, _, _, s0, s1, s2, s3, union @ ..] = memory.read::<16>(call.argument)?;
        let kind = smbus::Kind::from_size(u32::from_ne_bytes([s0, s1, s2, s3]))?;
        let union = u64::from_ne_bytes(union);
        let reads = match direction {
            0 => false,
            1 => true,
            _ => return Err(Errno::INVAL),
        };
        let without_data = kind == smbus::Kind::Quick || (kind == smbus::Kind::Byte && !reads);
        if !without_data && union == 0 {
            return Err(Errno::INVAL);
        }
        let mut data: smbus::Block = [0; 34];
        if !without_data && (!reads || kind.sends_data_even_to_read()) {
            let sent = memory.read_vec(union, kind.union_length())?;
            data.iter_mut().zip(sent).for_each(|(slot, byte)| *slot = byte);
        }
        let Client { address, ten_bit, packet_error_code } = self.client(call)?;
        let mut messages = smbus::messages(kind, reads, address, command, &data)?;
        if packet_error_code {
            return Err(Errno::OPNOTSUPP);
        }
        // Nobody on this bus answers to 10 bits.
        if ten_bit {
            return Err(Errno::REMOTEIO);
        }
        self.adapter.transfer(&mut messages, still_waits)?;
        if smbus::store(kind, &messages, &mut data) && !without_data {
            memory.write(union, data.get(..kind.union_length()).unwrap_or_default())?;
        }
        Ok(0)
    }

    fn client(&self, call: &Notification) -> Result<Client, Errno> {
        self.files.client(call.thread, call.fd).map_err(|error| unknown_file(call, &error))
    }

    fn update(&self, call: &Notification, change: impl FnOnce(&mut Client)) -> Result<u32, Errno> {
        self.files.update(call.thread, call.fd, change).map(|_| 0).map_err(|error| unknown_file(call, &error))
    }
}

/// The `struct i2c_msg` at `address`, and where its buffer is.
fn take_message(memory: &Memory, address: u64) -> Result<(u64, Message), Errno> {
    let [a0, a1, f0, f1, l0, l1, _, _, buffer @ ..] = memory.read::<16>(address)?;
    let chip = u16::from_ne_bytes([a0, a1]);
    let flags = u16::from_ne_bytes([f0, f1]);
    let length = u16::from_ne_bytes([l0, l1]);
    let buffer = u64::from_ne_bytes(buffer);
    if length > MESSAGE_BYTES_MAX {
        return Err(Errno::INVAL);
    }
    // The kernel copies the buffer of a read too, and so notices a bad one before the transfer.
    let bytes = memory.read_vec(buffer, usize::from(length))?;
    if flags & I2C_M_RECV_LEN != 0 {
        return Err(if flags & I2C_M_RD == 0 { Errno::INVAL } else { Errno::OPNOTSUPP });
    }
    if flags & I2C_M_TEN != 0 || u64::from(chip) > LONGEST_7_BIT_ADDRESS {
        return Err(Errno::REMOTEIO);
    }
    let data = if flags & I2C_M_RD == 0 { Data::Write(bytes) } else { Data::Read(bytes) };
    Ok((buffer, Message { address: chip, data }))
}

fn unknown_file(call: &Notification, error: &std::io::Error) -> Errno {
    complain(format_args!(
        "cannot tell which file descriptor {} of thread {} is: {error}; run i2c-bus as the program's user or as root",
        call.fd, call.thread
    ));
    Errno::from_io_error(error).unwrap_or(Errno::IO)
}
