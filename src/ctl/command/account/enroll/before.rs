//! What comes before a first factor: the keys of this host on paper, since a backup holds none.

use std::path::Path;

use crate::command::admin::keys;
use crate::failure::Failure;
use crate::session::Session;
use crate::{output, prompt};

/// Offers root to write the keys down before the first account of this host; tells others who can.
pub(super) async fn run(session: &Session, account: &str) -> Result<(), Failure> {
    if !rustix::process::getuid().is_root() {
        output::tell(
            "Backups of this host need its keys on paper: an administrator prints them by \
             `oathctl admin escrow`.",
        );
        return Ok(());
    }
    if !is_first(session, account).await? {
        return Ok(());
    }
    output::tell(
        "This is the first account of this host. A backup holds no key: print the keys before \
         anything depends on them, and lock the sheet away.",
    );
    loop {
        let answer = prompt::visible("A file to write the keys to, or Enter to leave it: ")?;
        if answer.is_empty() {
            output::tell("Left; `oathctl admin escrow` prints them at any time.");
            return Ok(());
        }
        match keys::escrow_to(session, Path::new(answer.as_str())).await {
            Ok(path) => {
                output::tell(&keys::written_line(&path));
                return Ok(());
            }
            Err(failure) => output::tell(failure.text().trim_end()),
        }
    }
}

/// Whether oathd knows no account yet, neither of this host's users nor of the realm of `account`.
async fn is_first(session: &Session, account: &str) -> Result<bool, Failure> {
    let realm = account.rsplit_once('@').map_or("local", |(_, realm)| realm);
    for realm in ["local", realm] {
        let administration = session.client.administration();
        if !administration.accounts(realm, "", 1).await?.is_empty() {
            return Ok(false);
        }
    }
    Ok(true)
}
