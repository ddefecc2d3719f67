//! Lines that are typed unseen.
//!
//! The terminal hands over whole lines, edited with its own keys, and shows nothing of them. The keys
//! that would end the program end the line instead: the terminal shows what is typed again before the
//! program ends by their signal, and whoever called it gets a terminal that works.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};

use rustix::process::{Signal, getpid, kill_process};
use rustix::termios::{
    InputModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use zeroize::Zeroizing;

/// The most bytes of a line that a terminal takes, its end included.
const LINE: usize = 4096;

/// A terminal that shows nothing of what is typed, until this is dropped.
struct Unseen<'a> {
    terminal: &'a File,
    before: Termios,
}

impl Unseen<'_> {
    fn of(terminal: &File) -> io::Result<Unseen<'_>> {
        let before = tcgetattr(terminal)?;
        let mut modes = before.clone();
        modes
            .local_modes
            .insert(LocalModes::ICANON | LocalModes::IEXTEN);
        modes
            .local_modes
            .remove(LocalModes::ECHO | LocalModes::ECHONL | LocalModes::ISIG);
        // One stroke deletes one letter, however many bytes it has.
        modes.input_modes.insert(InputModes::IUTF8);
        let keys = &mut modes.special_codes;
        keys[SpecialCodeIndex::VEOL] = before.special_codes[SpecialCodeIndex::VINTR];
        keys[SpecialCodeIndex::VEOL2] = before.special_codes[SpecialCodeIndex::VQUIT];
        tcsetattr(terminal, OptionalActions::Now, &modes)?;
        Ok(Unseen { terminal, before })
    }

    /// The signal of the key that ended a line, if it has one.
    fn signal(&self, end: u8) -> Option<Signal> {
        let keys = &self.before.special_codes;
        match end {
            // The key of a signal that has none.
            0 => None,
            end if end == keys[SpecialCodeIndex::VINTR] => Some(Signal::INT),
            end if end == keys[SpecialCodeIndex::VQUIT] => Some(Signal::QUIT),
            _ => None,
        }
    }
}

impl Drop for Unseen<'_> {
    fn drop(&mut self) {
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
        // What ended the line was not shown either.
        let mut terminal = self.terminal;
        let _ = terminal.write_all(b"\n");
    }
}

/// Asks on the terminal for a line that is not shown. Empty where its end is typed, and where a signal
/// that was typed does not end the program.
pub(crate) fn read(prompt: &str) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut terminal = OpenOptions::new().read(true).write(true).open("/dev/tty")?;
    terminal.write_all(prompt.as_bytes())?;
    let unseen = Unseen::of(&terminal)?;
    let mut typed = Zeroizing::new(vec![0; LINE]);
    let mut input = &terminal;
    let length = loop {
        match input.read(&mut typed) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => break read?,
        }
    };
    typed.truncate(length);
    typed.pop_if(|end| *end == b'\n');
    let signal = typed.last().and_then(|end| unseen.signal(*end));
    drop(unseen);
    if let Some(signal) = signal {
        kill_process(getpid(), signal)?;
        typed.truncate(0);
    }
    Ok(typed)
}
