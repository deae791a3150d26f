//! One value for each curve that a cell of a chemistry may follow: two known ones, their mean, and a third known one.

use super::Chemistry;
use super::ocv::curves;
use super::ocv_points::Points;

/// Which curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Curve {
    First,
    Second,
    Mean,
    Third,
}

pub(super) const CURVES: [Curve; 4] = [Curve::First, Curve::Second, Curve::Mean, Curve::Third];

/// A value for each.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct PerCurve<T> {
    first: T,
    second: T,
    mean: T,
    third: T,
}

/// Limits of the state of charge in %, lowest and highest.
pub(super) type Bands = PerCurve<(f64, f64)>;

impl<T: Copy> PerCurve<T> {
    pub(super) fn all(value: T) -> Self {
        Self { first: value, second: value, mean: value, third: value }
    }

    pub(super) fn of(&self, curve: Curve) -> T {
        match curve {
            Curve::First => self.first,
            Curve::Second => self.second,
            Curve::Mean => self.mean,
            Curve::Third => self.third,
        }
    }

    pub(super) fn map<U>(self, f: impl Fn(T) -> U) -> PerCurve<U> {
        PerCurve { first: f(self.first), second: f(self.second), mean: f(self.mean), third: f(self.third) }
    }

    pub(super) fn values(self) -> [T; 4] {
        [self.first, self.second, self.mean, self.third]
    }
}

impl<T: Mean> PerCurve<T> {
    /// `f` of each known curve of the chemistry, and the mean of the first two, which also stands for a third that nobody knows.
    pub(super) fn each(chemistry: Chemistry, mut f: impl FnMut(Points) -> T) -> Self {
        let (first, second, third) = match *curves(chemistry) {
            [a, b, c, ..] => (f(a), f(b), Some(f(c))),
            [a, b] => (f(a), f(b), None),
            [a] => {
                let value = f(a);
                (value, value, None)
            }
            [] => (f(&[]), f(&[]), None),
        };
        let mean = T::mean(first, second);
        Self { first, second, mean, third: third.unwrap_or(mean) }
    }
}

impl Bands {
    /// Each of the first two and their mean reaching halfway to those beside it: together they leave no room between the curves.
    pub(super) fn halfway_to_the_next(self) -> Self {
        let Self { first, second, mean, third } = self;
        let reach = |own: (f64, f64), next: (f64, f64)| {
            let half = <(f64, f64)>::mean(own, next);
            (own.0.min(half.0), own.1.max(half.1))
        };
        let join = |a: (f64, f64), b: (f64, f64)| (a.0.min(b.0), a.1.max(b.1));
        Self {
            first: reach(first, mean),
            second: reach(second, mean),
            mean: join(reach(mean, first), reach(mean, second)),
            third,
        }
    }

    /// Each reaching to the middle of what lies between it and the next on either side: a cell between two of the curves is
    /// not between two bands.
    pub(super) fn joined(self) -> Self {
        let bands = self.values();
        let is_beside_a_gap = |end: f64| !bands.iter().any(|&(low, high)| low < end && end < high);
        self.map(|(low, high)| {
            let below = bands.iter().map(|band| band.1).filter(|&end| end < low).reduce(f64::max);
            let above = bands.iter().map(|band| band.0).filter(|&end| end > high).reduce(f64::min);
            let reach = |end: f64, next: Option<f64>| {
                next.filter(|_| is_beside_a_gap(end)).map_or(end, |next| f64::midpoint(end, next))
            };
            (reach(low, below), reach(high, above))
        })
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
        let bands = PerCurve { first: (7.0, 8.0), second: (1.0, 3.0), mean: (4.0, 6.0), third: (9.0, 9.5) };
        let joined = [(6.5, 8.5), (1.0, 3.5), (3.5, 6.5), (8.5, 9.5)];
        assert_eq!(bands.joined().values(), joined);
        let bands = PerCurve { first: (3.0, 5.0), second: (2.0, 4.0), mean: (2.5, 4.5), third: (4.8, 9.0) };
        assert_eq!(bands.joined(), bands);
    }

    #[test]
    fn a_band_does_not_reach_across_another_that_is_beside_it() {
        let bands = PerCurve { first: (1.0, 3.0), second: (6.0, 8.0), mean: (2.0, 5.0), third: (2.0, 5.0) };
        assert_eq!(bands.joined().values(), [(1.0, 3.0), (5.5, 8.0), (2.0, 5.5), (2.0, 5.5)]);
    }

    #[test]
    fn bands_that_reach_halfway_leave_no_room_between_the_curves_and_none_beyond() {
        let bands = PerCurve { first: (7.0, 7.2), second: (1.0, 1.2), mean: (4.0, 4.2), third: (4.0, 4.2) };
        let wide = bands.halfway_to_the_next();
        assert_eq!((wide.first, wide.second, wide.mean), ((5.5, 7.2), (1.0, 2.7), (2.5, 5.7)));
    }
}
