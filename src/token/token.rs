//! One token, as the rest of the program sees it.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError, atomic::AtomicBool, atomic::Ordering},
    time::Duration,
};

use oathd_oath::{CredentialId, NewCredential};
use tokio::{sync::oneshot, time::timeout};
use zeroize::Zeroizing;

use crate::{
    access::{Access, AccessKey},
    call::{self, Job},
    error::TokenError,
    identity::{TokenInfo, TokenKey},
    knowledge::Knowledge,
    operations::{self, Desk, touch::Touching},
    owner::Lanes,
    request::{
        AddOptions, Code, CodeEntry, CodeRequest, Credential, PickRequest, StepsRequest, Touch,
        TouchPolicy, Usage,
    },
    settings::Settings,
};

/// How long a card waits for a touch, in seconds, before it answers 6982.
const TOUCH_WAIT: u64 = 15;

/// A token in a reader. Cheap to clone; every clone means the same insertion. After removal every request
/// answers [`TokenError::Removed`].
#[derive(Clone)]
pub struct Token {
    shared: Arc<Shared>,
    lanes: Lanes,
    settings: Arc<Settings>,
}

/// What the owner thread and all handles know together.
pub(crate) struct Shared {
    pub(crate) key: TokenKey,
    pub(crate) facts: Mutex<Facts>,
    pub(crate) knowledge: Mutex<Knowledge>,
    pub(crate) duplicated: AtomicBool,
    pub(crate) busy: AtomicBool,
}

/// What a SELECT and the management application told.
pub(crate) struct Facts {
    pub(crate) info: Arc<TokenInfo>,
    pub(crate) salt: Vec<u8>,
}

/// A lock whose data stays whole whatever a panicking thread did: every change is one assignment.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Token")
            .field("key", &self.shared.key)
            .field("reader", &self.info().reader)
            .finish_non_exhaustive()
    }
}

impl Token {
    pub(crate) fn new(shared: Arc<Shared>, lanes: Lanes, settings: Arc<Settings>) -> Token {
        Token {
            shared,
            lanes,
            settings,
        }
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Names this insertion of the token.
    #[must_use]
    pub fn key(&self) -> TokenKey {
        self.shared.key
    }

    /// The same token for a call that may take `left` longer: no request takes more than that.
    #[must_use]
    pub fn within(&self, left: Duration) -> Token {
        self.limited(left, left)
    }

    /// What is known about the token without its password.
    #[must_use]
    pub fn info(&self) -> Arc<TokenInfo> {
        Arc::clone(&lock(&self.shared.facts).info)
    }

    /// The same token, whose requests are [`TokenError::Busy`] when they could not begin within `busy`
    /// or within [`Settings::busy_deadline`].
    #[must_use]
    pub fn with_patience(&self, busy: Duration) -> Token {
        self.limited(busy, Duration::MAX)
    }

    fn limited(&self, busy: Duration, call: Duration) -> Token {
        let settings = Settings {
            busy_deadline: busy.min(self.settings.busy_deadline),
            call_deadline: call.min(self.settings.call_deadline),
            ..Settings::clone(&self.settings)
        };
        Token {
            settings: Arc::new(settings),
            ..self.clone()
        }
    }

    /// Whether the token works on a request of this program.
    #[must_use]
    pub fn is_busy(&self) -> bool {
        self.shared.busy.load(Ordering::Relaxed)
    }

    /// The access key that a password makes on this token. Takes about a millisecond; sends nothing.
    #[must_use]
    pub fn derive_key(&self, password: &[u8]) -> AccessKey {
        AccessKey::derive(password, &lock(&self.shared.facts).salt)
    }

    /// The stored credentials, in the token's order.
    ///
    /// # Errors
    /// Any [`TokenError`]; a damaged credential is marked and is no error.
    pub async fn list(&self, access: Access) -> Result<Vec<Credential>, TokenError> {
        self.run(move |desk| operations::list::list(desk, &access))
            .await
    }

    /// The code of one credential. An HOTP credential's counter moves on as soon as the token is asked.
    ///
    /// # Errors
    /// Any [`TokenError`]; [`TokenError::TouchRequired`] when a touch is refused and needed.
    pub async fn code(&self, access: Access, request: CodeRequest) -> Result<Code, TokenError> {
        let CodeRequest { id, at, touch } = request;
        let touched = self.foresee(&id, &touch)?;
        self.touching(touched, touch, |touching| {
            let mut work = operations::code::CodeWork::new(id, at, access, touching);
            move |desk: Desk<'_, '_>| work.run(desk)
        })
        .await
    }

    /// What one time-based credential answers over each of the request's steps, in their order and all in
    /// one transaction. The codes of a step are to be compared in constant time.
    ///
    /// # Errors
    /// Any [`TokenError`], and then no answer at all. [`TokenError::NoSuchCredential`] is also for an HOTP
    /// credential, which answers no step; [`TokenError::Unsupported`] for a whole HMAC that the model does
    /// not give.
    pub async fn steps(
        &self,
        access: Access,
        request: StepsRequest,
    ) -> Result<Vec<Zeroizing<Vec<u8>>>, TokenError> {
        let StepsRequest {
            id,
            steps,
            form,
            touch,
        } = request;
        let touched = self.foresee(&id, &touch)?;
        self.touching(touched, touch, |touching| {
            let asked = (id, steps, form);
            let mut work = operations::steps::StepsWork::new(asked, access, touching);
            move |desk: Desk<'_, '_>| work.run(desk)
        })
        .await
    }

    /// The code of the one credential that is picked from all, found and computed in one transaction.
    /// `None` when none is picked, or one that may need a touch which may be waited for. An HOTP
    /// credential's counter moves on as soon as the token is asked.
    ///
    /// # Errors
    /// Any [`TokenError`].
    pub async fn pick_code(
        &self,
        access: Access,
        request: PickRequest,
    ) -> Result<Option<Code>, TokenError> {
        self.touching(false, TouchPolicy::Refuse, |touching| {
            let mut work = operations::pick::PickWork::new(request, access, touching);
            move |desk: Desk<'_, '_>| work.run(desk)
        })
        .await
    }

    /// Whether a credential is known to wait for a touch; refuses what needs one that is not allowed.
    fn foresee(&self, id: &CredentialId, touch: &TouchPolicy) -> Result<bool, TokenError> {
        let touched = lock(&self.shared.knowledge).touch(id) == Touch::Known(true);
        let refused = touched && matches!(touch, TouchPolicy::Refuse);
        if refused && !self.info().protected {
            self.refuse_duplicate()?;
            return Err(TokenError::TouchRequired);
        }
        Ok(touched && !refused)
    }

    /// Runs work that may wait for a touch; `touched` when it will.
    async fn touching<T, W>(
        &self,
        touched: bool,
        touch: TouchPolicy,
        work: impl FnOnce(Touching) -> W,
    ) -> Result<T, TokenError>
    where
        T: Send + 'static,
        W: FnMut(Desk<'_, '_>) -> Result<T, TokenError> + Send + 'static,
    {
        let allow = matches!(touch, TouchPolicy::Allow(_));
        let (computing, computes) = oneshot::channel();
        let (job, answer) = call::request(work(Touching::new(allow, computing)));
        self.submit(job, touched)?;
        let answer = answer.wait(self.settings.busy_deadline, self.settings.call_deadline);
        tokio::pin!(answer);
        tokio::select! {
            biased;
            outcome = &mut answer => return outcome,
            begun = computes => if begun.is_err() {
                return answer.await;
            },
        }
        // The token is computing and may be waiting for a touch.
        if let Ok(outcome) = timeout(self.settings.touch_hint, &mut answer).await {
            return outcome;
        }
        match touch {
            TouchPolicy::Refuse => Err(TokenError::TouchRequired),
            TouchPolicy::Allow(announce) => {
                announce(TOUCH_WAIT);
                answer.await
            }
        }
    }

    /// The codes of all time-based credentials that need no touch; the others are marked.
    ///
    /// # Errors
    /// Any [`TokenError`]; a damaged credential is marked and is no error.
    pub async fn codes(&self, access: Access, at: u64) -> Result<Vec<CodeEntry>, TokenError> {
        self.run(move |desk| operations::codes::codes(desk, &access, at))
            .await
    }

    /// Stores a credential. Every check comes before anything is written.
    ///
    /// # Errors
    /// Any [`TokenError`].
    pub async fn add(
        &self,
        access: Access,
        credential: Arc<NewCredential>,
        options: AddOptions,
    ) -> Result<CredentialId, TokenError> {
        let mut work = operations::add::AddWork::new(access, credential, options);
        self.run(move |desk| work.run(desk)).await
    }

    /// Does all the checks of [`Token::add`] and writes nothing.
    ///
    /// # Errors
    /// Any [`TokenError`].
    pub async fn check_add(
        &self,
        access: Access,
        credential: Arc<NewCredential>,
        options: AddOptions,
    ) -> Result<CredentialId, TokenError> {
        let mut work = operations::add::AddWork::new(access, credential, options);
        self.run(move |desk| work.check(desk)).await
    }

    /// Gives a credential another issuer and name; its period stays. Returns the new id.
    ///
    /// # Errors
    /// Any [`TokenError`].
    pub async fn rename(
        &self,
        access: Access,
        id: CredentialId,
        issuer: Option<String>,
        name: String,
    ) -> Result<CredentialId, TokenError> {
        let mut work = operations::manage::RenameWork::new(access, id, issuer, name);
        self.run(move |desk| work.run(desk)).await
    }

    /// Deletes a credential.
    ///
    /// # Errors
    /// Any [`TokenError`].
    pub async fn remove(&self, access: Access, id: CredentialId) -> Result<(), TokenError> {
        let mut work = operations::manage::RemoveWork::new(access, id);
        self.run(move |desk| work.run(desk)).await
    }

    /// Whether the key opens the token: `Ok` when it does, and when the token has no password.
    ///
    /// # Errors
    /// [`TokenError::WrongPassword`], [`TokenError::PasswordRequired`] and any other [`TokenError`].
    pub async fn validate(&self, access: Access) -> Result<(), TokenError> {
        self.run(move |desk| desk.open(&access).map(drop)).await
    }

    /// Sets or changes the access key.
    ///
    /// # Errors
    /// Any [`TokenError`].
    pub async fn set_key(&self, access: Access, new: Arc<AccessKey>) -> Result<(), TokenError> {
        let mut work = operations::password::KeyWork::new(access, Some(new));
        self.run(move |desk| work.run(desk)).await
    }

    /// Takes the access key away: the token is open to everybody.
    ///
    /// # Errors
    /// Any [`TokenError`].
    pub async fn clear_key(&self, access: Access) -> Result<(), TokenError> {
        let mut work = operations::password::KeyWork::new(access, None);
        self.run(move |desk| work.run(desk)).await
    }

    /// Deletes every credential and the access key. Needs no password, by the protocol.
    ///
    /// # Errors
    /// Any [`TokenError`].
    pub async fn reset(&self) -> Result<(), TokenError> {
        self.run(operations::manage::reset).await
    }

    /// How many slots are used.
    ///
    /// # Errors
    /// Any [`TokenError`].
    pub async fn usage(&self, access: Access) -> Result<Usage, TokenError> {
        self.run(move |desk| operations::list::usage(desk, &access))
            .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnMut(Desk<'_, '_>) -> Result<T, TokenError> + Send + 'static,
    ) -> Result<T, TokenError> {
        let (job, answer) = call::request(work);
        self.submit(job, false)?;
        answer
            .wait(self.settings.busy_deadline, self.settings.call_deadline)
            .await
    }

    fn submit(&self, job: Job, touched: bool) -> Result<(), TokenError> {
        self.refuse_duplicate()?;
        self.lanes.submit(job, touched)
    }

    fn refuse_duplicate(&self) -> Result<(), TokenError> {
        if self.shared.duplicated.load(Ordering::Acquire) {
            return Err(TokenError::Duplicated);
        }
        Ok(())
    }
}
