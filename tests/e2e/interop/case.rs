//! Credentials to be written: by oathd, by ykman, and for oathtool.

use std::process::Command;

use oathd_client::AddOptions;
use serde_json::{Value, json};

use crate::dice::Dice;

/// A credential with its seed.
#[derive(Clone, Debug)]
pub(super) struct Case {
    pub(super) issuer: Option<String>,
    pub(super) name: String,
    /// `totp` or `hotp`.
    pub(super) kind: &'static str,
    pub(super) algorithm: &'static str,
    pub(super) digits: u32,
    /// Seconds; 30 for HOTP, where nobody uses it.
    pub(super) period: u32,
    /// First counter; 0 for TOTP.
    pub(super) counter: u32,
    pub(super) touch: bool,
    pub(super) seed: Vec<u8>,
}

pub(super) const ALGORITHMS: [&str; 3] = ["SHA1", "SHA256", "SHA512"];
pub(super) const DIGITS: [u32; 3] = [6, 7, 8];

impl Case {
    /// An ordinary credential with a random seed of 20 bytes.
    pub(super) fn new(name: &str, dice: &mut Dice) -> Case {
        Case {
            issuer: None,
            name: name.to_owned(),
            kind: "totp",
            algorithm: "SHA1",
            digits: 6,
            period: 30,
            counter: 0,
            touch: false,
            seed: dice.bytes(20),
        }
    }

    pub(super) fn hotp(name: &str, counter: u32, dice: &mut Dice) -> Case {
        Case {
            kind: "hotp",
            counter,
            ..Case::new(name, dice)
        }
    }

    pub(super) fn is_totp(&self) -> bool {
        self.kind == "totp"
    }

    pub(super) fn is_steam(&self) -> bool {
        self.is_totp() && self.issuer.as_deref() == Some("Steam")
    }

    /// The id that both programs must give it.
    pub(super) fn id(&self) -> String {
        let mut id = String::new();
        if self.is_totp() && self.period != 30 {
            id += &format!("{}/", self.period);
        }
        if let Some(issuer) = &self.issuer {
            id += &format!("{issuer}:");
        }
        id + &self.name
    }

    /// As the peer takes it.
    pub(super) fn json(&self) -> Value {
        json!({
            "issuer": self.issuer, "name": self.name, "kind": self.kind,
            "algorithm": self.algorithm, "digits": self.digits, "period": self.period,
            "counter": self.counter, "touch": self.touch, "seed": hex(&self.seed),
        })
    }

    /// As oathd takes it, beside the seed.
    pub(super) fn options(&self) -> AddOptions {
        AddOptions {
            issuer: self.issuer.clone(),
            name: Some(self.name.clone()),
            kind: Some(self.kind.to_owned()),
            algorithm: Some(self.algorithm.to_owned()),
            digits: Some(self.digits),
            period: self.is_totp().then_some(self.period),
            counter: (!self.is_totp()).then_some(self.counter),
            touch: Some(self.touch),
            overwrite: None,
        }
    }

    /// What oathtool computes at a time, in seconds, or of a counter. It knows no Steam codes.
    pub(super) fn oathtool(&self, at: u64) -> String {
        // Its HOTP knows SHA-1 alone; with steps of one second the time is the counter.
        let step = if self.is_totp() { self.period } else { 1 };
        let output = Command::new("oathtool")
            .arg(format!("--totp={}", self.algorithm))
            .arg(format!("--digits={}", self.digits))
            .arg(format!("--time-step-size={step}s"))
            .arg(format!("--now=@{at}"))
            .arg(hex(&self.seed))
            .output()
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout)
            .unwrap()
            .trim_end()
            .to_owned()
    }
}

/// Every algorithm with every number of digits, with periods of 15, 30 and 60 seconds and with a
/// counter; the seeds are of every length that matters, from 2 bytes to above the hashes' blocks.
pub(super) fn matrix(dice: &mut Dice) -> Vec<Case> {
    let lengths = [2, 10, 13, 14, 20, 32, 63, 64, 65, 127, 128, 129, 200];
    let mut cases = Vec::new();
    for algorithm in ALGORITHMS {
        for digits in DIGITS {
            for period in [15, 30, 60, 0] {
                let seed = dice.bytes(lengths[cases.len() % lengths.len()]);
                let name = format!("{algorithm} {digits} {period}");
                cases.push(Case {
                    issuer: Some("Bank".to_owned()),
                    algorithm,
                    digits,
                    seed,
                    ..match period {
                        0 => Case::hotp(&name, cases.len() as u32 * 1_000_003, dice),
                        period => Case {
                            period,
                            ..Case::new(&name, dice)
                        },
                    }
                });
            }
        }
    }
    cases
}

/// Names that are hard to write or to read, and kinds that are treated apart.
pub(super) fn oddities(dice: &mut Dice) -> Vec<Case> {
    let with = |issuer: &str, name: &str, dice: &mut Dice| Case {
        issuer: Some(issuer.to_owned()),
        ..Case::new(name, dice)
    };
    vec![
        with("Ünïcödé GmbH", "名前@例え.jp", dice),
        with("🏦", "🧑‍🚀 \u{202e}abc\u{202c}", dice),
        with("e\u{301}", "é\u{a0}\u{fffd}", dice),
        with("Steam", "gamer", dice),
        with("_hidden", "behind", dice),
        with("a", &"ß".repeat(31), dice),
        Case::new(&"x".repeat(64), dice),
        Case::new(" spaced  out ", dice),
        Case::new("me@example.org/work", dice),
        Case::hotp("60/minutes", 7, dice),
        Case {
            period: 45,
            ..with("Steam-like", "name:with:colons", dice)
        },
        Case {
            touch: true,
            ..with("Touched", "me", dice)
        },
        Case {
            touch: true,
            period: 60,
            algorithm: "SHA256",
            digits: 8,
            ..Case::new("touched, slowly", dice)
        },
        Case {
            touch: true,
            ..Case::hotp("touched and counted", 0, dice)
        },
    ]
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
