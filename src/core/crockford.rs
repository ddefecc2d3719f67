//! Crockford's base32 as people type it, with a check symbol.

use zeroize::Zeroizing;

const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The value of a typed symbol. `I` and `L` read as 1, `O` as 0, `U` as `V`, in any case.
#[must_use]
pub fn value(symbol: char) -> Option<u8> {
    let symbol = match symbol.to_ascii_uppercase() {
        'I' | 'L' => '1',
        'O' => '0',
        'U' => 'V',
        other => other,
    };
    let at = ALPHABET.iter().position(|a| char::from(*a) == symbol)?;
    u8::try_from(at).ok()
}

/// The symbol of a value below 32.
pub(crate) fn symbol(value: u8) -> char {
    char::from(ALPHABET[usize::from(value & 31)])
}

/// The values of typed text; spaces and dashes are skipped. `None` for anything else.
#[must_use]
pub fn values(text: &str, most: usize) -> Option<Zeroizing<Vec<u8>>> {
    let mut read = Zeroizing::new(Vec::with_capacity(most));
    for c in text.chars().filter(|c| *c != '-' && !c.is_whitespace()) {
        if read.len() == most {
            return None;
        }
        read.push(value(c)?);
    }
    Some(read)
}

/// The text of values, in groups of four.
#[must_use]
pub fn grouped(values: &[u8]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(values.len() + values.len() / 4));
    for (index, value) in values.iter().enumerate() {
        if index > 0 && index % 4 == 0 {
            text.push('-');
        }
        text.push(symbol(*value));
    }
    text
}

/// Spreads 10 bytes over 16 values of 5 bits.
pub(crate) fn spread(bytes: &[u8; 10]) -> Zeroizing<[u8; 16]> {
    let mut values = Zeroizing::new([0; 16]);
    let (mut held, mut bits) = (0u32, 0);
    let mut at = 0;
    for byte in bytes {
        held = (held << 8 | u32::from(*byte)) & 0xfff;
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            values[at] = (held >> bits & 31) as u8;
            at += 1;
        }
    }
    values
}

/// The check value: the sum of the values in GF(32), each times another power of a generator.
/// Any one wrong symbol and any two that changed places give another sum.
#[must_use]
pub fn check(values: &[u8]) -> u8 {
    // Horner's rule, from the last to the first; the field is that of x^5 + x^2 + 1.
    values
        .iter()
        .rev()
        .fold(0, |sum, value| times_x(sum ^ value & 31))
}

fn times_x(value: u8) -> u8 {
    let shifted = value << 1;
    if shifted & 32 == 0 {
        shifted
    } else {
        shifted ^ 0b10_0101
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn text_reads_back(bytes: [u8; 10], lower: bool) {
            let values = spread(&bytes);
            let text = grouped(values.as_slice());
            let text = if lower { text.to_lowercase() } else { text.to_string() };
            let read = super::values(&text.replace('0', "o").replace('1', "l"), 16).unwrap();
            prop_assert_eq!(read.as_slice(), values.as_slice());
            let number = bytes.iter().fold(0u128, |n, b| n << 8 | u128::from(*b));
            let back = values.iter().fold(0u128, |n, v| n << 5 | u128::from(*v));
            prop_assert_eq!(number, back);
        }

        #[test]
        fn one_wrong_symbol_is_seen(values in prop::collection::vec(0u8..32, 17), at in 0usize..17, flip in 1u8..32) {
            let mut wrong = values.clone();
            wrong[at] ^= flip;
            prop_assert_ne!(check(&values), check(&wrong));
        }

        #[test]
        fn two_that_changed_places_are_seen(values in prop::collection::vec(0u8..32, 17), a in 0usize..17, b in 0usize..17) {
            let mut wrong = values.clone();
            wrong.swap(a, b);
            prop_assert_eq!(check(&values) == check(&wrong), values == wrong);
        }
    }

    #[test]
    fn confusable_letters_are_forgiven_and_others_are_not() {
        for (typed, meant) in [('i', '1'), ('L', '1'), ('o', '0'), ('U', 'V'), ('z', 'Z')] {
            assert_eq!(value(typed), value(meant));
        }
        for foreign in ['*', '~', 'ß', '.', '１'] {
            assert_eq!(value(foreign), None);
        }
    }
}
