//! The calls into C that no safe crate offers.
#![allow(unsafe_code, reason = "PAM and libdbus are C libraries")]

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::os::fd::BorrowedFd;
use std::ptr;

use dbus::channel::Channel;
use pam::constants::PamResultCode;
use pam::module::PamHandle;
use zeroize::{Zeroize, Zeroizing};

use crate::kept::Kept;
use crate::rules::Code;
use crate::secret::Secret;

/// `PAM_CONV` and `PAM_AUTHTOK` of `security/_pam_types.h`.
const PAM_CONV: c_int = 5;
const PAM_AUTHTOK: c_int = 6;

/// `struct pam_message` of `security/_pam_types.h`.
#[repr(C)]
struct Message {
    style: c_int,
    text: *const c_char,
}

/// `struct pam_response`.
#[repr(C)]
struct Answer {
    text: *mut c_char,
    unused: c_int,
}

/// `struct pam_conv`.
#[repr(C)]
struct Program {
    converse: Option<
        unsafe extern "C" fn(c_int, *mut *const Message, *mut *mut Answer, *mut c_void) -> c_int,
    >,
    data: *mut c_void,
}

unsafe extern "C" {
    fn free(memory: *mut c_void);
}

#[link(name = "pam")]
unsafe extern "C" {
    fn pam_get_item(handle: *const PamHandle, item_type: c_int, item: *mut *const c_void) -> c_int;
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

/// The socket of a connection that is watched, to wait at; `None` where it is closed.
pub(crate) fn socket(channel: &Channel) -> Option<BorrowedFd<'_>> {
    // SAFETY: libdbus closes the socket when it reads or writes and the connection turns out to be
    // lost, or with the connection: not while whoever borrowed it waits.
    (channel.is_connected()).then(|| unsafe { BorrowedFd::borrow_raw(channel.watch().fd) })
}

/// Says something in the conversation of the program. What it answers is `None` where it answers
/// nothing. Of either no copy is left in memory, but for those that the program makes.
///
/// # Errors
/// When there is no conversation, or the program fails at it.
pub(crate) fn converse(
    handle: &PamHandle,
    style: c_int,
    text: &str,
) -> Result<Option<Zeroizing<Vec<u8>>>, Code> {
    let failed = Code::NoConversation;
    let text = CString::new(text).map_err(|_| failed)?;
    let text = Zeroizing::new(text.into_bytes_with_nul());
    let mut item: *const c_void = ptr::null();
    // SAFETY: `handle` is the live handle of this call, which libpam only reads.
    let found = unsafe { pam_get_item(handle, PAM_CONV, &raw mut item) };
    // SAFETY: under this item libpam keeps a `struct pam_conv`, or nothing, until another one is set.
    let program = unsafe { item.cast::<Program>().as_ref() };
    let program = program.filter(|_| found == 0).ok_or(failed)?;
    let speak = program.converse.ok_or(failed)?;
    let message = Message {
        style,
        text: text.as_ptr().cast(),
    };
    let mut messages: *const Message = &raw const message;
    let mut answers: *mut Answer = ptr::null_mut();
    // SAFETY: one message that outlives the call, a place for the answers, and the program's data.
    let spoken = unsafe { speak(1, &raw mut messages, &raw mut answers, program.data) };
    if spoken != 0 {
        return Err(failed);
    }
    // SAFETY: a program that succeeds gives as many answers as there are messages, or none.
    let answer = unsafe { answers.as_mut() }.ok_or(failed)?;
    let given = answer.text;
    let copied = (!given.is_null()).then(|| {
        // SAFETY: an answer is a string with its end, which the module has to free.
        let length = unsafe { CStr::from_ptr(given) }.count_bytes();
        // SAFETY: its bytes, which belong to nobody else.
        let bytes = unsafe { std::slice::from_raw_parts_mut(given.cast::<u8>(), length) };
        let copied = Zeroizing::new(bytes.to_vec());
        bytes.zeroize();
        // SAFETY: it came from malloc(3), as pam_conv(3) demands, and is not used any more.
        unsafe { free(given.cast()) };
        copied
    });
    // SAFETY: as before; the answer in it was taken out.
    unsafe { free(answers.cast()) };
    Ok(copied)
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
