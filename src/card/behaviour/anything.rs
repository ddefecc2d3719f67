//! Any bytes have an answer.

use super::host::*;
use crate::{Outcome, Profile};
use proptest::prelude::*;

fn commands() -> impl Strategy<Value = Vec<Vec<u8>>> {
    let ins = prop_oneof![
        prop::sample::select(vec![
            0x01, 0x02, 0x03, 0x04, 0x05, 0x1D, 0xA1, 0xA2, 0xA3, 0xA4, 0xA5, 0xC0
        ]),
        any::<u8>(),
    ];
    let value = prop::collection::vec(any::<u8>(), 0..40);
    let tag = prop_oneof![0x71..=0x7Cu8, any::<u8>()];
    let data = prop::collection::vec((tag, value), 0..4).prop_map(|values| {
        values
            .iter()
            .flat_map(|(tag, value)| tlv(*tag, value))
            .collect::<Vec<u8>>()
    });
    let sound = (
        prop::sample::select(vec![0u8, 0x10]),
        ins,
        prop::sample::select(vec![0u8, 4, 0xDE]),
        prop::sample::select(vec![0u8, 1, 0xAD]),
        data,
    )
        .prop_map(|(cla, ins, p1, p2, data)| {
            let length = u8::try_from(data.len()).unwrap();
            [&[cla, ins, p1, p2, length][..], &data].concat()
        });
    let command = prop_oneof![4 => sound, 1 => prop::collection::vec(any::<u8>(), 0..60)];
    prop::collection::vec(command, 1..30)
}

proptest! {
    #[test]
    fn any_bytes_get_a_status_word(commands in commands(), profile in prop::sample::select(Profile::ALL.to_vec())) {
        let mut host = Host::new(profile);
        host.put_simple(b"a").unwrap();
        for command in commands {
            let answer = match host.card.transmit(&command, &mut host.entropy) {
                Outcome::Reply(answer) => answer,
                Outcome::AwaitTouch => host.card.touched().unwrap(),
            };
            prop_assert!(answer.len() >= 2);
            prop_assert!(answer.len() <= profile.longest_apdu() + 2);
            let status = answer[answer.len() - 2];
            prop_assert!(matches!(status, 0x90 | 0x61 | 0x65..=0x6F), "{answer:02x?}");
        }
    }

    #[test]
    fn a_card_is_not_changed_by_what_it_refuses(commands in commands()) {
        let mut host = Host::new(Profile::default());
        host.put_simple(b"a").unwrap();
        host.put(b"b", HOTP | SHA1, 6, b"k", &[]).unwrap();
        for command in commands {
            let before = host.card.state().clone();
            host.card.mark_saved();
            let answer = host.raw(&command);
            if *host.card.state() != before {
                prop_assert!(answer.ends_with(&[0x90, 0x00]), "{answer:02x?}");
                prop_assert!(host.card.unsaved());
            }
        }
    }
}

#[test]
fn keys_do_not_show_in_debug_output() {
    let mut host = Host::new(Profile::default());
    host.put(b"x", TOTP | SHA1, 6, b"canary canary", &[])
        .unwrap();
    let text = format!("{:?}", host.card);
    assert!(text.contains("Key(..)"));
    assert!(!text.contains("99, 97, 110, 97, 114, 121"), "{text}");
}
