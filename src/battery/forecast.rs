//! How long until the battery is empty or full, if things go on as now.

/// Time constant of the average current, in s.
const AVERAGE_SECONDS: f64 = 120.0;
/// A current below this takes too long to say, as a multiple of the capacity per hour.
const LEAST_C_RATE: f64 = 0.002;

/// The average current, as a multiple of the capacity per hour.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Forecast {
    c_rate: Option<f64>,
}

impl Forecast {
    pub(super) fn update(&mut self, c_rate: f64, seconds: f64) {
        let mean = self.c_rate.unwrap_or(c_rate);
        self.c_rate = Some(mean + (c_rate - mean) * seconds / (seconds + AVERAGE_SECONDS));
    }

    pub(super) fn gap(&mut self) {
        self.c_rate = None;
    }

    /// Time in s until empty and until full; `kappa` is % of the true capacity per % of the label.
    pub(super) fn times(&self, soc: f64, kappa: f64) -> (Option<f64>, Option<f64>) {
        let Some(c_rate) = self.c_rate.filter(|c| c.abs() >= LEAST_C_RATE) else { return (None, None) };
        let percent_per_second = c_rate * kappa * 100.0 / 3600.0;
        if percent_per_second < 0.0 {
            (Some(soc / -percent_per_second), None)
        } else {
            (None, Some((100.0 - soc) / percent_per_second))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_a_battery_lasts_five_hours_at_a_tenth() {
        let mut forecast = Forecast::default();
        assert_eq!(forecast.times(50.0, 1.0), (None, None));
        forecast.update(-0.1, 1.0);
        assert!((forecast.times(50.0, 1.0).0.unwrap() - 5.0 * 3600.0).abs() < 1e-6);
        let mut charging = Forecast::default();
        charging.update(0.1, 1.0);
        assert!((charging.times(75.0, 1.0).1.unwrap() - 2.5 * 3600.0).abs() < 1e-6);
    }
}
