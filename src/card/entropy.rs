//! Where the card's salts and challenges come from.

/// A source of random bytes.
pub trait Entropy {
    /// Eight random bytes, or `None` when the source fails; the card then answers `6F00`.
    fn eight(&mut self) -> Option<[u8; 8]>;
}

/// The kernel's random numbers.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn eight(&mut self) -> Option<[u8; 8]> {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).ok()?;
        Some(bytes)
    }
}
