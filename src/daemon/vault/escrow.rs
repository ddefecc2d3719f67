//! Keys on paper: eight lines in Crockford's base32, each with a check symbol of its own, so that
//! a typing mistake is told by its line.
//!
//! `V1` to `V4` hold the vault key, `C1` to `C4` the key of codes; a line holds 8 bytes. Blank
//! lines and those that begin with `#` say nothing.

use oathd_core::crockford;
use zeroize::Zeroizing;

use super::{
    VaultError,
    key_file::{KeyBytes, LENGTH},
};
use crate::{ledger::LedgerError, store::StoreError};

/// Lines of a key.
const LINES: usize = 4;

/// Bytes of a line.
const BYTES: usize = LENGTH / LINES;

/// Symbols of a line: 64 bits in symbols of 5 bits, and the check symbol.
const SYMBOLS: usize = 14;

/// Why keys cannot be written down or read back.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EscrowError {
    /// A line has a mistake in it.
    #[error("line {label} is not as it was printed; look for a mistake in it")]
    Mistake {
        /// How the line begins.
        label: String,
    },
    /// A line begins like no line of such a text.
    #[error("line {number} of the text begins with none of V1 to V4 and C1 to C4")]
    Foreign {
        /// The number of the line in the text, from 1.
        number: usize,
    },
    /// A line is not there.
    #[error("line {label} is missing")]
    Missing {
        /// How the line begins.
        label: String,
    },
    /// The keys are those of another store.
    #[error("the {key} is not the one of this store")]
    NotThisStore {
        /// Which key.
        key: &'static str,
    },
    /// A key file cannot be read or written.
    #[error("the keys cannot be read or written: {0}")]
    File(String),
    /// The vault has no key.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The accounts cannot be used.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

impl From<StoreError> for EscrowError {
    fn from(error: StoreError) -> EscrowError {
        EscrowError::Ledger(error.into())
    }
}

/// Both keys.
pub(crate) struct Keys {
    pub(crate) vault: KeyBytes,
    pub(crate) codes: KeyBytes,
}

/// The text to print.
pub(crate) fn write(keys: &Keys) -> Zeroizing<String> {
    let mut text = Zeroizing::new(String::with_capacity(1024));
    text.push_str("# The keys of oathd. Who has them and a copy of its state has every seed.\n");
    for (letter, key) in [('V', &keys.vault), ('C', &keys.codes)] {
        for (line, bytes) in (1..).zip(key.chunks(BYTES)) {
            let values = values_of(letter, line, bytes);
            text.push_str(&format!("{letter}{line} "));
            text.push_str(&crockford::grouped(&values));
            text.push('\n');
        }
    }
    text
}

/// The keys of a text that was typed.
pub(crate) fn read(text: &str) -> Result<Keys, EscrowError> {
    let mut keys = [[None; LINES], [None; LINES]].map(Zeroizing::new);
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (label, symbols) = line.split_once(char::is_whitespace).unwrap_or((line, ""));
        let label = label.to_ascii_uppercase();
        let (letter, place) = place_of(&label).ok_or(EscrowError::Foreign { number })?;
        let bytes = read_line(letter, place, symbols);
        let bytes = bytes.filter(|bytes| {
            let there = &mut keys[usize::from(letter == 'C')][place - 1];
            there
                .replace(**bytes)
                .is_none_or(|before| before == **bytes)
        });
        if bytes.is_none() {
            return Err(EscrowError::Mistake { label });
        }
    }
    let [vault, codes] = keys;
    Ok(Keys {
        vault: join('V', &vault)?,
        codes: join('C', &codes)?,
    })
}

fn place_of(label: &str) -> Option<(char, usize)> {
    let letter = label.chars().next().filter(|c| matches!(c, 'V' | 'C'))?;
    let place = label.get(1..)?.parse().ok()?;
    (1..=LINES).contains(&place).then_some((letter, place))
}

fn join(letter: char, lines: &[Option<[u8; BYTES]>; LINES]) -> Result<KeyBytes, EscrowError> {
    let mut key = Zeroizing::new([0; LENGTH]);
    for (place, (part, line)) in key.chunks_mut(BYTES).zip(lines).enumerate() {
        let missing = || EscrowError::Missing {
            label: format!("{letter}{}", place + 1),
        };
        part.copy_from_slice(line.as_ref().ok_or_else(missing)?);
    }
    Ok(key)
}

/// The 14 values of a line: 13 with its bits, the last of them filled up with a zero, and the check
/// value over all of them and the line's place.
fn values_of(letter: char, line: usize, bytes: &[u8]) -> Zeroizing<Vec<u8>> {
    let number = bytes
        .iter()
        .fold(0u128, |number, byte| number << 8 | u128::from(*byte))
        << 1;
    let mut values = Zeroizing::new(Vec::with_capacity(SYMBOLS));
    let symbol = |at: usize| (number >> (5 * (SYMBOLS - 2 - at)) & 31) as u8;
    values.extend((0..SYMBOLS - 1).map(symbol));
    let check = check(letter, line, &values);
    values.push(check);
    values
}

fn check(letter: char, line: usize, values: &[u8]) -> u8 {
    let place = [crockford::value(letter).unwrap_or(0), (line & 31) as u8];
    let all = Zeroizing::new([place.as_slice(), values].concat());
    crockford::check(&all)
}

fn read_line(letter: char, line: usize, symbols: &str) -> Option<Zeroizing<[u8; BYTES]>> {
    let values = crockford::values(symbols, SYMBOLS)?;
    let (last, body) = values.split_last()?;
    let filled = body.last().is_none_or(|value| value & 1 == 0);
    if values.len() != SYMBOLS || *last != check(letter, line, body) || !filled {
        return None;
    }
    let number = body
        .iter()
        .fold(0u128, |number, value| number << 5 | u128::from(*value))
        >> 1;
    let bytes = u64::try_from(number).ok()?.to_be_bytes();
    Some(Zeroizing::new(bytes))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn keys(vault: [u8; 32], codes: [u8; 32]) -> Keys {
        Keys {
            vault: Zeroizing::new(vault),
            codes: Zeroizing::new(codes),
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_back(vault: [u8; 32], codes: [u8; 32], lower: bool, order in Just((0..9).collect::<Vec<usize>>()).prop_shuffle()) {
            let text = write(&keys(vault, codes));
            let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
            lines = order.into_iter().map(|at| lines[at].clone()).collect();
            if lower {
                lines = lines.iter().map(|line| line.to_lowercase().replace('-', " ")).collect();
            }
            let read = read(&lines.join("\r\n\r\n")).unwrap();
            prop_assert_eq!((*read.vault, *read.codes), (vault, codes));
        }

        /// One wrong symbol, or two that changed places, in one line: that line is told.
        #[test]
        fn a_mistake_is_told_by_its_line(
            vault: [u8; 32], codes: [u8; 32], line in 1usize..9, at in 0usize..14, other in 0usize..14, flip in 1u8..32,
        ) {
            let text = write(&keys(vault, codes));
            let lines: Vec<&str> = text.lines().collect();
            let label = &lines[line][..2];
            let values = crockford::values(&lines[line][3..], SYMBOLS).unwrap();
            let mut wrong = values.to_vec();
            wrong[at] ^= flip;
            let mut swapped = values.to_vec();
            swapped.swap(at, other);
            for typed in [wrong, swapped] {
                let mut lines: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
                lines[line] = format!("{label} {}", &*crockford::grouped(&typed));
                let expected = match typed == *values {
                    true => None,
                    false => Some(EscrowError::Mistake { label: label.to_owned() }),
                };
                prop_assert_eq!(read(&lines.join("\n")).err(), expected);
            }
        }

        #[test]
        fn a_line_fits_no_other_place(vault: [u8; 32], from in 1usize..9, to in 1usize..9) {
            let text = write(&keys(vault, vault.map(|byte| !byte)));
            let lines: Vec<&str> = text.lines().collect();
            let mut moved: Vec<String> = lines.iter().map(|line| (*line).to_owned()).collect();
            moved[to] = format!("{} {}", &lines[to][..2], &lines[from][3..]);
            prop_assert_eq!(read(&moved.join("\n")).is_ok(), from == to);
        }

        #[test]
        fn no_text_panics(text in "(\\PC|[VC][0-9] |\n){0,60}") {
            let _ = read(&text);
        }
    }

    #[test]
    fn what_is_missing_or_foreign_is_named() {
        let text = write(&keys([1; 32], [2; 32]));
        let without: Vec<&str> = text
            .lines()
            .filter(|line| !line.starts_with("C2"))
            .collect();
        let missing = EscrowError::Missing {
            label: "C2".to_owned(),
        };
        assert_eq!(read(&without.join("\n")).err(), Some(missing));
        let foreign = Some(EscrowError::Foreign { number: 2 });
        assert_eq!(read("\nX1 0000").err(), foreign);
        assert_eq!(read("\nV5 0000").err(), foreign);
    }
}
