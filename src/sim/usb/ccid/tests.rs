//! The reader against the card, as a host's driver drives it.

use super::*;
use oathd_card::{CardOptions, Interface, SharedCard};
use proptest::prelude::*;

const SELECT: [u8; 12] = [0, 0xA4, 4, 0, 7, 0xA0, 0, 0, 5, 0x27, 0x21, 1];
const LIST: [u8; 7] = [0, 0xA1, 0, 0, 0, 0, 0];
const SEND_REMAINING: [u8; 7] = [0, 0xA5, 0, 0, 0, 0, 0];

/// A driver, the reader and its card.
struct Driver {
    card: SharedCard,
    reader: Reader,
    sequence: u8,
    /// How long a message the driver sends.
    longest: usize,
}

impl Driver {
    fn new(profile: Profile) -> Driver {
        let options = CardOptions {
            profile,
            interface: Interface::Usb,
            ..CardOptions::default()
        };
        let card = SharedCard::new(options).unwrap();
        Driver {
            reader: Reader::new(profile, card.atr()),
            card,
            sequence: 0,
            longest: longest_message(profile),
        }
    }

    fn powered(profile: Profile) -> Driver {
        let mut driver = Driver::new(profile);
        let atr = driver.ask(POWER_ON, [0; 3], &[]);
        assert_eq!(atr[HEADER..], *driver.card.atr());
        driver
    }

    fn message(&mut self, kind: u8, parameters: [u8; 3], data: &[u8]) -> Vec<u8> {
        self.sequence = self.sequence.wrapping_add(1);
        let length = u32::try_from(data.len()).unwrap().to_le_bytes();
        [&[kind][..], &length, &[0, self.sequence], &parameters, data].concat()
    }

    /// Sends a message, has the card do what follows, and returns the one answer.
    fn ask(&mut self, kind: u8, parameters: [u8; 3], data: &[u8]) -> Vec<u8> {
        let message = self.message(kind, parameters, data);
        let mut answers = Vec::new();
        for step in self.reader.receive(&message) {
            match step {
                Step::Say(answer) => answers.push(answer),
                Step::CutPower => self.card.power_off(),
                Step::Transmit(apdu) => {
                    let answer = self.card.transmit(&apdu).ok();
                    answers.extend(self.reader.answered(answer));
                }
            }
        }
        assert_eq!(answers.len(), 1);
        let answer = answers.remove(0);
        assert_eq!(answer[6], self.sequence);
        assert!(answer.len() <= longest_message(self.reader_profile()));
        assert_eq!(
            u32::from_le_bytes(answer[1..5].try_into().unwrap()) as usize,
            answer.len() - HEADER
        );
        answer
    }

    fn reader_profile(&self) -> Profile {
        Profile::ALL
            .into_iter()
            .find(|profile| longest_message(*profile) == self.reader.longest)
            .unwrap()
    }

    /// Sends an APDU in as many blocks as it takes; returns the answer and its number of blocks.
    fn exchange(&mut self, apdu: &[u8]) -> (Vec<u8>, usize) {
        let blocks: Vec<_> = apdu.chunks(self.longest - HEADER).collect();
        let last = blocks.len() - 1;
        let mut answer = Vec::new();
        for (number, block) in blocks.into_iter().enumerate() {
            let place = match (number, last) {
                (0, 0) => WHOLE,
                (0, _) => BEGIN,
                (number, last) if number == last => END,
                _ => MIDDLE,
            };
            answer = self.ask(XFR_BLOCK, [0, place, 0], block);
            assert_eq!(answer[7], ACTIVE);
            if number < last {
                assert_eq!((answer[9], answer.len()), (GO_ON, HEADER));
            }
        }
        let mut data = answer.split_off(HEADER);
        let mut received = 1;
        let mut place = answer[9];
        assert!(matches!(place, WHOLE | BEGIN));
        while matches!(place, BEGIN | MIDDLE) {
            answer = self.ask(XFR_BLOCK, [0, GO_ON, 0], &[]);
            place = answer[9];
            assert!(matches!(place, MIDDLE | END));
            data.extend(answer.split_off(HEADER));
            received += 1;
        }
        (data, received)
    }

    fn failure(&mut self, kind: u8, parameters: [u8; 3], data: &[u8]) -> u8 {
        let answer = self.ask(kind, parameters, data);
        assert_eq!(answer[7] & 0xC0, FAILED);
        answer[8]
    }
}

/// PUT of a credential with a name of `length` bytes that ends in `number`, as an extended APDU.
fn put(number: u8, length: usize) -> Vec<u8> {
    let mut name = vec![b'n'; length - 1];
    name.push(b'0' + number);
    let name_length = u8::try_from(length).unwrap();
    let data = [
        &[0x71, name_length][..],
        &name,
        &[0x73, 16, 0x21, 6],
        &[7; 14],
    ]
    .concat();
    let data_length = u16::try_from(data.len()).unwrap().to_be_bytes();
    [&[0, 1, 0, 0, 0][..], &data_length, &data].concat()
}

#[test]
fn a_list_longer_than_a_block_comes_in_several() {
    let mut driver = Driver::powered(Profile::YubiKey57);
    assert!(driver.exchange(&SELECT).0.ends_with(&[0x90, 0x00]));
    for number in 0..64 {
        assert_eq!(driver.exchange(&put(number, 60)).0, [0x90, 0x00]);
    }
    let (mut list, blocks) = driver.exchange(&LIST);
    assert_eq!(blocks, 2);
    assert_eq!(list.split_off(list.len() - 2)[0], 0x61);
    let (rest, blocks) = driver.exchange(&SEND_REMAINING);
    assert_eq!(blocks, 1);
    list.extend(rest);
    assert_eq!(list.len(), 64 * 63 + 2);
    assert!(list.ends_with(&[0x90, 0x00]));
}

#[test]
fn an_apdu_is_the_same_in_blocks_of_any_size() {
    let mut whole = Driver::powered(Profile::YubiKey57);
    whole.exchange(&SELECT);
    whole.exchange(&put(0, 60));
    let expected = whole.exchange(&LIST);
    for block in [1, 2, 7, 54, 82, 83] {
        let mut cut = Driver::powered(Profile::YubiKey57);
        cut.longest = HEADER + block;
        assert!(cut.exchange(&SELECT).0.ends_with(&[0x90, 0x00]));
        assert_eq!(cut.exchange(&put(0, 60)).0, [0x90, 0x00]);
        assert_eq!(cut.exchange(&LIST), expected);
    }
}

#[test]
fn a_message_may_come_in_packets() {
    let mut driver = Driver::powered(Profile::YubiKey57);
    driver.exchange(&SELECT);
    let message = driver.message(XFR_BLOCK, [0; 3], &put(0, 64));
    let (packet, rest) = message.split_at(64);
    assert_eq!(driver.reader.receive(packet), []);
    assert_eq!(
        driver.reader.receive(rest),
        [Step::Transmit(put(0, 64).clone())]
    );
}

#[test]
fn the_host_is_told_to_wait_until_the_card_answers() {
    let mut driver = Driver::powered(Profile::YubiKey57);
    assert_eq!(driver.reader.extension(), None);
    let message = driver.message(XFR_BLOCK, [0; 3], &SELECT);
    let sequence = driver.sequence;
    driver.reader.receive(&message);
    for _ in 0..2 {
        assert_eq!(
            driver.reader.extension().unwrap(),
            [DATA_BLOCK, 0, 0, 0, 0, 0, sequence, TIME_EXTENSION, 1, 0]
        );
    }
    assert_eq!(driver.failure(GET_SLOT_STATUS, [0; 3], &[]), 0xE0);
    assert_eq!(
        driver.reader.answered(Some(vec![0x90, 0x00])).unwrap(),
        [
            DATA_BLOCK, 2, 0, 0, 0, 0, sequence, ACTIVE, 0, 0, 0x90, 0x00
        ]
    );
    assert_eq!(driver.reader.extension(), None);
}

#[test]
fn an_abort_takes_the_power_and_is_answered_when_the_card_is_done() {
    let mut driver = Driver::powered(Profile::YubiKey57);
    let command = driver.message(XFR_BLOCK, [0; 3], &SELECT);
    driver.reader.receive(&command);
    let abort = driver.message(ABORT, [0; 3], &[]);
    let sequence = driver.sequence;
    assert_eq!(driver.reader.receive(&abort), [Step::CutPower]);
    assert_eq!(driver.reader.extension(), None);
    assert_eq!(driver.failure(XFR_BLOCK, [0; 3], &SELECT), 0xE0);
    assert_eq!(
        driver.reader.answered(None).unwrap(),
        [SLOT_STATUS, 0, 0, 0, 0, 0, sequence, INACTIVE, 0, 0]
    );
    assert_eq!(driver.failure(XFR_BLOCK, [0; 3], &SELECT), 0xFE);
    driver.ask(POWER_ON, [0; 3], &[]);
    assert!(driver.exchange(&SELECT).0.ends_with(&[0x90, 0x00]));
    assert_eq!(driver.ask(ABORT, [0; 3], &[])[7], ACTIVE);
}

#[test]
fn power_and_parameters_are_as_the_descriptor_has_them() {
    let mut driver = Driver::new(Profile::YubiKey57);
    assert_eq!(driver.ask(GET_SLOT_STATUS, [0; 3], &[])[7], INACTIVE);
    assert_eq!(driver.failure(XFR_BLOCK, [0; 3], &SELECT), 0xFE);
    assert_eq!(driver.ask(POWER_ON, [0; 3], &[])[7], ACTIVE);
    driver.exchange(&SELECT);
    let parameters = driver.ask(GET_PARAMETERS, [0; 3], &[]);
    assert_eq!((parameters[0], parameters[9]), (PARAMETERS, T1));
    let set = driver.ask(SET_PARAMETERS, [T1, 0, 0], &T1_PARAMETERS);
    assert_eq!(set[HEADER..], T1_PARAMETERS);
    assert_eq!(driver.failure(SET_PARAMETERS, [0; 3], &[0; 5]), 0x07);
    assert_eq!(driver.ask(POWER_OFF, [0; 3], &[])[7], INACTIVE);
    driver.ask(POWER_ON, [0; 3], &[]);
    assert_eq!(driver.exchange(&LIST).0, [0x6D, 0x00]);
}

#[test]
fn what_a_token_has_not_fails() {
    let mut driver = Driver::powered(Profile::YubiKey57);
    for (kind, answer) in [(ESCAPE, 0x83), (SECURE, 0x80), (0x71, 0x81), (0xFF, 0x81)] {
        let failed = driver.ask(kind, [0; 3], &[1, 2]);
        assert_eq!((failed[0], failed[7], failed[8]), (answer, FAILED, 0));
    }
    for place in [END, MIDDLE, GO_ON, 0x04, 0xFF] {
        assert_eq!(driver.failure(XFR_BLOCK, [0, place, 0], &[]), 0x08);
    }
    assert_eq!(driver.failure(XFR_BLOCK, [0, WHOLE, 1], &SELECT), 0x08);
    assert_eq!(driver.failure(XFR_BLOCK, [0; 3], &[]), 0x01);
    let mut message = driver.message(POWER_ON, [0; 3], &[]);
    message[5] = 1;
    let Step::Say(answer) = &driver.reader.receive(&message)[0] else {
        panic!();
    };
    assert_eq!(answer[7..9], [FAILED | NO_CARD, 5]);
}

#[test]
fn a_chain_has_a_bound() {
    let mut driver = Driver::powered(Profile::YubiKey57);
    let block = vec![0; driver.longest - HEADER];
    let mut answer = driver.ask(XFR_BLOCK, [0, BEGIN, 0], &block);
    let mut blocks = 1;
    while answer[7] == ACTIVE {
        answer = driver.ask(XFR_BLOCK, [0, MIDDLE, 0], &block);
        blocks += 1;
    }
    assert_eq!((blocks, answer[8]), (22, 0x01));
    assert_eq!(driver.failure(XFR_BLOCK, [0, END, 0], &[]), 0x08);
}

/// Any transfer, most of them nearly a message.
fn transfers() -> impl Strategy<Value = Vec<u8>> {
    let kinds = prop::sample::select(vec![
        0x61, 0x62, 0x63, 0x65, 0x69, 0x6B, 0x6C, 0x6D, 0x6F, 0x6F, 0x72, 0x73, 0x00,
    ]);
    let message = (
        kinds,
        -2..3i32,
        prop::sample::select(vec![0u8, 1, 2, 3, 0x10, 9]),
        prop::collection::vec(any::<u8>(), 0..200),
    );
    prop_oneof![
        6 => message.prop_map(|(kind, off, place, data)| {
            let length = (i32::try_from(data.len()).unwrap() + off).to_le_bytes();
            [&[kind][..], &length, &[0, 1, 1, place, 0], &data].concat()
        }),
        1 => prop::collection::vec(any::<u8>(), 0..200),
        1 => prop::collection::vec(any::<u8>(), 3000..3200),
    ]
}

proptest! {
    #[test]
    fn whatever_comes_there_is_at_most_one_answer_and_one_command(transfers in prop::collection::vec((transfers(), any::<bool>()), 0..20)) {
        let mut driver = Driver::new(Profile::YubiKey57);
        for (transfer, answers) in transfers {
            let waited = driver.reader.waits();
            let steps = driver.reader.receive(&transfer);
            let said = steps.iter().filter(|step| matches!(step, Step::Say(_))).count();
            let sent = steps.iter().filter(|step| matches!(step, Step::Transmit(_))).count();
            prop_assert!(said + sent <= 1);
            prop_assert!(sent == 0 || !waited);
            prop_assert!(driver.reader.partial.len() <= driver.longest);
            if answers && driver.reader.waits() {
                prop_assert!(driver.reader.answered(Some(vec![0x90, 0x00])).is_some());
            }
        }
    }
}
