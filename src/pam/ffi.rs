//! The calls into C that no safe crate offers.
#![allow(unsafe_code, reason = "PAM and libdbus are C libraries")]

use std::ffi::{CString, c_int, c_void};

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

/// What an earlier call of this module kept under this handle.
pub(crate) fn kept(handle: &PamHandle) -> Option<&Kept> {
    // SAFETY: only `Kept` is ever stored under this name, which is this module's own.
    unsafe { handle.get_data::<Kept>(Kept::NAME) }.ok()
}
