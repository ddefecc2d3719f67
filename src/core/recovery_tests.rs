//! The ways back: recovery codes, codes sent to a channel, rescue. Each works once, and leads to a
//! new enrolment.

use crate::stand::{START, Stand, TOTP, key};
use crate::*;

const HERE: CallerClass = CallerClass::Console;

/// A channel whose code came back.
fn verified(account: &mut Account, kind: ChannelKind, address: &str) -> FactorId {
    let (id, _) = account.add_channel(kind, address, None).unwrap();
    let sent = account.send_verification(id, HERE, START, &key(), &[3; 8]);
    let typed = TypedDigits::parse(sent.unwrap().reveal()).unwrap();
    account.verify_channel(id, &typed, START, &key()).unwrap();
    id
}

#[test]
fn a_recovery_code_works_once_and_is_replaced() {
    let mut stand = Stand::enrolled(1000);
    let entropy = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9].map(|n| [n; 10]);
    let (codes, _) = stand.account.issue_recovery_codes(&key(), &entropy, START);
    for code in &codes {
        let judged = stand.try_at(HERE, &code.reveal().to_lowercase(), Moment::at(START));
        let Outcome::Accepted(accepted) = judged.outcome else {
            panic!("{:?}", judged.outcome)
        };
        assert!(accepted.must_reenrol && accepted.way.is_recovery());
        let new = accepted.replacement.unwrap();
        assert_ne!(new.index(), code.index());
        assert!(matches!(
            stand.attempt(HERE, &code.reveal(), START),
            Outcome::CodeUsed
        ));
        assert_eq!(stand.account.recovery().unwrap().left(), 10);
    }
    assert!(stand.account.must_reenrol());
    let id = stand.enrol(2, TOTP, None, START).unwrap();
    assert!(!stand.account.must_reenrol(), "{id:?} ends it");
}

#[test]
fn few_recovery_codes_are_told_of() {
    let mut stand = Stand::enrolled(1000);
    let (codes, _) = stand
        .account
        .issue_recovery_codes(&key(), &[[1; 10]; 10], START);
    for (used, code) in (1..).zip(&codes) {
        let response = Response::classify(&code.reveal());
        let Admission::Admitted(ticket) = stand.account.admit(HERE, response, Moment::at(START))
        else {
            panic!("refused")
        };
        let judged = stand
            .account
            .judge(&ticket, Moment::at(START), &[], &key(), None);
        let low = judged
            .events
            .contains(&Event::RecoveryCodesLow { left: 10 - used });
        assert_eq!(low, used >= 7, "{used}");
    }
    assert!(stand.account.recovery().unwrap().needs_renewal());
}

#[test]
fn after_a_restore_recovery_codes_wait_to_be_renewed() {
    let mut stand = Stand::enrolled(1000);
    let (codes, _) = stand
        .account
        .issue_recovery_codes(&key(), &[[1; 10]; 10], START);
    let generation = stand.account.generation();
    assert_eq!(
        stand.account.after_restore(START, 50),
        [Event::RecoverySuspended]
    );
    assert!(stand.account.generation() > generation);
    for _ in 0..200 {
        assert!(matches!(
            stand.attempt(HERE, &codes[0].reveal(), START),
            Outcome::RecoverySuspended
        ));
    }
    let (codes, _) = stand
        .account
        .issue_recovery_codes(&key(), &[[2; 10]; 10], START);
    assert!(stand.accepts(HERE, &codes[0].reveal(), START));
}

#[test]
fn imported_codes_work_once_and_importing_again_revives_none() {
    let mut stand = Stand::enrolled(1000);
    let code = TypedDigits::parse("12345678").unwrap();
    for round in 0..2 {
        let (name, set) = stand.account.recovery_for_import();
        let name = name.clone();
        assert!(set.import_legacy(&key(), &name, &code, false, START));
        let outcome = stand.attempt(HERE, "1234 5678", START);
        let fresh = matches!(outcome, Outcome::Accepted(ref a) if a.way == Way::LegacyRecovery);
        assert_eq!(fresh, round == 0);
        assert!(matches!(
            stand.attempt(HERE, "1234 5678", START),
            Outcome::CodeUsed
        ));
    }
}

/// Where factors have codes of eight digits too, an imported code is counted as one of theirs.
#[test]
fn imported_codes_are_refused_where_recovery_codes_are_shut() {
    let mut stand = Stand {
        length: oathd_oath::Digits::Eight,
        ..Stand::new(1000)
    };
    stand.enrol(1, TOTP, None, START - 60).unwrap();
    let code = TypedDigits::parse("12345678").unwrap();
    let (name, set) = stand.account.recovery_for_import();
    let name = name.clone();
    assert!(set.import_legacy(&key(), &name, &code, false, START));
    set.disabled.insert(HERE);
    assert!(!stand.accepts(HERE, "12345678", START));
    assert!(stand.accepts(CallerClass::Remote, "12345678", START));
}

#[test]
fn a_sent_code_is_for_the_class_that_asked_and_for_three_tries() {
    for (length, wrong) in [
        (oathd_oath::Digits::Six, 0),
        (oathd_oath::Digits::Six, 3),
        (oathd_oath::Digits::Eight, 2),
        (oathd_oath::Digits::Eight, 3),
    ] {
        let mut stand = Stand {
            length,
            ..Stand::new(1000)
        };
        stand.enrol(1, TOTP, None, START).unwrap();
        let id = verified(&mut stand.account, ChannelKind::Sms, "+491");
        let remote = CallerClass::Remote;
        let (code, _) = stand
            .account
            .send_login_code(id, remote, START, &key(), &[4; 8])
            .unwrap();
        let other = if code.reveal() == "00000000" {
            "11111111"
        } else {
            "00000000"
        };
        assert!(
            !stand.accepts(HERE, code.reveal(), START),
            "another class asked"
        );
        for _ in 0..wrong {
            assert!(matches!(
                stand.attempt(remote, other, START),
                Outcome::WrongCode { .. }
            ));
        }
        let text = code.reveal().to_owned();
        assert_eq!(
            stand.accepts(remote, &text, START + 1),
            wrong < 3,
            "{wrong}"
        );
        assert!(!stand.accepts(remote, &text, START + 1), "once");
        assert_eq!(stand.account.must_reenrol(), wrong < 3);
    }
}

#[test]
fn a_rescue_ends_in_a_new_enrolment() {
    let mut stand = Stand::enrolled(1000);
    let id = stand.account.factors()[0].id;
    let admin = |uid| Approver {
        uid,
        in_group: true,
        fresh_factor: true,
    };
    let rule = RescueRule {
        two_approvers: true,
        cancel_window: 3_600,
    };
    // Guesses at a code that was not there yet shut nothing.
    for day in 0..u64::from(charge::CAP) {
        let at = START - 86_400 * (200 - day);
        let charged = stand.account.ledger.charge(Family::Bypass, HERE, at);
        assert!(charged.is_ok());
    }
    stand
        .account
        .open_rescue(admin(2000), "lost the bag", rule, false, START)
        .unwrap();
    let again = stand
        .account
        .open_rescue(admin(2000), "again", rule, false, START);
    assert_eq!(again, Err(RescueError::AlreadyOpen));
    let mine = stand.account.approve_rescue(admin(1000), START);
    assert_eq!(
        mine,
        Err(RescueError::AnotherNeeded),
        "nobody rescues themselves"
    );
    stand.account.approve_rescue(admin(2001), START).unwrap();
    let soon = stand
        .account
        .issue_bypass(&key(), &[8; 10], START + 3_599)
        .unwrap_err();
    assert_eq!(soon, RescueError::Waiting { seconds: 1 });
    let now = START + 3_600;
    let mut called_off = stand.account.clone();
    assert_eq!(called_off.cancel_rescue(), Ok(Event::RescueCancelled));
    assert_eq!(
        called_off.issue_bypass(&key(), &[8; 10], now).unwrap_err(),
        RescueError::None
    );
    let (code, _) = stand.account.issue_bypass(&key(), &[8; 10], now).unwrap();
    let granted = stand.account.generation();
    let judged = stand.try_at(HERE, &code.reveal(), Moment::at(now));
    assert!(stand.account.generation() > granted);
    assert!(
        matches!(judged.outcome, Outcome::Accepted(ref a) if a.must_reenrol && a.way == Way::Bypass)
    );
    assert!(
        judged
            .events
            .contains(&Event::FactorSuspended { factor: id })
    );
    assert!(!stand.accepts(HERE, &code.reveal(), now), "once");
    let text = stand.code(id, now / 30);
    assert!(
        !stand.accepts(HERE, &text, now),
        "the lost factor is refused"
    );
    stand.enrol(2, TOTP, Some(id), now).unwrap();
    assert!(!stand.account.must_reenrol());
}

#[test]
fn a_new_code_voids_the_one_before_and_none_of_another_class() {
    let mut stand = Stand::enrolled(1000);
    let id = verified(&mut stand.account, ChannelKind::Email, "a@example.org");
    let mut send = |class, entropy, now| {
        let sent = stand
            .account
            .send_login_code(id, class, now, &key(), &[entropy; 8]);
        sent.unwrap().0.reveal().to_owned()
    };
    let remote = CallerClass::Remote;
    let (mine, first) = (send(HERE, 4, START + 30), send(remote, 5, START + 30));
    let second = send(remote, 6, START + 60);
    assert!(!stand.accepts(remote, &first, START + 60), "void");
    assert!(stand.accepts(remote, &second, START + 60));
    let awaits = |stand: &Stand, class| stand.account.awaits_eight_digits(class, START + 60);
    assert!(awaits(&stand, HERE) && !awaits(&stand, remote));
    assert!(
        stand.accepts(HERE, &mine, START + 60),
        "nobody voids another's code"
    );
    assert!(!awaits(&stand, HERE));
}

/// Eight digits are counted as a code of a factor where one has such codes and is not shut to the
/// class, else as the code that was sent.
#[test]
fn a_guess_at_a_sent_code_is_counted_as_one() {
    use oathd_oath::Digits;
    for (length, shut, family) in [
        (Digits::Six, false, Family::OutOfBand),
        (Digits::Eight, false, Family::Codes),
        (Digits::Eight, true, Family::OutOfBand),
    ] {
        let mut stand = Stand {
            length,
            ..Stand::new(1000)
        };
        stand.enrol(1, TOTP, None, START - 60).unwrap();
        // One that is shut says nothing about the others.
        stand.length = Digits::Six;
        stand.enrol(2, TOTP, None, START - 60).unwrap();
        if shut {
            stand.account.factors[0].codes_disabled.insert(HERE);
        }
        let added = stand
            .account
            .add_channel(ChannelKind::Sms, "+491701234567", None);
        let (id, _) = added.unwrap();
        let sent = stand
            .account
            .send_verification(id, HERE, START - 60, &key(), &[3; 8]);
        let typed = TypedDigits::parse(sent.unwrap().reveal()).unwrap();
        stand
            .account
            .verify_channel(id, &typed, START, &key())
            .unwrap();
        let sent = stand
            .account
            .send_login_code(id, HERE, START, &key(), &[4; 8]);
        let wrong = if sent.unwrap().0.reveal() == "00000000" {
            "11111111"
        } else {
            "00000000"
        };
        stand.attempt(HERE, wrong, START);
        for counted in [Family::Codes, Family::OutOfBand, Family::Recovery] {
            let failures = stand.account.ledger().get(counted, HERE).failures;
            assert_eq!(failures, u16::from(counted == family), "{counted:?}");
        }
    }
}
