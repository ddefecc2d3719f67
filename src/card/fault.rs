//! Faults on demand: what can be made to go wrong, and when.

use crate::key::hex;
use std::str::FromStr;
use std::time::Duration;

/// Something that goes wrong. Commands are counted from the moment the fault is armed; a fault
/// with a number happens once.
///
/// As text, on the command line of `oathd-sim`:
///
/// | text | what happens |
/// |---|---|
/// | `unplug-after=N` | N commands are answered; the next one finds the card pulled, and does nothing |
/// | `lose-answer=N` | the Nth command is carried out, and the card is pulled before it answers |
/// | `delay=MS` | every answer takes this many milliseconds longer |
/// | `corrupt=N` | every data byte of the Nth answer is inverted; its status word stays |
/// | `truncate=N` | the Nth answer loses the second half of its data; its status word stays |
/// | `answer=N:HEX` | the Nth command is not carried out and answered with these bytes |
/// | `memory=ID` | computing the credential ID answers `6581`, until it is overwritten or deleted |
/// | `full` | no further credential finds room |
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Fault {
    /// `unplug-after=N`
    UnplugAfter(u32),
    /// `lose-answer=N`
    LoseAnswer(u32),
    /// `delay=MS`
    Delay(Duration),
    /// `corrupt=N`
    Corrupt(u32),
    /// `truncate=N`
    Truncate(u32),
    /// `answer=N:HEX`
    Answer(u32, Vec<u8>),
    /// `memory=ID`
    Memory(String),
    /// `full`
    Full,
}

/// A text that names no fault.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum InvalidFault {
    /// No fault has this name, or it comes without its value.
    #[error(
        "\"{0}\" is no fault: use unplug-after=N, lose-answer=N, delay=MS, corrupt=N, truncate=N, answer=N:HEX, memory=ID or full"
    )]
    Unknown(String),
    /// The value is not what this fault takes.
    #[error("\"{value}\" is no value for {name}: {wanted} is wanted")]
    Value {
        /// The fault.
        name: &'static str,
        /// What was given.
        value: String,
        /// What it takes.
        wanted: &'static str,
    },
}

impl FromStr for Fault {
    type Err = InvalidFault;

    fn from_str(text: &str) -> Result<Fault, InvalidFault> {
        match text.split_once('=') {
            None if text == "full" => Ok(Fault::Full),
            Some(("unplug-after", value)) => number("unplug-after", value).map(Fault::UnplugAfter),
            Some(("lose-answer", value)) => ordinal("lose-answer", value).map(Fault::LoseAnswer),
            Some(("delay", value)) => {
                number("delay", value).map(|ms| Fault::Delay(Duration::from_millis(ms.into())))
            }
            Some(("corrupt", value)) => ordinal("corrupt", value).map(Fault::Corrupt),
            Some(("truncate", value)) => ordinal("truncate", value).map(Fault::Truncate),
            Some(("answer", value)) => answer(value),
            Some(("memory", id)) if !id.is_empty() => Ok(Fault::Memory(id.to_owned())),
            _ => Err(InvalidFault::Unknown(text.to_owned())),
        }
    }
}

fn number(name: &'static str, value: &str) -> Result<u32, InvalidFault> {
    value.parse().map_err(|_| InvalidFault::Value {
        name,
        value: value.to_owned(),
        wanted: "a number",
    })
}

fn ordinal(name: &'static str, value: &str) -> Result<u32, InvalidFault> {
    match number(name, value)? {
        0 => Err(InvalidFault::Value {
            name,
            value: value.to_owned(),
            wanted: "a number from 1 on",
        }),
        number => Ok(number),
    }
}

fn answer(value: &str) -> Result<Fault, InvalidFault> {
    let invalid = || InvalidFault::Value {
        name: "answer",
        value: value.to_owned(),
        wanted: "a number from 1 on, a colon and 2 to 4096 bytes in hexadecimal",
    };
    let (at, bytes) = value.split_once(':').ok_or_else(invalid)?;
    let bytes = hex::parse(bytes).filter(|bytes| (2..=4096).contains(&bytes.len()));
    Ok(Fault::Answer(
        ordinal("answer", at)?,
        bytes.ok_or_else(invalid)?,
    ))
}

impl Fault {
    /// Whether the fault shows at the `command`th command, counted from 1.
    fn shows_at(&self, command: u64) -> bool {
        match *self {
            Fault::UnplugAfter(count) => command > u64::from(count),
            Fault::LoseAnswer(at)
            | Fault::Corrupt(at)
            | Fault::Truncate(at)
            | Fault::Answer(at, _) => command == u64::from(at),
            Fault::Delay(_) => true,
            Fault::Memory(_) | Fault::Full => false,
        }
    }

    /// Whether the fault has nothing more to do once it showed.
    fn happens_once(&self) -> bool {
        !matches!(self, Fault::Delay(_))
    }

    /// The answer as this fault leaves it.
    pub(crate) fn alter(&self, mut answer: Vec<u8>) -> Vec<u8> {
        let data = answer.len().saturating_sub(2);
        match self {
            Fault::Corrupt(_) => answer[..data].iter_mut().for_each(|byte| *byte = !*byte),
            Fault::Truncate(_) => drop(answer.drain(data / 2..data)),
            _ => {}
        }
        answer
    }
}

/// The faults that wait for their command.
#[derive(Debug, Default)]
pub(crate) struct Armed(Vec<(Fault, u64)>);

impl Armed {
    /// Adds a fault; the next command is its first.
    pub(crate) fn arm(&mut self, fault: Fault) {
        self.0.push((fault, 0));
    }

    /// Counts a command, and returns the faults that show at it in the order they were armed.
    pub(crate) fn next_command(&mut self) -> Vec<Fault> {
        let mut showing = Vec::new();
        self.0.retain_mut(|(fault, seen)| {
            *seen += 1;
            let shows = fault.shows_at(*seen);
            if shows {
                showing.push(fault.clone());
            }
            !(shows && fault.happens_once())
        });
        showing
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn every_fault_has_its_text() {
        assert_eq!("unplug-after=0".parse(), Ok(Fault::UnplugAfter(0)));
        assert_eq!("lose-answer=2".parse(), Ok(Fault::LoseAnswer(2)));
        assert_eq!(
            "delay=40".parse(),
            Ok(Fault::Delay(Duration::from_millis(40)))
        );
        assert_eq!("corrupt=1".parse(), Ok(Fault::Corrupt(1)));
        assert_eq!("truncate=1".parse(), Ok(Fault::Truncate(1)));
        assert_eq!(
            "answer=3:6f00".parse(),
            Ok(Fault::Answer(3, vec![0x6F, 0x00]))
        );
        assert_eq!(
            "memory=60/a=b:c".parse(),
            Ok(Fault::Memory("60/a=b:c".to_owned()))
        );
        assert_eq!("full".parse(), Ok(Fault::Full));
        for bad in [
            "",
            "full=1",
            "fire",
            "corrupt",
            "corrupt=0",
            "delay=-1",
            "answer=1:6",
            "answer=0:6f00",
            "memory=",
        ] {
            assert!(bad.parse::<Fault>().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_numbered_fault_shows_once(at in 1..20u32) {
            for (fault, command) in [(Fault::Corrupt(at), at), (Fault::UnplugAfter(at), at + 1)] {
                let mut armed = Armed::default();
                armed.arm(fault.clone());
                for number in 1..40u32 {
                    let showing = armed.next_command();
                    prop_assert_eq!(showing.contains(&fault), number == command);
                }
            }
        }

        #[test]
        fn an_altered_answer_keeps_its_status_word(answer in prop::collection::vec(any::<u8>(), 3..300)) {
            let status = answer[answer.len() - 2..].to_vec();
            for fault in [Fault::Corrupt(1), Fault::Truncate(1)] {
                let altered = fault.alter(answer.clone());
                prop_assert_ne!(&altered, &answer);
                prop_assert!(altered.ends_with(&status));
            }
        }
    }
}
