//! Commands to the software token.

use oathd_card::{Card, Entropy, Interface, Outcome, Profile, State};
use oathd_token::{
    apdu::{Command, Framing, Response, StatusWord},
    ykoath::{self, SelectAnswer, step_challenge},
};

use super::Input;

/// A full token takes 64 commands; more bring nothing new.
const MOST_COMMANDS: usize = 200;

/// Sends commands to a token: `[profile u8]`, then `[length u8][command]` each, where the length
/// `ff` means that two bytes of it follow. Every command has an answer with a status word, what is
/// refused changes nothing, and whatever was stored can be read by the host's codec.
pub fn card_apdus(bytes: &[u8]) {
    let mut input = Input(bytes);
    let choice = input.byte().unwrap_or_default();
    let profile = Profile::ALL[usize::from(choice) % Profile::ALL.len()];
    let mut card = Card::new(profile, Interface::Usb, 7, State::new([0; 8]));
    let mut entropy = Counting::default();
    for _ in 0..MOST_COMMANDS {
        let length = match input.byte() {
            None => break,
            Some(0xff) => match *input.take(2) {
                [high, low] => u16::from_be_bytes([high, low]).into(),
                _ => break,
            },
            Some(length) => length.into(),
        };
        let command = input.take(length);
        let before = card.state().clone();
        let answer = match card.transmit(command, &mut entropy) {
            Outcome::Reply(answer) => answer,
            // A token is touched or not, as the command's length has it.
            Outcome::AwaitTouch if length % 2 == 0 => card.touched().unwrap(),
            Outcome::AwaitTouch => card.touch_timed_out().unwrap(),
        };
        assert!(
            answer.len() <= profile.longest_apdu() + 2,
            "answer too long"
        );
        let status = Response::parse(&answer).expect("a status word").status;
        assert!(
            matches!(status.0 >> 8, 0x61 | 0x65..=0x6f | 0x90),
            "{status}"
        );
        let done = status == StatusWord::OK || status.more();
        assert!(done || *card.state() == before, "changed, but {status}");
    }
    card.power_off();
    read_back(&mut card, &mut entropy);
}

/// The host's codec, which shares nothing with the card's, agrees with it.
fn read_back(card: &mut Card, entropy: &mut Counting) {
    let data = ask(card, entropy, &ykoath::select(ykoath::AID)).expect("OATH can be selected");
    let SelectAnswer { challenge, .. } = ykoath::parse_select(&data).unwrap();
    let all = ykoath::calculate_all(&step_challenge(1));
    if challenge.is_some() {
        assert_eq!(
            ask(card, entropy, &ykoath::list()),
            Err(StatusWord::SECURITY)
        );
        assert_eq!(ask(card, entropy, &all), Err(StatusWord::SECURITY));
        return;
    }
    let listed = ask(card, entropy, &ykoath::list()).expect("an open token lists");
    let listed = ykoath::parse_list(&listed).unwrap();
    let computed = ask(card, entropy, &all).expect("an open token computes");
    let computed = ykoath::parse_calculate_all(&computed).unwrap();
    let listed: Vec<_> = listed.into_iter().map(|listed| listed.id).collect();
    let computed: Vec<_> = computed.into_iter().map(|(id, _)| id).collect();
    assert_eq!(computed, listed);
}

/// The whole answer, or the status word that refuses.
pub(super) fn ask(
    card: &mut Card,
    entropy: &mut Counting,
    command: &Command,
) -> Result<Vec<u8>, StatusWord> {
    let rest = Command::new(ykoath::SEND_REMAINING, Vec::new());
    let mut whole = Vec::new();
    let mut apdus = command.encode(Framing::Short);
    loop {
        let mut status = StatusWord::OK;
        for apdu in &apdus {
            let Outcome::Reply(answer) = card.transmit(apdu, entropy) else {
                return Err(StatusWord::SECURITY);
            };
            let piece = Response::parse(&answer).expect("a status word");
            whole.extend_from_slice(&piece.data);
            status = piece.status;
        }
        match status {
            StatusWord::OK => return Ok(whole),
            more if more.more() => apdus = rest.encode(Framing::Short),
            refused => return Err(refused),
        }
    }
}

/// Numbers that never repeat.
#[derive(Debug, Default)]
pub(super) struct Counting(u64);

impl Entropy for Counting {
    fn eight(&mut self) -> Option<[u8; 8]> {
        self.0 += 1;
        Some(self.0.to_be_bytes())
    }
}
