//! One recovery code, as a person types it.

use std::fmt;

use zeroize::Zeroizing;

use crate::crockford;
use crate::mac::{Mac, MacKey, Purpose};
use crate::name::AccountName;

/// Index symbols there are.
pub(crate) const INDEXES: u8 = 32;

/// A recovery code: an index symbol, 16 symbols (80 bits) and a check symbol. Wiped when dropped.
pub struct RecoveryCode {
    index: u8,
    data: Zeroizing<[u8; 16]>,
}

impl RecoveryCode {
    /// Symbols of a code, without the dashes.
    pub const SYMBOLS: usize = 18;

    /// The code of an index (below 32) and 80 random bits.
    #[must_use]
    pub fn new(index: u8, entropy: &[u8; 10]) -> Self {
        Self {
            index: index & (INDEXES - 1),
            data: crockford::spread(entropy),
        }
    }

    /// Reads the values of the symbols; `None` when the check symbol does not fit.
    pub(crate) fn from_values(values: &[u8]) -> Option<Self> {
        let (check, body) = values.split_last()?;
        let (index, data) = body.split_first()?;
        let data: [u8; 16] = data.try_into().ok()?;
        (crockford::check(body) == *check).then(|| Self {
            index: *index,
            data: Zeroizing::new(data),
        })
    }

    /// Which code of the set it is.
    #[must_use]
    pub const fn index(&self) -> u8 {
        self.index
    }

    /// The code as it is printed: groups of four. The only way out.
    #[must_use]
    pub fn reveal(&self) -> Zeroizing<String> {
        let mut values = Zeroizing::new([0; Self::SYMBOLS]);
        values[0] = self.index;
        values[1..17].copy_from_slice(self.data.as_slice());
        values[17] = crockford::check(&values[..17]);
        crockford::grouped(values.as_slice())
    }

    pub(crate) fn mac(&self, key: &MacKey, account: &AccountName, generation: u32) -> Mac {
        let name = account.to_string();
        let generation = generation.to_be_bytes();
        let parts: [&[u8]; 4] = [
            name.as_bytes(),
            &generation,
            &[self.index],
            self.data.as_slice(),
        ];
        key.mac(Purpose::Recovery, &parts)
    }
}

impl fmt::Debug for RecoveryCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RecoveryCode(..)")
    }
}

/// The symbol with which a code of this index begins.
#[must_use]
pub fn index_symbol(index: u8) -> char {
    crockford::symbol(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_is_printed_in_groups_of_four() {
        let code = RecoveryCode::new(9, &[0xff; 10]);
        assert!(code.reveal().starts_with("9ZZZ-ZZZZ-ZZZZ-ZZZZ-Z"));
        assert_eq!(code.reveal().len(), 22);
        assert_eq!(format!("{code:?}"), "RecoveryCode(..)");
    }
}
