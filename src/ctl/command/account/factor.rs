//! `oathctl factor`.

use oathd_client::FactorOptions;
use serde_json::json;

use crate::cli::account::{AccountArg, FactorArgs, FactorCommand};
use crate::command::account::status;
use crate::failure::Failure;
use crate::session::Session;
use crate::{output, proof, records};

/// Looks after factors.
pub(crate) async fn run(session: &Session, command: &FactorCommand) -> Result<(), Failure> {
    match command {
        FactorCommand::List(args) => list(session, args).await,
        FactorCommand::Remove(args) => {
            let (accounts, account) = (session.client.accounts(), args.account.account.as_str());
            proof::proven(session, account, async |proof| {
                let options = proof::options(proof);
                accounts.remove_factor(account, args.factor, &options).await
            })
            .await?;
            done(session, args, "is removed")
        }
        FactorCommand::Suspend(args) => {
            let (accounts, account) = (session.client.accounts(), args.account.account.as_str());
            proof::proven(session, account, async |proof| {
                let options = proof::options(proof);
                accounts
                    .suspend_factor(account, args.factor, &options)
                    .await
            })
            .await?;
            done(session, args, "is refused from now on")
        }
        FactorCommand::Label(args) => {
            change(session, &args.factor, |options| {
                options.label = Some(args.label.clone());
            })
            .await
        }
        FactorCommand::Role(args) => {
            change(session, &args.factor, |options| {
                options.role = Some(args.role.word().to_owned());
            })
            .await
        }
        FactorCommand::End(args) => {
            change(session, &args.factor, |options| {
                options.not_after = Some(args.end);
            })
            .await
        }
    }
}

async fn list(session: &Session, args: &AccountArg) -> Result<(), Failure> {
    let account = session.client.accounts().describe(&args.account).await?;
    let factors = account.factors;
    if session.global.json {
        return output::print_json(&factors.iter().map(records::factor).collect::<Vec<_>>());
    }
    let rows: Vec<_> = factors.iter().map(status::factor_row).collect();
    output::print(&output::columns(&rows))
}

async fn change(
    session: &Session,
    args: &FactorArgs,
    set: impl Fn(&mut FactorOptions),
) -> Result<(), Failure> {
    let (accounts, account) = (session.client.accounts(), args.account.account.as_str());
    proof::proven(session, account, async |proof| {
        let mut options = FactorOptions {
            proof,
            ..FactorOptions::default()
        };
        set(&mut options);
        accounts.change_factor(account, args.factor, &options).await
    })
    .await?;
    done(session, args, "is changed")
}

fn done(session: &Session, args: &FactorArgs, what: &str) -> Result<(), Failure> {
    match session.global.json {
        true => output::print_json(&json!({ "factor": args.factor })),
        false => output::print(&format!("Factor {} {what}.\n", args.factor)),
    }
}
