//! A way that is shut after too many failures is shut for one class of callers, and told of.

use crate::stand::{START, Stand, key};
use crate::*;

/// Where nothing is there to shut, the count stays.
#[test]
fn what_is_shut_is_told_of_once() {
    let class = CallerClass::OwnPrograms;
    let families = [
        Family::Codes,
        Family::Presence,
        Family::Recovery,
        Family::OutOfBand,
        Family::Bypass,
    ];
    let count = |account: &mut Account, family| {
        let charged = account.ledger.charge(family, class, START);
        assert!(charged.is_ok());
    };
    let ways = |account: &Account, class| account.open_ways(class, Moment::at(START), false).len();
    let mut stand = Stand::enrolled(1000);
    let account = &mut stand.account;
    let _ = account.issue_recovery_codes(&key(), &[[1; 10]; 10], START);
    account
        .add_channel(ChannelKind::Sms, "+491701234567", None)
        .unwrap();
    account.channels[0].verified = Some(START);
    let slot = Slot {
        device: vec![1],
        credential: vec![2],
    };
    account.factors[0].custody = Custody::OnToken {
        slot,
        presence: Some(Sealed(vec![3])),
    };
    let root = Approver {
        uid: 0,
        in_group: false,
        fresh_factor: false,
    };
    account
        .open_rescue(root, "lost all", RescueRule::default(), true, START)
        .unwrap();
    account.issue_bypass(&key(), &[1; 10], START).unwrap();
    assert_eq!(ways(account, class), 1 + families.len());
    let mut empty = Account::new("bob".parse().unwrap(), Some(1001));
    for family in families {
        count(account, family);
        count(&mut empty, family);
        let shut = account.shut(family, class);
        assert_eq!(shut, Some(Event::Disabled { family, class }));
        assert_eq!(account.ledger().get(family, class).failures, 0);
        assert_eq!(empty.shut(family, class), None);
        assert_eq!(empty.ledger().get(family, class).failures, 1);
    }
    assert_eq!(ways(account, class), 1, "an administrator is left");
    let elsewhere = CallerClass::Console;
    assert_eq!(ways(account, elsewhere), 1 + families.len());
}
