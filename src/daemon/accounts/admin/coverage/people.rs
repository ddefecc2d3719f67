//! The people of this machine: root, and the users that `/etc/passwd` names. A directory service
//! may know more; it is not asked to list them.

use std::{fs, io, ops::RangeInclusive};

use crate::accounts::passwd::User;

const PASSWD: &str = "/etc/passwd";

/// The first uid of a person.
const FIRST: u32 = 1000;

/// Uids of no person: what systemd gives to services, `nobody`, and what was -1 in 16 bits.
const SERVICES: RangeInclusive<u32> = 61_184..=65_535;

/// The people in the file. Blocks.
///
/// # Errors
/// Those of reading it.
pub(super) fn people() -> io::Result<Vec<User>> {
    Ok(in_file(&fs::read(PASSWD)?))
}

/// Whether a user of this uid is a person.
pub(super) fn is_person(uid: u32) -> bool {
    uid == 0 || (uid >= FIRST && !SERVICES.contains(&uid))
}

fn in_file(file: &[u8]) -> Vec<User> {
    let lines = file.split(|byte| *byte == b'\n');
    lines
        .filter_map(|line| user(std::str::from_utf8(line).ok()?))
        .filter(|user| is_person(user.uid))
        .collect()
}

/// The user of a line, see passwd(5).
fn user(line: &str) -> Option<User> {
    let mut fields = line.split(':');
    let (name, _password) = (fields.next()?, fields.next()?);
    let (uid, gid) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    // Lines with a sign say that NIS is asked.
    (!name.is_empty() && !name.starts_with(['+', '-', '#'])).then(|| User {
        uid,
        name: name.to_owned(),
        gid,
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn people_are_root_and_users_and_nobody_else() {
        let file = b"root:x:0:0:root:/root:/bin/sh\n\
            daemon:x:1:1::/:/usr/sbin/nologin\n\
            alice:x:1000:1001:Alice,,,:/home/alice:/bin/sh\n\
            nobody:x:65534:65534::/:/usr/sbin/nologin\n\
            bad:x:abc:1::/:\n\xff:x:1001:1::/:\n+::::::\n\
            ldap:x:100000:100000::/:/bin/sh";
        let people: Vec<_> = in_file(file)
            .into_iter()
            .map(|user| (user.name, user.uid, user.gid))
            .collect();
        let expected = [
            ("root", 0, 0),
            ("alice", 1000, 1001),
            ("ldap", 100_000, 100_000),
        ];
        assert_eq!(
            people,
            expected.map(|(name, uid, gid)| (name.to_owned(), uid, gid))
        );
    }

    proptest! {
        #[test]
        fn any_file_is_read(file in prop::collection::vec(any::<u8>(), 0..300)) {
            prop_assert!(in_file(&file).iter().all(|user| is_person(user.uid)));
        }
    }
}
