//! Lines for the journal, by its own socket: no state of the C library's syslog, no other file.

use std::os::unix::net::UnixDatagram;

const SOCKET: &str = "/run/systemd/journal/socket";

/// Facility `authpriv` of RFC 5424, §6.2.1.
const AUTHPRIV: u8 = 10;

/// How grave a line is, as in RFC 5424, §6.2.1.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Priority {
    Error = 3,
    Notice = 5,
    Info = 6,
}

/// Writes a line. Nobody waits for it, and a journal that is not there loses it.
pub(crate) fn log(priority: Priority, text: &str) {
    let line: String = text
        .chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect();
    let entry = format!(
        "PRIORITY={}\nSYSLOG_FACILITY={AUTHPRIV}\nSYSLOG_IDENTIFIER=pam_oathd\nMESSAGE={line}\n",
        priority as u8
    );
    if let Ok(socket) = UnixDatagram::unbound()
        && socket.set_nonblocking(true).is_ok()
    {
        let _ = socket.send_to(entry.as_bytes(), SOCKET);
    }
}
