//! Commands and whole answers over a channel: framing, chains, the rest of long answers.

use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::{
    apdu::{Command, Framing, Response, StatusWord},
    error::{ProtocolError, TokenError},
    transport::{Channel, TransportError},
    ykoath,
};

/// No token holds this much: 64 credentials list in about 5 KiB.
const LONGEST_ANSWER: usize = 64 * 1024;

/// Pieces of one answer. A piece may be short, but a card that never ends must not hold the owner.
const MOST_PIECES: usize = 1024;

/// Firmware 4.2.0 to 4.2.6 may lose a command this soon after an answer longer than [`LONG_ANSWER`].
const UNSTEADY: Duration = Duration::from_secs(2);
const LONG_ANSWER: usize = 54;

/// How one card is spoken to; lasts from transaction to transaction.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) framing: Framing,
    pub(crate) touch_workaround: bool,
    long_answer: Option<Instant>,
}

impl Link {
    /// What every card understands.
    pub(crate) fn plain() -> Link {
        Link {
            framing: Framing::Short,
            touch_workaround: false,
            long_answer: None,
        }
    }
}

/// A card within a transaction.
pub(crate) struct Card<'c> {
    channel: &'c mut dyn Channel,
    link: &'c mut Link,
    /// The application was opened with its key and has to be locked before others come.
    pub(crate) opened: bool,
    /// The connection is of no more use.
    pub(crate) lost: Option<TransportError>,
}

impl<'c> Card<'c> {
    pub(crate) fn new(channel: &'c mut dyn Channel, link: &'c mut Link) -> Card<'c> {
        Card {
            channel,
            link,
            opened: false,
            lost: None,
        }
    }

    /// Sends a command; gives the whole answer.
    pub(crate) fn exchange(&mut self, command: &Command) -> Result<Response, TokenError> {
        self.steady();
        let mut answer = Response {
            data: Zeroizing::new(Vec::new()),
            status: StatusWord::OK,
        };
        for apdu in command.encode(self.link.framing) {
            answer = self.transmit(&apdu)?;
            if answer.status != StatusWord::OK && !answer.status.more() {
                break;
            }
        }
        let remaining = Command::new(ykoath::SEND_REMAINING, Vec::new()).encode(self.link.framing);
        let mut pieces = 0;
        while answer.status.more() {
            pieces += 1;
            for apdu in &remaining {
                let piece = self.transmit(apdu)?;
                if pieces > MOST_PIECES || answer.data.len() + piece.data.len() > LONGEST_ANSWER {
                    return Err(ProtocolError::TooLong.into());
                }
                let mut whole =
                    Zeroizing::new(Vec::with_capacity(answer.data.len() + piece.data.len()));
                whole.extend_from_slice(&answer.data);
                whole.extend_from_slice(&piece.data);
                answer = Response {
                    data: whole,
                    status: piece.status,
                };
            }
        }
        tracing::trace!(
            ins = command.ins,
            sent = command.data.len(),
            received = answer.data.len(),
            status = %answer.status,
            "exchanged"
        );
        self.link.long_answer = (answer.data.len() > LONG_ANSWER).then(Instant::now);
        Ok(answer)
    }

    /// Sends a command; gives the answer's data when all went well.
    pub(crate) fn ask(&mut self, command: &Command) -> Result<Zeroizing<Vec<u8>>, TokenError> {
        let answer = self.exchange(command)?;
        match answer.status {
            StatusWord::OK => Ok(answer.data),
            status => Err(refusal(status)),
        }
    }

    fn transmit(&mut self, apdu: &[u8]) -> Result<Response, TokenError> {
        match self.channel.transmit(apdu) {
            Ok(bytes) => {
                let bytes = Zeroizing::new(bytes);
                Response::parse(&bytes).ok_or_else(|| ProtocolError::Truncated.into())
            }
            Err(error) => {
                self.lost = Some(error.clone());
                Err(error.into())
            }
        }
    }

    /// Sends what an unsteady card may lose.
    fn steady(&mut self) {
        let long_answer = self.link.long_answer.take();
        if self.link.touch_workaround && long_answer.is_some_and(|then| then.elapsed() < UNSTEADY) {
            // Any answer, a refusal most of the time, will do.
            let _ = self.channel.transmit(&[0; 5]);
        }
    }
}

/// What a status word means wherever an instruction gives it no meaning of its own.
pub(crate) fn refusal(status: StatusWord) -> TokenError {
    match status {
        StatusWord::SECURITY => TokenError::PasswordRequired,
        StatusWord::NO_SUCH_OBJECT => TokenError::NoSuchCredential,
        StatusWord::MEMORY_FAILURE => TokenError::CredentialDamaged,
        status => ProtocolError::Status(status).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A card that follows a script and keeps what it was sent.
    struct Script<F> {
        sent: Vec<Vec<u8>>,
        answer: F,
    }

    impl<F: FnMut(usize, &[u8]) -> Vec<u8>> Channel for Script<F> {
        fn transmit(&mut self, apdu: &[u8]) -> Result<Vec<u8>, TransportError> {
            self.sent.push(apdu.to_vec());
            Ok((self.answer)(self.sent.len(), apdu))
        }
    }

    fn scripted<F: FnMut(usize, &[u8]) -> Vec<u8>>(answer: F) -> Script<F> {
        Script {
            sent: Vec::new(),
            answer,
        }
    }

    fn list() -> Command {
        Command::new(0xa1, Vec::new())
    }

    #[test]
    fn the_rest_of_an_answer_is_fetched_whatever_the_second_byte_says() {
        let mut script = scripted(|count, _| match count {
            1 => vec![1, 2, 0x61, 0x00],
            2 => vec![3, 0x61, 0xff],
            3 => vec![0x61, 0x01],
            _ => vec![4, 0x90, 0x00],
        });
        let mut link = Link::plain();
        let answer = Card::new(&mut script, &mut link).exchange(&list()).unwrap();
        assert_eq!(*answer.data, [1, 2, 3, 4]);
        assert_eq!(answer.status, StatusWord::OK);
        assert_eq!(script.sent[1..], vec![vec![0, 0xa5, 0, 0, 0]; 3]);
    }

    #[test]
    fn an_endless_answer_ends() {
        for piece in [0, 250] {
            let mut script = scripted(|_, _| [vec![7; piece], vec![0x61, 0]].concat());
            let mut link = Link::plain();
            let outcome = Card::new(&mut script, &mut link).exchange(&list());
            assert!(matches!(
                outcome,
                Err(TokenError::Protocol(ProtocolError::TooLong))
            ));
            assert!(script.sent.len() <= MOST_PIECES + 2);
            assert!(script.sent.len() * piece <= LONGEST_ANSWER + 2 * piece);
        }
    }

    #[test]
    fn a_chain_stops_where_the_card_refuses() {
        let mut script = scripted(|count, _| match count {
            1 => vec![0x90, 0x00],
            _ => vec![0x6a, 0x80],
        });
        let mut link = Link::plain();
        let long = Command::new(0x01, vec![5; 700]);
        let answer = Card::new(&mut script, &mut link).exchange(&long).unwrap();
        assert_eq!(answer.status, StatusWord::WRONG_SYNTAX);
        assert_eq!(script.sent.len(), 2);
        assert_eq!(script.sent[0][0], 0x10);
    }

    #[test]
    fn an_unsteady_card_gets_something_to_lose_after_a_long_answer() {
        for (unsteady, length, extra) in [(true, 55, 1), (true, 54, 0), (false, 55, 0)] {
            let mut script = scripted(|_, _| [vec![0; length], vec![0x90, 0]].concat());
            let mut link = Link::plain();
            link.touch_workaround = unsteady;
            Card::new(&mut script, &mut link).exchange(&list()).unwrap();
            // The next transaction begins with it.
            Card::new(&mut script, &mut link).exchange(&list()).unwrap();
            assert_eq!(script.sent.len(), 2 + extra);
            if extra == 1 {
                assert_eq!(script.sent[1], [0; 5]);
            }
        }
    }
}
