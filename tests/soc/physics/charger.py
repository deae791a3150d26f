"""The pack's electronics: constant current, constant voltage, end of charge, and loads cut at the end of discharge."""

TAIL_RATE = 0.02
CHARGED_AGAIN_SOC = 95
CUT_SOC, BACK_SOC = 4, 20
# A held voltage is looked at this often.
HELD_SECONDS, FREE_SECONDS = 15, 60


class Charger:
    """`floats`: the source stays connected when the pack is full, as in a UPS."""

    def __init__(self, full_volts, empty_volts, floats, stops_at_100):
        self.full_volts, self.empty_volts = full_volts, empty_volts
        self.floats, self.stops_at_100 = floats, stops_at_100
        self.is_full = self.is_cut = False
        self.held = None
        self.last = (0.0, None)
        self.resistance = 0.05

    def current(self, load, source, soc):
        """The current for the next seconds, and the most seconds for which it holds."""
        if self.is_full and soc < CHARGED_AGAIN_SOC:
            self.is_full = False
        rate = (0 if self.is_full and not self.floats else source) - (0 if self.is_cut else load)
        if self.stops_at_100 and soc >= 100 and rate > 0:
            return 0.0, HELD_SECONDS
        before, volts = self.last
        if rate <= 0 or volts is None or volts < self.full_volts - 0.03:
            self.held = None
            return rate, FREE_SECONDS
        # At the charger's voltage: the current follows it, by the cell's own resistance.
        held = self.held if self.held is not None else max(before, 0) or rate
        towards = held + 0.35 * (self.full_volts - volts) / max(self.resistance, 0.02)
        self.held = min(rate, max(0.0, towards))
        if self.held < TAIL_RATE and volts > self.full_volts - 0.01:
            self.is_full = True
        return self.held, HELD_SECONDS

    def saw(self, rate, first_volts, last_volts, soc):
        """What the current made of the cell's voltage."""
        before, volts = self.last
        if volts is not None and abs(rate - before) > 0.03:
            step = (first_volts - volts) / (rate - before)
            if 0.005 < step < 2:
                self.resistance += 0.3 * (step - self.resistance)
        self.last = (rate, last_volts)
        if last_volts < self.empty_volts or soc < CUT_SOC:
            self.is_cut = True
        elif soc > BACK_SOC:
            self.is_cut = False
