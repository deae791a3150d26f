//! One value for each curve that a cell of a chemistry may follow: two known ones, and their mean.

use super::Chemistry;
use super::ocv::curves;
use super::ocv_points::Points;

/// Which curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    First,
    Second,
    Mean,
}

pub(super) const CURVES: [Curve; 3] = [Curve::First, Curve::Second, Curve::Mean];

/// A value for each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PerCurve<T> {
    first: T,
    second: T,
    mean: T,
}

/// Limits of the state of charge in %, lowest and highest.
pub(super) type Bands = PerCurve<(f64, f64)>;

impl<T: Copy> PerCurve<T> {
    pub(super) fn all(value: T) -> Self {
        Self { first: value, second: value, mean: value }
    }

    pub(super) fn of(&self, curve: Curve) -> T {
        match curve {
            Curve::First => self.first,
            Curve::Second => self.second,
            Curve::Mean => self.mean,
        }
    }

    pub(super) fn map<U>(self, f: impl Fn(T) -> U) -> PerCurve<U> {
        PerCurve { first: f(self.first), second: f(self.second), mean: f(self.mean) }
    }

    pub(super) fn values(self) -> [T; 3] {
        [self.first, self.second, self.mean]
    }
}

impl<T: Mean> PerCurve<T> {
    /// `f` of each known curve of the chemistry, and its mean.
    pub(super) fn each(chemistry: Chemistry, mut f: impl FnMut(Points) -> T) -> Self {
        let (first, second) = match *curves(chemistry) {
            [a, b, ..] => (f(a), f(b)),
            [a] => {
                let value = f(a);
                (value, value)
            }
            [] => (f(&[]), f(&[])),
        };
        Self { first, second, mean: T::mean(first, second) }
    }
}

impl Bands {
    /// Each reaching halfway to those beside it: together they leave no room between the curves.
    pub(super) fn halfway_to_the_next(self) -> Self {
        let Self { first, second, mean } = self;
        let reach = |own: (f64, f64), next: (f64, f64)| {
            let half = <(f64, f64)>::mean(own, next);
            (own.0.min(half.0), own.1.max(half.1))
        };
        let join = |a: (f64, f64), b: (f64, f64)| (a.0.min(b.0), a.1.max(b.1));
        Self {
            first: reach(first, mean),
            second: reach(second, mean),
            mean: join(reach(mean, first), reach(mean, second)),
        }
    }

    /// Each reaching to the middle of what lies between it and the one beside it: a cell between two of the curves is not
    /// between two bands.
    pub(super) fn joined(self) -> Self {
        let Self { first, second, mean } = self;
        let reach = |own: (f64, f64), next: (f64, f64)| {
            let (from_below, from_above) = (f64::midpoint(own.1, next.0), f64::midpoint(own.0, next.1));
            (own.0.min(from_above), own.1.max(from_below))
        };
        Self {
            first: reach(first, mean),
            second: reach(second, mean),
            mean: reach(reach(mean, first), second),
        }
    }
}

/// What has a mean.
pub(super) trait Mean: Copy {
    fn mean(a: Self, b: Self) -> Self;
}

impl Mean for f64 {
    fn mean(a: Self, b: Self) -> Self {
        f64::midpoint(a, b)
    }
}

impl Mean for (f64, f64) {
    fn mean(a: Self, b: Self) -> Self {
        (f64::midpoint(a.0, b.0), f64::midpoint(a.1, b.1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_bands_meet_in_the_middle_of_what_was_between_them_and_those_that_overlap_stay() {
        let bands = PerCurve { first: (7.0, 8.0), second: (1.0, 3.0), mean: (4.0, 6.0) };
        let joined = bands.joined();
        assert_eq!((joined.first, joined.second, joined.mean), ((6.5, 8.0), (1.0, 3.5), (3.5, 6.5)));
        let bands = PerCurve { first: (3.0, 5.0), second: (2.0, 4.0), mean: (2.5, 4.5) };
        assert_eq!(bands.joined(), bands);
    }

    #[test]
    fn bands_that_reach_halfway_leave_no_room_between_the_curves_and_none_beyond() {
        let bands = PerCurve { first: (7.0, 7.2), second: (1.0, 1.2), mean: (4.0, 4.2) };
        let wide = bands.halfway_to_the_next();
        assert_eq!((wide.first, wide.second, wide.mean), ((5.5, 7.2), (1.0, 2.7), (2.5, 5.7)));
    }
}
