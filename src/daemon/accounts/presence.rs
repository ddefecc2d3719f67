//! Whether the token of an account is here and was touched: a challenge that it alone can answer.

use std::sync::Arc;

use oathd_api::{
    ErrorName,
    wire::verifier::{PresenceOptions, ReceiptRecord},
};
use oathd_core::{Custody, Factor, FactorId, Holding, Sealed, Slot};
use oathd_oath::{Algorithm, Secret, code};
use oathd_token::{Form, Steps, StepsRequest, Token, TouchPolicy};
use zeroize::Zeroizing;

use super::{Who, judging::Concluded, pending::Pending, seeds};
use crate::{
    error::Error,
    service::{Call, Service, presence_id},
};

/// A factor whose token is here, with the key of its presence credential.
struct Present {
    factor: FactorId,
    token: Token,
    key: Secret,
}

impl Service {
    /// Has a token of the account prove that it is here and was touched.
    pub(crate) async fn verify_presence(
        &self,
        call: &Call,
        account: &str,
        options: PresenceOptions,
    ) -> Result<ReceiptRecord, Error> {
        let (service, host) = (options.service.as_deref(), options.remote_host.as_deref());
        let who = self.who(call, account, service, host).await?;
        if !who.class.can_touch() {
            let detail = "a touch here proves nothing about a login from elsewhere";
            return Err(Error::because(ErrorName::NotEnrolled, detail));
        }
        let present = self.present(&who, options.factor).await?;
        if !options.allow_touch.unwrap_or(false) {
            return Err(Error::new(ErrorName::TouchRequired));
        }
        let session = options.session.unwrap_or(false);
        let concluded = self.challenge(call, who, present, session).await?;
        self.answer(concluded)
    }

    /// The first factor whose token is here, or the one that was asked for.
    async fn present(&self, who: &Who, asked: Option<u32>) -> Result<Present, Error> {
        let vault = &self.accounts().vault;
        let account = self.accounts().ledger.read(&who.account).await?;
        let account = account.filter(|account| who.owns(account));
        let mut factors: Vec<&Factor> = account
            .iter()
            .flat_map(|account| account.factors())
            .filter(|factor| factor.is_active())
            .filter(|factor| asked.is_none_or(|asked| factor.id.0 == asked))
            .collect();
        factors.sort_by_key(|factor| (factor.role, factor.id));
        let mut missing = Error::new(ErrorName::NotEnrolled);
        let mut others = false;
        for factor in factors {
            let Some((slot, sealed)) = provable(factor) else {
                continue;
            };
            match self.token_of(&slot.device).await {
                Ok(token) => {
                    let place = (&who.account, factor.id);
                    return Ok(Present {
                        factor: factor.id,
                        token,
                        key: seeds::open(vault, Holding::PresenceKey, place, sealed)?,
                    });
                }
                // What is told is what the first one says.
                Err(error) if !others => (missing, others) = (error, true),
                Err(_) => {}
            }
        }
        Err(missing)
    }

    /// Charges, challenges the token, and judges its answer. A token that gives none proves nothing,
    /// and costs nothing.
    async fn challenge(
        &self,
        call: &Call,
        who: Who,
        present: Present,
        session: bool,
    ) -> Result<Concluded, Error> {
        let _turn = self.turn(call, &who).await?;
        let access = self.key_of_account(&who, &present.token).await?;
        let judge = self.judge_for(who.clone(), session)?;
        let ledger = &self.accounts().ledger;
        let (charging, class, factor) = (judge.clone(), who.class, present.factor);
        let charged = ledger.change(&who.account, who.actor(), move |draft| {
            let admit = |draft: &mut crate::ledger::Draft<'_>| {
                let moment = draft.moment;
                draft.account.admit_presence(class, factor, moment)
            };
            charging.admit(draft, admit)
        });
        let charged = match charged.await? {
            Ok(charged) => charged,
            Err(concluded) => return Ok(concluded),
        };
        let pending = Pending::new(ledger, &judge, charged);
        let number = u64::from_be_bytes(self.accounts().random());
        let answer = async {
            let request = StepsRequest {
                id: presence_id()?,
                steps: Steps::one(number),
                form: Form::Hmac,
                // The caller has told its user already.
                touch: TouchPolicy::Allow(Box::new(|_| ())),
            };
            let token = call.within(&present.token)?;
            let answers = token.steps(Some(Arc::clone(&access)), request).await?;
            Ok(answers.into_iter().next().unwrap_or_default())
        };
        let answer: Result<Zeroizing<Vec<u8>>, Error> = answer.await;
        let expected = code::mac(&present.key, Algorithm::Sha256, number);
        let ended = pending.end(move |judge, draft, charged| match answer {
            Ok(answer) => judge.presence(draft, charged, &expected, &answer),
            Err(error) => Concluded {
                told: judge.withdraw(draft, charged),
                answer: Err(error),
            },
        });
        ended.await
    }
}

/// The slot of a factor and the sealed key of the presence credential beside it.
fn provable(factor: &Factor) -> Option<(&Slot, &Sealed)> {
    match &factor.custody {
        Custody::OnToken {
            slot,
            presence: Some(sealed),
        } => Some((slot, sealed)),
        _ => None,
    }
}
