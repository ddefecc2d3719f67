//! The calls into C that no safe crate offers.
#![allow(unsafe_code, reason = "PAM and libdbus are C libraries")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};

use pam::constants::PamResultCode;
use pam::module::PamHandle;
use zeroize::Zeroize;

use crate::kept::Kept;
use crate::secret::Secret;

/// `PAM_AUTHTOK` of `security/_pam_types.h`.
const PAM_AUTHTOK: c_int = 6;

#[link(name = "pam")]
unsafe extern "C" {
    fn pam_set_item(pamh: *mut PamHandle, item_type: c_int, item: *const c_void) -> c_int;
    fn pam_getenv(pamh: *const PamHandle, name: *const c_char) -> *const c_char;
    fn pam_putenv(pamh: *mut PamHandle, entry: *const c_char) -> c_int;
}

#[link(name = "dbus-1")]
unsafe extern "C" {
    fn dbus_connection_set_change_sigpipe(will_modify_sigpipe: u32);
}

/// Tells libdbus not to ignore SIGPIPE for the whole process: the program that PAM runs in, and
/// what it starts, would inherit that.
pub(crate) fn leave_sigpipe_alone() {
    // SAFETY: the function takes a plain number and sets a flag of the library.
    unsafe { dbus_connection_set_change_sigpipe(0) };
}

/// Hands the password to the modules that follow. PAM keeps a copy of its own.
///
/// # Errors
/// What libpam answers.
pub(crate) fn set_password(handle: &mut PamHandle, password: &Secret) -> Result<(), PamResultCode> {
    let text = CString::new(password.reveal()).map_err(|_| PamResultCode::PAM_BUF_ERR)?;
    // SAFETY: `handle` is the live handle of this call, and `text` a string with its end, which
    // libpam copies before it returns.
    let answer = unsafe { pam_set_item(handle, PAM_AUTHTOK, text.as_ptr().cast()) };
    text.into_bytes().zeroize();
    match answer {
        0 => Ok(()),
        _ => Err(PamResultCode::PAM_BUF_ERR),
    }
}

/// A variable of PAM's own environment, which other modules and the program set too.
pub(crate) fn environment(handle: &PamHandle, name: &str) -> Option<String> {
    let name = CString::new(name).ok()?;
    // SAFETY: `handle` is the live handle of this call, which libpam only reads, and `name` a string
    // with its end.
    let value = unsafe { pam_getenv(handle, name.as_ptr()) };
    if value.is_null() {
        return None;
    }
    // SAFETY: libpam gives a string with its end, which stays until its environment is changed; it is
    // copied before.
    let value = unsafe { CStr::from_ptr(value) };
    value.to_str().ok().map(str::to_owned)
}

/// Sets a variable of PAM's own environment, or takes it away.
pub(crate) fn set_environment(handle: &mut PamHandle, name: &str, value: Option<&str>) {
    let entry = value.map_or_else(|| name.to_owned(), |value| format!("{name}={value}"));
    if let Ok(entry) = CString::new(entry) {
        // SAFETY: `handle` is the live handle of this call, and `entry` a string with its end, which
        // libpam copies. What it answers changes nothing: the variable is a help, not a need.
        unsafe { pam_putenv(handle, entry.as_ptr()) };
    }
}

/// What an earlier call of this module kept under this handle.
pub(crate) fn kept(handle: &PamHandle) -> Option<&Kept> {
    // SAFETY: only `Kept` is ever stored under this name, which is this module's own.
    unsafe { handle.get_data::<Kept>(Kept::NAME) }.ok()
}
