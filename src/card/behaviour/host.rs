//! A host as plain as can be: it knows the bytes of the protocol and nothing of the card's codec.

use crate::{Card, Entropy, Interface, Outcome, Profile, State};

pub(super) const LOCKED: u16 = 0x6982;
pub(super) const NOT_FOUND: u16 = 0x6984;
pub(super) const WRONG: u16 = 0x6A80;

pub(super) const SHA1: u8 = 1;
pub(super) const SHA256: u8 = 2;
pub(super) const SHA512: u8 = 3;
pub(super) const HOTP: u8 = 0x10;
pub(super) const TOTP: u8 = 0x20;

/// Numbers that never repeat.
#[derive(Debug, Default)]
pub(super) struct Counting(u64);

impl Entropy for Counting {
    fn eight(&mut self) -> Option<[u8; 8]> {
        self.0 += 1;
        Some(self.0.to_be_bytes())
    }
}

/// A card and a host that talks to it.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) card: Card,
    pub(super) entropy: Counting,
}

impl Host {
    /// An empty card with its OATH applet selected.
    pub(super) fn new(profile: Profile) -> Host {
        let card = Card::new(profile, Interface::Usb, 7, State::new([0; 8]));
        let mut host = Host {
            card,
            entropy: Counting::default(),
        };
        host.select().unwrap();
        host
    }

    /// The raw answer; a touch comes at once.
    pub(super) fn raw(&mut self, apdu: &[u8]) -> Vec<u8> {
        match self.card.transmit(apdu, &mut self.entropy) {
            Outcome::Reply(answer) => answer,
            Outcome::AwaitTouch => self.card.touched().unwrap(),
        }
    }

    /// The data of a successful answer, its continuations included, or the status word.
    pub(super) fn ask(&mut self, ins: u8, p1: u8, p2: u8, data: &[u8]) -> Result<Vec<u8>, u16> {
        let mut apdu = vec![0, ins, p1, p2];
        match u8::try_from(data.len()) {
            Ok(0) => {}
            Ok(length) => apdu.push(length),
            Err(_) => {
                apdu.push(0);
                apdu.extend(u16::try_from(data.len()).unwrap().to_be_bytes());
            }
        }
        apdu.extend(data);
        let mut answer = self.raw(&apdu);
        let mut all = Vec::new();
        loop {
            let low = answer.pop().unwrap();
            let high = answer.pop().unwrap();
            all.extend(answer);
            match (high, low) {
                (0x90, 0x00) => return Ok(all),
                (0x61, _) => answer = self.raw(&[0, 0xA5, 0, 0]),
                _ => return Err(u16::from_be_bytes([high, low])),
            }
        }
    }

    pub(super) fn select(&mut self) -> Result<Vec<u8>, u16> {
        self.ask(0xA4, 0x04, 0, &[0xA0, 0, 0, 0x05, 0x27, 0x21, 0x01])
    }

    pub(super) fn put(
        &mut self,
        name: &[u8],
        kind: u8,
        digits: u8,
        key: &[u8],
        rest: &[u8],
    ) -> Result<Vec<u8>, u16> {
        let mut padded = key.to_vec();
        padded.resize(key.len().max(14), 0);
        let key = tlv(0x73, &[&[kind, digits], &padded[..]].concat());
        self.ask(0x01, 0, 0, &[&tlv(0x71, name), &key, rest].concat())
    }

    /// A time credential with SHA-1 and six digits.
    pub(super) fn put_simple(&mut self, name: &[u8]) -> Result<Vec<u8>, u16> {
        self.put(name, TOTP | SHA1, 6, name, &[])
    }

    pub(super) fn delete(&mut self, name: &[u8]) -> Result<Vec<u8>, u16> {
        self.ask(0x02, 0, 0, &tlv(0x71, name))
    }

    pub(super) fn rename(&mut self, from: &[u8], to: &[u8]) -> Result<Vec<u8>, u16> {
        self.ask(0x05, 0, 0, &[tlv(0x71, from), tlv(0x71, to)].concat())
    }

    /// Ids in the order of LIST.
    pub(super) fn names(&mut self) -> Result<Vec<Vec<u8>>, u16> {
        let list = self.ask(0xA1, 0, 0, &[])?;
        Ok(values(&list)
            .into_iter()
            .map(|(_, value)| value[1..].to_vec())
            .collect())
    }

    pub(super) fn calculate_full(&mut self, name: &[u8], challenge: &[u8]) -> Result<Vec<u8>, u16> {
        self.ask(
            0xA2,
            0,
            0,
            &[tlv(0x71, name), tlv(0x74, challenge)].concat(),
        )
    }

    /// The truncated answer as people read it.
    pub(super) fn code(&mut self, name: &[u8], challenge: &[u8]) -> Result<String, u16> {
        let answer = self.ask(
            0xA2,
            0,
            1,
            &[tlv(0x71, name), tlv(0x74, challenge)].concat(),
        )?;
        let [0x76, 5, digits, value @ ..] = &answer[..] else {
            panic!("{answer:02x?}")
        };
        let value = u32::from_be_bytes(value.try_into().unwrap());
        let digits = usize::from(*digits);
        let text = format!("{:0>10}", value);
        Ok(text[10 - digits..].to_owned())
    }

    pub(super) fn calculate_all(&mut self, challenge: &[u8]) -> Result<Vec<(u8, Vec<u8>)>, u16> {
        self.ask(0xA4, 0, 1, &tlv(0x74, challenge))
            .map(|answer| values(&answer))
    }

    /// Sets the access code.
    pub(super) fn set_code(&mut self, key: &[u8]) -> Result<Vec<u8>, u16> {
        let proof = hmac_sha1(key, b"proofing");
        let data = [
            tlv(0x73, &[&[TOTP | SHA1], key].concat()),
            tlv(0x74, b"proofing"),
            tlv(0x75, &proof),
        ];
        self.ask(0x03, 0, 0, &data.concat())
    }

    /// Shows the access code to a card whose SELECT answered `selected`.
    pub(super) fn validate(&mut self, key: &[u8], selected: &[u8]) -> Result<Vec<u8>, u16> {
        let challenge = values(selected)
            .into_iter()
            .find(|(tag, _)| *tag == 0x74)
            .unwrap()
            .1;
        let proof = hmac_sha1(key, &challenge);
        self.ask(
            0xA3,
            0,
            0,
            &[tlv(0x75, &proof), tlv(0x74, b"hosthost")].concat(),
        )
    }
}

/// HMAC-SHA-1 from its definition (RFC 2104), for keys up to a block.
pub(super) fn hmac_sha1(key: &[u8], message: &[u8]) -> Vec<u8> {
    use sha1::{Digest, Sha1};
    let mut block = key.to_vec();
    block.resize(64, 0);
    let pad = |with: u8| block.iter().map(|byte| byte ^ with).collect::<Vec<u8>>();
    let inner = Sha1::digest([pad(0x36), message.to_vec()].concat());
    Sha1::digest([pad(0x5C), inner.to_vec()].concat()).to_vec()
}

pub(super) fn tlv(tag: u8, value: &[u8]) -> Vec<u8> {
    let length = match value.len() {
        short @ 0..=127 => vec![u8::try_from(short).unwrap()],
        long => vec![0x81, u8::try_from(long).unwrap()],
    };
    [&[tag], &length[..], value].concat()
}

/// Tags and values of an answer.
pub(super) fn values(mut bytes: &[u8]) -> Vec<(u8, Vec<u8>)> {
    let mut found = Vec::new();
    while let [tag, length, rest @ ..] = bytes {
        assert!(*length < 128, "long values are not needed here");
        let (value, rest) = rest.split_at((*length).into());
        found.push((*tag, value.to_vec()));
        bytes = rest;
    }
    found
}
