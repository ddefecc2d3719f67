//! `oathctl enroll`: a factor of an account, from the first question to what comes after.

mod after;
mod before;
mod confirm;
mod place;
mod write;

use oathd_client::{EnrollOptions, Enrollment, VerifyOptions};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use crate::cli::KindArg;
use crate::cli::enroll::{EnrollArgs, NewFactorArgs, RoleArg};
use crate::code_source::CodeSource;
use crate::command::account::{recovery, sessions};
use crate::failure::Failure;
use crate::recovery_codes::{self, NewCodes};
use crate::secret_file;
use crate::session::Session;
use crate::{output, prompt, proof};

use place::Place;

/// Enrols a factor.
pub(crate) async fn run(session: &Session, args: &EnrollArgs) -> Result<(), Failure> {
    let account = args.account.account.as_str();
    let options = VerifyOptions::default();
    let status = session.client.verifier().status(account, &options).await?;
    if !status.enrolled && session.can_ask() && !args.factor.yes {
        before::run(session, &status.account).await?;
    }
    let second = status.enrolled && !status.must_reenrol;
    let plan = Plan {
        account: status.account,
        replaces: None,
        role: args.role.or(second.then_some(RoleArg::Backup)),
        factor: &args.factor,
        recovery_codes: args.no_recovery_codes.then_some(false),
    };
    let mut enrolled = enrol(session, &plan).await?;
    after::run(session, args, &mut enrolled).await?;
    match session.global.json {
        true => output::print_json(&enrolled.to_json()),
        false => Ok(()),
    }
}

/// What is to be enrolled.
pub(super) struct Plan<'a> {
    /// The account, with its realm.
    pub(super) account: String,
    /// The factor whose place it takes.
    pub(super) replaces: Option<u32>,
    /// What it is for.
    pub(super) role: Option<RoleArg>,
    /// How it is made and kept.
    pub(super) factor: &'a NewFactorArgs,
    /// Whether to make recovery codes; oathd decides by default.
    pub(super) recovery_codes: Option<bool>,
}

/// A factor that is confirmed.
pub(super) struct Enrolled {
    account: String,
    factors: Vec<u32>,
    tokens: Vec<String>,
    verifiers: Vec<String>,
    /// The recovery codes, or where they are.
    recovery: Value,
    api_key: Option<Zeroizing<String>>,
    ended_sessions: u32,
    /// Where the next code comes from.
    source: CodeSource,
    channel: Option<Value>,
    ended_local_sessions: u64,
}

impl Enrolled {
    /// The result for programs.
    pub(super) fn to_json(&self) -> Value {
        let mut all = json!({
            "account": self.account,
            "factors": self.factors,
            "tokens": self.tokens,
            "verifiers": self.verifiers,
            "api_key": self.api_key.as_ref().map(|key| key.as_str()),
            "ended_sessions": self.ended_sessions,
            "channel": self.channel,
            "ended_local_sessions": self.ended_local_sessions,
        });
        for key in ["recovery_codes", "recovery_codes_file"] {
            all[key] = self.recovery.get(key).cloned().unwrap_or_default();
        }
        all["acknowledged"] = json!(self.recovery["acknowledged"] == true);
        all
    }
}

/// Takes a factor from nothing to confirmed. The account is as it was until the very end.
pub(super) async fn enrol(session: &Session, plan: &Plan<'_>) -> Result<Enrolled, Failure> {
    let place = place::choose(session, plan.factor).await?;
    if session.can_ask() && !plan.factor.yes {
        output::tell(&introduction(plan, &place));
        if !prompt::yes("Go on? [Y/n] ", true)? {
            return Err(declined());
        }
    }
    let file = recovery_codes::place(&plan.factor.codes, &plan.account)?;
    let enrollment = begin(session, plan).await?;
    let done = finish(session, plan, &place, &enrollment, file).await;
    if done.is_err() {
        // What was written is taken back at once; oathd would do it when this program is gone.
        let _ = enrollment.cancel().await;
    }
    done
}

async fn begin(session: &Session, plan: &Plan<'_>) -> Result<Enrollment, Failure> {
    let accounts = session.client.accounts();
    let account = plan.account.as_str();
    match plan.replaces {
        None => {
            let begin = async |proof| {
                let options = options(plan, proof);
                accounts.begin_enrollment(account, &options).await
            };
            proof::proven(session, account, begin).await
        }
        Some(old) => {
            let begin = async |proof| {
                let options = options(plan, proof);
                accounts.begin_replacement(account, old, &options).await
            };
            proof::proven_or_at_hand(session, account, begin).await
        }
    }
}

fn options(plan: &Plan<'_>, proof: Option<String>) -> EnrollOptions {
    let factor = plan.factor;
    EnrollOptions {
        proof,
        session: None,
        custody: place::on_token(factor).then(|| "token".to_owned()),
        kind: (factor.kind == KindArg::Hotp).then(|| "hotp".to_owned()),
        algorithm: factor.algorithm.clone(),
        digits: factor.digits,
        period: factor.period,
        label: factor.label.clone(),
        role: plan.role.map(|role| role.word().to_owned()),
        not_after: factor.until,
        issuer: factor.issuer.clone(),
    }
}

async fn finish(
    session: &Session,
    plan: &Plan<'_>,
    place: &Place,
    enrollment: &Enrollment,
    file: Option<secret_file::Place>,
) -> Result<Enrolled, Failure> {
    write::write(session, plan.factor, place, enrollment).await?;
    write::reveal(session, place, enrollment).await?;
    let mut source = confirm::source(session, plan.factor, place, enrollment).await?;
    let confirmed = confirm::confirm(session, plan, enrollment, &mut source).await?;
    if !session.global.json {
        output::print(&format!(
            "The second factor of {} is on.\n",
            output::harmless(&plan.account)
        ))?;
        if confirmed.ended_sessions > 0 {
            let ended = sessions::ended_line(confirmed.ended_sessions.into());
            output::print(&format!("{ended}\n"))?;
        }
    }
    let recovery = match confirmed.recovery_codes {
        None => Value::Null,
        Some(codes) => {
            let codes = NewCodes::new(plan.account.clone(), oathd_client::unseal_text(codes)?);
            recovery::hand_over(session, &codes, file).await?
        }
    };
    let api_key = confirm::api_key(session, confirmed.api_key)?;
    Ok(Enrolled {
        account: plan.account.clone(),
        factors: confirmed.factors,
        tokens: place.tokens.iter().map(place::Known::key).collect(),
        verifiers: place.verifiers.iter().map(place::Known::key).collect(),
        recovery,
        api_key,
        ended_sessions: confirmed.ended_sessions,
        source,
        channel: None,
        ended_local_sessions: 0,
    })
}

/// What will happen, before anything does.
fn introduction(plan: &Plan<'_>, place: &Place) -> String {
    let account = output::harmless(&plan.account);
    let what = match (plan.replaces, plan.role) {
        (Some(old), _) => {
            format!("This replaces factor {old} of {account}; until the end the old one works.")
        }
        (None, Some(RoleArg::Backup)) => format!("This adds a backup factor to {account}."),
        (None, _) => format!("This switches a second factor on for {account}."),
    };
    let written = match place.names() {
        Some(names) => format!("A seed is written to {names}"),
        None => "A seed is shown to you".to_owned(),
    };
    let kept = match place.verifier_names() {
        Some(names) => format!("codes are checked against {names}, and no copy is on this host"),
        None => "oathd keeps a sealed copy to check codes by".to_owned(),
    };
    let mut text = format!(
        "{what}\n{written}; {kept}.\nThen a code confirms that it works. Nothing of the account \
         changes before that."
    );
    if place.tokens.len() == 1 {
        text += "\nA seed cannot be copied from a token later: name two tokens if you have two.";
    }
    text
}

fn declined() -> Failure {
    Failure::new(
        oathd_client::ExitCode::Refused,
        "Declined",
        "Nothing was changed.",
        "Answer y to go on.",
    )
}
