"""Random packs: a cell, an age, a climate, a use and a sensor, all drawn from a seed."""

from dataclasses import asdict, dataclass

import numpy as np

import cell
import use

# Steps of the bus voltage in V and of the shunt voltage in V, and the datasheets' limits: gain of the bus as a share, offset in
# V, gain of the shunt as a share, offset in V (src/battery/sensing.rs).
CHIPS = {
    "ina219": (4e-3, 10e-6, 5e-3, 4e-3, 5e-3, 100e-6),
    "ina226": (1.25e-3, 2.5e-6, 1e-3, 7.5e-3, 1e-3, 10e-6),
    "ina228": (195.3125e-6, 0.3125e-6, 0.5e-3, 2.5e-3, 0.5e-3, 1e-6),
}
PIN_VOLTS = {"ina219": 26, "ina226": 36, "ina228": 85}
SHUNT_TOLERANCE, DIVIDER_TOLERANCE = 0.01, 0.003
CELLS = {
    "lfp": ("Prada2013", "Prada2013, graphite of Mohtat2020"),
    "nmc": ("Chen2020", "OKane2022", "ORegan2022"),
    "lead_acid": (cell.LEAD_ACID,),
}
SIZES = {
    "lfp": ((16, 100), (16, 280), (8, 50), (4, 100)),
    "nmc": ((13, 20), (14, 40), (3, 5), (7, 10)),
    "lead_acid": ((6, 100), (12, 200), (24, 400)),
}
FULL = {"lfp": (3.45, 3.50, 3.55, 3.60), "nmc": (4.10, 4.15, 4.20), "lead_acid": (2.35, 2.40, 2.45)}
EMPTY = {"lfp": 2.6, "nmc": 3.0, "lead_acid": 1.88}


@dataclass
class Pack:
    """What is there, and what a technician would configure of it."""

    chemistry: str
    cell: str
    series: int
    capacity_Ah: float
    health: float
    celsius: float
    use: str
    soc: float
    full_volts: float
    sensor: str
    shunt_ohm: float
    divider: float

    @property
    def holds_ah(self):
        return self.capacity_Ah * self.health

    def sidecar(self, errors):
        """The technician's part, and apart from it what no estimator may see."""
        configured = ("chemistry", "series", "capacity_Ah", "sensor", "shunt_ohm", "divider")
        hidden = {key: value for key, value in asdict(self).items() if key not in configured}
        return {key: getattr(self, key) for key in configured} | {
            "charge_voltage_per_cell_V": self.full_volts,
            "hidden": hidden | {"sensor_errors": errors},
        }


def draw(seed):
    """The pack of that seed, and the random numbers that go on from it."""
    rng = np.random.default_rng(seed)
    chemistry = str(rng.choice(("lfp", "lfp", "nmc", "lead_acid")))
    cell_name = str(rng.choice(CELLS[chemistry]))
    series, capacity = SIZES[chemistry][rng.integers(len(SIZES[chemistry]))]
    use_name = str(rng.choice(use.USES))
    sensor = str(rng.choice(list(CHIPS)))
    full = float(rng.choice(FULL[chemistry]))
    health = rng.uniform(0.97, 1.02) if rng.random() < 0.5 else rng.uniform(0.82, 0.98)
    celsius = rng.uniform(5 if use_name in ("forklift", "commute") else -3, 38)
    soc = rng.uniform(35, 95)
    most = {"lfp": 3.65, "nmc": 4.25, "lead_acid": 2.5}[chemistry] * series
    divider = float(-(-most // PIN_VOLTS[sensor])) if most > PIN_VOLTS[sensor] else 1.0
    # 75 mV at 1.2 to 3 times the capacity an hour.
    shunt = float(f"{0.075 / (capacity * rng.uniform(1.2, 3.0)):.3g}")
    return (
        Pack(chemistry, cell_name, series, capacity, health, celsius, use_name, soc, full, sensor, shunt, divider),
        rng,
    )


def measured(pack, volts, amps, rng):
    """What the chip makes of the pack's voltages and currents, and the errors it has."""
    bus_step, shunt_step, bus_gain, bus_offset, shunt_gain, shunt_offset = CHIPS[pack.sensor]
    within = lambda limit: float(rng.uniform(-0.95, 0.95) * limit)  # noqa: E731
    errors = {
        "divider": within(DIVIDER_TOLERANCE) if pack.divider > 1 else 0.0,
        "bus_gain": within(bus_gain),
        "bus_offset_V": within(bus_offset),
        "shunt": within(SHUNT_TOLERANCE),
        "shunt_gain": within(shunt_gain),
        "shunt_offset_V": within(shunt_offset),
    }
    at_pin = volts * (1 + errors["divider"]) / pack.divider * (1 + errors["bus_gain"]) + errors["bus_offset_V"]
    at_pin += rng.normal(0, 0.4 * bus_step, len(volts))
    on_shunt = amps * pack.shunt_ohm * (1 + errors["shunt"]) * (1 + errors["shunt_gain"]) + errors["shunt_offset_V"]
    on_shunt += rng.normal(0, max(0.5 * shunt_step, 2e-6), len(amps))
    rounded = lambda value, step: np.round(value / step) * step  # noqa: E731
    return rounded(at_pin, bus_step) * pack.divider, rounded(on_shunt, shunt_step) / pack.shunt_ohm, errors
