//! Proves: seeds, otpauth addresses, exports and pictures that are not what they should be are
//! refused by a name that says which of them is wrong, by the service and by oathctl, with status
//! 65, nothing of them reaches a token, and the service goes on.
//! Does not prove: that no other bytes do harm; the fuzz targets look for those.

use std::fs;

use oathd_client::{ErrorName, ImportOptions};
use oathd_tests::world::User;

use crate::desk::{Desk, SEED, cause, named};

#[tokio::test]
async fn addresses_and_seeds_on_the_bus() {
    use ErrorName::{InvalidName, InvalidSecret, InvalidUri};
    let desk = Desk::with_a_token().await;
    let token = desk.token().await;
    let before = desk.memory(0);
    let long = format!("otpauth://totp/{}?secret=GEZDGNBVGY3TQOJQ", "x".repeat(65));
    let cases = [
        ("", InvalidUri),
        ("hello", InvalidUri),
        ("http://example.com/?secret=GEZDGNBVGY3TQOJQ", InvalidUri),
        ("otpauth://", InvalidUri),
        ("otpauth://motp/x?secret=GEZDGNBVGY3TQOJQ", InvalidUri),
        ("otpauth://totp/x", InvalidUri),
        ("otpauth://totp/x?secret=", InvalidSecret),
        ("otpauth://totp/x?secret=A", InvalidSecret),
        ("otpauth://totp/x?secret=GEZDGNBVGY3TQOJ1", InvalidSecret),
        (
            "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&secret=GEZDGNBVGY3TQOJQ",
            InvalidUri,
        ),
        (
            "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&digits=9",
            InvalidUri,
        ),
        (
            "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&period=0",
            InvalidUri,
        ),
        (
            "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&period=-30",
            InvalidUri,
        ),
        (
            "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&algorithm=MD5",
            InvalidUri,
        ),
        (
            "otpauth://hotp/x?secret=GEZDGNBVGY3TQOJQ&counter=4294967296",
            InvalidUri,
        ),
        ("otpauth://totp/%ff?secret=GEZDGNBVGY3TQOJQ", InvalidUri),
        ("otpauth://totp/?secret=GEZDGNBVGY3TQOJQ", InvalidName),
        (&long, InvalidName),
    ];
    for (uri, name) in cases {
        let imported = match uri {
            // The memory file of nothing is no secret's.
            "" => token.import_uri(" ", &ImportOptions::default()).await,
            uri => token.import_uri(uri, &ImportOptions::default()).await,
        };
        assert_eq!(cause(imported), name, "{uri}");
    }
    for seed in [&b"x"[..], &[7; 4096]] {
        assert_eq!(cause(token.add(seed, &named("mail")).await), InvalidSecret);
    }
    assert_eq!(desk.memory(0), before);
    token.add(SEED, &named("mail")).await.unwrap();
    token.code("mail", false).await.unwrap();
}

#[tokio::test]
async fn texts_for_oathctl() {
    let desk = Desk::with_a_token().await;
    desk.token().await;
    let before = desk.memory(0);
    let oathctl = |line: &str, input: &str| desk.near.oathctl(User::Root, line, input);
    let told = |name: &str| (65, name.to_owned());
    for secret in [
        "",
        "\n",
        "A\n",
        "0189\n",
        "GEZDGNBVGY3TQOJ1\n",
        "not base32\n",
        "ÄÖ\n",
    ] {
        assert_eq!(
            oathctl("add mail", secret),
            told("InvalidSecret"),
            "{secret:?}"
        );
    }
    // The rest of a line that is too long is not taken for the next secret.
    let long = format!("{}{}\n", "A".repeat(4096), "GEZDGNBVGY3TQOJQ");
    assert_eq!(oathctl("add mail", &long), told("InputTooLarge"));
    for uri in [
        "x\n",
        "otpauth://totp/\n",
        "otpauth://totp/x?secret=GEZDGNBVGY3TQOJQ&digits=5\n",
    ] {
        assert_eq!(oathctl("add --uri -", uri), told("InvalidUri"), "{uri:?}");
    }
    let exports = [
        "",
        "nothing of the kind",
        "{",
        "[]",
        "{}",
        "{\"db\": 1}",
        "{\"services\": [{}]}",
        "otpauth-migration://offline",
        "otpauth-migration://offline?data=",
        "otpauth-migration://offline?data=%%%",
        "otpauth-migration://offline?data=AAAA",
        "otpauth-migration://offline?data=CoD////////",
        "otpauth-migration://offline?data=Cv//////////AQ==",
    ];
    for export in exports {
        let (status, name) = oathctl("import - --yes", export);
        assert_eq!(status, 65, "{export}: {name}");
        assert!(!name.is_empty(), "{export}");
    }
    assert_eq!(desk.memory(0), before);
    assert_eq!(oathctl("add mail", "GEZDGNBVGY3TQOJQ\n").0, 0);
}

/// The bytes of a picture of `text`.
fn picture(desk: &Desk, text: &str) -> Vec<u8> {
    let path = desk.near.world.path("home/root/code.png");
    let target = "/run/home/root/code.png";
    let program = desk.near.world.program("qrencode");
    let drawn = program
        .arguments(&["--output", target, "--size", "4", text])
        .run()
        .unwrap();
    drawn.stdout().unwrap();
    fs::read(path).unwrap()
}

#[tokio::test]
async fn pictures_for_oathctl() {
    let desk = Desk::with_a_token().await;
    desk.token().await;
    let before = desk.memory(0);
    let good = picture(&desk, "otpauth://totp/mail?secret=GEZDGNBVGY3TQOJQ");
    let words = picture(&desk, "just words");
    // Its header says that the picture is as large as a country.
    let mut huge = good.clone();
    huge[16..24].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff, 0x7f, 0xff, 0xff, 0xff]);
    let scratched: Vec<u8> = good
        .iter()
        .enumerate()
        .map(|(at, byte)| byte ^ u8::from(at > 60))
        .collect();
    let path = desk.near.world.path("home/root/code.png");
    let add = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        desk.near
            .oathctl(User::Root, "add --qr /run/home/root/code.png", "")
    };
    for bytes in [
        &[][..],
        b"not a picture",
        &good[..40],
        &good[..good.len() / 2],
        &huge,
        &scratched,
    ] {
        assert_eq!(
            add(bytes),
            (65, "NoQrCode".to_owned()),
            "{} bytes",
            bytes.len()
        );
    }
    assert_eq!(add(&words), (65, "InvalidUri".to_owned()));
    assert_eq!(desk.memory(0), before);
    assert_eq!(add(&good).0, 0);
    assert_ne!(desk.memory(0), before);
}
