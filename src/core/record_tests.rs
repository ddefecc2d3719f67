//! Accounts as they are kept: read back whole, and without secrets in plain.

use proptest::prelude::*;

use crate::stand::{START, Stand, key};
use crate::*;

proptest! {
    #[test]
    fn records_read_back_and_damage_is_named(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 0usize..1_000) {
        let mut stand = Stand::enrolled(1000);
        let (_, _) = stand.account.issue_recovery_codes(&key(), &[[1; 10]; 10], START);
        let record = encode(&stand.account).unwrap();
        prop_assert_eq!(decode(&record).unwrap(), stand.account);
        let cut = cut % record.len();
        prop_assert!(decode(&record[..cut]).is_err());
        let mut newer = record.clone();
        newer[0] = 2;
        prop_assert_eq!(decode(&newer), Err(RecordError::Version { found: 2 }));
        let mut longer = record;
        longer.push(0);
        prop_assert_eq!(decode(&longer), Err(RecordError::Damaged));
        if let Ok(account) = decode(&bytes) {
            prop_assert!(encode(&account).is_ok());
        }
    }
}

#[test]
fn nothing_secret_is_shown_or_kept_in_plain() {
    let mut stand = Stand::enrolled(1000);
    let (codes, _) = stand
        .account
        .issue_recovery_codes(&key(), &[[0xab; 10]; 10], START);
    let record = encode(&stand.account).unwrap();
    let contains = |needle: &[u8]| record.windows(needle.len()).any(|w| w == needle);
    assert!(!contains(&[1; 20]), "the seed");
    assert!(!contains(&[0xab; 10]), "the entropy of a code");
    for code in &codes {
        let text = code.reveal();
        assert!(!contains(text.as_bytes()));
        let shown = format!("{:?} {:?}", Response::classify(&text), stand.account);
        assert!(!shown.contains(text.as_str()));
    }
}
