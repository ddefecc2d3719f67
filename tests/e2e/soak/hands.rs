//! What happens to the tokens meanwhile.

use std::time::{Duration, Instant};

use oathd_tests::world::{Process, World, until};

use super::SERIALS;
use crate::dice::Dice;

/// What hands can do.
#[derive(Clone, Copy, Debug)]
enum Act {
    /// The answer to one of the next commands is not what it should be.
    Spoil(&'static str),
    Pull,
    /// The card answers late.
    Hang,
    /// Another program has the card, for less time than oathd waits or for more.
    Hold(&'static str, Stay),
}

#[derive(Clone, Copy, Debug)]
enum Stay {
    Short,
    Long,
}

/// A spoiled answer is one of so many next ones.
const SPOILED: usize = 8;

/// Everything that happens, before anything happens once more.
const ACTS: [Act; 13] = [
    Act::Spoil("corrupt=N"),
    Act::Spoil("corrupt=N"),
    Act::Spoil("corrupt=N"),
    Act::Spoil("truncate=N"),
    Act::Spoil("truncate=N"),
    Act::Spoil("answer=N:6f00"),
    Act::Spoil("lose-answer=N"),
    Act::Spoil("unplug-after=N"),
    Act::Pull,
    Act::Hang,
    Act::Hold("exclusive", Stay::Short),
    Act::Hold("transaction", Stay::Short),
    Act::Hold("exclusive", Stay::Long),
];

/// Hands on the cards, and other programs in their way.
pub(super) struct Hands<'w> {
    world: &'w mut World,
    dice: Dice,
    /// What is still to be done of [`ACTS`].
    left: Vec<Act>,
}

impl Hands<'_> {
    pub(super) fn new(world: &mut World) -> Hands<'_> {
        Hands {
            world,
            dice: Dice::new(),
            left: Vec::new(),
        }
    }

    /// Makes something happen, again and again.
    pub(super) async fn work_until(&mut self, end: Instant) {
        while Instant::now() < end {
            self.pause(0, 80).await;
            (0..SERIALS.len()).for_each(|card| self.say(card, "insert"));
            if self.left.is_empty() {
                self.left.extend(ACTS);
            }
            let act = self.left.swap_remove(self.dice.below(self.left.len()));
            let card = self.dice.below(SERIALS.len());
            match act {
                Act::Spoil(fault) => {
                    let command = (1 + self.dice.below(SPOILED)).to_string();
                    self.say(card, &format!("fault {}", fault.replace('N', &command)));
                }
                Act::Pull => self.say(card, "remove"),
                Act::Hang => {
                    self.world.card(card).freeze().unwrap();
                    self.pause(0, 200).await;
                    self.world.card(card).thaw().unwrap();
                }
                Act::Hold(how, stay) => self.hold(card, how, stay).await,
            }
        }
    }

    /// Puts every card back, and lets every fault that still waits show itself.
    pub(super) async fn rest(&mut self) {
        for card in 0..SERIALS.len() {
            let reader = self.world.card(card).reader();
            let select = "00a4040007a0000005272101";
            // One that pulls the card begins the count anew.
            let mut answered = 0;
            until("end of the faults", || {
                self.say(card, "insert");
                let send = self.world.pcsc(&["send", &reader, select])?.run()?;
                answered = if send.stdout().is_ok() {
                    answered + 1
                } else {
                    0
                };
                Ok((answered > SPOILED).then_some(()))
            })
            .unwrap();
        }
    }

    fn say(&mut self, card: usize, line: &str) {
        self.world.card(card).process().say(line).unwrap();
    }

    async fn hold(&mut self, card: usize, how: &str, stay: Stay) {
        let reader = self.world.card(card).reader();
        if matches!(stay, Stay::Long) {
            self.world
                .pcsc(&["await", "present", &reader])
                .unwrap()
                .run()
                .unwrap();
        }
        let program = self.world.pcsc(&["hold", how, &reader]).unwrap();
        let mut holder: Process = program.start("holder").unwrap();
        match stay {
            Stay::Short => self.pause(0, 150).await,
            Stay::Long => self.pause(1200, 1500).await,
        }
        holder.close_input();
        // It ends with a complaint where the card was pulled or is held already.
        holder.wait().unwrap();
    }

    async fn pause(&mut self, shortest: usize, longest: usize) {
        let time = shortest + self.dice.below(longest - shortest);
        tokio::time::sleep(Duration::from_millis(time as u64)).await;
    }
}
