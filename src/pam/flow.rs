//! The conversation: asks, has oathd judge, tells. What is said when is decided by `rules`.

use oathd_api::ErrorName;

use crate::outcome::{Details, Failure, Receipt, Sent, Status};
use crate::response::Response;
use crate::rules::{About, Code, Ruling, after, before};
use crate::secret::Secret;
use crate::words;

/// The text that asks for a touch where no other is given.
pub(crate) const TOUCH: &str = "Touch your token when it blinks.";

/// Prompts of one conversation.
const ROUNDS: usize = 3;

/// The person in front.
pub(crate) trait Person {
    /// Asks for a response; an absent one is empty.
    ///
    /// # Errors
    /// When nobody can be asked.
    fn ask(&mut self, prompt: &str) -> Result<Secret, Code>;

    /// Tells a text that the person must act upon; whether it was shown is not known.
    fn tell(&mut self, text: &str);

    /// Tells a text that a program may leave out.
    fn mention(&mut self, text: &str);
}

/// oathd, asked about one account.
pub(crate) trait Oathd {
    fn status(&mut self) -> Result<Status, Failure>;
    fn verify(&mut self, response: &Secret) -> Result<Receipt, Failure>;
    fn presence(&mut self, allow_touch: bool) -> Result<Receipt, Failure>;
    fn send(&mut self, channel: u32) -> Result<Sent, Failure>;
    /// Whether the person is where the token is, so that a touch may be waited for.
    fn person_is_here(&mut self) -> bool;
}

/// How the code comes in.
pub(crate) enum Manner<'a> {
    /// It is asked for with this prompt.
    Prompt(&'a str),
    /// It was asked for before the password was checked: whoever guesses passwords must not learn
    /// from prompts or texts whether one was right.
    Collected(Secret),
    /// Nothing is typed: the token is touched, which this text asks for.
    Presence(&'a str),
}

/// What a login ends with.
pub(crate) struct End {
    pub(crate) code: Code,
    /// With [`Code::Accepted`] alone.
    pub(crate) receipt: Option<Receipt>,
    /// Why not, in a word, for the log.
    pub(crate) reason: String,
}

impl End {
    pub(crate) fn without_receipt(code: Code, reason: impl Into<String>) -> Self {
        Self {
            code,
            receipt: None,
            reason: reason.into(),
        }
    }
}

/// Asks for the second factor and has it judged. Where the login `needs_factor`, whoever has none is
/// refused whatever the policy says.
pub(crate) fn second_factor(
    oathd: &mut dyn Oathd,
    person: &mut dyn Person,
    manner: Manner<'_>,
    needs_factor: bool,
) -> End {
    let status = match oathd.status() {
        Ok(status) => status,
        Err(failure) => {
            person.tell(&after(&failure).text);
            return End::without_receipt(after(&failure).code, reason(&failure));
        }
    };
    let mut login = Login {
        oathd,
        person,
        status,
        strict: false,
    };
    if let Some(ruling) = before(login.status.requirement, needs_factor) {
        match ruling.code {
            Code::NotAsked => login.person.mention(&ruling.text),
            _ => login.tell(&ruling),
        }
        return End::without_receipt(ruling.code, "not asked");
    }
    match manner {
        Manner::Presence(hint) => {
            let outcome = login.touch(hint);
            login.end(outcome).0
        }
        Manner::Collected(typed) => {
            login.strict = true;
            login.round(&typed).0
        }
        Manner::Prompt(prompt) => login.rounds(prompt),
    }
}

struct Login<'a> {
    oathd: &'a mut dyn Oathd,
    person: &'a mut dyn Person,
    status: Status,
    strict: bool,
}

impl Login<'_> {
    fn rounds(&mut self, prompt: &str) -> End {
        let mut last = End::without_receipt(Code::Wrong, "nothing was typed");
        for _ in 0..ROUNDS {
            let typed = match self.person.ask(prompt) {
                Ok(typed) => typed,
                Err(code) => return End::without_receipt(code, "nobody can be asked"),
            };
            let (end, again) = self.round(&typed);
            if !again {
                return end;
            }
            last = end;
        }
        last
    }

    /// Judges one response; whether another may follow.
    fn round(&mut self, typed: &Secret) -> (End, bool) {
        match Response::read(typed) {
            Response::Help => {
                let text = self.ways();
                self.say(&text);
                (End::without_receipt(Code::Wrong, "help"), true)
            }
            Response::Send(channel) => (self.send(channel), true),
            Response::Nothing if self.offers("presence") && self.oathd.person_is_here() => {
                let outcome = self.touch(TOUCH);
                self.end(outcome)
            }
            Response::Nothing | Response::NoCode => self.end(Err(Failure::Refused(
                ErrorName::InvalidResponse,
                Details::default(),
            ))),
            Response::Code(code) => {
                let outcome = self.oathd.verify(&code);
                self.end(outcome)
            }
        }
    }

    fn offers(&self, kind: &str) -> bool {
        self.status.ways.iter().any(|way| way.kind == kind)
    }

    /// Asks first without a touch, so that nobody is told to touch a token that is not there.
    fn touch(&mut self, hint: &str) -> Result<Receipt, Failure> {
        if !self.oathd.person_is_here() {
            return Err(Failure::Elsewhere);
        }
        match self.oathd.presence(false) {
            Err(Failure::Refused(ErrorName::TouchRequired, _)) => {
                self.person.tell(hint);
                self.oathd.presence(true)
            }
            outcome => outcome,
        }
    }

    fn send(&mut self, channel: Option<u32>) -> End {
        let first = || {
            let open = self.status.ways.iter().filter(|w| w.kind == "out_of_band");
            open.filter_map(|way| way.id).next()
        };
        let Some(channel) = channel.or_else(first) else {
            self.person.tell("No code can be sent for this account.");
            return End::without_receipt(Code::Wrong, "no channel");
        };
        match self.oathd.send(channel) {
            Ok(sent) => {
                let text = if self.strict {
                    "Log in again with it."
                } else {
                    "Type it here."
                };
                let to = sent.address;
                self.person
                    .tell(&format!("A code is on its way to {to}. {text}"));
                End::without_receipt(Code::Wrong, "a code is sent")
            }
            Err(failure) => self.end(Err(failure)).0,
        }
    }

    fn end(&mut self, outcome: Result<Receipt, Failure>) -> (End, bool) {
        match outcome {
            Ok(receipt) => {
                for text in words::after_success(&receipt) {
                    self.person.tell(&text);
                }
                let end = End {
                    code: Code::Accepted,
                    receipt: Some(receipt),
                    reason: "accepted".to_owned(),
                };
                (end, false)
            }
            Err(failure) => {
                let ruling = after(&failure);
                self.tell(&ruling);
                (
                    End::without_receipt(ruling.code, reason(&failure)),
                    ruling.again,
                )
            }
        }
    }

    fn tell(&mut self, ruling: &Ruling) {
        if self.strict && ruling.about == About::Response {
            return;
        }
        self.say(&ruling.text);
        if ruling.ways {
            let ways = self.ways();
            self.say(&ways);
        }
    }

    fn say(&mut self, text: &str) {
        if !text.is_empty() {
            self.person.tell(text);
        }
    }

    fn ways(&mut self) -> String {
        let may_touch = self.offers("presence") && self.oathd.person_is_here();
        words::ways(&self.status, may_touch)
    }
}

fn reason(failure: &Failure) -> String {
    match failure {
        Failure::Refused(error, _) => error.as_str().to_owned(),
        Failure::Unreached(reason) => format!("{reason:?}"),
        Failure::Unknown(name) => name.clone(),
        Failure::Interrupted => "interrupted".to_owned(),
        Failure::Elsewhere => "the person is elsewhere".to_owned(),
    }
}

#[cfg(test)]
#[path = "flow_tests.rs"]
mod tests;
