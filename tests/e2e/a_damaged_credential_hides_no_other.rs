//! Proves: a credential that the token reports as damaged is marked in lists and among all codes,
//! its own code is refused as `CredentialDamaged`, every other credential is listed and computed,
//! nothing is deleted, and its owner can replace or remove it.
//! Does not prove: that a damaged credential is told from one that wants a touch where both answer
//! late.

use oathd_card::{Fault, Profile};
use oathd_client::{AddOptions, ErrorName};
use oathd_tests::world::User;

use crate::desk::{Desk, SEED, cause, model, named};

#[tokio::test]
async fn the_others_are_served() {
    for profile in [Profile::YubiKey57, Profile::YubiKey43, Profile::Neo] {
        let desk = Desk::with(vec![model(profile)]).await;
        let token = desk.token().await;
        for name in ["first", "broken", "last"] {
            token.add(SEED, &named(name)).await.unwrap();
        }
        let codes = token.codes(false).await.unwrap();
        assert!(codes.iter().all(|row| row.code.is_some()));
        desk.card(0).inject(Fault::Memory("broken".to_owned()));
        let before = desk.memory(0);

        let listed = token.credentials(false).await.unwrap();
        let marks: Vec<_> = listed
            .iter()
            .map(|one| (one.id.as_str(), one.damaged))
            .collect();
        assert_eq!(
            marks,
            [("first", None), ("broken", Some(true)), ("last", None)]
        );
        let rows = token.codes(false).await.unwrap();
        let reasons: Vec<_> = rows.iter().map(|row| row.reason.as_deref()).collect();
        assert_eq!(reasons, [None, Some("CredentialDamaged"), None]);
        assert!(rows[0].code.is_some() && rows[1].code.is_none() && rows[2].code.is_some());
        for name in ["first", "last"] {
            token.code(name, false).await.unwrap();
        }
        let damaged = token.code("broken", false).await;
        assert_eq!(cause(damaged), ErrorName::CredentialDamaged);
        // The same where nothing of the token is known yet.
        let client = desk.client().await;
        let token = desk.reinsert(&client, 0).await;
        let damaged = token.code("broken", false).await;
        assert_eq!(cause(damaged), ErrorName::CredentialDamaged);
        token.code("last", false).await.unwrap();
        assert_eq!(
            desk.near.oathctl(User::Root, "code -s broken", ""),
            (1, "CredentialDamaged".to_owned())
        );
        assert_eq!(desk.memory(0), before);

        let replacing = AddOptions {
            overwrite: Some(true),
            ..named("broken")
        };
        token.add(SEED, &replacing).await.unwrap();
        token.code("broken", false).await.unwrap();
        desk.card(0).inject(Fault::Memory("broken".to_owned()));
        token.remove("broken").await.unwrap();
        assert_eq!(token.credentials(false).await.unwrap().len(), 2);
    }
}
