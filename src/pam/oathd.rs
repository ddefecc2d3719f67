//! The Verifier of oathd, asked about one account.

use std::fs::File;
use std::io::Read;
use std::time::Duration;

use dbus::arg::{PropMap, Variant};
use oathd_api::names::{BUS_NAME, ROOT_PATH, SECRET_FD_MAX, VERIFIER_INTERFACE};

use crate::bus::{Bus, Record, Records, record};
use crate::flow::Oathd;
use crate::logind;
use crate::outcome::{Failure, Receipt, Requirement, Sent, Status, Unreached, Way};
use crate::seat::{Caller, Session, is_here, remote_host};
use crate::secret::Secret;

/// Ways that are read from an answer, at most.
const WAYS_MAX: usize = 64;

/// Bytes of a service's name, at most.
const SERVICE_MAX: usize = 64;

/// The verifier, and who asks.
pub(crate) struct Verifier {
    bus: Bus,
    user: String,
    service: String,
    caller: Caller,
    /// The session that the caller belongs to.
    own: Option<Session>,
}

impl Verifier {
    /// Connects; for each answer `patience` is waited.
    pub(crate) fn connect(
        (address, patience): (Option<&str>, Duration),
        user: &str,
        service: &str,
        caller: Caller,
    ) -> Result<Self, Failure> {
        let bus = Bus::connect(address, patience)?;
        let own = logind::own_session(&bus);
        let mut service = service.to_owned();
        while service.len() > SERVICE_MAX {
            service.pop();
        }
        Ok(Self {
            bus,
            user: user.to_owned(),
            service,
            caller,
            own,
        })
    }

    /// A user of this machine, whatever signs the name has.
    fn account(&self) -> String {
        format!("{}@local", self.user)
    }

    fn options(&self) -> PropMap {
        let mut options = PropMap::new();
        options.insert(
            "service".to_owned(),
            Variant(Box::new(self.service.clone())),
        );
        if let Some(host) = remote_host(&self.caller, self.own.as_ref()) {
            options.insert("remote_host".to_owned(), Variant(Box::new(host.to_owned())));
        }
        options
    }

    fn call(
        &self,
        member: &str,
        arguments: impl dbus::arg::AppendAll,
    ) -> Result<dbus::Message, Failure> {
        self.bus
            .call([BUS_NAME, ROOT_PATH, VERIFIER_INTERFACE, member], arguments)
    }

    /// Redeems a receipt: it is good for nobody after that.
    pub(crate) fn redeem(&self, receipt: &str) -> Result<(), Failure> {
        let arguments = (self.account(), receipt, self.options());
        self.call("CheckReceipt", arguments).map(drop)
    }

    /// The same, and binds the session of logind that began with it.
    pub(crate) fn bind(&self, receipt: &str, session: &str) -> Result<(), Failure> {
        let arguments = (self.account(), receipt, session, self.options());
        self.call("BindSession", arguments).map(drop)
    }
}

impl Oathd for Verifier {
    fn status(&mut self) -> Result<Status, Failure> {
        read_status(&self.call("Status", (self.account(), self.options()))?)
    }

    fn verify(&mut self, response: &Secret) -> Result<Receipt, Failure> {
        let arguments = (self.account(), response.reveal(), self.options());
        read_receipt(&self.call("Verify", arguments)?)
    }

    fn presence(&mut self, allow_touch: bool) -> Result<Receipt, Failure> {
        let mut options = self.options();
        if !allow_touch {
            return read_receipt(&self.call("VerifyPresence", (self.account(), options))?);
        }
        options.insert("allow_touch".to_owned(), Variant(Box::new(true)));
        let arguments = (self.account(), options);
        let method = [BUS_NAME, ROOT_PATH, VERIFIER_INTERFACE, "VerifyPresence"];
        read_receipt(&self.bus.call_until_interrupted(method, arguments)?)
    }

    fn send(&mut self, channel: u32) -> Result<Sent, Failure> {
        let arguments = (self.account(), channel, self.options());
        let answer = self.call("RequestOutOfBandCode", arguments)?;
        let mut sent = Sent::default();
        for (key, mut value) in record(&answer)? {
            if key == "address" {
                sent.address = value.0.get::<&str>().unwrap_or_default().to_owned();
            }
        }
        Ok(sent)
    }

    fn person_is_here(&mut self) -> bool {
        let users = || logind::sessions_of(&self.bus, &self.user);
        is_here(&self.caller, self.own.as_ref(), users)
    }
}

/// A word that is not known asks: a newer oathd must not be taken for one that asks nothing.
fn requirement(word: &str, until: Option<u64>) -> Requirement {
    match (word, until) {
        ("not_asked", _) => Requirement::NotAsked,
        ("not_asked_until", Some(until)) => Requirement::NotAskedUntil(until),
        ("enrol_first", _) => Requirement::EnrolFirst,
        _ => Requirement::Asked,
    }
}

fn read_status(answer: &dbus::Message) -> Result<Status, Failure> {
    let (mut enrolled, mut word, mut until) = (None, None, None);
    let mut status = Status {
        requirement: Requirement::Asked,
        must_reenrol: false,
        ways: Vec::new(),
        support_contact: None,
    };
    for (key, mut value) in record(answer)? {
        match key {
            "enrolled" => enrolled = value.0.get::<bool>(),
            "requirement" => word = value.0.get::<&str>(),
            "requirement_until" => until = value.0.get::<u64>(),
            "must_reenrol" => status.must_reenrol = value.0.get().unwrap_or_default(),
            "ways" => status.ways = value.0.get().map(read_ways).unwrap_or_default(),
            "support_contact" => {
                status.support_contact = value.0.get::<&str>().map(str::to_owned);
            }
            _ => {}
        }
    }
    // Both words must agree before nobody is asked.
    let (Some(enrolled), Some(word)) = (enrolled, word) else {
        return Err(Failure::Unreached(Unreached::Unintelligible));
    };
    if !enrolled {
        status.requirement = requirement(word, until);
    }
    Ok(status)
}

fn read_ways(records: Records<'_>) -> Vec<Way> {
    let way = |record: Record<'_>| {
        let mut way = Way::default();
        for (key, Variant(mut value)) in record {
            match key {
                "kind" => way.kind = value.get::<&str>().unwrap_or_default().to_owned(),
                "id" => way.id = value.get(),
                "label" => way.label = value.get::<&str>().map(str::to_owned),
                "wait" => way.wait = value.get().unwrap_or_default(),
                "left" => way.left = value.get(),
                _ => {}
            }
        }
        way
    };
    records.take(WAYS_MAX).map(way).collect()
}

fn read_receipt(answer: &dbus::Message) -> Result<Receipt, Failure> {
    let mut receipt = Receipt::default();
    for (key, mut value) in record(answer)? {
        match key {
            "receipt" => receipt.id = value.0.get::<&str>().unwrap_or_default().to_owned(),
            "must_reenrol" => receipt.must_reenrol = value.0.get().unwrap_or_default(),
            "recovery_codes_left" => receipt.recovery_codes_left = value.0.get(),
            "replacement" => receipt.replacement = value.0.get().and_then(read_secret),
            _ => {}
        }
    }
    // Without its id it says nothing.
    match receipt.id.is_empty() {
        true => Err(Failure::Unreached(Unreached::Unintelligible)),
        false => Ok(receipt),
    }
}

/// The text in a sealed memory file.
fn read_secret(file: File) -> Option<Secret> {
    let mut bytes = zeroize::Zeroizing::new(Vec::with_capacity(SECRET_FD_MAX));
    file.take(SECRET_FD_MAX as u64)
        .read_to_end(&mut bytes)
        .ok()?;
    std::str::from_utf8(&bytes).ok().map(Secret::new)
}
