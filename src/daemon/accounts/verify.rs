//! Whether what somebody typed is right.

use std::sync::Arc;

use oathd_api::{
    ErrorName,
    wire::verifier::{ReceiptRecord, VerifyOptions},
};
use oathd_core::{Lifetime, Outcome, Receipt, Response, Way, receipt::LIFETIME};
use zbus::OwnedFd;
use zeroize::Zeroizing;

use super::{
    Who,
    judging::{Charged, Concluded, First, Granted, Judge, refusal},
    pending::Pending,
};
use crate::{
    error::Error,
    secret_fd,
    service::{Call, Service},
};

impl Service {
    /// Judges `response`; the answer comes when the outcome is on the disk.
    pub(crate) async fn verify(
        &self,
        call: &Call,
        account: &str,
        response: &str,
        options: VerifyOptions,
    ) -> Result<ReceiptRecord, Error> {
        let typed = Zeroizing::new(response.to_owned());
        let (service, host) = (options.service.as_deref(), options.remote_host.as_deref());
        let who = self.who(call, account, service, host).await?;
        let told_at_once = match Response::classify(&typed) {
            Response::Help => Some(Outcome::Help),
            Response::Typo => Some(Outcome::Typo),
            Response::Malformed => Some(Outcome::Malformed),
            _ => None,
        };
        if let Some(outcome) = told_at_once {
            return Err(refusal(&outcome));
        }
        let judge = self.judge_for(who, options.session.unwrap_or(false))?;
        let attempts = &self.accounts().attempts;
        let turn = attempts.free_turn(&judge.who.account, judge.who.class);
        let concluded = match self.first(&judge, &typed, turn.is_some()).await? {
            First::Concluded(concluded) => concluded,
            First::Charged(charged) => {
                let judged = self.on_token(call, &judge, *charged, typed);
                self.attend(call, judged).await?
            }
            First::Queue => {
                let in_turn = self.in_turn(call, &judge, typed);
                self.attend(call, in_turn).await?
            }
        };
        drop(turn);
        self.answer(concluded)
    }

    /// What it takes to judge an attempt of `who`.
    pub(super) fn judge_for(&self, who: Who, session: bool) -> Result<Judge, Error> {
        let accounts = self.accounts();
        let session = match session {
            true => Some(self.session_lifetime(&who)?),
            false => None,
        };
        Ok(Judge {
            attempts: accounts.attempts.clone(),
            vault: Arc::clone(&accounts.vault),
            decoy: accounts.decoy.clone(),
            key: accounts.ledger.code_key()?,
            entropy: Arc::clone(&accounts.entropy),
            who,
            session,
        })
    }

    /// How long sessions of the account live.
    pub(crate) fn session_lifetime(&self, who: &Who) -> Result<Lifetime, Error> {
        if who.account.realm().is_local() {
            return Err(Error::invalid_args(
                "sessions are for the accounts of a realm",
            ));
        }
        let settings = self.accounts().settings();
        let realm = settings.realms.get(who.account.realm());
        Ok(realm.map_or_else(Lifetime::default, |realm| realm.sessions))
    }

    async fn first(
        &self,
        judge: &Judge,
        typed: &Zeroizing<String>,
        in_turn: bool,
    ) -> Result<First, Error> {
        let (name, actor) = (&judge.who.account, judge.who.actor());
        let (judge, typed) = (judge.clone(), typed.clone());
        let work = move |draft: &mut crate::ledger::Draft<'_>| judge.typed(draft, &typed, in_turn);
        Ok(self.accounts().ledger.change(name, actor, work).await?)
    }

    /// An attempt in which a token has a say, where others go first. One at a time: the charge of
    /// one would count against the next.
    async fn in_turn(
        &self,
        call: &Call,
        judge: &Judge,
        typed: Zeroizing<String>,
    ) -> Result<Concluded, Error> {
        let _turn = self.turn(call, &judge.who).await?;
        let charged = match self.first(judge, &typed, true).await? {
            First::Concluded(concluded) => return Ok(concluded),
            First::Queue => return Err(Error::new(ErrorName::TokenBusy)),
            First::Charged(charged) => charged,
        };
        self.on_token(call, judge, *charged, typed).await
    }

    /// The rest of an attempt that is charged on the disk: computed on the token, judged on the
    /// disk. Dropped before that, even before it begins, it gives the charge back.
    fn on_token(
        &self,
        call: &Call,
        judge: &Judge,
        charged: Charged,
        typed: Zeroizing<String>,
    ) -> impl Future<Output = Result<Concluded, Error>> {
        let wanted = charged.ticket.wanted.clone();
        let pending = Pending::new(&self.accounts().ledger, judge, charged);
        async move {
            let computed = self.candidates_of_slots(call, &judge.who, &wanted).await;
            let judged = pending.end(move |judge, draft, charged| {
                judge.typed_on_token(draft, charged, computed, &typed)
            });
            judged.await
        }
    }

    /// Waits for the turn of a call at an account.
    pub(super) async fn turn(
        &self,
        call: &Call,
        who: &Who,
    ) -> Result<super::attempts::Turn, Error> {
        let turn = self.accounts().attempts.turn(&who.account, who.class);
        let turn = call.in_time(turn).await.flatten();
        turn.ok_or_else(|| Error::because(ErrorName::TokenBusy, "other attempts go first"))
    }

    /// Tells the owner and answers the caller.
    pub(super) fn answer(&self, concluded: Concluded) -> Result<ReceiptRecord, Error> {
        for told in concluded.told {
            self.accounts().notices.tell(Some(told));
        }
        let Granted {
            receipt,
            codes_left,
            replacement,
            session,
        } = *concluded.answer?;
        let record = record(&receipt);
        Ok(ReceiptRecord {
            receipt: self.accounts().receipts.put(receipt),
            recovery_codes_left: codes_left,
            replacement: replacement.and_then(|code| sealed(code.reveal().as_bytes())),
            session: session.and_then(|token| sealed(token.expose())),
            ..record
        })
    }
}

/// A receipt as the bus tells it.
pub(super) fn record(receipt: &Receipt) -> ReceiptRecord {
    ReceiptRecord {
        account: receipt.account.to_string(),
        way: word(receipt.way).to_owned(),
        factor: number(receipt.way),
        until: receipt.issued.saturating_add(LIFETIME),
        must_reenrol: receipt.must_reenrol,
        ..ReceiptRecord::default()
    }
}

/// A memory file to hand out. What was accepted stays accepted where there is none to be had.
pub(crate) fn sealed(secret: &[u8]) -> Option<OwnedFd> {
    match secret_fd::create(secret) {
        Ok(file) => Some(file.into()),
        Err(error) => {
            tracing::error!(%error, "a secret cannot be handed out");
            None
        }
    }
}

/// A way in a word.
pub(super) const fn word(way: Way) -> &'static str {
    match way {
        Way::Code(_) => "code",
        Way::Presence(_) => "presence",
        Way::Recovery => "recovery",
        Way::LegacyRecovery => "legacy_recovery",
        Way::OutOfBand(_) => "out_of_band",
        Way::Bypass => "bypass",
    }
}

/// The factor or channel of a way.
pub(super) const fn number(way: Way) -> Option<u32> {
    match way {
        Way::Code(id) | Way::Presence(id) | Way::OutOfBand(id) => Some(id.0),
        Way::Recovery | Way::LegacyRecovery | Way::Bypass => None,
    }
}
