//! Groups of this machine, however many members they have.

use nix::{
    errno::Errno,
    unistd::{Gid, Group},
};
use uzers::os::unix::GroupExt;

/// The group of a name; blocks.
pub(super) fn by_name(name: &str) -> Result<Option<Group>, Errno> {
    let large = match Group::from_name(name) {
        // `nix` takes a mebibyte of names. `uzers` takes any, but does not tell "no such group" from a
        // failure; this one is there.
        Err(Errno::ERANGE) => uzers::get_group_by_name(name).ok_or(Errno::ERANGE)?,
        known => return known,
    };
    let members = large.members().iter();
    Ok(Some(Group {
        name: name.to_owned(),
        passwd: Default::default(),
        gid: Gid::from_raw(large.gid()),
        mem: members
            .map(|member| member.to_string_lossy().into_owned())
            .collect(),
    }))
}
