//! Software tokens in the readers of a world.

use rustix::process::Signal;

use super::{Failure, Process, World, pcscd, reader_name};

/// What kind of token goes into which reader.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CardSetup {
    /// The reader, from 0.
    pub slot: u16,
    /// The serial number. Two cards of one serial are one token: they share their memory.
    pub serial: u32,
    /// `yubikey-5.7`, `yubikey-5.4`, `yubikey-4.3` or `neo`.
    pub profile: &'static str,
    /// `never`, `always` or `manual`.
    pub touch: &'static str,
    /// Further options of `oathd-sim card`, such as `--fault`.
    pub options: Vec<String>,
}

/// A token in a reader.
#[derive(Debug)]
pub struct Card {
    setup: CardSetup,
    process: Process,
}

impl Default for CardSetup {
    fn default() -> Self {
        Self {
            slot: 0,
            serial: 12_345_678,
            profile: "yubikey-5.7",
            touch: "always",
            options: Vec::new(),
        }
    }
}

impl World {
    /// Puts a card into its reader and waits until pcscd sees it. Returns its number.
    ///
    /// # Errors
    /// When the card ends or is not seen.
    pub fn insert_card(&mut self, setup: CardSetup) -> Result<usize, Failure> {
        let card = self.put(setup)?;
        self.cards.push(card);
        Ok(self.cards.len() - 1)
    }

    /// Card `number` of [`World::insert_card`].
    ///
    /// # Panics
    /// When there is no such card.
    pub fn card(&mut self, number: usize) -> &mut Card {
        &mut self.cards[number]
    }

    /// Puts every card back after pcscd ended: the cards end with their reader.
    ///
    /// # Errors
    /// When a card ends or is not seen.
    pub fn reinsert_cards(&mut self) -> Result<(), Failure> {
        let setups: Vec<CardSetup> = self.cards.drain(..).map(|card| card.setup).collect();
        for setup in setups {
            self.insert_card(setup)?;
        }
        Ok(())
    }

    /// Waits until pcscd sees a card in reader `slot`, or none.
    ///
    /// # Errors
    /// When that does not happen.
    pub fn until_card(&self, slot: u16, present: bool) -> Result<(), Failure> {
        let state = if present { "present" } else { "absent" };
        self.pcsc(&["await", state, &reader_name(slot)])?
            .run()?
            .stdout()
            .map(|_| ())
    }

    /// The bare PC/SC program of these tests; see its source for the commands.
    ///
    /// # Errors
    /// `Missing` when it is not built.
    pub fn pcsc(&self, arguments: &[&str]) -> Result<super::Program<'_>, Failure> {
        Ok(self.built("oathd-test-pcsc")?.arguments(arguments))
    }

    fn put(&self, setup: CardSetup) -> Result<Card, Failure> {
        let reader = format!("127.0.0.1:{}", pcscd::port(setup.slot));
        let (serial, state) = (
            setup.serial.to_string(),
            format!("/run/cards/{}.json", setup.serial),
        );
        let mut process = self
            .built("oathd-sim")?
            .arguments(&[
                "card", "--vpcd", &reader, "--serial", &serial, "--state", &state,
            ])
            .arguments(&["--profile", setup.profile, "--touch", setup.touch])
            .arguments(&setup.options)
            .start(&format!("card-{}-{serial}", setup.slot))?;
        self.pcsc(&["await", "present", &reader_name(setup.slot)])?
            .succeeds_while(&mut process)?;
        Ok(Card { setup, process })
    }
}

impl Card {
    /// The name of its reader.
    #[must_use]
    pub fn reader(&self) -> String {
        reader_name(self.setup.slot)
    }

    /// Touches it, once.
    ///
    /// # Errors
    /// When it has ended.
    pub fn touch(&mut self) -> Result<(), Failure> {
        self.process.say("touch")
    }

    /// Pulls it out of the reader; it keeps its memory.
    ///
    /// # Errors
    /// When it has ended.
    pub fn remove(&mut self) -> Result<(), Failure> {
        self.process.say("remove")
    }

    /// Puts it back.
    ///
    /// # Errors
    /// When it has ended.
    pub fn insert(&mut self) -> Result<(), Failure> {
        self.process.say("insert")
    }

    /// Stops it in the middle of whatever it does, as a hung card would.
    ///
    /// # Errors
    /// When it has ended.
    pub fn freeze(&mut self) -> Result<(), Failure> {
        self.process.signal(Signal::STOP)
    }

    /// Lets it go on.
    ///
    /// # Errors
    /// When it has ended.
    pub fn thaw(&mut self) -> Result<(), Failure> {
        self.process.signal(Signal::CONT)
    }

    /// The process behind it.
    pub fn process(&mut self) -> &mut Process {
        &mut self.process
    }
}
