//! A token on its cable, with a socket in the kernel's place.

use super::usbip::{Direction, Reply, Submit};
use super::*;
use oathd_card::{CardOptions, Interface, Touch};

const SELECT: [u8; 12] = [0, 0xA4, 4, 0, 7, 0xA0, 0, 0, 5, 0x27, 0x21, 1];
const PUT_WITH_TOUCH: [u8; 28] = [
    0, 0x01, 0, 0, 23, 0x71, 1, b't', 0x73, 16, 0x21, 6, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
    14, 0x78, 2,
];
const CALCULATE: [u8; 12] = [0, 0xA2, 0, 1, 7, 0x71, 1, b't', 0x74, 2, 0, 1];

/// Soon enough to be asked for in a test, and long enough to come once or a few times.
const SOON: Duration = Duration::from_millis(10);

/// What the kernel would do.
struct Kernel {
    cable: UnixStream,
    number: u32,
    sequence: u8,
}

impl Kernel {
    fn send(&mut self, endpoint: u8, direction: Direction) -> io::Result<u32> {
        self.number += 1;
        let submit = Request::Submit(Submit {
            number: self.number,
            endpoint,
            direction,
            setup: [0; 8],
        });
        self.cable.write_all(&submit.encode())?;
        Ok(self.number)
    }

    fn hear(&mut self, given: bool) -> io::Result<Reply> {
        let mut header = [0; HEADER];
        self.cable.read_exact(&mut header)?;
        let (mut reply, length) = Reply::parse(&header, given);
        if let Reply::Given { data, .. } = &mut reply {
            data.resize(length, 0);
            self.cable.read_exact(data)?;
        }
        Ok(reply)
    }

    /// Sends a CCID message, and asks for nothing yet.
    fn tell(&mut self, kind: u8, data: &[u8]) -> io::Result<()> {
        self.sequence += 1;
        let length = u32::try_from(data.len()).unwrap().to_le_bytes();
        let message = [&[kind][..], &length, &[0, self.sequence, 0, 0, 0], data].concat();
        let length = message.len();
        let number = self.send(2, Direction::Out(message))?;
        assert_eq!(self.hear(false)?, Reply::Taken { number, length });
        Ok(())
    }

    /// The next CCID message.
    fn fetch(&mut self) -> io::Result<Vec<u8>> {
        let number = self.send(2, Direction::In(4096))?;
        match self.hear(true)? {
            Reply::Given {
                number: given,
                data,
            } if given == number => Ok(data),
            other => panic!("{other:?}"),
        }
    }

    fn exchange(&mut self, apdu: &[u8]) -> io::Result<Vec<u8>> {
        self.tell(0x6F, apdu)?;
        loop {
            let message = self.fetch()?;
            if message[7] & 0x80 == 0 {
                return Ok(message[10..].to_vec());
            }
        }
    }
}

/// Runs `host` against a token with power and an open OATH applet; returns how the token ended
/// when the host was done and dropped the cable.
fn plugged_in(touch: Touch, host: impl FnOnce(&SharedCard, &mut Kernel)) -> Ended {
    let card = SharedCard::new(CardOptions {
        interface: Interface::Usb,
        touch,
        touch_timeout: Duration::from_secs(600),
        ..CardOptions::default()
    })
    .unwrap();
    let (cable, kernel) = UnixStream::pair().unwrap();
    let mut kernel = Kernel {
        cable: kernel,
        number: 0,
        sequence: 0,
    };
    thread::scope(|scope| {
        let served = scope.spawn(|| serve(&card, Profile::YubiKey57, &cable, SOON, &mut || {}));
        kernel.tell(0x62, &[]).unwrap();
        assert_eq!(kernel.fetch().unwrap()[10..], *card.atr());
        assert!(kernel.exchange(&SELECT).unwrap().ends_with(&[0x90, 0x00]));
        host(&card, &mut kernel);
        drop(kernel);
        served.join().unwrap()
    })
}

fn await_touch(card: &SharedCard) {
    let mut status = card.status();
    while !status.awaiting_touch {
        status = card.wait_for_change(status.generation, Duration::from_secs(60));
    }
}

#[test]
fn a_wait_for_a_touch_keeps_nothing_else_waiting() {
    let ended = plugged_in(Touch::Manual, |card, kernel| {
        assert_eq!(kernel.exchange(&PUT_WITH_TOUCH).unwrap(), [0x90, 0x00]);
        kernel.tell(0x6F, &CALCULATE).unwrap();
        await_touch(card);
        // The host is asked for time, as often as it listens.
        for _ in 0..3 {
            assert_eq!(kernel.fetch().unwrap()[7..9], [0x80, 1]);
        }
        let waiting = kernel.send(1, Direction::In(8)).unwrap();
        let fido = kernel.send(4, Direction::Out(vec![0xFF; 64])).unwrap();
        let taken = Reply::Taken {
            number: fido,
            length: 64,
        };
        assert_eq!(kernel.hear(false).unwrap(), taken);
        let unlink = Request::Unlink {
            number: 1000,
            transfer: waiting,
        };
        kernel.cable.write_all(&unlink.encode()).unwrap();
        let unlinked = Reply::Unlinked {
            number: 1000,
            taken_back: true,
        };
        assert_eq!(kernel.hear(false).unwrap(), unlinked);
        assert!(card.touch());
        let mut message = kernel.fetch().unwrap();
        while message[7] & 0x80 != 0 {
            message = kernel.fetch().unwrap();
        }
        assert_eq!(message[10..12], [0x76, 5]);
    });
    assert_eq!(ended, Ended::Detached);
}

#[test]
fn an_unplugged_token_gives_up_its_command() {
    let ended = plugged_in(Touch::Manual, |card, kernel| {
        kernel.exchange(&PUT_WITH_TOUCH).unwrap();
        kernel.tell(0x6F, &CALCULATE).unwrap();
        await_touch(card);
    });
    assert_eq!(ended, Ended::Detached);
}

#[test]
fn an_aborted_command_makes_room_for_another() {
    plugged_in(Touch::Manual, |card, kernel| {
        kernel.exchange(&PUT_WITH_TOUCH).unwrap();
        kernel.tell(0x6F, &CALCULATE).unwrap();
        await_touch(card);
        kernel.tell(0x72, &[]).unwrap();
        let mut message = kernel.fetch().unwrap();
        while message[0] == 0x80 {
            message = kernel.fetch().unwrap();
        }
        assert_eq!((message[0], message[7]), (0x81, 1));
        kernel.tell(0x62, &[]).unwrap();
        assert_eq!(kernel.fetch().unwrap()[7], 0);
        assert!(kernel.exchange(&SELECT).unwrap().ends_with(&[0x90, 0x00]));
    });
}

#[test]
fn a_fault_that_pulls_the_card_unplugs_the_token() {
    let ended = plugged_in(Touch::Always, |card, kernel| {
        card.inject("lose-answer=1".parse().unwrap());
        assert!(kernel.exchange(&SELECT).is_err());
    });
    assert_eq!(ended, Ended::CardRemoved);
}

#[test]
fn what_no_kernel_sends_ends_it() {
    let ended = plugged_in(Touch::Always, |_, kernel| {
        kernel.cable.write_all(&[0xFF; HEADER]).unwrap();
        assert!(kernel.hear(false).is_err());
    });
    let expected = Ended::Invalid(InvalidRequest::Command(u32::MAX));
    assert_eq!(ended, expected);
}

#[test]
fn a_machine_without_a_controller_is_told_what_to_load() {
    let card = SharedCard::new(CardOptions::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let front = Front {
        controller: folder.path().join("vhci_hcd.0"),
        ..Front::new(card, Profile::default())
    };
    let error = front.run(|| {});
    assert!(error.to_string().ends_with("modprobe vhci-hcd"));
}
