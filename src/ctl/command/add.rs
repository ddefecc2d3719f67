//! `oathctl add`.

use std::io::{self, IsTerminal};
use std::num::NonZeroU32;

use oathd_client::{ErrorName, ExitCode};
use oathd_oath::{Digits, Kind, NewCredential, Period, Secret, import, otpauth};
use serde_json::{Value, json};

use crate::cli::{AddArgs, KindArg};
use crate::failure::Failure;
use crate::session::{Session, key_of, name_of};
use crate::{output, prompt, qr, write};

/// The length of a secret made here, in bytes: RFC 4226 section 4 recommends 160 bits.
const GENERATED_LEN: usize = 20;

/// Stores new credentials.
pub(crate) async fn run(session: &Session, args: &AddArgs) -> Result<(), Failure> {
    write::force_on_one(args.write.force, session.global.token.len())?;
    let credentials = match (&args.name, args.qr.as_slice()) {
        (Some(name), _) => vec![from_options(session, args, name)?],
        (None, []) => parse(&prompt::read_all(None)?)?,
        (None, pictures) => {
            let mut lines = zeroize::Zeroizing::new(String::new());
            for picture in pictures {
                for text in qr::read(picture)? {
                    lines.push_str(&text);
                    lines.push('\n');
                }
            }
            parse(&lines)?
        }
    };
    let tokens = session.named_tokens().await?;
    let mut records = Vec::new();
    for token in &tokens {
        records.push(token.describe().await?);
    }
    let keys: Vec<_> = records.iter().map(key_of).collect();
    let names: Vec<_> = records.iter().map(name_of).collect();
    let mut added: Vec<Value> = Vec::new();
    for credential in &credentials {
        let written = write::write(session, &tokens, credential, &args.write).await;
        let id = written.map_err(|failure| match added.is_empty() {
            true => failure,
            // Several addresses: what is stored stays stored, and is said.
            false => failure.with("added", added.clone()),
        })?;
        // Shown once and on request alone: the token never gives a secret back.
        let uri = args.generate.then(|| otpauth::format(credential));
        if session.global.json {
            let mut row = json!({ "id": id, "tokens": keys });
            if let Some(uri) = &uri {
                row["uri"] = json!(**uri);
            }
            added.push(row);
        } else {
            let place = names.join(" and ");
            output::print(&format!("{} is on {place}.\n", output::harmless(&id)))?;
            added.push(id.into());
            if let Some(uri) = &uri {
                show_generated(uri)?;
            }
        }
    }
    match session.global.json {
        true => output::print_json(&added),
        false => Ok(()),
    }
}

fn show_generated(uri: &str) -> Result<(), Failure> {
    output::print(&format!("{uri}\n"))?;
    match (io::stdout().is_terminal(), qr::draw(uri)) {
        (true, Some(drawn)) => output::print(&drawn),
        _ => Ok(()),
    }
}

/// The credentials of otpauth and otpauth-migration addresses.
fn parse(lines: &str) -> Result<Vec<NewCredential>, Failure> {
    let refuse = |detail: String| Failure::explained(ErrorName::InvalidUri, &detail);
    let parsed = import::parse(lines).map_err(|error| refuse(error.to_string()))?;
    let credentials: Result<Vec<_>, _> = parsed.into_iter().collect();
    let credentials = credentials.map_err(|refused| refuse(refused.to_string()))?;
    match credentials.is_empty() {
        true => Err(refuse("there is no address".to_owned())),
        false => Ok(credentials),
    }
}

/// The credential that the options describe, with a secret from the user.
fn from_options(session: &Session, args: &AddArgs, name: &str) -> Result<NewCredential, Failure> {
    let (issuer, name) = match (&args.issuer, split(name)) {
        (Some(issuer), _) => (Some(issuer.as_str()), name),
        (None, parts) => parts,
    };
    let period = NonZeroU32::new(args.period).map_or(Period::DEFAULT, Period);
    let kind = match args.kind {
        KindArg::Totp if args.counter != 0 => {
            return Err(Failure::usage("--counter goes with --type hotp."));
        }
        KindArg::Totp => Kind::Totp { period },
        KindArg::Hotp if period != Period::DEFAULT => {
            return Err(Failure::usage("--period goes with --type totp."));
        }
        KindArg::Hotp => Kind::Hotp,
    };
    let mut credential = NewCredential {
        issuer: issuer.map(str::to_owned),
        name: name.to_owned(),
        kind,
        algorithm: args.algorithm.parse().unwrap_or_default(),
        digits: Digits::try_from(args.digits).unwrap_or_default(),
        counter: args.counter,
        secret: random()?,
    };
    // Before the user types a secret for nothing.
    credential.id().map_err(|error| {
        let message = format!("The name does not fit: {error}");
        Failure::explained(ErrorName::InvalidName, &message)
    })?;
    if !args.generate {
        credential.secret = ask(session)?;
    }
    Ok(credential)
}

/// `ISSUER:NAME` or `NAME`.
pub(super) fn split(name: &str) -> (Option<&str>, &str) {
    match name.split_once(':') {
        Some((issuer, name)) if !issuer.is_empty() && !name.is_empty() => (Some(issuer), name),
        _ => (None, name),
    }
}

fn random() -> Result<Secret, Failure> {
    let unavailable = || {
        Failure::new(
            ExitCode::Unavailable,
            "Randomness",
            "The kernel gives no random bytes.",
            "Try again.",
        )
    };
    let mut bytes = vec![0; GENERATED_LEN];
    getrandom::fill(&mut bytes).map_err(|_| unavailable())?;
    Secret::new(bytes).map_err(|_| unavailable())
}

fn ask(session: &Session) -> Result<Secret, Failure> {
    let text = if !io::stdin().is_terminal() {
        prompt::stdin_line()?
    } else if session.global.no_interaction || !prompt::somebody_is_there() {
        return Err(Failure::new(
            ExitCode::MoreNeeded,
            "SecretRequired",
            "The secret cannot be asked for.",
            "Give it on standard input.",
        ));
    } else {
        prompt::hidden("Secret (base32, from the account's page): ")?
    };
    Secret::from_base32(&text)
        .map_err(|error| Failure::explained(ErrorName::InvalidSecret, &error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_may_carry_its_issuer() {
        assert_eq!(split("GitHub:me"), (Some("GitHub"), "me"));
        assert_eq!(split("me"), (None, "me"));
        assert_eq!(split(":me"), (None, ":me"));
        assert_eq!(split("GitHub:"), (None, "GitHub:"));
        assert_eq!(split("a:b:c"), (Some("a"), "b:c"));
    }

    #[test]
    fn one_bad_address_refuses_all() {
        let good = "otpauth://totp/me?secret=GEZDGNBVGY3TQOJQ\n";
        assert_eq!(parse(good).unwrap().len(), 1);
        let mixed = format!("{good}otpauth://totp/you?secret=1\n");
        assert!(parse(&mixed).unwrap_err().is(ErrorName::InvalidUri));
        for nothing in ["", "\n", "hello"] {
            assert!(parse(nothing).unwrap_err().is(ErrorName::InvalidUri));
        }
    }
}
