//! Random choices that are the same in every run: a linear congruence, as good as tests need.

#[derive(Clone, Debug)]
pub struct Dice(pub u64);

impl Dice {
    /// One of so many, from nought.
    pub fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from((self.0 >> 33) % (sides as u64)).expect("less than what was asked for fits")
    }

    pub fn pick<'t, T>(&mut self, of: &'t [T]) -> &'t T {
        &of[self.roll(of.len())]
    }
}
