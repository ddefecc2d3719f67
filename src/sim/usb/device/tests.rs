//! The token as a host sees it, without a kernel.

use super::super::usbip::tests::requests;
use super::*;
use proptest::prelude::*;
use std::collections::HashSet;

const ATR: &[u8] = &[0x3B, 0x00];

fn token() -> Device {
    Device::new(Profile::YubiKey54, ATR)
}

fn submit(number: u32, endpoint: u8, direction: Direction) -> Request {
    Request::Submit(Submit {
        number,
        endpoint,
        direction,
        setup: [0; 8],
    })
}

fn control(device: &mut Device, setup: [u8; 8], direction: Direction) -> Vec<Effect> {
    device.request(Request::Submit(Submit {
        number: 1,
        endpoint: 0,
        direction,
        setup,
    }))
}

/// A control transfer to the host.
fn told(device: &mut Device, setup: [u8; 8]) -> Option<Vec<u8>> {
    let asked = usize::from(u16::from_le_bytes([setup[6], setup[7]]));
    match &control(device, setup, Direction::In(asked))[..] {
        [Effect::Reply(Reply::Given { data, .. })] => Some(data.clone()),
        [Effect::Reply(Reply::Stalled { .. })] => None,
        other => panic!("{other:?}"),
    }
}

fn given(number: u32, data: &[u8]) -> Vec<Effect> {
    let data = data.to_vec();
    vec![Effect::Reply(Reply::Given { number, data })]
}

#[test]
fn a_host_reads_who_the_token_is() {
    let mut token = token();
    let device = told(&mut token, [0x80, 6, 0, 1, 0, 0, 64, 0]).unwrap();
    assert_eq!(device[8..14], [0x50, 0x10, 0x07, 0x04, 0x43, 0x05]);
    let short = told(&mut token, [0x80, 6, 0, 2, 0, 0, 9, 0]).unwrap();
    let whole = told(&mut token, [0x80, 6, 0, 2, 0, 0, short[2], short[3]]).unwrap();
    assert_eq!(whole[..9], short);
    let product = told(&mut token, [0x80, 6, 2, 3, 9, 4, 255, 0]).unwrap();
    let units: Vec<u16> = product[2..]
        .chunks(2)
        .map(|unit| u16::from_le_bytes([unit[0], unit[1]]))
        .collect();
    assert_eq!(String::from_utf16(&units).unwrap(), "YubiKey OTP+FIDO+CCID");
    for (interface, reports) in [(0, OTP_REPORTS), (1, FIDO_REPORTS)] {
        let read = told(&mut token, [0x81, 6, 0, 0x22, interface, 0, 255, 0]);
        assert_eq!(read.unwrap(), reports);
    }
    assert_eq!(told(&mut token, [0x80, 6, 0, 6, 0, 0, 10, 0]), None);
    assert_eq!(told(&mut token, [0x81, 6, 0, 0x22, 2, 0, 255, 0]), None);
}

#[test]
fn the_keyboard_has_the_status_of_the_slots_and_takes_what_it_is_sent() {
    let mut token = token();
    let status = told(&mut token, [0xA1, 1, 0, 3, 0, 0, 8, 0]);
    assert_eq!(status.unwrap(), [0, 5, 4, 3, 0, 0, 0, 0]);
    let frame = Direction::Out(vec![1, 2, 3, 4, 5, 6, 7, 0x80]);
    assert_eq!(
        control(&mut token, [0x21, 9, 0, 3, 0, 0, 8, 0], frame),
        taken(1, 8)
    );
    assert_eq!(told(&mut token, [0xA1, 1, 0, 3, 2, 0, 8, 0]), None);
}

#[test]
fn the_host_takes_the_token_up_once() {
    let mut token = token();
    let chosen = |token: &mut Device, value| {
        let effects = control(token, [0, 9, value, 0, 0, 0, 0, 0], Direction::Out(vec![]));
        effects.contains(&Effect::Configured)
    };
    assert!(!chosen(&mut token, 0));
    assert!(chosen(&mut token, 1));
    assert_eq!(told(&mut token, [0x80, 8, 0, 0, 0, 0, 1, 0]), Some(vec![1]));
    assert!(!chosen(&mut token, 1));
    assert!(!chosen(&mut token, 2));
}

#[test]
fn the_card_is_announced_once() {
    let mut token = token();
    let first = token.request(submit(1, CARD_ENDPOINT, Direction::In(8)));
    assert_eq!(first, given(1, &[0x50, 0x03]));
    let second = token.request(submit(2, CARD_ENDPOINT, Direction::In(8)));
    assert_eq!(second, []);
}

#[test]
fn a_transfer_that_waits_can_be_taken_back_and_one_that_is_complete_cannot() {
    let mut token = token();
    token.request(submit(1, CARD_ENDPOINT, Direction::In(8)));
    for (transfer, endpoint) in [(2, OTP_ENDPOINT), (3, CARD_ENDPOINT), (4, FIDO_ENDPOINT)] {
        assert_eq!(
            token.request(submit(transfer, endpoint, Direction::In(8))),
            []
        );
        for taken_back in [true, false] {
            let number = 100;
            assert_eq!(
                token.request(Request::Unlink { number, transfer }),
                [Effect::Reply(Reply::Unlinked { number, taken_back })]
            );
        }
    }
    let complete = Reply::Unlinked {
        number: 9,
        taken_back: false,
    };
    let late = Request::Unlink {
        number: 9,
        transfer: 1,
    };
    assert_eq!(token.request(late), [Effect::Reply(complete)]);
}

#[test]
fn a_message_too_long_for_a_transfer_goes_on_in_the_next() {
    let mut token = token();
    let slot_status = [0x65, 0, 0, 0, 0, 0, 7, 0, 0, 0];
    let sent = Direction::Out(slot_status.to_vec());
    assert_eq!(token.request(submit(1, CCID_ENDPOINT, sent)), taken(1, 10));
    let first = token.request(submit(2, CCID_ENDPOINT, Direction::In(4)));
    assert_eq!(first, given(2, &[0x81, 0, 0, 0]));
    let second = token.request(submit(3, CCID_ENDPOINT, Direction::In(64)));
    assert_eq!(second, given(3, &[0, 0, 7, 1, 0, 0]));
}

#[test]
fn a_host_that_never_fetches_is_stalled() {
    let mut token = token();
    let slot_status = Direction::Out(vec![0x65, 0, 0, 0, 0, 0, 7, 0, 0, 0]);
    let ask = submit(1, CCID_ENDPOINT, slot_status);
    let mut sent = 0;
    while token.request(ask.clone()) == taken(1, 10) {
        sent += 1;
    }
    assert_eq!(sent, MOST_READY);
    let mut waiting = 0;
    while token
        .request(submit(2, OTP_ENDPOINT, Direction::In(8)))
        .is_empty()
    {
        waiting += 1;
    }
    assert_eq!(waiting, MOST_WAITING);
}

#[test]
fn no_more_time_is_asked_for_than_is_fetched() {
    let mut token = token();
    let power_on = Direction::Out(vec![0x62, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
    token.request(submit(1, CCID_ENDPOINT, power_on));
    token.request(submit(2, CCID_ENDPOINT, Direction::In(64)));
    let command = vec![0x6F, 4, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0xA1, 0, 0];
    let effects = token.request(submit(3, CCID_ENDPOINT, Direction::Out(command)));
    assert_eq!(effects[1], Effect::Transmit(vec![0, 0xA1, 0, 0]));
    for _ in 0..3 {
        assert_eq!(token.extend(), []);
    }
    assert_eq!(token.messages.ready.len(), 1);
    token.request(submit(4, CCID_ENDPOINT, Direction::In(64)));
    token.request(submit(5, CCID_ENDPOINT, Direction::In(64)));
    assert_eq!(token.extend().len(), 1);
}

proptest! {
    #[test]
    fn every_transfer_has_one_reply_or_waits(requests in prop::collection::vec(requests(), 0..60), answered in any::<bool>()) {
        let mut token = token();
        let mut open = HashSet::new();
        for (number, mut request) in (0u32..).zip(requests) {
            let rooms = match &request {
                Request::Submit(Submit { direction: Direction::In(room), .. }) => Some(*room),
                _ => None,
            };
            match &mut request {
                Request::Submit(submit) => submit.number = number,
                Request::Unlink { number: own, transfer } => {
                    *own = number;
                    *transfer %= 60;
                }
            }
            open.insert(number);
            let mut effects = token.request(request.clone());
            if answered && token.waits() {
                effects.extend(token.answered(Some(vec![0x90, 0x00])));
            }
            for effect in effects {
                let Effect::Reply(reply) = effect else { continue };
                let closed = match &reply {
                    Reply::Given { number: given, data } => {
                        if *given == number {
                            prop_assert!(data.len() <= rooms.unwrap());
                        }
                        *given
                    }
                    Reply::Taken { number, .. } | Reply::Stalled { number } => *number,
                    Reply::Unlinked { number, taken_back } => {
                        if let (true, Request::Unlink { transfer, .. }) = (taken_back, &request) {
                            prop_assert!(open.remove(transfer));
                        }
                        *number
                    }
                };
                prop_assert!(open.remove(&closed));
            }
        }
        let waiting: HashSet<u32> = token
            .pipes()
            .into_iter()
            .flat_map(|pipe| pipe.waiting.iter().map(|(number, _)| *number).collect::<Vec<_>>())
            .collect();
        prop_assert_eq!(waiting, open);
    }
}
