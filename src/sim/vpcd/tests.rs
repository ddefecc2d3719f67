//! The wire of vpcd, with a listener in vpcd's place.

use super::*;
use oathd_card::CardOptions;
use std::net::TcpListener;
use std::sync::{Arc, mpsc};

const SELECT: [u8; 12] = [
    0x00, 0xA4, 0x04, 0x00, 0x07, 0xA0, 0x00, 0x00, 0x05, 0x27, 0x21, 0x01,
];

struct Reader {
    listener: TcpListener,
    front: Arc<Front>,
    ended: mpsc::Receiver<VpcdError>,
}

fn reader() -> Reader {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let card = SharedCard::new(CardOptions::default()).unwrap();
    let front = Arc::new(Front::new(
        card,
        &listener.local_addr().unwrap().to_string(),
    ));
    let (sender, ended) = mpsc::channel();
    let runner = Arc::clone(&front);
    thread::spawn(move || sender.send(runner.run(Duration::ZERO, || {})));
    Reader {
        listener,
        front,
        ended,
    }
}

fn ask(stream: &TcpStream, message: &[u8]) -> io::Result<Vec<u8>> {
    write_message(stream, message)?;
    let mut answer = Vec::new();
    read_message(stream, &mut answer)?;
    Ok(answer)
}

#[test]
fn control_messages_have_no_answer_and_an_apdu_has_one() {
    let reader = reader();
    let (stream, _) = reader.listener.accept().unwrap();
    write_message(&stream, &[POWER_ON]).unwrap();
    write_message(&stream, &[RESET]).unwrap();
    assert_eq!(ask(&stream, &[SEND_ATR]).unwrap(), reader.front.card.atr());
    assert!(ask(&stream, &SELECT).unwrap().ends_with(&[0x90, 0x00]));
    assert_eq!(
        ask(&stream, &[0x00, 0xA1, 0x00, 0x00]).unwrap(),
        [0x90, 0x00]
    );
    write_message(&stream, &[POWER_OFF]).unwrap();
    assert_eq!(
        ask(&stream, &[0x00, 0xA1, 0x00, 0x00]).unwrap(),
        [0x6D, 0x00]
    );
}

#[test]
fn a_removed_card_leaves_the_reader_and_comes_back() {
    let reader = reader();
    let (stream, _) = reader.listener.accept().unwrap();
    assert!(ask(&stream, &SELECT).is_ok());
    reader.front.remove();
    assert!(ask(&stream, &SELECT).is_err());
    reader.front.card.insert();
    let (stream, _) = reader.listener.accept().unwrap();
    assert!(ask(&stream, &SELECT).is_ok());
}

#[test]
fn a_fault_that_pulls_the_card_closes_the_connection() {
    let reader = reader();
    let (stream, _) = reader.listener.accept().unwrap();
    reader.front.card.inject("unplug-after=1".parse().unwrap());
    assert!(ask(&stream, &SELECT).is_ok());
    assert!(ask(&stream, &SELECT).is_err());
    assert!(!reader.front.card.present());
}

#[test]
fn the_end_of_the_reader_ends_the_front() {
    let reader = reader();
    let (stream, _) = reader.listener.accept().unwrap();
    assert!(ask(&stream, &SELECT).is_ok());
    drop(stream);
    assert!(matches!(
        reader.ended.recv().unwrap(),
        VpcdError::Closed { .. }
    ));
}

#[test]
fn nobody_listening_is_said() {
    let address = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .to_string();
    let card = SharedCard::new(CardOptions::default()).unwrap();
    let ended = Front::new(card, &address).run(Duration::ZERO, || {});
    assert!(matches!(ended, VpcdError::Unreachable { .. }));
}
