//! Proves: what does not fit a token – no free slot, a name of more than 64 bytes, a name that is
//! taken, what its firmware does not offer or would damage – is refused by its own error, which
//! says what is missing, and leaves the token's memory as it was, byte for byte; a credential is
//! replaced on purpose alone.
//! Does not prove: that the limits of each firmware are those of real tokens.

use std::sync::Arc;

use oathd_card::{CardOptions, Profile};
use oathd_client::{AddOptions, Error, ErrorDetails, ErrorName, ImportOptions, RenameOptions};
use oathd_sim::in_process::InProcess;
use oathd_token::transport::{Absence, Cards, Channel, ReaderWatch, Source, TransportError, Waker};

use crate::desk::{Desk, SEED, model, named, refused, touched};

/// A refusal that left card 0 as it was.
#[track_caller]
fn unwritten<T: std::fmt::Debug>(
    desk: &Desk,
    before: &str,
    answer: Result<T, Error>,
) -> (ErrorName, ErrorDetails) {
    let refusal = refused(answer);
    assert_eq!(desk.memory(0), before, "{refusal:?}");
    refusal
}

fn sha512(name: &str) -> AddOptions {
    AddOptions {
        algorithm: Some("SHA512".to_owned()),
        ..named(name)
    }
}

fn to(name: &str) -> RenameOptions {
    RenameOptions {
        name: Some(name.to_owned()),
        ..RenameOptions::default()
    }
}

#[tokio::test]
async fn one_more_than_fits() {
    for (profile, capacity) in [(Profile::YubiKey57, 64), (Profile::YubiKey43, 32)] {
        let desk = Desk::with(vec![model(profile)]).await;
        let token = desk.token().await;
        for number in 0..capacity {
            token
                .add(SEED, &named(&format!("account {number}")))
                .await
                .unwrap();
        }
        let before = desk.memory(0);
        let added = token.add(SEED, &named("more")).await;
        let (name, details) = unwritten(&desk, &before, added);
        assert_eq!(
            (name, details.capacity),
            (ErrorName::TokenFull, Some(capacity))
        );
        let uri = "otpauth://totp/more?secret=GEZDGNBVGY3TQOJQ";
        let imported = token.import_uri(uri, &ImportOptions::default()).await;
        assert_eq!(unwritten(&desk, &before, imported).0, ErrorName::TokenFull);
        let (status, error) = desk.near.oathctl(
            oathd_tests::world::User::Root,
            "add more",
            "GEZDGNBVGY3TQOJQ\n",
        );
        assert_eq!((status, error.as_str()), (1, "TokenFull"));
        // What is replaced takes no other slot.
        let replacing = AddOptions {
            overwrite: Some(true),
            ..named("account 0")
        };
        token
            .add(b"another seed of a kind", &replacing)
            .await
            .unwrap();
        assert_ne!(desk.memory(0), before);
    }
}

#[tokio::test]
async fn names_that_no_token_keeps() {
    let desk = Desk::with_a_token().await;
    let token = desk.token().await;
    token.add(SEED, &named("mail")).await.unwrap();
    let before = desk.memory(0);
    // 33 letters of two bytes each.
    let long = "é".repeat(33);
    let with_period = AddOptions {
        period: Some(60),
        ..named(&"x".repeat(62))
    };
    let with_issuer = AddOptions {
        issuer: Some("y".repeat(32)),
        ..named(&"x".repeat(32))
    };
    let colon = AddOptions {
        issuer: Some("a:b".to_owned()),
        ..named("x")
    };
    let cases = [
        named(&long),
        with_period,
        with_issuer,
        colon,
        named(""),
        named("a\nb"),
        AddOptions::default(),
    ];
    for options in cases {
        let added = token.add(SEED, &options).await;
        assert_eq!(
            unwritten(&desk, &before, added).0,
            ErrorName::InvalidName,
            "{options:?}"
        );
    }
    for name in [long.as_str(), "", "a\nb"] {
        let renamed = token.rename("mail", &to(name)).await;
        assert_eq!(unwritten(&desk, &before, renamed).0, ErrorName::InvalidName);
    }
    let full = "é".repeat(32);
    assert_eq!(token.add(SEED, &named(&full)).await.unwrap(), full);
    token.code(&full, false).await.unwrap();
}

#[tokio::test]
async fn a_name_that_is_taken_unless_on_purpose() {
    let desk = Desk::with_a_token().await;
    let token = desk.token().await;
    token.add(SEED, &named("mail")).await.unwrap();
    token.add(SEED, &named("post")).await.unwrap();
    let before = desk.memory(0);
    let hotp = AddOptions {
        kind: Some("hotp".to_owned()),
        ..named("mail")
    };
    for options in [named("mail"), hotp] {
        let added = token.add(b"another seed of a kind", &options).await;
        assert_eq!(
            unwritten(&desk, &before, added).0,
            ErrorName::CredentialExists
        );
    }
    let uri = "otpauth://totp/mail?secret=GEZDGNBVGY3TQOJQ";
    let imported = token.import_uri(uri, &ImportOptions::default()).await;
    assert_eq!(
        unwritten(&desk, &before, imported).0,
        ErrorName::CredentialExists
    );
    let renamed = token.rename("post", &to("mail")).await;
    assert_eq!(
        unwritten(&desk, &before, renamed).0,
        ErrorName::CredentialExists
    );

    let on_purpose = ImportOptions {
        overwrite: Some(true),
        ..ImportOptions::default()
    };
    token.import_uri(uri, &on_purpose).await.unwrap();
    assert_ne!(desk.memory(0), before);
    assert_eq!(token.credentials(false).await.unwrap().len(), 2);
}

#[tokio::test]
async fn what_an_old_firmware_does_not_offer() {
    for profile in [Profile::Neo, Profile::YubiKey43] {
        let desk = Desk::with(vec![model(profile)]).await;
        let token = desk.token().await;
        token.add(SEED, &named("mail")).await.unwrap();
        let before = desk.memory(0);
        let renamed = token.rename("mail", &to("post")).await;
        let (name, details) = unwritten(&desk, &before, renamed);
        assert_eq!(name, ErrorName::Unsupported);
        assert_eq!(details.feature.as_deref(), Some("rename"));
        assert!(
            !token
                .describe()
                .await
                .unwrap()
                .capabilities
                .contains(&"rename".to_owned())
        );
        let root = oathd_tests::world::User::Root;
        let (status, error) = desk.near.oathctl(root, "rename mail post", "");
        assert_eq!((status, error.as_str()), (1, "Unsupported"));
        if profile == Profile::Neo {
            for (options, feature) in [(touched("more"), "touch"), (sha512("more"), "sha512")] {
                let added = token.add(SEED, &options).await;
                let (name, details) = unwritten(&desk, &before, added);
                assert_eq!(name, ErrorName::Unsupported);
                assert_eq!(details.feature.as_deref(), Some(feature));
            }
        } else {
            token.add(SEED, &touched("with touch")).await.unwrap();
            token.add(SEED, &sha512("with SHA-512")).await.unwrap();
        }
    }
}

#[tokio::test]
async fn what_a_faulty_firmware_would_damage() {
    let old: CardOptions = model(Profile::YubiKey43);
    let desk = Desk::behind(vec![old.clone()], |readers| Arc::new(Older(readers, 0))).await;
    let token = desk.token().await;
    assert_eq!(token.describe().await.unwrap().firmware, "4.3.0");
    let added = token.add(SEED, &sha512("mail")).await;
    let before = desk.memory(0);
    let (name, details) = unwritten(&desk, &before, added);
    assert_eq!(
        (name, details.feature.as_deref()),
        (ErrorName::Unsupported, Some("sha512"))
    );

    let desk = Desk::behind(vec![old], |readers| Arc::new(Older(readers, 4))).await;
    let token = desk.token().await;
    assert_eq!(token.describe().await.unwrap().firmware, "4.3.4");
    token.add(SEED, &named("mailbox")).await.unwrap();
    let before = desk.memory(0);
    let added = token.add(SEED, &named("mail")).await;
    let (name, details) = unwritten(&desk, &before, added);
    assert_eq!(
        (name, details.feature.as_deref()),
        (ErrorName::Unsupported, Some("prefix_name"))
    );
    // Only the beginning of a stored name does harm.
    for harmless in ["mailboxes", "post", "ailbox"] {
        token.add(SEED, &named(harmless)).await.unwrap();
    }
}

/// Readers whose cards of firmware 4.3.7 say that they are 4.3.x.
struct Older(InProcess, u8);

impl Source for Older {
    fn connect(&self) -> Result<Box<dyn Cards>, TransportError> {
        Ok(Box::new(OlderCards(self.0.connect()?, self.1)))
    }

    fn watch(&self) -> Result<(Box<dyn ReaderWatch>, Waker), TransportError> {
        self.0.watch()
    }

    fn absence(&self) -> Result<(Box<dyn Absence>, Waker), TransportError> {
        self.0.absence()
    }
}

struct OlderCards(Box<dyn Cards>, u8);

impl Cards for OlderCards {
    fn transaction(
        &mut self,
        reader: &str,
        work: &mut dyn FnMut(&mut dyn Channel),
    ) -> Result<(), TransportError> {
        let patch = self.1;
        self.0.transaction(reader, &mut |channel| {
            work(&mut OlderChannel(channel, patch));
        })
    }
}

struct OlderChannel<'a>(&'a mut dyn Channel, u8);

impl Channel for OlderChannel<'_> {
    fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, TransportError> {
        let mut answer = self.0.transmit(apdu)?;
        // A version with its length byte, or as text.
        for (said, last) in [(&[3, 4, 3, 7][..], self.1), (b"4.3.7", b'0' + self.1)] {
            let found = answer.windows(said.len()).position(|bytes| bytes == said);
            if let Some(at) = found {
                answer[at + said.len() - 1] = last;
            }
        }
        Ok(answer)
    }
}
