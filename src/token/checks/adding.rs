//! Storing, renaming and removing: everything is checked before anything is written.

use std::sync::Arc;

use oathd_card::Profile;
use oathd_oath::{Algorithm, CredentialId, Kind, NewCredential, Period};

use super::bench::*;
use crate::{AddOptions, Capabilities, TokenError, TokenInfo, What, token::lock};

const PUT: u8 = 0x01;

/// What both the check and the write answer; the check writes nothing, and neither writes when refused.
async fn refused(bench: &Bench, new: NewCredential, options: AddOptions) -> TokenError {
    let new = Arc::new(new);
    let checked = bench.token.check_add(None, Arc::clone(&new), options).await;
    let added = bench.token.add(None, new, options).await;
    assert!(!bench.sent().contains(&PUT), "written");
    let (checked, added) = (checked.unwrap_err(), added.unwrap_err());
    assert_eq!(format!("{checked:?}"), format!("{added:?}"));
    added
}

const PLAIN: AddOptions = AddOptions {
    touch: false,
    overwrite: false,
};
const TOUCH: AddOptions = AddOptions {
    touch: true,
    overwrite: false,
};
const OVERWRITE: AddOptions = AddOptions {
    touch: false,
    overwrite: true,
};

#[tokio::test]
async fn a_duplicate_is_overwritten_only_when_asked() {
    let bench = Bench::new().await;
    bench.add(totp("a")).await;
    bench.sent();
    let error = refused(&bench, totp("a"), PLAIN).await;
    assert!(matches!(error, TokenError::CredentialExists), "{error:?}");
    let added = bench.token.add(None, Arc::new(totp("a")), OVERWRITE);
    added.await.unwrap();
    assert_eq!(bench.token.usage(None).await.unwrap().used, 1);
}

#[tokio::test]
async fn a_full_token_says_so() {
    let bench = Bench::with(Profile::YubiKey54, settings()).await;
    for number in 0..32 {
        bench.add(totp(&number.to_string())).await;
    }
    bench.sent();
    let error = refused(&bench, totp("a"), PLAIN).await;
    assert!(
        matches!(error, TokenError::Full { capacity: Some(32) }),
        "{error:?}"
    );
    let added = bench.token.add(None, Arc::new(totp("7")), OVERWRITE);
    added.await.unwrap();
    let usage = bench.token.usage(None).await.unwrap();
    assert_eq!((usage.used, usage.capacity), (32, Some(32)));
}

#[tokio::test]
async fn a_token_that_is_full_by_memory_says_so() {
    let bench = Bench::with(Profile::Neo, settings()).await;
    let mut outcome = Ok(());
    for number in 0..200 {
        let new = Arc::new(totp(&format!("{number:050}")));
        if let Err(error) = bench.token.add(None, new, PLAIN).await {
            outcome = Err(error);
            break;
        }
    }
    assert!(
        matches!(outcome, Err(TokenError::Full { capacity: None })),
        "{outcome:?}"
    );
}

#[tokio::test]
async fn what_the_model_lacks_is_refused() {
    let bench = Bench::with(Profile::Neo, settings()).await;
    let error = refused(&bench, totp("a"), TOUCH).await;
    assert!(
        matches!(error, TokenError::Unsupported(What::Touch)),
        "{error:?}"
    );
    let mut long = totp("a");
    long.algorithm = Algorithm::Sha512;
    let error = refused(&bench, long, PLAIN).await;
    assert!(
        matches!(error, TokenError::Unsupported(What::Sha512)),
        "{error:?}"
    );
    let id = bench.add(totp("a")).await;
    let renamed = bench.token.rename(None, id, None, "b".to_owned()).await;
    assert!(matches!(
        renamed,
        Err(TokenError::Unsupported(What::Rename))
    ));
}

#[tokio::test]
async fn a_name_too_long_in_bytes_is_refused() {
    let bench = Bench::new().await;
    let error = refused(&bench, totp(&"ä".repeat(33)), PLAIN).await;
    assert!(matches!(error, TokenError::InvalidName(_)), "{error:?}");
    bench.add(totp(&"ä".repeat(32))).await;
}

#[tokio::test]
async fn a_name_that_would_damage_another_is_refused() {
    let bench = Bench::new().await;
    {
        let mut facts = lock(&bench.token.shared().facts);
        facts.info = Arc::new(TokenInfo {
            capabilities: Capabilities {
                prefix_corruption: true,
                ..facts.info.capabilities
            },
            ..TokenInfo::clone(&facts.info)
        });
    }
    bench.add(totp("name and more")).await;
    bench.sent();
    let error = refused(&bench, totp("name"), PLAIN).await;
    assert!(
        matches!(error, TokenError::Unsupported(What::PrefixName)),
        "{error:?}"
    );
    bench.add(totp("name and more still")).await;
}

#[tokio::test]
async fn a_new_name_keeps_the_period_and_the_codes() {
    let bench = Bench::new().await;
    let kind = Kind::Totp {
        period: Period::from_seconds(45).unwrap(),
    };
    let id = bench.add(credential("a", kind)).await;
    let taken = bench.add(credential("c", kind)).await;
    let issuer = Some("Example".to_owned());
    let rename = |name: &str| {
        bench
            .token
            .rename(None, id.clone(), issuer.clone(), name.to_owned())
    };
    let new = rename("b").await.unwrap();
    assert_eq!(new, CredentialId::new(kind, Some("Example"), "b").unwrap());
    let code = bench.token.code(None, refusing(&new)).await.unwrap();
    assert_eq!(*code.text, expected(&credential("a", kind)));
    let again = rename("b").await;
    assert!(matches!(again, Err(TokenError::NoSuchCredential)));
    let onto = bench.token.rename(None, new, None, "c".to_owned()).await;
    assert!(matches!(onto, Err(TokenError::CredentialExists)));
    bench.token.code(None, refusing(&taken)).await.unwrap();
}

#[tokio::test]
async fn a_removed_credential_is_gone() {
    let bench = Bench::new().await;
    let id = bench.add(totp("a")).await;
    bench.token.remove(None, id.clone()).await.unwrap();
    let again = bench.token.remove(None, id.clone()).await;
    assert!(matches!(again, Err(TokenError::NoSuchCredential)));
    let code = bench.token.code(None, refusing(&id)).await;
    assert!(matches!(code, Err(TokenError::NoSuchCredential)));
}
