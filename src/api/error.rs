//! The errors of the bus: one name a cause, one sentence for people, one exit code.

use crate::{ExitCode, names::ERROR_PREFIX};

macro_rules! errors {
    ($($name:ident, $exit:ident, $says:literal, $remedy:literal;)+) => {
        /// A cause of failure, as it is named on the bus under `org.oathd.Oathd1.Error.`.
        ///
        /// The name says what is missing; a client asks its user for just that and calls again.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ErrorName {
            $(#[doc = $says] $name,)+
        }

        impl ErrorName {
            /// Every name, in the order of the reference.
            pub const ALL: &'static [ErrorName] = &[$(ErrorName::$name,)+];

            /// The name without its prefix.
            pub const fn as_str(self) -> &'static str {
                match self { $(ErrorName::$name => stringify!($name),)+ }
            }

            /// The name as it travels in a D-Bus error message.
            pub const fn bus_name(self) -> &'static str {
                match self { $(ErrorName::$name => concat!("org.oathd.Oathd1.Error.", stringify!($name)),)+ }
            }

            /// What happened, in one sentence.
            pub const fn summary(self) -> &'static str {
                match self { $(ErrorName::$name => $says,)+ }
            }

            /// What the reader can do about it, in one sentence.
            pub const fn remedy(self) -> &'static str {
                match self { $(ErrorName::$name => $remedy,)+ }
            }

            /// The status with which `oathctl` ends.
            pub const fn exit_code(self) -> ExitCode {
                match self { $(ErrorName::$name => ExitCode::$exit,)+ }
            }
        }
    };
}

errors! {
    NoToken, NoneOrAmbiguous, "No token is here.",
        "Plug in the token, or hold it to the reader; `oathctl tokens` lists what is seen.";
    AmbiguousToken, NoneOrAmbiguous, "Several tokens fit.",
        "Name one with --token and its serial or the start of its id.";
    TokenRemoved, Unavailable, "The token was removed before it had finished.",
        "Plug it in again and repeat the command.";
    TokenBusy, Busy, "The token is in use by another program, or waits for a touch.",
        "Touch it if it blinks, or wait for that program or end it; for GnuPG set disable-ccid in scdaemon.conf.";
    TokenFull, Refused, "The token has no free slot.",
        "Remove a credential that is no longer needed, or use another token.";
    TokenReset, Refused, "The token was reset: what was stored on it is gone.",
        "Look at it with `oathctl info`, and add the credentials again.";
    TokenDuplicated, Refused, "Two readers show the same token at once, so neither is trusted.",
        "Remove one of them; if you have a single token, suspect a relay.";
    TokenFault, Unavailable, "The token gave no answer that makes sense.",
        "Plug it in again; if it happens once more, try another port or token.";
    ServiceUnavailable, Unavailable, "The smart card service is not running.",
        "Start it with `systemctl start pcscd.socket`; oathd finds it again by itself.";
    TouchRequired, MoreNeeded, "The credential needs a touch.",
        "Allow it and touch the token when it blinks.";
    TouchTimedOut, MoreNeeded, "Nobody touched the token in time.",
        "Repeat the command and touch the token when it blinks.";
    PasswordRequired, MoreNeeded, "The token is locked with a password.",
        "Unlock it with `oathctl password unlock`.";
    WrongPassword, Refused, "The password is wrong.",
        "Try again; a forgotten password can only be removed by resetting the token.";
    RememberedKeyRejected, MoreNeeded, "The remembered password no longer fits the token, and was forgotten.",
        "Unlock it again with `oathctl password unlock`, or `oathctl password remember`.";
    NoSuchCredential, NoneOrAmbiguous, "No such credential is on the token.",
        "`oathctl list` shows the credentials that are there.";
    AmbiguousCredential, NoneOrAmbiguous, "Several credentials fit.",
        "Type more of the id, which wins over parts when it is whole, or name the token with --token.";
    CredentialExists, Refused, "A credential of that name is already on the token.",
        "Choose another name, or overwrite it with --force.";
    CredentialDamaged, Refused, "The credential is damaged on the token.",
        "Remove it and add it again from its account's page.";
    Unsupported, Refused, "That cannot be done.",
        "The detail says why; `oathctl info` shows what a token offers.";
    InvalidName, BadInput, "The name does not fit.",
        "Issuer, name and period together take at most 64 bytes, and the name is not empty.";
    InvalidSecret, BadInput, "The secret is not a secret of an authenticator.",
        "Copy it again from the account's page: letters A to Z and digits 2 to 7.";
    InvalidUri, BadInput, "The address is not an otpauth address.",
        "It starts with otpauth://totp/ or otpauth://hotp/ and carries a secret.";
    InvalidFd, BadInput, "The secret did not come in a sealed memory file of at most 4 KiB.",
        "Pass a memfd sealed against shrinking, growing and writing.";
    NotAuthorized, NotAuthorized, "You are not allowed to do that.",
        "Ask an administrator for the polkit action that the details name.";
    StateUnavailable, Unavailable, "The state of oathd cannot be read or written.",
        "Look at the journal of oathd.service and at the space on the disk.";
    VaultKeyUnavailable, Unavailable, "The key that seals the state of oathd is missing or wrong.",
        "Put the key back from a backup; see the section on the vault key in the guide.";
    NotEnrolled, Refused, "The account has no such second factor.",
        "Switch it on with `oathctl enroll`; `oathctl status` shows what the account has.";
    WrongCode, Refused, "The code is wrong.",
        "Type the code that is shown at this moment, or a recovery code; `oathctl locked-out` lists the ways that are open.";
    CodeUsed, Refused, "The code is right, and was used before.",
        "Wait for the next code; if nobody of yours used it, somebody has seen it: change the factor.";
    Throttled, Throttled, "Too many attempts; this one was not looked at.",
        "Wait for the time that is told; other ways in have counts of their own.";
    LockedOut, LockedOut, "After too many failures this way is shut until a factor is enrolled anew.",
        "`oathctl locked-out` lists the ways that are open; a new password opens none of them.";
    ProofRequired, MoreNeeded, "The change needs a proof by a factor or a recovery code.",
        "Verify a code first; if device and codes are lost, see `oathctl locked-out`.";
    ClockUntrusted, Unavailable, "The clock of this host cannot be trusted, so codes made from time are refused.",
        "Set the clock, or wait for the time service; once it is right, `oathctl admin trust-clock` says so. A recovery code works all the same.";
    EnrollmentExpired, Refused, "The enrollment is over.",
        "Begin it again; the account is as it was before.";
    DeliveryFailed, Unavailable, "The code could not be sent.",
        "Look at the journal of oathd-deliver.service, or use another way: `oathctl locked-out` lists them.";
    RecoverySuspended, Refused, "The recovery code is right, but the set waits to be renewed after a restore.",
        "Use another way in, then make new codes with `oathctl recovery new`.";
    InvalidResponse, BadInput, "That is no code.",
        "Type the digits of a code, or a recovery code with all its groups; nothing was counted.";
    NoSuchFactor, NoneOrAmbiguous, "The account has no such factor or channel.",
        "`oathctl status` lists factors and channels with their numbers.";
    LastFactor, Refused, "It is the last factor that can be used.",
        "Enrol another one first, or switch the second factor off with `oathctl disable`.";
    SeedInUse, Refused, "Another account has a factor with the same seed.",
        "Begin again with a fresh seed.";
    SecondFactorRequired, Refused, "The policy asks a second factor of this account.",
        "Replace the factor with `oathctl replace` in place of switching it off.";
    InvalidAddress, BadInput, "Nothing can be sent to that address.",
        "Give a mobile number with its country code, or a mailbox on another host.";
    NoRescue, NoneOrAmbiguous, "No rescue is open for the account.",
        "Open one with `oathctl admin rescue`.";
    RescueRefused, Refused, "The rescue does not go on.",
        "The detail says what is missing: another approver, or time for the owner to call it off.";
    InvalidImport, BadInput, "The file is not one of that format.",
        "Check the format; the detail names the place.";
    InvalidBackup, BadInput, "The file is no backup of oathd, or is damaged.",
        "Choose another backup; `oathctl admin check` tells how the present state is.";
    InvalidEscrow, BadInput, "The text is not a printed escrow of these keys.",
        "Compare the line that the detail names with the sheet.";
}

impl ErrorName {
    /// Whether the token's password is what is missing.
    pub const fn asks_for_password(self) -> bool {
        matches!(
            self,
            ErrorName::PasswordRequired | ErrorName::RememberedKeyRejected
        )
    }

    /// Finds the error of a name with or without its prefix.
    ///
    /// ```
    /// use oathd_api::ErrorName;
    /// let name = ErrorName::parse("org.oathd.Oathd1.Error.NoToken");
    /// assert_eq!(name, Some(ErrorName::NoToken));
    /// ```
    pub fn parse(name: &str) -> Option<ErrorName> {
        let short = name.strip_prefix(ERROR_PREFIX).unwrap_or(name);
        ErrorName::ALL
            .iter()
            .copied()
            .find(|error| error.as_str() == short)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_found_again_and_says_what_to_do() {
        for &error in ErrorName::ALL {
            assert_eq!(ErrorName::parse(error.bus_name()), Some(error));
            assert_eq!(ErrorName::parse(error.as_str()), Some(error));
            assert!(error.summary().ends_with('.') && error.remedy().ends_with('.'));
        }
        assert_eq!(ErrorName::parse("org.freedesktop.DBus.Error.NoReply"), None);
    }
}
