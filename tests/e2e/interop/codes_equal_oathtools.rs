//! Proves: codes of random keys are oathtool's on the whole way from the bus through oathd, pcscd
//! and APDUs to the card and back, one by one and together; and, by a clock that the test turns,
//! that they are those of RFC 6238 (appendix B) and RFC 4226 (appendix D), and change exactly at
//! the step.
//! Does not prove: that the machine's clock is right.

use oathd_client::{AddOptions, Client};
use oathd_tests::world::{World, until};

use super::Both;
use super::case::{ALGORITHMS, Case, DIGITS};
use crate::dice::Dice;

#[tokio::test]
async fn of_random_keys() {
    let both = Both::start().await;
    let mut dice = Dice::new();
    let cases: Vec<Case> = (0..48)
        .map(|n| {
            let length = 2 + dice.below(199);
            Case {
                algorithm: ALGORITHMS[dice.below(3)],
                digits: DIGITS[dice.below(3)],
                period: 1 + dice.below(100_000) as u32,
                seed: dice.bytes(length),
                ..Case::new(&format!("key {n}"), &mut dice)
            }
        })
        .collect();
    for case in &cases {
        both.token.add(&case.seed, &case.options()).await.unwrap();
    }
    for (row, case) in both.token.codes(false).await.unwrap().iter().zip(&cases) {
        assert_eq!(row.id, case.id());
        let code = row.code.as_deref().unwrap();
        assert_eq!(code, case.oathtool(row.from.unwrap()), "{case:?}");
    }
    for case in &cases {
        let code = both.token.code(&case.id(), false).await.unwrap();
        assert_eq!(code.code, case.oathtool(code.from), "{case:?}");
    }
}

/// RFC 6238, appendix B: the time and the codes for SHA-1, SHA-256 and SHA-512.
const TOTP: [(u64, [&str; 3]); 6] = [
    (59, ["94287082", "46119246", "90693936"]),
    (1_111_111_109, ["07081804", "68084774", "25091201"]),
    (1_111_111_111, ["14050471", "67062674", "99943326"]),
    (1_234_567_890, ["89005924", "91819424", "93441116"]),
    (2_000_000_000, ["69279037", "90698825", "38618901"]),
    (20_000_000_000, ["65353130", "77737706", "47863826"]),
];

/// RFC 4226, appendix D, for counters from 0.
const HOTP: [&str; 10] = [
    "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871",
    "520489",
];

/// A seed of the RFCs: as many bytes as the hash has.
fn seed(length: usize) -> Vec<u8> {
    b"1234567890".iter().copied().cycle().take(length).collect()
}

#[tokio::test]
async fn of_the_rfcs() {
    let world = World::new().unwrap();
    let script = r#"echo "at $DBUS_SYSTEM_BUS_ADDRESS"; cat >/dev/null"#;
    let run = ["run", "--clock", "manual", "--", "sh", "-c", script];
    let sim = world.built("oathd-sim").unwrap().arguments(&run);
    let mut sim = sim.start("sim").unwrap();
    let address = until("address", || {
        sim.check_alive()?;
        let log = sim.log();
        Ok(log
            .lines()
            .find_map(|l| l.strip_prefix("at ").map(str::to_owned)))
    });
    let client = Client::connect(&address.unwrap()).await.unwrap();
    let token = client.find_token("").await.unwrap();
    let clock = zbus::Proxy::new(
        client.connection(),
        "org.oathd.Sim1",
        "/org/oathd/Sim1",
        "org.oathd.Sim1.Clock",
    );
    let clock = clock.await.unwrap();

    for (algorithm, length) in ALGORITHMS.into_iter().zip([20, 32, 64]) {
        let options = AddOptions {
            name: Some(algorithm.to_owned()),
            algorithm: Some(algorithm.to_owned()),
            digits: Some(8),
            ..AddOptions::default()
        };
        token.add(&seed(length), &options).await.unwrap();
    }
    for (time, expected) in TOTP {
        let (from, until) = (time / 30 * 30, time / 30 * 30 + 30);
        for at in [from, time, until - 1] {
            clock.call::<_, _, ()>("Set", &(at,)).await.unwrap();
            for (algorithm, code) in ALGORITHMS.into_iter().zip(expected) {
                let answer = token.code(algorithm, false).await.unwrap();
                assert_eq!(answer.code, code);
                assert_eq!((answer.from, answer.until), (from, Some(until)));
            }
            let rows = token.codes(false).await.unwrap();
            let together: Vec<_> = rows.iter().filter_map(|row| row.code.as_deref()).collect();
            assert_eq!(together, expected);
        }
        for at in [from - 1, until] {
            clock.call::<_, _, ()>("Set", &(at,)).await.unwrap();
            let answer = token.code("SHA1", false).await.unwrap();
            assert_ne!(answer.code, expected[0]);
        }
    }

    let options = AddOptions {
        name: Some("count".to_owned()),
        kind: Some("hotp".to_owned()),
        ..AddOptions::default()
    };
    token.add(&seed(20), &options).await.unwrap();
    for code in HOTP {
        assert_eq!(token.code("count", false).await.unwrap().code, code);
    }
    sim.close_input();
    assert!(sim.wait().unwrap().success());
}
