//! pam_oathd.so: asks for the second factor at a login, and has oathd judge it.
//!
//! Small and blocking: one connection to the system bus for one login, no thread, no file, nothing
//! on the standard streams, nothing left in the process when the module is unloaded.

// What a login means is decided in modules that know neither PAM nor D-Bus: `rules` is the table,
// `flow` the conversation, `seat` tells who may be asked for a touch.
mod arguments;
mod bus;
mod conversation;
mod entry;
mod ffi;
mod flow;
mod interrupt;
mod journal;
mod kept;
mod logind;
mod oathd;
mod one_field;
mod outcome;
mod response;
mod rules;
mod seat;
mod secret;
mod session;
mod words;
