// SPDX-License-Identifier: MIT OR Apache-2.0
/*
 * A board for the test machines: an I2C bus with an INA226 at 0x40, and the LED of a Raspberry Pi. Behind the kernel's
 * own i2c-dev and leds classes, so that udev, DeviceAllow=char-i2c and sysfs are the real ones.
 */
#include <linux/i2c.h>
#include <linux/leds.h>
#include <linux/module.h>

#define ADDRESS 0x40
#define CONFIGURATION 0x00
#define POWER_ON 0x4127
#define RESET 0x8000

static ushort shunt = 0xf448; /* -7.5 mV in steps of 2.5 uV */
module_param(shunt, ushort, 0644);
static ushort volts = 0x2990; /* 13.3 V in steps of 1.25 mV */
module_param(volts, ushort, 0644);
static int fault; /* errno with which every transfer fails */
module_param(fault, int, 0644);

static u16 registers[256] = { [CONFIGURATION] = POWER_ON };
static u8 pointer;

static u16 value_of(u8 address)
{
	switch (address) {
	case 0x01:
		return shunt;
	case 0x02:
		return volts;
	case 0x06: /* mask and enable: a conversion is ready */
		return registers[address] | 0x0008;
	case 0xfe:
		return 0x5449;
	case 0xff:
		return 0x2260;
	default:
		return registers[address];
	}
}

static void write_to(const struct i2c_msg *message)
{
	u16 value;

	if (!message->len)
		return;
	pointer = message->buf[0];
	if (message->len < 3)
		return;
	value = message->buf[1] << 8 | message->buf[2];
	registers[pointer] = pointer == CONFIGURATION && value & RESET ? POWER_ON : value;
}

static int transfer(struct i2c_adapter *adapter, struct i2c_msg *messages, int count)
{
	int i, j;

	if (fault)
		return -fault;
	for (i = 0; i < count; i++) {
		struct i2c_msg *message = &messages[i];

		/* As the driver of the Raspberry Pi: one read, and the last. */
		if (message->flags & I2C_M_RD && i + 1 < count)
			return -EOPNOTSUPP;
		if (message->addr != ADDRESS)
			return -EREMOTEIO;
		if (!(message->flags & I2C_M_RD)) {
			write_to(message);
			continue;
		}
		for (j = 0; j < message->len; j++)
			message->buf[j] = value_of(pointer) >> (j % 2 ? 0 : 8);
	}
	return count;
}

static u32 functionality(struct i2c_adapter *adapter)
{
	return I2C_FUNC_I2C | I2C_FUNC_SMBUS_EMUL;
}

static const struct i2c_algorithm algorithm = { .master_xfer = transfer, .functionality = functionality };
static struct i2c_adapter bus = {
	.owner = THIS_MODULE,
	.name = "ems-test-board",
	.algo = &algorithm,
	.nr = 1,
};

static unsigned int blinks;
module_param(blinks, uint, 0444);

static void set_led(struct led_classdev *led, enum led_brightness brightness)
{
	if (brightness)
		blinks++;
}

static struct led_classdev led = { .name = "ACT", .max_brightness = 1, .brightness_set = set_led };

static int __init begin(void)
{
	int error = i2c_add_numbered_adapter(&bus);

	if (error)
		return error;
	error = led_classdev_register(NULL, &led);
	if (error)
		i2c_del_adapter(&bus);
	return error;
}

static void __exit end(void)
{
	led_classdev_unregister(&led);
	i2c_del_adapter(&bus);
}

module_init(begin);
module_exit(end);
MODULE_DESCRIPTION("I2C bus with an INA226, and an LED, for the tests of ems-edge");
MODULE_LICENSE("Dual MIT/GPL");
