//! An attempt that is charged while a token is asked.

use super::judging::{Charged, Concluded, Judge};
use crate::{
    error::Error,
    ledger::{Draft, Ledger},
};

/// A charged attempt that nobody has judged. Where its caller leaves before the token has answered,
/// nothing was looked at and nobody learned anything: the charge is given back.
pub(super) struct Pending {
    ledger: Ledger,
    judge: Judge,
    charged: Option<Charged>,
}

impl Pending {
    pub(super) fn new(ledger: &Ledger, judge: &Judge, charged: Charged) -> Pending {
        Pending {
            ledger: ledger.clone(),
            judge: judge.clone(),
            charged: Some(charged),
        }
    }

    /// Ends it in a change of its account.
    pub(super) async fn end<W>(mut self, work: W) -> Result<Concluded, Error>
    where
        W: FnOnce(&Judge, &mut Draft<'_>, Charged) -> Concluded + Send + 'static,
    {
        let charged = self.charged.take();
        let (judge, who) = (self.judge.clone(), self.judge.who.clone());
        let concluded = self.ledger.change(&who.account, who.actor(), move |draft| {
            charged.map(|charged| work(&judge, draft, charged))
        });
        // It ends once, so it is charged until here.
        concluded.await?.ok_or_else(Error::disconnected)
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let (Some(charged), Ok(runtime)) =
            (self.charged.take(), tokio::runtime::Handle::try_current())
        else {
            return;
        };
        let (ledger, judge) = (self.ledger.clone(), self.judge.clone());
        runtime.spawn(async move {
            let who = judge.who.clone();
            let withdrawn = ledger.change(&who.account, who.actor(), move |draft| {
                judge.withdraw(draft, charged);
            });
            if let Err(error) = withdrawn.await {
                tracing::warn!(%error, "the charge of an abandoned attempt stays");
            }
        });
    }
}
