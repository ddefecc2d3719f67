//! One key package (RFC 6030 sections 4 and 5).

use zeroize::Zeroizing;

use super::NAMESPACE;
use super::protection::{Protection, base64};
use super::xml::Element;
use crate::algorithm::{Algorithm, Digits};
use crate::kind::{Kind, Period};
use crate::migrate::entry::{self, Entry, local, name};
use crate::migrate::{Imported, Note, Reason, date};
use crate::secret::Secret;

/// Reads a package of an encrypted container, or of a plain one.
pub(super) fn read(package: &Element, protection: Option<&Protection>) -> Result<Imported, Reason> {
    let key = package.need("Key")?;
    let device = package.one("DeviceInfo")?;
    let told = |parent: Option<&Element>, what| match parent {
        Some(parent) => parent
            .one(what)?
            .map_or(Ok(None), |child| name(child.text(), what)),
        None => Ok(None),
    };
    let serial = told(device, "SerialNo")?;
    let user = told(Some(key), "UserId")?.or(told(device, "UserId")?);
    let id = name(key.attribute("Id").unwrap_or_default(), "Id")?;

    let data = key.need("Data")?;
    let (algorithm, digits) = parameters(key)?;
    let (kind, moving, skew_steps) = factor(key, data)?;
    let mut notes = Vec::new();
    if kind != Kind::Hotp && moving.is_none() {
        notes.push(Note::UsedCodesUnknown);
    }
    let mut validity = Validity::default();
    for limits in device.into_iter().chain(key.one("Policy")?) {
        validity.narrow(limits)?;
    }
    if let Some(policy) = key.one("Policy")?
        && allows(policy)?
    {
        notes.push(Note::PinDropped);
    }
    let entry = Entry {
        line: package.line,
        issuer: told(Some(key), "Issuer")?,
        name: serial.clone().or(id).ok_or(Reason::Missing("SerialNo"))?,
        kind,
        algorithm,
        digits,
        secret: secret(data.need("Secret")?, protection)?,
        moving,
    };
    let imported = entry.finish()?;
    Ok(Imported {
        account: user.as_deref().map(local),
        serial,
        skew_steps,
        not_before: validity.from,
        not_after: validity.until,
        notes,
        ..imported
    })
}

/// Hash and digits: `Suite` and `ResponseFormat` of the `AlgorithmParameters`.
fn parameters(key: &Element) -> Result<(Algorithm, Digits), Reason> {
    let Some(parameters) = key.one("AlgorithmParameters")? else {
        return Ok(Default::default());
    };
    let algorithm = match parameters.one("Suite")?.map(Element::text) {
        None | Some("") => Algorithm::Sha1,
        Some(suite) => (suite.strip_prefix("HMAC-").unwrap_or(suite).parse())
            .map_err(|_| Reason::Unsupported("Suite"))?,
    };
    if parameters.one("ChallengeFormat")?.is_some() {
        return Err(Reason::Unsupported("ChallengeFormat"));
    }
    let Some(format) = parameters.one("ResponseFormat")? else {
        return Ok((algorithm, Digits::Six));
    };
    let decimal = format
        .attribute("Encoding")
        .is_none_or(|encoding| encoding == "DECIMAL");
    let checked = matches!(format.attribute("CheckDigits"), Some("true" | "1"));
    if !decimal || checked {
        return Err(Reason::Unsupported("ResponseFormat"));
    }
    let length = format
        .attribute("Length")
        .ok_or(Reason::Missing("Length"))?;
    Ok((algorithm, entry::digits(length)?))
}

/// What moves the code: the kind, the counter or the highest step used, and the token's skew.
fn factor(key: &Element, data: &Element) -> Result<(Kind, Option<u64>, i32), Reason> {
    let algorithm = key
        .attribute("Algorithm")
        .ok_or(Reason::Missing("Algorithm"))?;
    let profile = algorithm.strip_prefix(NAMESPACE).unwrap_or_default();
    match profile.trim_start_matches([':', '#']) {
        "hotp" => {
            let counter = plain(data, "Counter")?;
            let counter = counter
                .map(|text| entry::number(text, "Counter"))
                .transpose()?;
            Ok((Kind::Hotp, counter, 0))
        }
        "totp" => {
            let period = plain(data, "TimeInterval")?
                .map(entry::period)
                .transpose()?;
            // The step of the last code that was checked; zero before the first one.
            let step = plain(data, "Time")?;
            let step = step.map(|text| entry::number(text, "Time")).transpose()?;
            let drift = plain(data, "TimeDrift")?.map(str::parse).transpose();
            let drift = drift.map_err(|_| Reason::Damaged("TimeDrift"))?;
            let period = period.unwrap_or(Period::DEFAULT);
            let used = step.filter(|&step: &u64| step > 0);
            Ok((Kind::Totp { period }, used, drift.unwrap_or_default()))
        }
        _ => Err(Reason::Unsupported("Algorithm")),
    }
}

/// The plain value of a child, which must not be encrypted.
fn plain<'a>(data: &'a Element, what: &'static str) -> Result<Option<&'a str>, Reason> {
    let Some(child) = data.one(what)? else {
        return Ok(None);
    };
    if child.one("EncryptedValue")?.is_some() {
        return Err(Reason::Unsupported(what));
    }
    Ok(Some(child.need("PlainValue")?.text()))
}

fn secret(secret: &Element, protection: Option<&Protection>) -> Result<Secret, Reason> {
    let (plain, encrypted) = (secret.one("PlainValue")?, secret.one("EncryptedValue")?);
    let mut bytes: Zeroizing<Vec<u8>> = match (plain, encrypted, protection) {
        (Some(_), Some(_), _) => return Err(Reason::Repeated("value of the Secret")),
        (None, None, _) => return Err(Reason::Missing("value of the Secret")),
        (Some(_), None, Some(_)) => return Err(Reason::NotEncrypted),
        (None, Some(_), None) => return Err(Reason::Missing("EncryptionKey")),
        (Some(plain), None, None) => base64(plain.text()).ok_or(Reason::Damaged("Secret"))?,
        (None, Some(encrypted), Some(protection)) => {
            protection.open(encrypted, secret.need("ValueMAC")?)?
        }
    };
    Ok(Secret::new(std::mem::take(&mut *bytes))?)
}

/// When a key may be used, in Unix seconds.
#[derive(Default)]
struct Validity {
    from: Option<u64>,
    until: Option<u64>,
}

impl Validity {
    /// Applies the dates of a `DeviceInfo` or a `Policy`, too.
    fn narrow(&mut self, limits: &Element) -> Result<(), Reason> {
        let date = |what| match limits.one(what)? {
            Some(date) => (date::date_time(date.text()).map(Some)).ok_or(Reason::Damaged(what)),
            None => Ok(None),
        };
        self.from = self.from.max(date("StartDate")?);
        self.until = self.until.into_iter().chain(date("ExpiryDate")?).min();
        Ok(())
    }
}

/// Checks that a policy lets the key make codes; tells whether it wants a PIN besides. What is
/// not understood forbids.
fn allows(policy: &Element) -> Result<bool, Reason> {
    let mut usages = policy.all("KeyUsage").map(Element::text).peekable();
    if usages.peek().is_some() && !usages.any(|usage| usage == "OTP") {
        return Err(Reason::Unsupported("KeyUsage"));
    }
    for rule in &policy.children {
        match rule.name.as_str() {
            "StartDate" | "ExpiryDate" | "KeyUsage" => {}
            "PINPolicy" if rule.attribute("PINUsageMode") != Some("Algorithmic") => {}
            "PINPolicy" => return Err(Reason::Unsupported("PINUsageMode")),
            _ => return Err(Reason::Unsupported("Policy")),
        }
    }
    Ok(policy.one("PINPolicy")?.is_some())
}
