"""One cell of a physics model (PyBaMM), driven by a current: what its voltage is, second by second.

Lithium cells are Doyle-Fuller-Newman models of published parameter sets, lead-acid is the full porous-electrode model. What
the stock models lack is added: hysteresis (LFP), Arrhenius terms where a set has none, and the wiring's resistance.
"""

import math
import warnings

import numpy as np
import pybamm

warnings.filterwarnings("ignore")
pybamm.set_logging_level("ERROR")

# Parameter set, and whether it knows the temperature by itself.
LITHIUM = {
    "Prada2013": ("Prada2013", False),
    "Prada2013, graphite of Mohtat2020": ("Prada2013", False),
    "Chen2020": ("Chen2020", False),
    "OKane2022": ("OKane2022", True),
    "ORegan2022": ("ORegan2022", True),
}
LEAD_ACID = "Sulzer2019"
# Ah between 0 and 100 %, of the cell that the lead-acid set describes.
LEAD_ACID_AH = 17.0
# A lithium cell is full at this, at most.
FULL_VOLTS = 4.2
ACTIVATION_J = 30e3
MESH = {"x_n": 12, "x_s": 6, "x_p": 12, "r_n": 20, "r_p": 20}


class EndOfModel(Exception):
    """A particle is full or empty at its surface: no pack is driven so far."""


class Cell:
    """`soc` in % of what the cell holds, followed by counting what flows: the models have no side reactions."""

    def __init__(self, kind, celsius, soc, hysteresis_volts, wiring_ohm_ah):
        """`wiring_ohm_ah`: the wiring's resistance for a cell of 1 Ah, so that it does not depend on the size."""
        if kind == LEAD_ACID:
            self.simulation, self.capacity = _lead_acid(celsius), LEAD_ACID_AH
        else:
            self.simulation, self.capacity = _lithium(kind, celsius, soc)
        self.hysteresis_volts = hysteresis_volts
        self.wiring_volts = wiring_ohm_ah
        self.hysteresis = 0.0
        self.soc = soc
        # What a full lead-acid battery still takes goes into gas.
        self.most = 100.0 if kind == LEAD_ACID else math.inf
        if kind == LEAD_ACID:
            self._discharge_from_full(soc)

    def step(self, seconds, rate):
        """The current `rate` (in capacities an hour, positive while charging) for whole `seconds`: voltages and states
        of charge at the end of each second."""
        self._solve(seconds, rate)
        voltages = self.simulation.solution["Voltage [V]"].entries[-seconds:]
        moved = abs(rate) * 100 / 3600
        state = np.empty(seconds)
        for second in range(seconds):
            self.soc = min(self.soc + rate * 100 / 3600, self.most)
            self.hysteresis += (math.copysign(1, rate) - self.hysteresis) * min(1, moved / 1.5) if moved else 0
            voltages[second] += self.hysteresis_volts * self.hysteresis + rate * self.wiring_volts
            state[second] = self.soc
        return voltages, state

    def _solve(self, seconds, rate):
        """Raises `EndOfModel` where the model's own limits end the step."""
        self.simulation.step(
            seconds,
            t_eval=np.array([0.0, float(seconds)]),
            t_interp=np.arange(0, seconds + 0.5),
            save=False,
            inputs={"Current function [A]": -rate * self.capacity},
        )
        ended = self.simulation.solution.termination
        if ended != "final time":
            raise EndOfModel(f"at {self.soc:.1f} % and a rate of {rate:.2f}: {ended}")

    def _discharge_from_full(self, soc):
        """The model begins full; two hours of rest hide how it came here."""
        self._solve(round((100 - soc) / 100 * 10 * 3600), -0.1)
        self._solve(7200, 0.0)


def _lithium(kind, celsius, soc):
    name, knows_temperature = LITHIUM[kind]
    values = pybamm.ParameterValues(name)
    if "Mohtat2020" in kind:
        key = "Negative electrode OCP [V]"
        values[key] = pybamm.ParameterValues("Mohtat2020")[key]
    if not knows_temperature:
        _slow_down(values, math.exp(ACTIVATION_J / 8.314 * (1 / 298.15 - 1 / (celsius + 273.15))))
    # 100 % is what a charger of 4.2 V makes of it: one set is given up to 4.4 V.
    full_key = "Open-circuit voltage at 100% SOC [V]"
    values[full_key] = min(values[full_key], FULL_VOLTS)
    empty, full, _, _ = pybamm.lithium_ion.get_min_max_stoichiometries(values)
    capacity = float(values.evaluate(pybamm.LithiumIonParameters().n.Q_init)) * (full - empty)
    values.set_initial_state(soc / 100)
    return _simulation(pybamm.lithium_ion.DFN(), values, celsius, (1.5, 4.6), MESH), capacity


def _slow_down(values, factor):
    for key in list(values.keys()):
        value = values[key]
        if "exchange-current density" in key and callable(value):
            values[key] = lambda *arguments, of=value: factor * of(*arguments)
        elif "particle diffusivity" in key and isinstance(value, (int, float)):
            values[key] = value * factor


def _lead_acid(celsius):
    return _simulation(pybamm.lead_acid.Full(), pybamm.ParameterValues(LEAD_ACID), celsius, (1.0, 3.2), None)


def _simulation(model, values, celsius, limits, mesh):
    values["Ambient temperature [K]"] = values["Initial temperature [K]"] = celsius + 273.15
    # The pack's own electronics keeps the limits; an event of the model would end the step.
    values["Lower voltage cut-off [V]"], values["Upper voltage cut-off [V]"] = limits
    values["Current function [A]"] = "[input]"
    solver = pybamm.IDAKLUSolver(rtol=1e-4, atol=1e-6)
    return pybamm.Simulation(model, parameter_values=values, solver=solver, var_pts=mesh)
