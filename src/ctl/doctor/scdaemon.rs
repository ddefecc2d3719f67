//! GnuPG's smart card daemon: it takes readers for itself unless it is told to share them.

use super::{Facts, Finding};

/// What is found of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scdaemon {
    /// It is installed.
    pub(crate) installed: bool,
    /// Whose run, as far as this user may see.
    pub(crate) running: Vec<u32>,
    /// `disable-ccid` in this user's settings: it uses pcscd, and not the reader itself.
    pub(crate) uses_pcscd: bool,
    /// `pcsc-shared` in this user's settings.
    pub(crate) shares: bool,
}

/// The settings that `text` of scdaemon.conf makes: `disable-ccid` and `pcsc-shared`.
pub(super) fn settings(text: &str) -> (bool, bool) {
    let has = |word: &str| {
        let mut lines = text.lines().map(str::trim);
        lines.any(|line| line.strip_prefix("--").unwrap_or(line) == word)
    };
    (has("disable-ccid"), has("pcsc-shared"))
}

pub(super) fn rules(facts: &Facts) -> Vec<Finding> {
    const SETTING: &str = "`echo disable-ccid >> ~/.gnupg/scdaemon.conf; gpgconf --kill scdaemon`";
    let (Some(there), Some(seen)) = (&facts.scdaemon, &facts.diagnosis) else {
        return Vec::new();
    };
    let missed = seen.card_service == "ready" && (seen.tokens == 0 || seen.held);
    let others = there.running.iter().any(|uid| *uid != facts.uid);
    let own = there.running.contains(&facts.uid);
    let finding = if own && missed && there.uses_pcscd {
        Finding::problem(
            "scdaemon",
            "GnuPG's scdaemon runs and keeps the token from oathd.",
            match there.shares {
                true => "`gpgconf --kill scdaemon`",
                false => "`echo pcsc-shared >> ~/.gnupg/scdaemon.conf; gpgconf --kill scdaemon`",
            },
        )
    } else if own && missed {
        Finding::problem(
            "scdaemon",
            "GnuPG's scdaemon runs, and takes readers past pcscd: oathd sees no token.",
            SETTING,
        )
    } else if others && missed {
        Finding::warning(
            "scdaemon",
            "GnuPG's scdaemon of another user runs, and may hold the token.",
            "That user runs `oathctl doctor`, or `gpgconf --kill scdaemon`.",
        )
    } else if own && !there.uses_pcscd {
        Finding::warning(
            "scdaemon",
            "GnuPG's scdaemon runs, and may take readers past pcscd.",
            SETTING,
        )
    } else if there.installed && !there.uses_pcscd {
        Finding::note(
            "scdaemon",
            "GnuPG's scdaemon is installed, and takes readers past pcscd once gpg uses a card.",
            SETTING,
        )
    } else {
        Finding::ok("scdaemon", "GnuPG leaves the readers to pcscd.")
    };
    vec![finding]
}
