//! One of the programs that use the tokens.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use oathd_client::{Client, CodeRecord, CredentialQuery, Error, ErrorName, RenameOptions, Token};

use super::ledger::{Held, Ledger};
use super::statistics::Statistics;
use super::{PROGRAMS, SERIALS};
use crate::dice::Dice;

/// The access passwords that the programs set; each knows both.
pub(super) const PASSWORDS: [&str; 2] = ["open sesame", "Sesam öffne dich"];

/// Credentials of one program on one token: all together leave room for what is in doubt.
const MOST: usize = 64 / PROGRAMS;

/// What a call may fail with while tokens are pulled, garbled, busy and locked.
const EXPECTED: [&str; 9] = [
    "NoToken",
    "TokenRemoved",
    "TokenBusy",
    "TokenFault",
    "PasswordRequired",
    "WrongPassword",
    "RememberedKeyRejected",
    "NoSuchCredential",
    "TouchRequired",
];

/// Errors that say that the token was not even asked to change anything.
const UNTOUCHED: [&str; 2] = ["PasswordRequired", "RememberedKeyRejected"];

pub(super) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.unwrap().as_secs()
}

/// A client that knows what it has written where.
pub(super) struct Program {
    number: usize,
    named: usize,
    client: Client,
    dice: Dice,
    tokens: BTreeMap<u32, Token>,
    ledgers: BTreeMap<u32, Ledger>,
    statistics: Arc<Statistics>,
}

impl Program {
    pub(super) fn new(number: usize, client: Client, statistics: Arc<Statistics>) -> Program {
        Program {
            number,
            named: 0,
            client,
            dice: Dice::new(),
            tokens: BTreeMap::new(),
            ledgers: SERIALS.map(|serial| (serial, Ledger::default())).into(),
            statistics,
        }
    }

    /// Calls whatever comes to mind; what it has written in the end.
    pub(super) async fn run(mut self, end: Instant) -> BTreeMap<u32, Ledger> {
        while Instant::now() < end {
            let serial = SERIALS[self.dice.below(SERIALS.len())];
            let Some(token) = self.token(serial).await else {
                continue;
            };
            match self.dice.below(100) {
                0..10 => self.list(serial, &token).await,
                10..20 => self.codes(serial, &token).await,
                20..35 => self.add(serial, &token).await,
                35..43 => self.remove(serial, &token).await,
                43..52 => self.rename(serial, &token).await,
                52..54 => self.search().await,
                54..57 => self.lock(&token).await,
                57..60 => self.set_password(&token).await,
                60..62 => self.clear_password(&token).await,
                _ => self.code(serial, &token).await,
            }
        }
        self.ledgers
    }

    async fn token(&mut self, serial: u32) -> Option<Token> {
        if let Some(token) = self.tokens.get(&serial) {
            return Some(token.clone());
        }
        let found = self.client.find_token(&serial.to_string()).await;
        let Ok(token) = self.note("find_token", found) else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            return None;
        };
        self.tokens.insert(serial, token.clone());
        Some(token)
    }

    /// Counts an outcome, and judges it.
    fn note<T>(&mut self, call: &'static str, outcome: Result<T, Error>) -> Result<T, String> {
        match outcome {
            Ok(answer) => {
                self.statistics.count(call, "ok");
                Ok(answer)
            }
            Err(error) => {
                let name = error.name();
                assert!(EXPECTED.contains(&name), "{call}: {error:?}");
                self.statistics.count(call, name);
                if ["NoToken", "TokenRemoved"].contains(&name) {
                    // What comes back has another object.
                    self.tokens.clear();
                }
                Err(name.to_owned())
            }
        }
    }

    /// [`Program::note`], and opens the token where it is locked.
    async fn judge<T>(
        &mut self,
        call: &'static str,
        token: &Token,
        outcome: Result<T, Error>,
    ) -> Result<T, String> {
        let judged = self.note(call, outcome);
        if judged
            .as_ref()
            .is_err_and(|name| name == "PasswordRequired")
        {
            self.unlock(token).await;
        }
        judged
    }

    fn held(&mut self, serial: u32, id: &str) -> &mut Held {
        let ledger = self.ledgers.get_mut(&serial).unwrap();
        ledger.0.get_mut(id).unwrap()
    }

    fn any(&mut self, serial: u32) -> Option<String> {
        let ids: Vec<&String> = self.ledgers[&serial].0.keys().collect();
        match ids.len() {
            0 => None,
            count => Some(ids[self.dice.below(count)].clone()),
        }
    }

    fn new_name(&mut self) -> String {
        self.named += 1;
        format!("{}-{}", self.number, self.named)
    }

    async fn list(&mut self, serial: u32, token: &Token) {
        let outcome = token.credentials(false).await;
        if let Ok(records) = self.judge("list", token, outcome).await {
            let own = format!("{}-", self.number);
            for record in records.iter().filter(|r| r.name.starts_with(&own)) {
                let held = self.ledgers[&serial].0.get(&record.id);
                assert!(held.is_some(), "{record:?} was never written");
            }
        }
    }

    async fn codes(&mut self, serial: u32, token: &Token) {
        let before = now();
        let outcome = token.codes(false).await;
        let after = now();
        for row in self
            .judge("codes", token, outcome)
            .await
            .unwrap_or_default()
        {
            let ledger = self.ledgers.get_mut(&serial).unwrap();
            if let (Some(held), Some(code)) = (ledger.0.get_mut(&row.id), row.code) {
                let from = row.from.unwrap();
                let until = row.until;
                held.check(&row.id, &CodeRecord { code, from, until }, before..=after);
            }
        }
    }

    async fn code(&mut self, serial: u32, token: &Token) {
        if let Some(id) = self.any(serial) {
            let found = self.look(serial, token, &id).await;
            if found.is_err_and(|name| name == "NoSuchCredential") {
                self.missed(serial, token, &id).await;
            }
        }
    }

    /// A code, checked.
    async fn look(&mut self, serial: u32, token: &Token, id: &str) -> Result<(), String> {
        let before = now();
        // A token that answers late might wait for a touch, as far as anybody can tell.
        let allow = self.dice.below(2) == 0;
        let outcome = token.code(id, allow).await;
        let after = now();
        let asked = outcome
            .as_ref()
            .is_err_and(|e| e.is(ErrorName::TouchRequired));
        assert!(!(asked && allow), "{id}: a touch was allowed");
        match self.judge("code", token, outcome).await {
            Ok(answer) => {
                let held = self.held(serial, id);
                held.check(id, &answer, before..=after);
                held.sure = true;
                Ok(())
            }
            Err(name) => {
                self.held(serial, id).may_have_counted();
                Err(name)
            }
        }
    }

    /// A token has said that it does not hold a credential. An answer that was cut between two
    /// credentials is no different from a short one, so it is asked until it says so three times
    /// running.
    async fn missed(&mut self, serial: u32, token: &Token, id: &str) {
        let mut absent = 0;
        for _ in 0..20 {
            match self.look(serial, token, id).await {
                Ok(()) => return,
                Err(name) if name == "NoSuchCredential" => absent += 1,
                Err(_) => absent = 0,
            }
            if absent == 3 {
                let held = self.ledgers.get_mut(&serial).unwrap().0.remove(id).unwrap();
                assert!(!held.sure, "{id} is gone: {held:?}");
                return;
            }
        }
    }

    async fn add(&mut self, serial: u32, token: &Token) {
        if self.ledgers[&serial].0.len() >= MOST {
            return self.remove(serial, token).await;
        }
        let name = self.new_name();
        let mut held = Held::random(&mut self.dice);
        let id = held.id(&name);
        let outcome = token.add(held.seed(), &held.options(&name)).await;
        match self.judge("add", token, outcome).await {
            Ok(answer) => {
                assert_eq!(answer, id);
                held.sure = true;
            }
            Err(name) if UNTOUCHED.contains(&name.as_str()) => return,
            Err(name) => assert_ne!(name, "NoSuchCredential"),
        }
        self.ledgers.get_mut(&serial).unwrap().0.insert(id, held);
    }

    async fn remove(&mut self, serial: u32, token: &Token) {
        let Some(id) = self.any(serial) else { return };
        let outcome = token.remove(&id).await;
        match self.judge("remove", token, outcome).await {
            Ok(()) => {
                self.ledgers.get_mut(&serial).unwrap().0.remove(&id);
            }
            Err(name) if name == "NoSuchCredential" => self.missed(serial, token, &id).await,
            Err(name) if UNTOUCHED.contains(&name.as_str()) => {}
            Err(_) => self.held(serial, &id).sure = false,
        }
    }

    async fn rename(&mut self, serial: u32, token: &Token) {
        let Some(id) = self.any(serial) else { return };
        let name = self.new_name();
        let to = RenameOptions {
            issuer: None,
            name: Some(name.clone()),
        };
        let outcome = token.rename(&id, &to).await;
        let outcome = self.judge("rename", token, outcome).await;
        match &outcome {
            Err(name) if name == "NoSuchCredential" => {
                return self.missed(serial, token, &id).await;
            }
            Err(name) if UNTOUCHED.contains(&name.as_str()) => return,
            _ => {}
        }
        let ledger = self.ledgers.get_mut(&serial).unwrap();
        let mut held = ledger.0.remove(&id).unwrap();
        let new = held.id(&name);
        match outcome {
            Ok(answer) => {
                assert_eq!(answer, new);
                held.sure = true;
            }
            Err(_) => {
                held.sure = false;
                ledger.0.insert(id, held.clone());
            }
        }
        ledger.0.insert(new, held);
    }

    async fn search(&mut self) {
        let outcome = self
            .client
            .find_credentials(&CredentialQuery::default())
            .await;
        let found = self.note("search", outcome).unwrap_or_default();
        for unread in found.unread {
            let name = unread.error.unwrap().as_str();
            assert!(EXPECTED.contains(&name), "{name}");
        }
    }

    async fn lock(&mut self, token: &Token) {
        let forget = self.dice.below(2) == 0;
        let outcome = token.lock(forget).await;
        let _ = self.note("lock", outcome);
    }

    async fn unlock(&mut self, token: &Token) {
        let remember = self.dice.below(4) == 0;
        for password in PASSWORDS {
            let outcome = token.unlock(password.as_bytes(), remember).await;
            if self.note("unlock", outcome).is_ok() {
                return;
            }
        }
    }

    async fn set_password(&mut self, token: &Token) {
        let password = PASSWORDS[self.dice.below(2)];
        let remember = self.dice.below(2) == 0;
        let outcome = token.set_password(password.as_bytes(), remember).await;
        let _ = self.judge("set_password", token, outcome).await;
    }

    async fn clear_password(&mut self, token: &Token) {
        let outcome = token.clear_password().await;
        let _ = self.judge("clear_password", token, outcome).await;
    }
}
