//! Proves: Yubico's `ykman`, the program as people run it, lists and computes what oathd added,
//! finds its password, and leaves to oathd what it adds, renames, deletes and locks.
//! Does not prove: each option of it; see the tests with its library.

use oathd_client::ErrorName;

use super::case::Case;
use super::{Both, assert_fails};
use crate::dice::Dice;

#[tokio::test]
async fn takes_turns_with_oathd() {
    let both = Both::start().await;
    let case = Case {
        issuer: Some("Bänk".to_owned()),
        ..Case::new("me", &mut Dice::new())
    };
    both.token.add(&case.seed, &case.options()).await.unwrap();
    let (_, listed) = both.ykman(&["accounts", "list"]);
    assert_eq!(listed, "Bänk:me\n");
    // A step may end between two of these.
    let before = both.token.code("Bänk:me", false).await.unwrap().code;
    let (_, theirs) = both.ykman(&["accounts", "code", "--single", "bänk"]);
    let after = both.token.code("Bänk:me", false).await.unwrap().code;
    assert!([before, after].contains(&theirs.trim_end().to_owned()));

    let uri = "otpauth://hotp/Lab:door?secret=GEZDGNBVGY3TQOJQ&issuer=Lab&counter=3&digits=8";
    assert_eq!(
        both.ykman(&["accounts", "uri", uri]),
        (0, "OATH account added.\n".to_owned())
    );
    assert_eq!(both.ids().await, ["Bänk:me", "Lab:door"]);
    let door = Case {
        seed: b"1234567890".to_vec(),
        digits: 8,
        ..Case::hotp("door", 3, &mut Dice::new())
    };
    let code = both.token.code("Lab:door", false).await.unwrap().code;
    assert_eq!(code, door.oathtool(3));
    let (_, theirs) = both.ykman(&["accounts", "code", "--single", "door"]);
    assert_eq!(theirs.trim_end(), door.oathtool(4));

    let rename = ["accounts", "rename", "--force", "door", "Lab:gate"];
    assert_eq!(both.ykman(&rename).0, 0);
    let code = both.token.code("Lab:gate", false).await.unwrap().code;
    assert_eq!(code, door.oathtool(5));
    assert_eq!(both.ykman(&["accounts", "delete", "--force", "gate"]).0, 0);
    assert_eq!(both.ids().await, ["Bänk:me"]);

    let (status, said) = both.ykman(&["access", "change", "--new-password", "theirs"]);
    assert_eq!(status, 0, "{said}");
    assert_fails(
        both.token.code("Bänk:me", false).await,
        ErrorName::PasswordRequired,
    );
    both.token.unlock(b"theirs", false).await.unwrap();
    both.token.set_password(b"ours", false).await.unwrap();
    let wrong = both.ykman(&["accounts", "list", "--password", "theirs"]);
    assert_ne!(wrong.0, 0, "{wrong:?}");
    let right = both.ykman(&["accounts", "list", "--password", "ours"]);
    assert_eq!(right, (0, "Bänk:me\n".to_owned()));
    both.token.clear_password().await.unwrap();
    assert_eq!(both.ykman(&["accounts", "list"]).1, "Bänk:me\n");
}
