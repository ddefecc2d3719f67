//! The rules of the verifier: accounts and their factors, enrolment, verification, recovery and
//! lock-out.
//!
//! Pure: no clock, no randomness, no files, no waiting. `now` is Unix seconds, random bytes are
//! arguments, and whoever calls loads an account, calls, stores it, and only then answers. A
//! method leaves the account as it must be stored, also when it refuses.
//!
//! One verification is [`Account::admit`] (store the charge), computing the codes that the
//! [`Ticket`] wants, and [`Account::judge`] (store the outcome, then answer):
//!
//! ```
//! use oathd_core::*;
//!
//! # let key = MacKey::new([7; 32].into());
//! let mut account = Account::decoy("nobody@shop".parse()?);
//! let response = Response::classify("123 456");
//! let moment = Moment::at(1_700_000_000);
//! match account.admit(CallerClass::RealmService, response, moment) {
//!     Admission::Refused { outcome, .. } => println!("{outcome:?}"),
//!     Admission::Admitted(ticket) => {
//!         let candidates = []; // computed on the token, or from the seed
//!         let judged = account.judge(&ticket, moment, &candidates, &key, None);
//!         assert!(matches!(judged.outcome, Outcome::WrongCode { retry_after: 0 }));
//!     }
//! }
//! # Ok::<(), InvalidAccountName>(())
//! ```

mod account;
mod bearer;
pub mod bucket;
mod caller;
mod candidate;
mod channels;
pub mod charge;
pub mod crockford;
pub mod enrolment;
mod event;
mod factor;
mod factors;
pub mod health;
mod judge;
mod login;
mod mac;
mod moment;
mod name;
mod open_ways;
pub mod out_of_band;
pub mod policy;
mod proof;
pub mod receipt;
pub mod recovery;
mod recovery_code;
pub mod rescue;
mod rescuing;
mod response;
mod settle;
mod stored;
mod verify;
mod watermark;
mod way;

#[cfg(test)]
mod clock_tests;
#[cfg(test)]
mod lifetime_tests;
#[cfg(test)]
mod lockout_tests;
#[cfg(test)]
mod record_tests;
#[cfg(test)]
mod recovery_tests;
#[cfg(test)]
mod replay_tests;
#[cfg(test)]
mod shut_tests;
#[cfg(test)]
mod stand;

pub use account::{Account, MAX_FACTORS, Standing};
pub use bearer::{ApiKey, Bearer, Lifetime, Refusal, Session};
pub use bucket::Bucket;
pub use caller::{CallerClass, ClassSet};
pub use candidate::{Candidate, LOOK_AHEAD, RESYNC_COUNTERS, RESYNC_STEPS, SKEW, Wanted};
pub use charge::Family;
pub use enrolment::{Enrolment, EnrolmentError};
pub use event::Event;
pub use factor::{
    Custody, Factor, FactorId, Generator, Holding, MAX_LABEL, Role, Sealed, Slot, Source, State,
};
pub use factors::FactorError;
pub use judge::{Accepted, EmptyAnswer, Judgement, Outcome};
pub use login::Login;
pub use mac::{Mac, MacKey, fingerprint};
pub use moment::{
    LONGEST_FLOOR, MAX_JUMP, MAX_SETBACK, Moment, Trust, highest_floor, raised_floor,
};
pub use name::{AccountName, InvalidAccountName, RealmName};
pub use open_ways::{OpenKind, OpenWay};
pub use out_of_band::{Address, Channel, ChannelError, ChannelKind, OutOfBandCode};
pub use proof::{Change, Proof, ProofRequired};
pub use receipt::Receipt;
pub use recovery::RecoverySet;
pub use recovery_code::{RecoveryCode, index_symbol};
pub use rescue::{Approver, BypassCode, Rescue, RescueError, RescueRule};
pub use response::{Response, TypedDigits};
pub use stored::{MAX_RECORD, RecordError, decode, encode};
pub use verify::{Admission, Ticket};
pub use watermark::{NotAbove, SeedMark, SeedMarks, TooManySeeds, Watermark};
pub use way::Way;
