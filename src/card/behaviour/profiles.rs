//! Each model has its own limits.

use super::host::*;
use crate::{Card, Interface, Profile, State};

const MANAGEMENT: [u8; 8] = [0xA0, 0, 0, 5, 0x27, 0x47, 0x11, 0x17];
const OTP: [u8; 7] = [0xA0, 0, 0, 5, 0x27, 0x20, 0x01];

#[test]
fn select_takes_seven_bytes_of_the_name_or_all_and_tells_the_version() {
    for profile in Profile::ALL {
        let mut host = Host::new(profile);
        let short = host.select().unwrap();
        let whole = host
            .ask(0xA4, 4, 0, &[0xA0, 0, 0, 5, 0x27, 0x21, 1, 1])
            .unwrap();
        assert_eq!(short, whole);
        let version = if profile == Profile::Neo {
            [1, 0, 1]
        } else {
            profile.firmware()
        };
        assert_eq!(
            values(&short),
            [(0x79, version.to_vec()), (0x71, vec![0; 8])]
        );
        for other in [
            &[0xA0, 0, 0, 5, 0x27, 0x21][..],
            &[0xA0, 0, 0, 5, 0x27, 0x21, 1, 2],
            &[0; 8],
        ] {
            assert_eq!(host.ask(0xA4, 4, 0, other), Err(0x6A82));
        }
    }
}

#[test]
fn capacity_is_the_models() {
    for (profile, capacity, refusal) in [
        (Profile::YubiKey57, 64, 0x6A84),
        (Profile::YubiKey54, 32, 0x6A84),
        (Profile::YubiKey43, 32, 0x6A84),
        (Profile::Neo, 28, 0x6F00),
    ] {
        let mut host = Host::new(profile);
        for number in 0..capacity {
            // A NEO gives each credential 9 bytes besides its name: 28 × (64 + 9) = 2044.
            host.put_simple(format!("{number:064}").as_bytes()).unwrap();
        }
        assert_eq!(host.put_simple(b"-----"), Err(refusal), "{profile}");
        assert_eq!(host.calculate_all(&[0; 8]).unwrap().len(), 2 * capacity);
    }
}

#[test]
fn what_a_model_lacks_it_refuses() {
    for profile in Profile::ALL {
        let mut host = Host::new(profile);
        let neo = profile == Profile::Neo;
        assert_eq!(
            host.put(b"512", TOTP | SHA512, 6, b"k", &[]).is_ok(),
            !neo,
            "{profile}"
        );
        assert_eq!(
            host.put(b"touch", TOTP | SHA1, 6, b"k", &[0x78, 2]).is_ok(),
            !neo,
            "{profile}"
        );
        host.put(b"256", TOTP | SHA256, 6, b"k", &[]).unwrap();
        let renamed = host.rename(b"256", b"255");
        match profile {
            Profile::YubiKey57 | Profile::YubiKey54 => assert_eq!(renamed, Ok(vec![])),
            Profile::YubiKey43 | Profile::Neo => assert_eq!(renamed, Err(0x6D00)),
        }
        let extended = host.raw(&[0, 0xA1, 0, 0, 0, 0, 0]);
        assert_eq!(extended == [0x67, 0x00], neo);
    }
}

#[test]
fn a_longer_apdu_than_the_model_takes_is_refused() {
    for profile in Profile::ALL {
        let mut host = Host::new(profile);
        for length in [profile.longest_apdu(), profile.longest_apdu() + 1] {
            let mut apdu = vec![0, 0xEE, 0, 0, 0];
            apdu.extend(u16::try_from(length - 7).unwrap().to_be_bytes());
            apdu.resize(length, 0);
            let understood = host.raw(&apdu) == [0x6D, 0x00];
            assert_eq!(
                understood,
                length == profile.longest_apdu() && profile != Profile::Neo,
                "{profile}"
            );
        }
    }
}

#[test]
fn management_tells_serial_and_firmware_where_it_is() {
    for profile in Profile::ALL {
        let mut host = Host::new(profile);
        if profile == Profile::Neo {
            assert_eq!(host.ask(0xA4, 4, 0, &MANAGEMENT), Err(0x6A82));
            assert_eq!(host.ask(0xA4, 4, 0, &OTP), Ok(vec![3, 4, 9, 0, 0, 0]));
            assert_eq!(host.ask(0x01, 0x10, 0, &[]), Ok(vec![0, 0, 0, 7]));
            assert_eq!(host.ask(0x03, 0, 0, &[]), Ok(vec![3, 4, 9, 0, 0, 0]));
            continue;
        }
        let [major, minor, patch] = profile.firmware();
        let text = String::from_utf8(host.ask(0xA4, 4, 0, &MANAGEMENT).unwrap()).unwrap();
        assert!(text.ends_with(&format!(" {major}.{minor}.{patch}")));
        let info = host.ask(0x1D, 0, 0, &[]).unwrap();
        assert_eq!(usize::from(info[0]), info.len() - 1);
        let info = values(&info[1..]);
        assert!(info.contains(&(0x02, vec![0, 0, 0, 7])));
        assert!(info.contains(&(0x05, vec![major, minor, patch])));
        assert!(info.contains(&(0x03, vec![0, 0x20])));
        assert_eq!(info.iter().any(|(tag, _)| *tag == 0x0E), major == 5);
        assert_eq!(host.ask(0x1D, 1, 0, &[]), Err(0x6B00));
        assert_eq!(host.ask(0x1C, 0, 0, &[]), Err(0x6D00));
    }
}

#[test]
fn a_card_without_a_selected_applet_knows_no_instruction() {
    let card = Card::new(Profile::default(), Interface::Nfc, 1, State::new([1; 8]));
    let mut host = Host {
        card,
        entropy: Counting::default(),
    };
    assert_eq!(host.ask(0xA1, 0, 0, &[]), Err(0x6D00));
    assert_eq!(host.raw(&[0, 0xA5, 0, 0]), [0x6D, 0x00]);
}
