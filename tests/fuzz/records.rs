//! Stored records of accounts.

use oathd_core::{
    Account, Admission, CallerClass, MacKey, Moment, Response, Trust, decode, encode,
};

use super::Input;

/// The most codes that one attempt has computed for a factor.
const MOST_CODES: u64 = 200;

/// Decodes a record: `[now u64][latest u64][record]`. What is an account is one again after being
/// kept, and everything that is done with an account goes on with it, at any time: attempts that
/// are bounded, a restore, switching off.
pub fn records(bytes: &[u8]) {
    let mut input = Input(bytes);
    let mut number = || {
        let mut number = [0; 8];
        let taken = input.take(8);
        number[..taken.len()].copy_from_slice(taken);
        u64::from_be_bytes(number)
    };
    let (now, latest) = (number(), number());
    let Ok(account) = decode(input.0) else {
        return;
    };
    let kept = encode(&account).unwrap();
    assert_eq!(decode(&kept).unwrap(), account);

    let key = MacKey::new([1; 32].into());
    let moments = [Trust::Good, Trust::Doubtful].map(|clock| Moment {
        now,
        clock,
        floor: latest,
    });
    for moment in moments {
        let _ = account.concerns(moment);
        for class in CallerClass::ALL {
            assert!(!account.open_ways(class, moment, true).is_empty());
            for typed in ["123456", "12345678", "123456 654321", "?"] {
                attempt(account.clone(), class, typed, moment, &key);
            }
        }
    }
    let mut restored = account.clone();
    let _ = restored.after_restore(latest, 10);
    assert!(restored.rescue().is_none());
    for factor in account.factors() {
        let before = account.watermark(&factor.fingerprint).counter();
        assert!(restored.watermark(&factor.fingerprint).counter() >= before);
    }
    let mut gone = account;
    let _ = gone.switch_off(now);
    assert!(!gone.is_enrolled());
}

/// Without a computed code nothing is accepted by one.
fn attempt(mut account: Account, class: CallerClass, typed: &str, moment: Moment, key: &MacKey) {
    match account.admit(class, Response::classify(typed), moment) {
        Admission::Refused { .. } => {}
        Admission::Admitted(ticket) => {
            for wanted in &ticket.wanted {
                assert!(wanted.first <= wanted.last);
                assert!(wanted.last - wanted.first < MOST_CODES, "{wanted:?}");
            }
            let _ = account.judge(&ticket, moment, &[], key, Some(&[9; 10]));
        }
    }
    assert_eq!(decode(&encode(&account).unwrap()).unwrap(), account);
}
