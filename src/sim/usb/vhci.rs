//! The kernel's virtual host controller, `vhci_hcd`: where a device is plugged in.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};

/// A port that takes a device of full speed, and nothing in it.
const HUB: &str = "hs";
const FREE: &str = "004";
/// Bus 1, device 1: the kernel repeats it in its requests.
const DEVICE: u32 = 1 << 16 | 1;
const FULL_SPEED: u32 = 2;

/// Why a token cannot be plugged in.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// The kernel has no virtual host controller.
    #[error("{} is missing; load vhci-hcd: modprobe vhci-hcd", .0.display())]
    NoController(PathBuf),
    /// Every port has a device.
    #[error("every port of {} is in use", .0.display())]
    NoPort(PathBuf),
    /// The system refuses.
    #[error("{}: {source}", path.display())]
    File {
        /// What cannot be read or written.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
}

/// Plugs a device into a free port of the controller in `folder`. The socket is the device's end
/// of its cable: it is unplugged when that is shut down, or the process ends.
///
/// # Errors
/// [`AttachError`] when there is no controller or no port, or the caller may not use it.
pub(crate) fn attach(folder: &Path) -> Result<UnixStream, AttachError> {
    if !folder.exists() {
        return Err(AttachError::NoController(folder.to_owned()));
    }
    let (status, attach) = (folder.join("status"), folder.join("attach"));
    let failed = |path: &Path| {
        let path = path.to_owned();
        move |source| AttachError::File { path, source }
    };
    let ports = fs::read_to_string(&status).map_err(failed(&status))?;
    let (device, kernel) = UnixStream::pair().map_err(failed(&attach))?;
    for port in free_ports(&ports) {
        let order = format!("{port} {} {DEVICE} {FULL_SPEED}", kernel.as_raw_fd());
        let written = OpenOptions::new()
            .write(true)
            .open(&attach)
            .and_then(|mut file| file.write_all(order.as_bytes()));
        match written {
            Ok(()) => return Ok(device),
            // Another device was plugged in meanwhile.
            Err(error) if error.kind() == io::ErrorKind::ResourceBusy => {}
            Err(error) => return Err(failed(&attach)(error)),
        }
    }
    Err(AttachError::NoPort(folder.to_owned()))
}

/// The free ports in a controller's table of ports.
fn free_ports(status: &str) -> impl Iterator<Item = u32> {
    status.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        let (hub, port, state) = (words.next()?, words.next()?, words.next()?);
        let free = hub == HUB && state == FREE;
        free.then(|| port.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const STATUS: &str = "\
hub port sta spd dev      sockfd local_busid
hs  0000 006 002 00010001 000003 1-1
hs  0001 004 000 00000000 000000 0-0
hs  0010 004 000 00000000 000000 0-0
ss  0008 004 000 00000000 000000 0-0
";

    #[test]
    fn a_free_port_of_the_right_hub_is_chosen() {
        let folder = tempfile::tempdir().unwrap();
        let attached = folder.path().join("attach");
        fs::write(folder.path().join("status"), STATUS).unwrap();
        fs::write(&attached, "").unwrap();
        attach(folder.path()).unwrap();
        let order = fs::read_to_string(attached).unwrap();
        let words: Vec<_> = order.split(' ').collect();
        assert_eq!((words[0], words[2], words[3]), ("1", "65537", "2"));
        assert_eq!(free_ports(STATUS).collect::<Vec<_>>(), [1, 10]);
    }

    #[test]
    fn what_is_missing_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let missing = attach(&folder.path().join("vhci_hcd.0")).unwrap_err();
        assert!(missing.to_string().ends_with("modprobe vhci-hcd"));
        assert!(matches!(
            attach(folder.path()),
            Err(AttachError::File { .. })
        ));
        fs::write(folder.path().join("status"), "").unwrap();
        assert!(matches!(
            attach(folder.path()),
            Err(AttachError::NoPort(..))
        ));
    }

    proptest! {
        #[test]
        fn another_table_has_no_ports(text in ".{0,200}") {
            prop_assert_eq!(free_ports(&text).count(), 0);
        }
    }
}
