//! Password and code in one field, for programs that have but one.

use crate::secret::Secret;

/// Lengths of a printed recovery code, `XXXX-XXXX-XXXX-XXXX-XX`, and of an administrator's, which is
/// one symbol shorter.
const PRINTED_LEN: [usize; 2] = [22, 21];

/// Where the groups of both are parted.
const DASHES: [usize; 4] = [4, 9, 14, 19];

/// Parts a field into password and code, told from the end: a recovery code or that of an
/// administrator as it is printed, else `digits` digits. A field that ends in none is a password
/// alone.
pub(crate) fn split(field: &Secret, digits: usize) -> (Secret, Option<Secret>) {
    let text = field.reveal();
    let printed = PRINTED_LEN.map(|length| (length, is_printed_code as fn(&[u8]) -> bool));
    let typed: (usize, fn(&[u8]) -> bool) = (digits, |tail| tail.iter().all(u8::is_ascii_digit));
    for (length, fits) in printed.into_iter().chain([typed]) {
        let start = text.len().checked_sub(length);
        // All shapes are ASCII, so that a fitting tail starts between two characters.
        if let Some((password, code)) = start.and_then(|start| text.split_at_checked(start))
            && fits(code.as_bytes())
        {
            return (Secret::new(password), Some(Secret::new(code)));
        }
    }
    (Secret::new(text), None)
}

fn is_printed_code(tail: &[u8]) -> bool {
    tail.iter().enumerate().all(|(at, byte)| {
        if DASHES.contains(&at) {
            *byte == b'-'
        } else {
            byte.is_ascii_alphanumeric()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn password_and_code_come_apart_as_they_were_put_together(
            password in "\\PC{0,40}",
            code in prop_oneof![
                "[0-9]{6}",
                "[0-9A-Z]{4}-[0-9a-z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{1,2}",
            ],
        ) {
            let (left, right) = split(&Secret::new(&format!("{password}{code}")), 6);
            prop_assert_eq!(left.reveal(), password);
            prop_assert_eq!(right.map(|c| c.reveal().to_owned()), Some(code));
        }

        #[test]
        fn a_password_alone_stays_whole(password in "\\PC{0,40}[^0-9]\\d{0,5}") {
            let (left, right) = split(&Secret::new(&password), 6);
            for length in PRINTED_LEN {
                let tail = &password.as_bytes()[password.len().saturating_sub(length)..];
                prop_assume!(tail.len() < length || !is_printed_code(tail));
            }
            prop_assert_eq!(left.reveal(), password);
            prop_assert!(right.is_none());
        }

        #[test]
        fn nothing_is_lost(field in "\\PC{0,60}", digits in 6usize..9) {
            let (left, right) = split(&Secret::new(&field), digits);
            let right = right.map(|c| c.reveal().to_owned()).unwrap_or_default();
            prop_assert_eq!(format!("{}{right}", left.reveal()), field);
        }
    }
}
