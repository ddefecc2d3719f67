//! Proves: a credential that ykman's library or oathd puts on a card behind the real pcscd is the
//! same to both: id, issuer, name, kind, period, the need for a touch, and its code at the same
//! time, which is oathtool's too (Steam's letters are compared between the two alone). For every
//! algorithm, number of digits, periods of 15, 30 and 60 s, counters, seeds from 2 bytes to longer
//! than a block, touch, hidden, and names up to 64 bytes of every script.
//! Does not prove: anything about tokens of flesh and blood, or firmware without one of these.

use std::collections::BTreeMap;

use oathd_client::ErrorName;
use serde_json::{Value, json};

use super::case::{self, Case};
use super::{Both, assert_fails};
use crate::dice::Dice;

#[tokio::test]
async fn what_ykman_writes() {
    let mut both = Both::start().await;
    let mut dice = Dice::new();
    let cases = [case::matrix(&mut dice), case::oddities(&mut dice)].concat();
    let written: Vec<Value> = cases.iter().map(Case::json).collect();
    let ids = both.peer.gives(&json!({"do": "put", "cases": written}));
    let expected: Vec<String> = cases.iter().map(Case::id).collect();
    assert_eq!(ids, json!(expected));
    both.agree_about(&cases).await;
}

#[tokio::test]
async fn what_oathd_writes() {
    let mut both = Both::start().await;
    let mut dice = Dice::new();
    let cases = [case::matrix(&mut dice), case::oddities(&mut dice)].concat();
    for case in &cases {
        let id = both.token.add(&case.seed, &case.options()).await.unwrap();
        assert_eq!(id, case.id());
    }
    both.agree_about(&cases).await;
}

impl Both {
    /// oathd, the peer and oathtool have the same to say of everything on the card.
    async fn agree_about(&mut self, cases: &[Case]) {
        self.agree_about_names(cases).await;
        self.agree_about_codes_together(cases).await;
        for case in cases {
            self.agree_about_a_code(case).await;
        }
    }

    async fn agree_about_names(&mut self, cases: &[Case]) {
        let records = self.token.credentials(true).await.unwrap();
        let listed: BTreeMap<&str, _> = records.iter().map(|r| (r.id.as_str(), r)).collect();
        assert_eq!((records.len(), listed.len()), (cases.len(), cases.len()));
        let theirs = self.peer.gives(&json!({"do": "list"}));
        assert_eq!(theirs.as_object().unwrap().len(), cases.len());
        for case in cases {
            let id = case.id();
            let record = listed[id.as_str()];
            // What the peer tells of a counter's period is 0.
            let period = record.period.unwrap_or(0);
            let ours = json!([record.issuer, record.name, record.kind, period]);
            let expected = json!([
                case.issuer,
                case.name,
                case.kind,
                if case.is_totp() { case.period } else { 0 }
            ]);
            assert_eq!((&ours, &theirs[&id]), (&expected, &expected), "{id}");
            assert_eq!(record.algorithm.as_deref(), Some(case.algorithm), "{id}");
            let digits = if case.is_steam() { 5 } else { case.digits };
            assert!(record.digits.is_none_or(|told| told == digits), "{id}");
            // CALCULATE ALL tells it of TOTP alone.
            if case.is_totp() {
                assert_eq!(record.touch, Some(case.touch), "{id}");
            }
        }
        let open = self.token.credentials(false).await.unwrap();
        let hidden = |case: &&Case| case.issuer.as_deref() == Some("_hidden");
        assert_eq!(
            open.len(),
            cases.len() - cases.iter().filter(hidden).count()
        );
        assert!(open.iter().all(|r| r.issuer.as_deref() != Some("_hidden")));
    }

    async fn agree_about_codes_together(&mut self, cases: &[Case]) {
        let rows = self.token.codes(true).await.unwrap();
        let rows: BTreeMap<String, _> = rows.into_iter().map(|r| (r.id.clone(), r)).collect();
        assert_eq!(rows.len(), cases.len());
        let at: BTreeMap<&str, u64> = rows
            .iter()
            .filter_map(|(id, row)| Some((id.as_str(), row.from?)))
            .collect();
        let theirs = self.peer.gives(&json!({"do": "codes", "at": at}));
        for case in cases {
            let id = case.id();
            let row = &rows[&id];
            if !case.is_totp() {
                assert_eq!(
                    (&row.code, row.reason.as_deref()),
                    (&None, Some("hotp")),
                    "{id}"
                );
            } else if case.touch {
                let reason = row.reason.as_deref();
                assert_eq!((&row.code, reason), (&None, Some("TouchRequired")), "{id}");
            } else {
                let (code, from) = (row.code.as_deref().unwrap(), row.from.unwrap());
                assert_eq!(theirs[&id], code, "{id}");
                assert_eq!(row.until, Some(from + u64::from(case.period)), "{id}");
                if !case.is_steam() {
                    assert_eq!(code, case.oathtool(from), "{id}");
                }
            }
        }
    }

    async fn agree_about_a_code(&mut self, case: &Case) {
        let id = case.id();
        if case.touch && case.is_totp() {
            assert_fails(self.token.code(&id, false).await, ErrorName::TouchRequired);
        }
        if case.is_totp() {
            let ours = self.token.code(&id, case.touch).await.unwrap();
            let theirs = self.peer.code(&id, ours.from);
            assert_eq!(ours.code, theirs, "{id}");
            assert_eq!(ours.until, Some(ours.from + u64::from(case.period)), "{id}");
            if !case.is_steam() {
                assert_eq!(ours.code, case.oathtool(ours.from), "{id}");
            }
            return;
        }
        // The counter moves on whoever asks.
        let first = u64::from(case.counter);
        for counter in first..first + 4 {
            let code = match counter % 2 {
                0 => self.token.code(&id, case.touch).await.unwrap().code,
                _ => self.peer.code(&id, 0),
            };
            assert_eq!(code, case.oathtool(counter), "{id} at {counter}");
        }
    }
}
