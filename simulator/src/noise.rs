//! Randomness that is the same in every run.

/// A small generator (`SplitMix64`, Steele et al. 2014): its quality is ample for noise, and a seed repeats it.
#[derive(Debug, Clone)]
pub struct Noise {
    state: u64,
}

impl Noise {
    /// The sequence that belongs to `seed`.
    pub fn new(seed: u64) -> Self {
        Self { state: seed }
    }

    /// Uniform in [0, 1).
    pub fn uniform(&mut self) -> f64 {
        self.state = self.state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^= mixed >> 31;
        // The upper 53 bits fill a double's mantissa.
        (mixed >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Nearly normal with mean 0 and standard deviation 1, within ±3.5: the sum of four uniform values.
    pub fn normal(&mut self) -> f64 {
        let sum: f64 = (0..4).map(|_| self.uniform()).sum();
        (sum - 2.0) * 3.0_f64.sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn normal_noise_has_mean_0_and_deviation_1_and_repeats_with_its_seed() {
        let sequence = |seed| {
            let mut noise = Noise::new(seed);
            std::iter::repeat_with(move || noise.normal()).take(10_000)
        };
        let mean = sequence(7).sum::<f64>() / 1e4;
        let variance = sequence(7).map(|x| x * x).sum::<f64>() / 1e4;
        assert!(mean.abs() < 0.05, "{mean}");
        assert!((variance - 1.0).abs() < 0.05, "{variance}");
        assert!(sequence(7).eq(sequence(7)) && !sequence(7).eq(sequence(8)));
    }
}
