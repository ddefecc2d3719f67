//! How `oathctl` ends.

/// The exit status of `oathctl`, so that a script can branch without reading text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum ExitCode {
    /// Done.
    Ok = 0,
    /// Refused: the request was understood and denied, or the token cannot do it.
    Refused = 1,
    /// Too many attempts: wait.
    Throttled = 2,
    /// This way in is shut until a factor is enrolled anew.
    LockedOut = 3,
    /// No token or credential fits, or several do.
    NoneOrAmbiguous = 4,
    /// A touch, a password or a proof is needed and was not given.
    MoreNeeded = 5,
    /// The command line is wrong (`EX_USAGE` of sysexits.h).
    Usage = 64,
    /// The data given is wrong (`EX_DATAERR`).
    BadInput = 65,
    /// oathd, pcscd or the token is not there (`EX_UNAVAILABLE`).
    Unavailable = 69,
    /// In use by somebody else (`EX_TEMPFAIL`).
    Busy = 75,
    /// Not allowed (`EX_NOPERM`).
    NotAuthorized = 77,
}

impl From<ExitCode> for u8 {
    fn from(code: ExitCode) -> u8 {
        code as u8
    }
}
