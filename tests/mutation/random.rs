//! A small generator of numbers that is the same on every machine: xorshift with 64 bits.

/// The generator.
pub struct Random(u64);

impl Random {
    /// One that starts from a seed; zero would give nothing but zeros.
    pub fn new(seed: u64) -> Random {
        let mut random = Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
        // The first numbers of neighbouring seeds are alike.
        (0..8).for_each(|_| _ = random.next());
        random
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below the limit.
    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit.max(1)).unwrap()).unwrap()
    }

    /// Puts the items into another order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}

/// The seed that the environment names, or the usual one.
pub fn seed() -> u64 {
    std::env::var("STACKC_SEED").ok().and_then(|seed| seed.parse().ok()).unwrap_or(1)
}
