//! `oathctl admin`: what administrators do for accounts.

mod accounts;
mod audit;
mod import;
pub(super) mod keys;
mod rescue;
mod state;

use crate::cli::admin::AdminCommand;
use crate::failure::Failure;
use crate::output;
use crate::session::Session;

/// Does what the command line says.
pub(crate) async fn run(session: &Session, command: &AdminCommand) -> Result<(), Failure> {
    match command {
        AdminCommand::Accounts(args) => accounts::list(session, args).await,
        AdminCommand::Coverage(args) => accounts::coverage(session, args).await,
        AdminCommand::Rescue(args) => rescue::open(session, args).await,
        AdminCommand::Approve(args) => rescue::approve(session, args).await,
        AdminCommand::CancelRescue(args) => rescue::cancel(session, args).await,
        AdminCommand::Unlock(args) => rescue::unlock(session, args).await,
        AdminCommand::Import(args) => import::run(session, args).await,
        AdminCommand::Backup(args) => state::backup(session, args).await,
        AdminCommand::Restore(args) => state::restore(session, args).await,
        AdminCommand::Check => state::check(session).await,
        AdminCommand::TrustClock => state::trust_clock(session).await,
        AdminCommand::Rekey(args) => keys::rekey(session, args).await,
        AdminCommand::Escrow(args) => keys::escrow(session, args).await,
        AdminCommand::RestoreKeys(args) => keys::restore(session, args).await,
        AdminCommand::Audit(args) => audit::run(session, args).await,
    }
}

/// Says what has become of an account.
fn done(session: &Session, account: &str, what: &str) -> Result<(), Failure> {
    match session.global.json {
        true => output::print_json(&serde_json::json!({ "account": account })),
        false => output::print(&format!("{} {what}.\n", output::harmless(account))),
    }
}
