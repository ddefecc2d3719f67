//! The codes that a response is compared with: from a sealed seed, or from the slot of a token.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::join_all;
use oathd_api::ErrorName;
use oathd_core::{
    Account, AccountName, Candidate, Custody, FactorId, Holding, RealmName, Sealed, Source,
    TypedDigits, Wanted,
};
use oathd_oath::{Algorithm, CredentialId, Digits, Secret, code};
use oathd_token::{AccessKey, Form, Steps, StepsRequest, Token, TouchPolicy};

use super::{Who, seeds};
use crate::{
    error::Error,
    service::{Call, Service},
    vault::{Vault, VaultError},
};

/// Bytes of the seed that stands in for those of accounts that do not exist.
const DECOY_SEED: usize = 20;

/// A sealed seed that nobody has, opened in place of those of accounts that do not exist, so that
/// it takes as long. Clones share it.
#[derive(Clone)]
pub(super) struct DecoySeed(Arc<Decoy>);

struct Decoy {
    seed: Result<(AccountName, Secret), VaultError>,
    /// The seed as the key at this address has sealed it: keys come and go while oathd runs.
    sealed: Mutex<Option<(usize, Sealed)>>,
}

impl DecoySeed {
    /// Makes one of random bytes.
    pub(super) fn new(random: [u8; DECOY_SEED]) -> DecoySeed {
        let place = AccountName::new("nobody", RealmName::local()).ok();
        let seed = place.zip(Secret::new(random.to_vec()).ok());
        DecoySeed(Arc::new(Decoy {
            seed: seed.ok_or(VaultError::Damaged),
            sealed: Mutex::default(),
        }))
    }

    fn open(&self, vault: &Vault) -> Result<Secret, VaultError> {
        let (account, seed) = self.0.seed.as_ref().map_err(VaultError::clone)?;
        let place = (account, FactorId::DECOY);
        let key = Arc::as_ptr(&vault.key()?).addr();
        let mut held = self.0.sealed.lock().unwrap_or_else(PoisonError::into_inner);
        let sealed = match held.take() {
            Some((by, sealed)) if by == key => sealed,
            _ => seeds::seal(vault, Holding::Seed, place, seed.expose())?,
        };
        let (_, sealed) = held.insert((key, sealed));
        seeds::open(vault, Holding::Seed, place, sealed)
    }
}

/// Codes that could be computed, and why others could not.
#[derive(Default)]
pub(super) struct Computed {
    pub(super) candidates: Vec<Candidate>,
    pub(super) failures: Vec<Error>,
}

impl Computed {
    /// The failure that a caller is told when nothing at all could be computed.
    pub(super) fn failure(&mut self) -> Option<Error> {
        match self.candidates.is_empty() && !self.failures.is_empty() {
            true => Some(self.failures.remove(0)),
            false => None,
        }
    }
}

/// Adds the codes of the seeds that are sealed.
pub(super) fn seed_codes(
    computed: &mut Computed,
    account: &Account,
    wanted: &[Wanted],
    vault: &Vault,
    decoy: &DecoySeed,
) {
    for wanted in wanted.iter().filter(|wanted| wanted.source == Source::Seed) {
        let factor = account.factor(wanted.factor);
        let usual = (Algorithm::default(), Digits::default());
        let (opened, (algorithm, digits)) = match factor {
            Some(factor) => match &factor.custody {
                Custody::Sealed(sealed) if factor.id != FactorId::DECOY => (
                    seeds::open(vault, Holding::Seed, (account.name(), factor.id), sealed),
                    (factor.algorithm, factor.digits),
                ),
                _ => (decoy.open(vault), usual),
            },
            None => (decoy.open(vault), usual),
        };
        match opened {
            Ok(seed) => {
                let codes = codes_of(&seed, (algorithm, digits), wanted);
                computed.candidates.extend(codes);
            }
            Err(reason) => {
                if reason == VaultError::Damaged {
                    tracing::error!(account = %account.name(), factor = wanted.factor.0, "the seed does not open");
                }
                computed.failures.push(reason.into());
            }
        }
    }
}

/// The codes of a seed.
pub(super) fn codes_of(
    seed: &Secret,
    (algorithm, digits): (Algorithm, Digits),
    wanted: &Wanted,
) -> impl Iterator<Item = Candidate> {
    (wanted.first..=wanted.last).filter_map(move |counter| {
        Some(Candidate {
            factor: wanted.factor,
            counter,
            source: Source::Seed,
            code: TypedDigits::parse(&code::hotp(seed, algorithm, digits, counter))?,
        })
    })
}

impl Service {
    /// The codes of the slots on tokens, each token asked at the same time.
    pub(super) async fn candidates_of_slots(
        &self,
        call: &Call,
        who: &Who,
        wanted: &[Wanted],
    ) -> Computed {
        let asked = wanted.iter().filter_map(|wanted| match &wanted.source {
            Source::Slot(slot) => Some((wanted, slot)),
            Source::Seed => None,
        });
        let answers = asked.map(|(wanted, slot)| async move {
            let token = self.token_of(&slot.device).await?;
            let key = self.key_of_account(who, &token).await?;
            let id = CredentialId::from_bytes(&slot.credential)?;
            let unfit = || Error::because(ErrorName::Unsupported, "a slot answers few steps");
            let steps = Steps::new((wanted.first..=wanted.last).take(Steps::MOST + 1).collect());
            let request = StepsRequest {
                id,
                steps: steps.ok_or_else(unfit)?,
                form: Form::Code,
                touch: TouchPolicy::Refuse,
            };
            let answers = call.within(&token)?.steps(Some(key), request).await?;
            let codes = (wanted.first..=wanted.last).zip(answers);
            let candidates = codes.filter_map(|(counter, answer)| {
                let code = TypedDigits::parse(std::str::from_utf8(&answer).ok()?)?;
                Some(Candidate {
                    factor: wanted.factor,
                    counter,
                    source: wanted.source.clone(),
                    code,
                })
            });
            Ok::<_, Error>(candidates.collect::<Vec<_>>())
        });
        let mut computed = Computed::default();
        for answer in join_all(answers).await {
            match answer {
                Ok(candidates) => computed.candidates.extend(candidates),
                Err(failure) => computed.failures.push(failure),
            }
        }
        computed
    }

    /// The only token of a device id.
    pub(super) async fn token_of(&self, device: &[u8]) -> Result<Token, Error> {
        let fits = |token: &Token, device: &[u8]| token.info().device_id.as_bytes() == device;
        let wanted = device.to_vec();
        let tokens = self
            .hub()
            .tokens_with(move |token| fits(token, &wanted))
            .await?;
        let mut fitting = tokens.into_iter().filter(|token| fits(token, device));
        match (fitting.next(), fitting.next()) {
            (Some(token), None) => Ok(token),
            (Some(_), Some(_)) => Err(Error::new(ErrorName::TokenDuplicated)),
            (None, _) => {
                self.refuse_held()?;
                Err(Error::new(ErrorName::NoToken))
            }
        }
    }

    /// The key that the pairing of an account's owner, of its realm's service or of root gave a
    /// token. It insists that the token knows it too: a stranger's card cannot answer for it.
    pub(super) async fn key_of_account(
        &self,
        who: &Who,
        token: &Token,
    ) -> Result<Arc<AccessKey>, Error> {
        let settings = self.accounts().settings();
        let realm = settings.realms.get(who.account.realm());
        let owner = who.uid.or(realm.and_then(|realm| realm.uid));
        for uid in owner.into_iter().chain([0]) {
            if let Some(key) = self.paired_key(uid, token).await? {
                return Ok(key);
            }
        }
        let detail = "the token is not paired for this account";
        Err(Error::because(ErrorName::NoToken, detail))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{random::SystemRandom, scratch_dir::private_dir, store::Store};

    #[tokio::test]
    async fn nobody_has_a_seed_as_soon_as_there_is_a_key() {
        let dir = private_dir();
        let store = Store::open(dir.path()).unwrap();
        let vault = Vault::load(&store, dir.path(), None, Arc::new(SystemRandom));
        let vault = vault.await.unwrap();
        let decoy = DecoySeed::new([7; DECOY_SEED]);
        for _ in 0..3 {
            assert_eq!(decoy.open(&vault).unwrap().expose(), [7; DECOY_SEED]);
        }
        let stranger = Account::decoy("nobody@shop".parse().unwrap());
        let wanted = Wanted {
            factor: FactorId::DECOY,
            source: Source::Seed,
            first: 1,
            last: 3,
        };
        let mut computed = Computed::default();
        seed_codes(&mut computed, &stranger, &[wanted], &vault, &decoy);
        assert_eq!((computed.candidates.len(), computed.failures.len()), (3, 0));
    }
}
