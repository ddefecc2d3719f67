//! Proves: without the vault key, codes of sealed seeds are answered `VaultKeyUnavailable` whatever
//! they are and whether the account exists, and none is counted; a recovery code opens the account
//! all the same, once; with the key back, codes work again.
//! Does not prove: that no key is made in place of a lost one, which has a test of its own.

use oathd_client::ErrorName;
use oathd_tests::world::User;

use crate::till::Shop;

#[tokio::test]
async fn a_recovery_code_needs_no_vault_key() {
    let mut shop = Shop::open().await;
    let owner = shop.enrol("ada").await;
    shop.near.stop().await;
    let key = shop.near.world.path("state").join("vault.key");
    let aside = key.with_extension("aside");
    std::fs::rename(&key, &aside).unwrap();
    shop.near.start().await;
    shop.service = shop.near.client(User::Alice).await;
    let right = shop.code(&owner.seed, 0);
    for _ in 0..10 {
        for (account, code) in [
            (owner.account.as_str(), right.as_str()),
            (owner.account.as_str(), "000000"),
            ("nobody@shop", "000000"),
        ] {
            let refused = shop.verify(account, code).await;
            assert_eq!(shop.refused(refused), ErrorName::VaultKeyUnavailable);
        }
    }
    let receipt = shop
        .verify(&owner.account, &owner.recovery[0])
        .await
        .unwrap();
    assert_eq!(receipt.way, "recovery");
    let again = shop.verify(&owner.account, &owner.recovery[0]).await;
    assert_eq!(shop.refused(again), ErrorName::CodeUsed);
    shop.near.stop().await;
    std::fs::rename(&aside, &key).unwrap();
    shop.near.start().await;
    shop.service = shop.near.client(User::Alice).await;
    let receipt = shop.verify(&owner.account, &right).await.unwrap();
    assert_eq!(receipt.way, "code");
}
