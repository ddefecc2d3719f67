//! Where codes come from while a factor is enrolled: from the user, or from the token that was just
//! written.

use std::time::Duration;

use oathd_client::{CodeRecord, ErrorName, Token};
use zeroize::Zeroizing;

use crate::failure::Failure;
use crate::session::Session;
use crate::{output, when};

/// The longest wait for the next code, in seconds. The clocks of this host and of oathd may differ.
const LONGEST_WAIT: u64 = 60;

/// Where codes come from.
pub(crate) enum CodeSource {
    /// From whoever types them.
    User,
    /// From a token that oathctl may read.
    Token(ReadToken),
}

/// A token that codes are read from.
pub(crate) struct ReadToken {
    pub(crate) token: Token,
    pub(crate) credential: String,
    pub(crate) last: Option<CodeRecord>,
}

impl CodeSource {
    /// The next code; of a token one that it has not given here before. Empty where there is nobody
    /// to type one.
    pub(crate) async fn next(
        &mut self,
        session: &Session,
        question: &str,
    ) -> Result<Zeroizing<String>, Failure> {
        match self {
            CodeSource::User => session.typed(question),
            CodeSource::Token(read) => read.next(session).await,
        }
    }

    /// Whether another try makes sense after a code was refused.
    pub(crate) fn may_try_again(&self, session: &Session) -> bool {
        matches!(self, CodeSource::User) && session.can_ask()
    }
}

impl ReadToken {
    async fn next(&mut self, session: &Session) -> Result<Zeroizing<String>, Failure> {
        if let Some(until) = self.last.as_ref().and_then(|code| code.until) {
            let left = until.saturating_sub(when::now());
            if (1..=LONGEST_WAIT).contains(&left) {
                output::tell(&format!("Waiting {left} s for the next code."));
                tokio::time::sleep(Duration::from_secs(left)).await;
            }
        }
        let (token, id) = (&self.token, self.credential.as_str());
        let call = session.unlocked(token, async || token.code(id, false).await);
        let code = match call.await {
            Err(failure) if failure.is(ErrorName::TouchRequired) => {
                output::tell("Touch the token: it blinks.");
                token.code(id, true).await?
            }
            other => other?,
        };
        let digits = Zeroizing::new(code.code.clone());
        self.last = Some(code);
        Ok(digits)
    }
}
