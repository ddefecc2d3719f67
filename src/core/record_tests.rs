//! Accounts as they are kept: read back whole, and without secrets in plain.

use proptest::prelude::*;

use crate::stand::{START, Stand, TOTP, key};
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

/// An account that has had as much of everything as there can be still fits: or it would refuse its
/// owner for good.
#[test]
fn the_largest_account_is_kept() {
    let mut stand = Stand::new(1000);
    // The longest seed, with its nonce and tag.
    let sealed = Sealed(vec![0xff; 304]);
    let plan = |stand: &Stand, number: usize| enrolment::Plan {
        fingerprint: Mac::from_bytes([number as u8; 32]),
        used: Watermark::used_up_to(u64::MAX - 100),
        not_after: Some(u64::MAX),
        ..stand.plan(1, TOTP, None)
    };
    let label = "a".repeat(MAX_LABEL);
    for number in 0..SeedMarks::MAX {
        if number >= MAX_FACTORS {
            let oldest = stand.account.factors()[0].id;
            stand.account.remove_factor(oldest).unwrap();
        }
        let (id, plan) = (stand.account.reserve_id(), plan(&stand, number));
        let added = stand
            .account
            .import_factor(id, &plan, &label, sealed.clone(), START);
        assert!(added.unwrap().is_some());
    }
    let slot = Slot {
        device: vec![0xff; 16],
        credential: vec![b'a'; 64],
    };
    for factor in &mut stand.account.factors {
        factor.custody = Custody::OnToken {
            slot: slot.clone(),
            presence: Some(sealed.clone()),
        };
        factor.last_used = Some(u64::MAX);
    }
    for class in CallerClass::ALL {
        for number in 0..40 {
            let address = format!("{number:0>254}");
            let added = stand
                .account
                .add_channel(ChannelKind::Email, &address, Some(u64::MAX));
            let (id, _) = added.unwrap();
            let _ = stand
                .account
                .send_verification(id, class, START, &key(), &[1; 8]);
            if number < 40 - out_of_band::MAX_CHANNELS || class != CallerClass::RealmService {
                stand.account.remove_channel(id).unwrap();
            }
        }
        for text in ["000000", "0-00000-00000-00000-0"] {
            stand.attempt(class, text, START);
        }
    }
    let _ = stand
        .account
        .issue_recovery_codes(&key(), &[[1; 10]; 10], u64::MAX);
    let (name, set) = stand.account.recovery_for_import();
    let name = name.clone();
    for number in 0..recovery::MAX_LEGACY {
        let code = TypedDigits::parse(&format!("{number:08}")).unwrap();
        assert!(set.import_legacy(&key(), &name, &code, true, u64::MAX));
    }
    let root = Approver {
        uid: 0,
        in_group: false,
        fresh_factor: false,
    };
    let reason = "a".repeat(rescue::MAX_REASON);
    let rule = RescueRule::default();
    stand
        .account
        .open_rescue(root, &reason, rule, true, START)
        .unwrap();
    stand.account.issue_bypass(&key(), &[1; 10], START).unwrap();
    let record = encode(&stand.account).unwrap();
    assert!(record.len() > MAX_RECORD / 2, "{}", record.len());
    assert_eq!(decode(&record).unwrap(), stand.account);
}
