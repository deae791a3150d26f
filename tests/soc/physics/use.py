"""What is drawn from a pack and offered to it: segments of (seconds, load, source), in capacities an hour."""

import math

USES = ("house", "weak sun", "camper", "forklift", "commute", "ups")
# Uses with a source sized to the load, so that the pack neither ends empty nor stays full.
SOLAR = ("house", "camper")
DAWN, DUSK = 7, 19
FIRST_HOUR = 8


def segments(use, days, rng):
    """`days` days from eight in the morning."""
    out, time, day, sunny, cloud = [], 0, -1, 1.0, 1.0
    while time < days * 86_400:
        hour, today = (time / 3600 + FIRST_HOUR) % 24, (time + FIRST_HOUR * 3600) // 86_400
        if today != day:
            day, sunny = today, rng.uniform(0.25, 1.0)
        if rng.random() < 0.1:
            cloud = rng.uniform(0.15, 1.0)
        height = math.sin(math.pi * (hour - DAWN) / (DUSK - DAWN)) if DAWN < hour < DUSK else 0.0
        seconds, load, source = _AT[use](time, hour, day, height * sunny * cloud, rng)
        seconds = max(1, round(seconds))
        out.append((seconds, load, source))
        time += seconds
    return _sized(out) if use in SOLAR else out


def _sized(parts):
    taken = sum(seconds * load for seconds, load, _ in parts)
    given = sum(seconds * source for seconds, _, source in parts)
    factor = 1.25 * taken / given
    return [(seconds, load, source * factor) for seconds, load, source in parts]


def _house(time, hour, day, sun, rng):
    load = 0.01 + 0.02 * _runs(time, 900) + (0.04 if 17 < hour < 23 else 0)
    if rng.random() < (0.03 if 6 < hour < 22 else 0.005):
        return rng.uniform(60, 400), load + rng.uniform(0.05, 0.4), 0.45 * sun
    return rng.uniform(30, 120), load, 0.45 * sun


def _weak_sun(time, hour, day, sun, rng):
    kettle = 0.3 if rng.random() < 0.02 and 6 < hour < 22 else 0
    return rng.uniform(30, 120), 0.01 + 0.03 * _runs(time, 900) + kettle, 0.10 * sun


def _camper(time, hour, day, sun, rng):
    load = 0.005 + 0.04 * _runs(time, 600) + (0.03 if 18 < hour < 23 else 0)
    source = 0.12 * sun + (0.25 if 10 < hour < 11.2 and day % 2 else 0)
    if rng.random() < 0.05 and 7 < hour < 23:
        return rng.uniform(5, 90), load + rng.uniform(0.05, 0.4), source
    return rng.uniform(20, 100), load, source


def _forklift(time, hour, day, sun, rng):
    if 12 < hour < 12.7 or hour >= 19:
        return rng.uniform(30, 120), 0.002, 0.3
    if not 8 <= hour < 17:
        return rng.uniform(30, 120), 0.002, 0
    brakes = rng.random() < 0.1
    return rng.uniform(3, 25), 0 if brakes else max(0, rng.normal(0.15, 0.25)), 0.2 if brakes else 0


def _commute(time, hour, day, sun, rng):
    if 8 < hour < 8.6 or 17 < hour < 17.6:
        brakes = rng.random() < 0.12
        return rng.uniform(2, 12), 0 if brakes else max(0, rng.normal(0.5, 0.5)), 0.3 if brakes else 0
    return rng.uniform(60, 180), 0.001, 0.3 if hour > 19 and day % 2 == 0 else 0


def _ups(time, hour, day, sun, rng):
    if 13 < hour < 13 + 0.7 * (1 + day % 3):
        return rng.uniform(60, 180), rng.uniform(0.2, 0.35), 0
    return rng.uniform(60, 180), 0.002, 0.25


_AT = dict(zip(USES, (_house, _weak_sun, _camper, _forklift, _commute, _ups)))


def _runs(time, seconds):
    """A compressor that runs a third of the time."""
    return 1 if time // seconds % 3 == 0 else 0
