//! `oathd-sim card` as a process: what it says, what it obeys, how it ends. A listener stands in
//! for vpcd; that the real one understands the card, Yubico's own tests show.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests"
)]

use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

const SELECT: &[u8] = &[0, 0xA4, 4, 0, 7, 0xA0, 0, 0, 5, 0x27, 0x21, 1];
const PUT_WITH_TOUCH: &[u8] = &[
    0, 0x01, 0, 0, 23, 0x71, 1, b't', 0x73, 16, 0x21, 6, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13,
    14, 0x78, 2,
];
const CALCULATE: &[u8] = &[0, 0xA2, 0, 1, 7, 0x71, 1, b't', 0x74, 2, 0, 1];

/// The process, and the reader it is in. Ends the process when dropped.
struct Card {
    listener: TcpListener,
    child: Child,
    commands: ChildStdin,
    words: BufReader<ChildStdout>,
    reader: TcpStream,
}

impl Card {
    fn start(arguments: &[&str]) -> Card {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_oathd-sim"))
            .args([
                "card",
                "--vpcd",
                &listener.local_addr().unwrap().to_string(),
            ])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let commands = child.stdin.take().unwrap();
        let words = BufReader::new(child.stdout.take().unwrap());
        let (reader, _) = listener.accept().unwrap();
        let mut card = Card {
            listener,
            child,
            commands,
            words,
            reader,
        };
        assert_eq!(card.word(), "ready");
        card
    }

    fn word(&mut self) -> String {
        let mut line = String::new();
        self.words.read_line(&mut line).unwrap();
        line.trim_end().to_owned()
    }

    fn command(&mut self, line: &str) {
        writeln!(self.commands, "{line}").unwrap();
    }

    fn send(&mut self, apdu: &[u8]) {
        let length = u16::try_from(apdu.len()).unwrap().to_be_bytes();
        self.reader.write_all(&[&length, apdu].concat()).unwrap();
    }

    fn answer(&mut self) -> Vec<u8> {
        let mut length = [0; 2];
        self.reader.read_exact(&mut length).unwrap();
        let mut answer = vec![0; u16::from_be_bytes(length).into()];
        self.reader.read_exact(&mut answer).unwrap();
        answer
    }

    fn ask(&mut self, apdu: &[u8]) -> Vec<u8> {
        self.send(apdu);
        self.answer()
    }

    fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal).unwrap();
    }
}

impl Drop for Card {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn succeeded(answer: &[u8]) -> bool {
    answer.ends_with(&[0x90, 0x00])
}

#[test]
fn a_touch_comes_by_line_or_by_signal() {
    let mut card = Card::start(&["--touch", "manual"]);
    assert!(succeeded(&card.ask(SELECT)));
    assert!(succeeded(&card.ask(PUT_WITH_TOUCH)));
    for by_signal in [false, true] {
        card.send(CALCULATE);
        assert_eq!(card.word(), "touch-awaited");
        if by_signal {
            card.signal(Signal::USR1);
        } else {
            card.command("touch");
        }
        assert!(succeeded(&card.answer()));
        assert_eq!(card.word(), "touch-over");
    }
}

#[test]
fn a_wait_without_a_touch_ends() {
    let mut card = Card::start(&["--touch", "never", "--touch-timeout", "1"]);
    card.ask(SELECT);
    card.ask(PUT_WITH_TOUCH);
    assert_eq!(card.ask(CALCULATE), [0x69, 0x82]);
}

#[test]
fn the_card_goes_and_comes_by_line() {
    let mut card = Card::start(&[]);
    assert!(succeeded(&card.ask(SELECT)));
    card.command("remove");
    assert_eq!(card.word(), "removed");
    assert_eq!(card.reader.read(&mut [0]).unwrap(), 0);
    card.command("insert");
    card.reader = card.listener.accept().unwrap().0;
    assert_eq!(card.word(), "ready");
    assert!(succeeded(&card.ask(SELECT)));
}

#[test]
fn faults_come_with_the_start_and_by_line_and_commands_are_counted() {
    let mut card = Card::start(&["--fault", "answer=2:6f00"]);
    assert!(succeeded(&card.ask(SELECT)));
    assert_eq!(card.ask(SELECT), [0x6F, 0x00]);
    card.command("fault answer=1:6e00");
    card.command("count");
    assert_eq!(card.word(), "commands 2");
    assert_eq!(card.ask(SELECT), [0x6E, 0x00]);
}

#[test]
fn a_state_file_outlives_the_process() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state.json");
    let arguments = ["--state", file.to_str().unwrap()];
    let mut card = Card::start(&arguments);
    let selected = card.ask(SELECT);
    assert!(succeeded(&card.ask(PUT_WITH_TOUCH)));
    drop(card);
    let mut card = Card::start(&arguments);
    assert_eq!(card.ask(SELECT), selected);
    assert!(succeeded(&card.ask(CALCULATE)));
}

#[test]
fn a_signal_ends_it_well_and_the_loss_of_its_reader_does_not() {
    for signal in [Signal::TERM, Signal::INT] {
        let mut card = Card::start(&[]);
        card.signal(signal);
        assert_eq!(card.child.wait().unwrap().code(), Some(0));
    }
    let mut card = Card::start(&[]);
    card.reader.shutdown(std::net::Shutdown::Both).unwrap();
    assert_eq!(card.child.wait().unwrap().code(), Some(69));
}

#[test]
fn what_it_cannot_use_it_refuses() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("state.json");
    std::fs::write(&file, "{}").unwrap();
    for (arguments, status) in [
        (["--state", file.to_str().unwrap()], 65),
        (["--fault", "fire"], 64),
        (["--profile", "yubikey-6"], 64),
        (["--touch", "gently"], 64),
        (["--atr", "bluetooth"], 64),
        (["--vpcd", "nowhere"], 69),
        (["--usb", "--vpcd=nowhere"], 64),
        (["--usb", "--atr=nfc"], 64),
    ] {
        let ended = Command::new(env!("CARGO_BIN_EXE_oathd-sim"))
            .arg("card")
            .args(arguments)
            .output()
            .unwrap();
        assert_eq!(ended.status.code(), Some(status), "{arguments:?}");
        assert!(!ended.stderr.is_empty());
    }
}
