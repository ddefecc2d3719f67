//! What must hold between a hub, its tokens and other programs, over software cards in readers that exist
//! in this process alone. pcscd itself takes no part.

mod adding;
mod apdu_counts;
mod bench;
mod codes_agree;
mod damage;
mod identities;
mod interruptions;
mod other_programs;
mod passwords;
mod picking;
mod readers;
mod stale_knowledge;
mod steps;
mod touching;
mod world;
