//! The end of a login: what is done with its receipt.

use pam::constants::PamResultCode;
use pam::module::PamHandle;

use crate::arguments::Arguments;
use crate::bus::IN_PASSING;
use crate::entry::{caller, connect};
use crate::ffi::{environment, kept, set_environment};
use crate::journal::{Priority, log};
use crate::kept::{Entry, Kept};
use crate::outcome::Receipt;
use crate::rules::Code;

/// Where pam_systemd, which stands before this module, tells the session that it opened.
const SESSION: &str = "XDG_SESSION_ID";

/// Keeps the receipt of a login until its session is opened.
pub(crate) fn keep(pamh: &mut PamHandle, user: &str, receipt: Receipt) {
    let entry = Entry {
        receipt: receipt.id,
        user: user.to_owned(),
    };
    // A server may ask in a process of its own. Whoever is not served from elsewhere needs nothing
    // in the environment, which may become that of a command.
    if caller(pamh).named_host().is_some() {
        set_environment(pamh, Entry::VARIABLE, Some(&entry.to_text()));
    }
    let keep = Kept {
        entry: Some(entry).into(),
        told_to_reenrol: receipt.must_reenrol,
        ..Kept::default()
    };
    // Without it the receipt runs out by itself.
    let _ = pamh.set_data(Kept::NAME, Box::new(keep));
}

/// Redeems the receipt of the login, so that nothing else can be proved with it, and has the session
/// of logind that began with it bound. The login was judged before: whatever comes of this, it goes
/// on.
pub(crate) fn open(pamh: &mut PamHandle, arguments: &Arguments) -> Result<PamResultCode, Code> {
    let Some(entry) = take(pamh) else {
        return Ok(PamResultCode::PAM_IGNORE);
    };
    let user = pamh.get_user(None).map_err(|_| Code::NoConversation)?;
    let session = environment(pamh, SESSION)
        .filter(|id| !id.is_empty() && user == entry.user && caller(pamh).is_root);
    let oathd = connect(pamh, arguments, &entry.user, IN_PASSING);
    let redeemed = oathd.and_then(|oathd| match &session {
        Some(session) => oathd.bind(&entry.receipt, session),
        None => oathd.redeem(&entry.receipt),
    });
    if let Err(failure) = redeemed {
        log(
            Priority::Notice,
            &format!(
                "the receipt of {} was not redeemed: {failure:?}",
                entry.user
            ),
        );
    }
    Ok(PamResultCode::PAM_IGNORE)
}

/// The receipt that this process kept, or another one put into the environment, where it does not
/// stay.
fn take(pamh: &mut PamHandle) -> Option<Entry> {
    let kept = kept(pamh).and_then(|kept| kept.entry.take());
    let brought = environment(pamh, Entry::VARIABLE);
    if brought.is_some() {
        set_environment(pamh, Entry::VARIABLE, None);
    }
    kept.or_else(|| Entry::from_text(&brought?))
}
