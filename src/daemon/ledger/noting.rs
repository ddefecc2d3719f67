//! What concerns the whole service, in the audit trail.

use oathd_core::RealmName;

use super::{
    Ledger,
    entry::{Actor, What},
    error::LedgerError,
};

impl Ledger {
    /// Writes down what concerns no account.
    ///
    /// # Errors
    ///
    /// [`LedgerError`]
    pub async fn note(&self, actor: Actor, what: What) -> Result<(), LedgerError> {
        self.0.keys()?;
        let noted = self.0.transact(move |shared, connection| {
            let moment = shared.times.moment(&RealmName::local());
            let appended = shared.append(connection, (&actor, None), moment, vec![what])?;
            Ok(((), appended))
        });
        noted.await
    }
}
