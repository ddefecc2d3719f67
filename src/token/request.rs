//! What is asked of a token, and what it answers.

use std::fmt;

use oathd_oath::{Algorithm, CredentialId, Digits, Kind, TypeOnCard};
use zeroize::Zeroizing;

/// Whether a credential computes only after a touch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Touch {
    /// The token told, or a wait for a touch was seen.
    Known(bool),
    /// Nothing tells: an HOTP credential that was not computed yet.
    Unknown,
}

/// A stored credential, as far as the token tells. The secret never leaves it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// The id as stored.
    pub id: CredentialId,
    /// Time or uses; the period is read from the id.
    pub kind: Kind,
    /// The hash.
    pub algorithm: Algorithm,
    /// The code's length, where the token told it.
    pub digits: Option<Digits>,
    /// Whether it requires a touch.
    pub touch: Touch,
    /// The token reports a memory failure for it.
    pub damaged: bool,
}

/// What to do when a credential requires a touch.
pub enum TouchPolicy {
    /// Answer [`crate::TokenError::TouchRequired`].
    Refuse,
    /// Wait for it. The function is called once the token has kept its answer back for the length of
    /// [`crate::Settings::touch_hint`], with the seconds until the token gives up.
    Allow(Box<dyn FnOnce(u64) + Send>),
}

impl fmt::Debug for TouchPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            TouchPolicy::Refuse => "Refuse",
            TouchPolicy::Allow(_) => "Allow(..)",
        })
    }
}

/// A request for one code.
#[derive(Debug)]
pub struct CodeRequest {
    /// The credential.
    pub id: CredentialId,
    /// The moment the code is for, in Unix seconds. HOTP credentials take no notice of it.
    pub at: u64,
    /// What to do when a touch is required.
    pub touch: TouchPolicy,
}

/// Chooses among a token's credentials. It may be called again, when another program disturbed the token.
pub type Pick = Box<dyn FnMut(&[Credential]) -> Option<CredentialId> + Send>;

/// A request for the code of what is picked from the token's credentials.
pub struct PickRequest {
    /// Which credential; `None` for no code.
    pub pick: Pick,
    /// The moment the code is for, in Unix seconds.
    pub at: u64,
    /// A touch may be waited for: give no code where one could be needed, so that it is asked for by
    /// itself. Otherwise that is [`crate::TokenError::TouchRequired`].
    pub touch: bool,
}

/// A code and when it holds.
pub struct Code {
    /// The code as people type it.
    pub text: Zeroizing<String>,
    /// The first second it holds (Unix seconds); for HOTP the moment of the request.
    pub from: u64,
    /// The first second it holds no more; `None` for HOTP.
    pub until: Option<u64>,
}

impl fmt::Debug for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Code")
            .field("text", &"..")
            .field("from", &self.from)
            .field("until", &self.until)
            .finish()
    }
}

/// The steps that one request is about: 1 to [`Steps::MOST`] of them.
#[derive(Debug, Clone)]
pub struct Steps(Vec<u64>);

impl Steps {
    /// As many as one request may name.
    pub const MOST: usize = 16;

    /// A single step. The token takes any number: eight random bytes are a challenge.
    #[must_use]
    pub fn one(step: u64) -> Steps {
        Steps(vec![step])
    }

    /// Several steps. `None` for none and for more than [`Steps::MOST`].
    #[must_use]
    pub fn new(steps: Vec<u64>) -> Option<Steps> {
        (1..=Steps::MOST)
            .contains(&steps.len())
            .then_some(Steps(steps))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = u64> {
        self.0.iter().copied()
    }
}

/// In which form a token answers a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// The decimal code, as ASCII digits.
    Code,
    /// The whole HMAC: 20, 32 or 64 bytes. Not every model gives it.
    Hmac,
}

/// A request for a time-based credential's answers over given steps.
#[derive(Debug)]
pub struct StepsRequest {
    /// The credential.
    pub id: CredentialId,
    /// What to compute over. The token gets each as eight bytes, big-endian (RFC 6238 section 4.2).
    pub steps: Steps,
    /// The form of the answers.
    pub form: Form,
    /// What to do when a touch is required. A credential that requires one wants it for each step.
    pub touch: TouchPolicy,
}

/// One line of all codes.
#[derive(Debug)]
pub struct CodeEntry {
    /// The credential.
    pub id: CredentialId,
    /// Time or uses; the period is read from the id.
    pub kind: Kind,
    /// Its code, or why there is none.
    pub outcome: CodeOutcome,
}

/// What all-codes found for one credential.
#[derive(Debug)]
pub enum CodeOutcome {
    /// A code.
    Code(Code),
    /// A touch would be needed; none was waited for.
    TouchRequired,
    /// A counter credential: computing would use the code up.
    Counter,
    /// The token reports a memory failure for it.
    Damaged,
    /// The token's all-codes command fails over a damaged credential, and nothing tells whether this one
    /// needs a touch: it can still be asked for by itself.
    Uncomputed,
}

/// How a credential is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AddOptions {
    /// Let it compute only after a touch. Cannot be changed later.
    pub touch: bool,
    /// Replace a credential of the same id.
    pub overwrite: bool,
}

/// How full a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// Credentials stored.
    pub used: u16,
    /// Credentials that fit, where the model fixes that number.
    pub capacity: Option<u16>,
}

/// The kind that an id tells, given the type that the token stores beside it.
pub(crate) fn kind_of(id: &CredentialId, on_card: TypeOnCard) -> Kind {
    oathd_oath::Label::parse(id, on_card).kind
}
