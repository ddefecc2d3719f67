use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use oathd_core::{
    Admission, ApiKey, Bearer, CallerClass, Event, Lifetime, Outcome, Response, Session,
};
use proptest::prelude::*;
use zeroize::Zeroizing;

use super::{stand::*, *};

const NAMES: [&str; 5] = ["alice", "bob", "alice@shop", "a@b@shop", "bob@shop"];

/// What is done to an account.
#[derive(Clone, Debug)]
enum Deed {
    Create,
    Import(u8),
    Remove,
    WrongCode,
    SwitchOff,
    KeepSession(u8),
    EndSessions,
    ApiKey(u8),
    Discarded,
    Failing,
}

fn deed() -> impl Strategy<Value = Deed> {
    prop_oneof![
        3 => Just(Deed::Create),
        4 => (0u8..6).prop_map(Deed::Import),
        1 => Just(Deed::Remove),
        3 => Just(Deed::WrongCode),
        1 => Just(Deed::SwitchOff),
        3 => (0u8..6).prop_map(Deed::KeepSession),
        1 => Just(Deed::EndSessions),
        1 => (0u8..6).prop_map(Deed::ApiKey),
        1 => Just(Deed::Discarded),
        1 => Just(Deed::Failing),
    ]
}

fn bearer(byte: u8) -> Bearer {
    Bearer::new(Zeroizing::new([byte; 32]))
}

/// What the rules say of an attempt with a wrong code.
fn wrong_code(account: &mut Account, moment: Moment, key: &MacKey) -> Vec<Event> {
    let typed = Response::classify("123456");
    match account.admit(CallerClass::RealmService, typed, moment) {
        Admission::Refused { events, .. } => events,
        Admission::Admitted(ticket) => {
            let judged = account.judge(&ticket, moment, &[], key, None);
            assert!(!matches!(judged.outcome, Outcome::Accepted(_)));
            judged.events
        }
    }
}

/// Does a deed through a draft.
fn perform(deed: &Deed, name: u8, draft: &mut Draft<'_>, key: &MacKey) {
    let now = draft.moment.now;
    match deed {
        Deed::Create => draft.create(None),
        Deed::Import(seed) if draft.is_known() => {
            if import(&mut draft.account, *seed, TOTP, now) {
                draft.record([Event::EnrolmentStarted]);
            }
        }
        Deed::Remove if draft.is_known() => {
            if let Some(id) = draft.account.factors().first().map(|factor| factor.id) {
                let event = draft.account.remove_factor(id);
                draft.record(event.ok());
            }
        }
        Deed::WrongCode => {
            let events = wrong_code(&mut draft.account, draft.moment, key);
            draft.record(events);
        }
        Deed::SwitchOff if draft.is_known() => {
            let event = draft.account.switch_off(now);
            draft.record([event]);
        }
        Deed::KeepSession(number) => {
            // A token is of one account alone.
            let bearer = bearer(number * 8 + name);
            let generation = draft.account.generation();
            let session = Session::begin(&bearer, Lifetime::default(), generation, true, now);
            draft.keep_session(&session).unwrap();
        }
        Deed::EndSessions => {
            draft.end_sessions().unwrap();
        }
        Deed::ApiKey(number) => {
            let key = ApiKey::issue(&bearer(*number), draft.account.generation(), now);
            draft.set_api_key(Some(&key)).unwrap();
        }
        Deed::Discarded => {
            draft.create(Some(1));
            draft.record([Event::SwitchedOff]);
            draft.end_sessions().unwrap();
            draft.discard();
        }
        Deed::Failing => {
            draft.create(Some(1));
            draft.end_sessions().unwrap();
            draft.fail(rusqlite::Error::InvalidQuery);
        }
        Deed::Import(_) | Deed::Remove | Deed::SwitchOff => {}
    }
}

#[derive(Default)]
struct Model {
    accounts: BTreeMap<u8, Account>,
    sessions: BTreeMap<u8, BTreeSet<u8>>,
    api_keys: BTreeMap<u8, u8>,
    events: u64,
}

impl Model {
    fn holder(&self, seed: u8) -> Option<u8> {
        let holds = |account: &Account| {
            let factors = account.factors().iter();
            factors
                .map(|f| &f.fingerprint)
                .any(|mac| *mac == stand::mac(seed))
        };
        let mut holders = self.accounts.iter().filter(|(_, account)| holds(account));
        holders.next().map(|(name, _)| *name)
    }

    /// Does the same by the rules alone; says whether the ledger must agree to it.
    fn perform(&mut self, deed: &Deed, index: u8, moment: Moment, key: &MacKey) -> bool {
        let new = Account::new(name(NAMES[usize::from(index)]), None);
        if let Deed::Import(seed) = deed
            && self.accounts.contains_key(&index)
            && self.holder(*seed).is_some_and(|holder| holder != index)
        {
            return false;
        }
        if let Deed::Create = deed {
            self.accounts.entry(index).or_insert(new);
            return true;
        }
        let known = self.accounts.get_mut(&index);
        match (deed, known) {
            (Deed::Failing, _) => return false,
            (Deed::WrongCode, None) => {
                // The decoy is charged; what that writes down is not foretold here.
            }
            (Deed::WrongCode, Some(account)) => {
                self.events += wrong_code(account, moment, key).len() as u64;
            }
            (Deed::Import(seed), Some(account)) => {
                self.events += u64::from(import(account, *seed, TOTP, moment.now));
            }
            (Deed::Remove, Some(account)) => {
                if let Some(id) = account.factors().first().map(|factor| factor.id) {
                    self.events += u64::from(account.remove_factor(id).is_ok());
                }
            }
            (Deed::SwitchOff, Some(account)) => {
                account.switch_off(moment.now);
                self.events += 1;
            }
            (Deed::KeepSession(number), Some(_)) => {
                self.sessions.entry(index).or_default().insert(*number);
            }
            (Deed::EndSessions, Some(_)) => drop(self.sessions.remove(&index)),
            (Deed::ApiKey(number), Some(_)) => drop(self.api_keys.insert(index, *number)),
            _ => {}
        }
        true
    }
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap()
}

async fn agree(stand: &Stand, model: &Model) {
    let ledger = stand.ledger();
    for (index, text) in (0..).zip(NAMES) {
        let read = ledger.read(&name(text)).await.unwrap();
        assert_eq!(read.as_ref(), model.accounts.get(&index), "{text}");
        let grants = stand.change(text, move |draft| {
            let held = |number: &u8| {
                let found = draft.session(&bearer(number * 8 + index)).unwrap();
                found.is_some()
            };
            let sessions: BTreeSet<u8> = (0..6).filter(held).collect();
            assert_eq!(draft.sessions().unwrap().len(), sessions.len());
            let fits = |number: &u8| {
                let key = draft.api_key().unwrap();
                key.is_some_and(|key| key.check(&bearer(*number), key.generation).is_ok())
            };
            (sessions, (0..6).find(fits))
        });
        let (sessions, api_key) = grants.await.unwrap();
        let expected = model.sessions.get(&index).cloned().unwrap_or_default();
        assert_eq!(sessions, expected, "{text}");
        assert_eq!(api_key, model.api_keys.get(&index).copied(), "{text}");
    }
    assert_eq!(ledger.check().await.unwrap(), Vec::<String>::new());
    for realm in ["local", "shop"] {
        let realm: RealmName = realm.parse().unwrap();
        let listed = ledger.list(&realm, None, 100).await.unwrap();
        let of_realm = |account: &&Account| *account.name().realm() == realm;
        let mut expected: Vec<_> = model.accounts.values().filter(of_realm).cloned().collect();
        expected.sort_by(|a, b| a.name().name().cmp(b.name().name()));
        assert_eq!(listed, expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Deeds are sent many at a time, so that groups hold several, and some of them fail.
    #[test]
    fn whatever_is_done_leaves_what_the_rules_say(
        deeds in prop::collection::vec(prop::collection::vec((deed(), 0u8..5), 1..40), 1..6),
    ) {
        runtime().block_on(async {
            let mut stand = Stand::new().await;
            let mut model = Model::default();
            for batch in deeds {
                let ledger = stand.ledger();
                let key = ledger.code_key().unwrap();
                let moment = ledger.moment(&RealmName::local());
                let done = join_all(batch.iter().cloned().map(|(deed, index)| {
                    let key = Arc::clone(&key);
                    let name = NAMES[usize::from(index)];
                    stand.change(name, move |draft| perform(&deed, index, draft, &key))
                }))
                .await;
                for ((deed, index), done) in batch.iter().zip(done) {
                    let agreed = model.perform(deed, *index, moment, &key);
                    assert_eq!(done.is_ok(), agreed, "{deed:?}: {done:?}");
                }
            }
            agree(&stand, &model).await;
            stand.reopen().await;
            agree(&stand, &model).await;
            let known = |entry: &AuditEntry| {
                let account = entry.account.as_ref();
                account.is_some_and(|name| model.accounts.values().any(|a| a.name() == name))
            };
            let trail = stand.ledger().audit(0, 10_000).await.unwrap();
            assert!(trail.iter().filter(|entry| known(entry)).count() as u64 >= model.events);
            assert_eq!(stand.ledger().verify_audit().await.unwrap().fault, None);
        });
    }
}

#[tokio::test]
async fn an_unknown_account_is_charged_and_never_listed() {
    let stand = Stand::new().await;
    let ledger = stand.ledger();
    let key = ledger.code_key().unwrap();
    let mut waits = Vec::new();
    for _ in 0..6 {
        let key = Arc::clone(&key);
        let tried = stand.change("nobody@shop", move |draft| {
            assert!(!draft.is_known());
            let typed = Response::classify("123456");
            match draft
                .account
                .admit(CallerClass::RealmService, typed, draft.moment)
            {
                Admission::Refused { outcome, .. } => outcome,
                Admission::Admitted(ticket) => {
                    let judged = draft.account.judge(&ticket, draft.moment, &[], &key, None);
                    draft.record(judged.events);
                    judged.outcome
                }
            }
        });
        waits.push(matches!(tried.await.unwrap(), Outcome::Throttled { .. }));
    }
    assert_eq!(waits, [false, false, false, false, true, true]);
    assert_eq!(ledger.read(&name("nobody@shop")).await.unwrap(), None);
    // As much is written as for any account.
    let file = Connection::open(stand.dir.path().join(crate::store::DATABASE)).unwrap();
    let sql = "SELECT count(*), min(id), max(id), sum(record <> zeroblob(512)) FROM account
               WHERE realm = ''";
    let read = |row: &rusqlite::Row<'_>| <(u64, u64, u64, u64)>::try_from(row);
    assert_eq!(file.query_row(sql, (), read).unwrap(), (64, 1, 64, 1));
    let shop = "shop".parse().unwrap();
    assert!(ledger.list(&shop, None, 10).await.unwrap().is_empty());
    ledger
        .for_each(None, |account| panic!("{account:?} is shown"))
        .await
        .unwrap();
    let trail = ledger.audit(0, 10).await.unwrap();
    assert_eq!(trail.len(), 4);
    assert_eq!(trail[0].account, Some(name("nobody@shop")));
    assert_eq!(trail[0].actor, actor());
}

#[tokio::test]
async fn the_key_of_codes_is_made_once_and_never_again() {
    let mut stand = Stand::new().await;
    // Without accounts a lost key is made anew.
    let path = stand.dir.path().join(keys::FILE);
    std::fs::remove_file(&path).unwrap();
    stand.reopen().await;
    stand
        .change("alice", |draft| draft.create(None))
        .await
        .unwrap();
    let key = std::fs::read(&path).unwrap();
    for wrong in [None, Some([7; 32].to_vec()), Some(b"short".to_vec())] {
        match &wrong {
            Some(bytes) => std::fs::write(&path, bytes).unwrap(),
            None => std::fs::remove_file(&path).unwrap(),
        }
        stand.reopen().await;
        let ledger = stand.ledger();
        let missing = Err(LedgerError::KeyMissing);
        assert_eq!(
            stand.change("alice", |draft| draft.create(None)).await,
            missing
        );
        assert_eq!(ledger.code_key().map(drop), missing);
        let read = ledger.read(&name("alice")).await;
        assert_eq!(read.map(drop), missing);
        assert_eq!(path.exists(), wrong.is_some());
    }
    std::fs::write(&path, key).unwrap();
    stand.reopen().await;
    assert!(stand.ledger().read(&name("alice")).await.unwrap().is_some());
}

#[tokio::test]
async fn an_account_has_64_sessions_and_void_ones_go_first() {
    let stand = Stand::new().await;
    let ids = stand.change("alice@shop", |draft| {
        draft.create(None);
        let mut began = |number: u8, generation: u32| {
            let now = draft.moment.now;
            let lifetime = Lifetime::default();
            let session = Session::begin(&bearer(number), lifetime, generation, true, now);
            draft.keep_session(&session).unwrap();
        };
        (0..30).for_each(|number| began(number, 0));
        (30..40).for_each(|number| began(number, 7));
        (40..80).for_each(|number| began(number, 0));
        let there = |number: &u8| draft.session(&bearer(*number)).unwrap().is_some();
        let alive: Vec<u8> = (0..80).filter(there).collect();
        assert_eq!(draft.sessions().unwrap().len(), alive.len());
        alive
    });
    // The ten void ones, and then the six oldest.
    let expected: Vec<u8> = (6..30).chain(40..80).collect();
    assert_eq!(ids.await.unwrap(), expected);
}

#[tokio::test]
async fn a_clock_that_is_set_is_believed_only_with_a_reason() {
    use oathd_core::Trust;
    let mut stand = Stand::new().await;
    let local = RealmName::local();
    let trust = |stand: &Stand, now: u64| {
        stand.clock.set(now);
        stand.ledger().moment(&local).clock
    };
    assert_eq!(trust(&stand, NOW + 1000), Trust::Good);
    let event = |draft: &mut Draft<'_>| draft.record([Event::SwitchedOff]);
    stand.change("alice", event).await.unwrap();
    stand.clock.leap(NOW + 909);
    assert_eq!(stand.ledger().moment(&local).clock, Trust::Doubtful);
    stand.clock.leap(NOW + 990);
    assert_eq!(stand.ledger().moment(&local).clock, Trust::Good);
    // The latest time is known after a start, though the process knows no other.
    stand.clock.leap(NOW + 800);
    stand.reopen().await;
    assert_eq!(trust(&stand, NOW + 909), Trust::Doubtful);
    assert_eq!(trust(&stand, NOW + 910), Trust::Good);
    // A leap ahead, that nobody vouches for.
    stand.clock.leap(NOW + 100_000);
    assert_eq!(stand.ledger().moment(&local).clock, Trust::Doubtful);
    stand.clock.vouch(true);
    assert_eq!(stand.ledger().moment(&local).clock, Trust::Good);
    stand.clock.vouch(false);
    assert_eq!(stand.ledger().moment(&local).clock, Trust::Good);
    // The next one is vouched for as it stands, and no other.
    stand.clock.leap(NOW + 200_000);
    assert_eq!(stand.ledger().moment(&local).clock, Trust::Doubtful);
    stand.ledger().vouch(stand.ledger().ahead());
    stand.clock.leap(NOW + 300_000);
    assert_eq!(stand.ledger().moment(&local).clock, Trust::Doubtful);
    stand.clock.leap(NOW + 200_000);
    assert_eq!(stand.ledger().moment(&local).clock, Trust::Good);
}
