"""trace.py FOLDER SEED DAYS: the trace of a random pack, `SEED.csv` and `SEED.json`, in the form that `ems-edge replay` takes."""

import json
import pathlib
import sys

import numpy as np

import cell
import pack as packs
import use
from charger import Charger

LOST = 0.01
GAP_SECONDS = 600


def main():
    folder, seed, days = pathlib.Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    pack, rng = packs.draw(seed)
    volts, amps, soc = course(pack, days, rng)
    read_volts, read_amps, errors = packs.measured(pack, volts, amps, rng)
    there = rng.random(len(soc)) > LOST
    gap = rng.integers(3600, len(soc) - 3600)
    there[gap : gap + GAP_SECONDS] = False
    with open(folder / f"{seed}.csv", "w") as file:
        file.write("t_s,v_bat_V,i_bat_A,temp_C,soc_true\n")
        for second in np.flatnonzero(there):
            row = f"{second + 1},{read_volts[second]:.3f},{read_amps[second]:.3f},{pack.celsius:.1f},{soc[second]:.2f}"
            file.write(row + "\n")
    (folder / f"{seed}.json").write_text(json.dumps(pack.sidecar(errors), indent=1))


def course(pack, days, rng):
    """The pack's voltage, current and true state of charge at the end of each second."""
    lfp, lead_acid = pack.chemistry == "lfp", pack.chemistry == "lead_acid"
    one = cell.Cell(pack.cell, pack.celsius, pack.soc, rng.uniform(0.010, 0.012) if lfp else 0.0, rng.uniform(0.01, 0.03))
    charger = Charger(pack.full_volts, packs.EMPTY[pack.chemistry], pack.use == "ups", lead_acid)
    volts, rates, states = [], [], []
    for seconds, load, source in use.segments(pack.use, days, rng):
        while seconds:
            rate, most = charger.current(load, source, one.soc)
            now = min(seconds, most)
            at, soc = one.step(now, rate)
            charger.saw(rate, at[0], at[-1], one.soc)
            volts.append(at)
            rates.append(np.full(now, rate))
            states.append(soc)
            seconds -= now
    return np.concatenate(volts) * pack.series, np.concatenate(rates) * pack.holds_ah, np.concatenate(states)


if __name__ == "__main__":
    main()
