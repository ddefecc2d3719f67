//! What was granted before and is shown again: receipts, sessions, API keys.

use oathd_api::{
    ErrorName,
    wire::verifier::{ApiKeyRecord, ReceiptRecord, SessionRecord, VerifyOptions},
};
use zbus::Fd;

use super::{
    change::bearer,
    sessions::{of_realm, record},
    verify,
};
use crate::{
    error::Error,
    service::{Call, Service},
};

/// Seconds for which the last use of a session may stay unwritten: a write for each request of a
/// service would cost more than the request.
const UNWRITTEN: u64 = 60;

impl Service {
    /// Redeems a receipt; it is used up whatever comes of it.
    pub(crate) async fn check_receipt(
        &self,
        call: &Call,
        account: &str,
        receipt: &str,
        options: VerifyOptions,
    ) -> Result<ReceiptRecord, Error> {
        let (service, host) = (options.service.as_deref(), options.remote_host.as_deref());
        let who = self.who(call, account, service, host).await?;
        let accounts = self.accounts();
        let receipt = accounts
            .receipts
            .take(receipt)
            .filter(|receipt| receipt.account == who.account);
        let kept = accounts.ledger.read(&who.account).await?;
        let kept = kept.filter(|account| who.owns(account));
        let (Some(receipt), Some(account)) = (receipt, kept) else {
            return Err(Error::new(ErrorName::ProofRequired));
        };
        let now = accounts.clock.now();
        let receipt = receipt.redeem(&who.holder(), account.generation(), now)?;
        Ok(verify::record(&receipt))
    }

    /// Checks a session of a realm's account, which counts as its use.
    pub(crate) async fn check_session(
        &self,
        call: &Call,
        account: &str,
        token: &Fd<'_>,
    ) -> Result<SessionRecord, Error> {
        let who = self.who(call, account, None, None).await?;
        of_realm(&who)?;
        let bearer = bearer(token)?;
        let ledger = &self.accounts().ledger;
        let checked = ledger.change(&who.account, who.actor(), move |draft| {
            let found = draft.session(&bearer)?;
            let mut session = found.ok_or_else(|| Error::new(ErrorName::ProofRequired))?;
            let (generation, now) = (draft.account.generation(), draft.moment.now);
            let before = session.last_used;
            let checked = session.check(&bearer, generation, now);
            checked.map_err(|reason| Error::because(ErrorName::ProofRequired, reason))?;
            if session.last_used - before >= UNWRITTEN.min(session.lifetime.idle / 4) {
                draft.keep_session(&session)?;
            }
            Ok::<_, Error>(record(&session, draft.account.must_reenrol()))
        });
        checked.await?
    }

    /// Checks the API key of a realm's account.
    pub(crate) async fn check_api_key(
        &self,
        call: &Call,
        account: &str,
        key: &Fd<'_>,
    ) -> Result<ApiKeyRecord, Error> {
        let who = self.who(call, account, None, None).await?;
        of_realm(&who)?;
        let bearer = bearer(key)?;
        let ledger = &self.accounts().ledger;
        let checked = ledger.change(&who.account, who.actor(), move |draft| {
            let key = draft.api_key()?;
            let key = key.ok_or_else(|| Error::new(ErrorName::ProofRequired))?;
            let checked = key.check(&bearer, draft.account.generation());
            checked.map_err(|reason| Error::because(ErrorName::ProofRequired, reason))?;
            Ok::<_, Error>(ApiKeyRecord { issued: key.issued })
        });
        checked.await?
    }
}
