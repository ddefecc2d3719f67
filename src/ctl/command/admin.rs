//! `oathctl admin`: what administrators do for accounts.

mod accounts;
mod audit;
mod import;
pub(super) mod keys;
mod rescue;
mod state;

use oathd_client::Error;

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

/// The most that oathd gives at once.
const PAGE: u32 = 1000;

/// Fetches up to `limit` of what comes after a place, a page after the other; `place` tells where one
/// of them is.
async fn pages<T, P>(
    limit: u32,
    mut after: P,
    fetch: impl AsyncFn(&P, u32) -> Result<Vec<T>, Error>,
    place: impl Fn(&T) -> P,
) -> Result<Vec<T>, Failure> {
    let mut all = Vec::new();
    let mut left = limit;
    while left > 0 {
        let wanted = left.min(PAGE);
        let page = fetch(&after, wanted).await?;
        let full = page.len() >= wanted as usize;
        left = left.saturating_sub(u32::try_from(page.len()).unwrap_or(left));
        if let Some(last) = page.last() {
            after = place(last);
        }
        all.extend(page);
        if !full {
            break;
        }
    }
    Ok(all)
}

/// Says what has become of an account.
fn done(session: &Session, account: &str, what: &str) -> Result<(), Failure> {
    match session.global.json {
        true => output::print_json(&serde_json::json!({ "account": account })),
        false => output::print(&format!("{} {what}.\n", output::harmless(account))),
    }
}
