//! A bare PC/SC program: it sees readers and cards as pcscd shows them to anybody, and stands in
//! for the other programs that oathd shares its tokens with.
//!
//! ```text
//! oathd-test-pcsc list                          reader names, a tab, the ATR where a card is in
//! oathd-test-pcsc await present|absent READER   waits for a card, or for none
//! oathd-test-pcsc send READER APDU…             one transaction; each answer in hex on a line
//! oathd-test-pcsc hold exclusive|shared|transaction READER
//!                                               prints "held"; lets go when its input closes
//! oathd-test-pcsc end reset|unpower READER      connects, and ends its session so for everybody
//! ```
#![expect(
    clippy::print_stdout,
    reason = "a program that answers on its standard output"
)]

use std::ffi::{CStr, CString};
use std::io::Read;
use std::time::{Duration, Instant};
use std::{env, fmt, io, thread};

use pcsc::{
    Card, Context, Disposition, Protocols, ReaderState, Scope, ShareMode, State, Transaction,
};

/// How long `await` waits, in all.
const BOUND: Duration = Duration::from_secs(100);

/// Shown by the runtime as it is.
struct Failure(String);

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<E: fmt::Display> From<E> for Failure {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        ["list"] => list(),
        ["await", "present", reader] => await_state(reader, State::PRESENT),
        ["await", "absent", reader] => await_state(reader, State::EMPTY),
        ["send", reader, apdus @ ..] => send(reader, apdus),
        ["hold", kind, reader] => hold(kind, reader),
        ["end", "reset", reader] => end(Disposition::ResetCard, reader),
        ["end", "unpower", reader] => end(Disposition::UnpowerCard, reader),
        _ => Err(
            "usage: list | await present|absent READER | send READER APDU… | \
                  hold exclusive|shared|transaction READER | end reset|unpower READER"
                .into(),
        ),
    }
}

fn list() -> Result<(), Failure> {
    let context = Context::establish(Scope::User)?;
    let mut states: Vec<ReaderState> = context
        .list_readers_owned()?
        .into_iter()
        .map(|name| ReaderState::new(name, State::UNAWARE))
        .collect();
    context.get_status_change(Duration::ZERO, &mut states)?;
    for state in &states {
        println!("{}\t{}", state.name().to_string_lossy(), hex(state.atr()));
    }
    Ok(())
}

/// Returns when the reader's state contains `wanted`. pcscd and its readers may still be starting.
fn await_state(reader: &str, wanted: State) -> Result<(), Failure> {
    let end = Instant::now() + BOUND;
    let mut context = None;
    let name = CString::new(reader)?;
    let mut states = [ReaderState::new(name.clone(), State::UNAWARE)];
    while Instant::now() < end {
        if context.is_none() {
            context = Context::establish(Scope::User).ok();
        }
        let left = end.saturating_duration_since(Instant::now());
        match context
            .as_ref()
            .map(|context| context.get_status_change(left, &mut states))
        {
            Some(Ok(())) => {
                let state = states[0].event_state();
                if state.contains(wanted) {
                    return Ok(());
                }
                if state.contains(State::UNKNOWN) {
                    states[0] = ReaderState::new(name.clone(), State::UNAWARE);
                    thread::sleep(Duration::from_millis(5));
                } else {
                    states[0].sync_current_state();
                }
            }
            Some(Err(pcsc::Error::UnknownReader)) => thread::sleep(Duration::from_millis(5)),
            Some(Err(pcsc::Error::Timeout)) => break,
            Some(Err(pcsc::Error::NoService | pcsc::Error::ServiceStopped)) | None => {
                context = None;
                thread::sleep(Duration::from_millis(5));
            }
            Some(Err(error)) => return Err(error.into()),
        }
    }
    Err(format!("{reader} is not {wanted:?}").into())
}

fn send(reader: &str, apdus: &[&str]) -> Result<(), Failure> {
    let mut card = connect(reader, ShareMode::Shared)?;
    let sent = in_a_transaction(&mut card, |transaction| {
        let mut buffer = [0; 65_538];
        for apdu in apdus {
            println!("{}", hex(transaction.transmit(&unhex(apdu)?, &mut buffer)?));
        }
        Ok(())
    });
    sent.and(leave(card))
}

fn hold(kind: &str, reader: &str) -> Result<(), Failure> {
    let mode = match kind {
        "exclusive" => ShareMode::Exclusive,
        _ => ShareMode::Shared,
    };
    let mut card = connect(reader, mode)?;
    let held = match kind {
        "transaction" => in_a_transaction(&mut card, |_| until_input_closes()),
        _ => until_input_closes(),
    };
    held.and(leave(card))
}

/// Works on a card in a transaction, and ends it whatever comes of the work.
fn in_a_transaction(
    card: &mut Card,
    work: impl FnOnce(&Transaction<'_>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let transaction = card.transaction()?;
    let done = work(&transaction);
    let ended = transaction.end(Disposition::LeaveCard);
    done.and(ended.map_err(|(_, error)| error.into()))
}

fn end(disposition: Disposition, reader: &str) -> Result<(), Failure> {
    println!("connecting");
    let card = connect(reader, ShareMode::Shared)?;
    Ok(card.disconnect(disposition).map_err(|(_, error)| error)?)
}

fn until_input_closes() -> Result<(), Failure> {
    println!("held");
    io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}

fn connect(reader: &str, mode: ShareMode) -> Result<Card, Failure> {
    let name = CString::new(reader)?;
    let name: &CStr = &name;
    Ok(Context::establish(Scope::User)?.connect(name, mode, Protocols::ANY)?)
}

/// Dropping a card would reset it; a reset that fails because the card has just been changed leaves
/// pcscd believing that the reader holds one without power.
fn leave(card: Card) -> Result<(), Failure> {
    Ok(card
        .disconnect(Disposition::LeaveCard)
        .map_err(|(_, error)| error)?)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn unhex(text: &str) -> Result<Vec<u8>, Failure> {
    if !text.is_ascii() || text.len() % 2 == 1 {
        return Err(format!("{text} is not hex").into());
    }
    (0..text.len())
        .step_by(2)
        .map(|at| Ok(u8::from_str_radix(&text[at..at + 2], 16)?))
        .collect()
}
