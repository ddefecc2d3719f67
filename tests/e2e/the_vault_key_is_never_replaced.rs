//! Proves: with its vault key missing or wrong oathd answers `VaultKeyUnavailable` where it would
//! have to seal or open, makes no new key, and goes on serving whoever types the password; with
//! the key back, what it had sealed opens again.
//! Does not prove: keys from a systemd credential.

use std::fs;

use oathd_api::ErrorName;
use oathd_tests::world::User;

use crate::desk::named;
use crate::near::{Near, error};

const PASSWORD: &[u8] = b"correct horse";
const UNAVAILABLE: &str = ErrorName::VaultKeyUnavailable.as_str();

/// What can befall the key file.
const ACCIDENTS: [(&str, Option<&[u8]>); 4] = [
    ("removed", None),
    ("another", Some(&[7; 32])),
    ("cut short", Some(&[7; 31])),
    ("empty", Some(&[])),
];

#[tokio::test]
async fn without_it_codes_are_for_those_who_type() {
    let mut near = Near::with_a_token().await;
    let alice = near.token(User::Alice).await;
    let mail = named("mail");
    alice.add(b"12345678901234567890", &mail).await.unwrap();
    alice.set_password(PASSWORD, true).await.unwrap();
    let key = near.world.path("state/vault.key");
    let right = fs::read(&key).unwrap();
    for (accident, content) in ACCIDENTS {
        near.stop().await;
        match content {
            Some(content) => fs::write(&key, content).unwrap(),
            None => fs::rename(&key, near.world.path("state/away")).unwrap(),
        }
        near.start().await;
        let (alice, bob) = (near.token(User::Alice).await, near.token(User::Bob).await);
        assert_eq!(error(alice.code("mail", false).await), UNAVAILABLE);
        assert_eq!(
            near.oathctl(User::Alice, "code -s mail", ""),
            (69, UNAVAILABLE.to_owned())
        );
        let told = alice.describe().await.unwrap();
        assert!(
            told.locked && !told.unlocked && !told.remembered,
            "{told:?}"
        );
        let required = ErrorName::PasswordRequired.as_str();
        assert_eq!(error(bob.code("mail", false).await), required);
        for user in [&alice, &bob] {
            user.unlock(PASSWORD, false).await.unwrap();
            user.code("mail", false).await.unwrap();
            assert_eq!(error(user.unlock(PASSWORD, true).await), UNAVAILABLE);
            let set = user.set_password(b"another", true).await;
            assert_eq!(error(set), UNAVAILABLE);
            user.unlock(PASSWORD, false).await.unwrap();
            user.code("mail", false).await.unwrap();
        }
        assert_eq!(error(bob.pair().await), UNAVAILABLE);
        bob.code("mail", false).await.unwrap();
        assert_eq!(bob.credentials(true).await.unwrap().len(), 1);

        near.stop().await;
        match content {
            Some(content) => {
                assert_eq!(fs::read(&key).unwrap(), content, "{accident}");
                fs::write(&key, &right).unwrap();
            }
            None => {
                assert!(!key.exists(), "a key was made in place of the lost one");
                fs::rename(near.world.path("state/away"), &key).unwrap();
            }
        }
        near.start().await;
        let alice = near.token(User::Alice).await;
        alice.code("mail", false).await.unwrap();
    }

    // What needs no key can be done without it: forgetting.
    near.stop().await;
    fs::remove_file(&key).unwrap();
    near.start().await;
    let alice = near.token(User::Alice).await;
    alice.lock(true).await.unwrap();
    let required = ErrorName::PasswordRequired.as_str();
    assert_eq!(error(alice.code("mail", false).await), required);
}
