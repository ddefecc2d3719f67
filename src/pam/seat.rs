//! Where the person sits: in front of this host, or elsewhere.

/// What is known of a session of logind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Session {
    pub(crate) remote: bool,
    /// The host that it comes from, where it is remote.
    pub(crate) remote_host: String,
    pub(crate) active: bool,
    pub(crate) locked: bool,
    /// `user`, `greeter`, …
    pub(crate) class: String,
}

impl Session {
    /// Whether a person signed in to it. A session of cron, or of the user's service manager, is of
    /// this host wherever its user is.
    fn is_a_persons(&self) -> bool {
        let class = self.class.as_str();
        class == "user" || class.starts_with("user-")
    }

    /// Whether a program in it is where its user is: those of the login screen are, too.
    fn tells_the_place(&self) -> bool {
        self.remote
            || self.is_a_persons()
            || matches!(self.class.as_str(), "greeter" | "lock-screen")
    }
}

/// What the caller of the module said, and whether it is to be believed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) is_root: bool,
    /// `PAM_RHOST`
    pub(crate) remote_host: Option<String>,
    /// `PAM_TTY`
    pub(crate) tty: Option<String>,
}

impl Caller {
    /// The remote host that a root caller names. An address of this host is remote as well: a
    /// tunnel ends there.
    pub(crate) fn named_host(&self) -> Option<&str> {
        let host = self.remote_host.as_deref().filter(|host| !host.is_empty());
        host.filter(|_| self.is_root)
    }

    /// Whether a root caller logs in at a terminal or display of this host.
    fn is_at_console(&self) -> bool {
        let tty = self.tty.as_deref().unwrap_or_default();
        let tty = tty.strip_prefix("/dev/").unwrap_or(tty);
        let virtual_terminal = tty
            .strip_prefix("tty")
            .is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()));
        self.is_root && (virtual_terminal || tty.starts_with(':'))
    }
}

/// Where the login comes from, for oathd: a remote host, or `None` for this one. `own` is the
/// session that the caller belongs to.
pub(crate) fn remote_host<'a>(caller: &'a Caller, own: Option<&'a Session>) -> Option<&'a str> {
    caller.named_host().or_else(|| {
        let session = own.filter(|session| session.remote && caller.is_root)?;
        Some(match session.remote_host.as_str() {
            "" => "remote",
            host => host,
        })
    })
}

/// Whether a touch may be waited for: the first of these that can be told decides – the host that
/// a root caller names, the caller's own session where a person is in it, a login at the console, an
/// active unlocked session of the user at this host.
pub(crate) fn is_here(
    caller: &Caller,
    own: Option<&Session>,
    users: impl FnOnce() -> Vec<Session>,
) -> bool {
    if caller.named_host().is_some() {
        return false;
    }
    if let Some(session) = own.filter(|session| session.tells_the_place()) {
        return !session.remote;
    }
    let is_in_use = |s: &Session| s.active && !s.remote && !s.locked && s.is_a_persons();
    caller.is_at_console() || users().iter().any(is_in_use)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn session() -> impl Strategy<Value = Session> {
        let class = prop_oneof![Just("user"), Just("greeter"), Just("background")];
        (any::<bool>(), any::<bool>(), any::<bool>(), class).prop_map(
            |(remote, active, locked, class)| Session {
                remote,
                remote_host: String::new(),
                active,
                locked,
                class: class.to_owned(),
            },
        )
    }

    fn caller() -> impl Strategy<Value = Caller> {
        let host = prop_oneof![
            Just(None),
            Just(Some(String::new())),
            "[a-z0-9.:]{1,12}".prop_map(Some)
        ];
        let tty = prop_oneof![
            Just(None),
            "(/dev/)?tty[0-9]?|pts/1|:[0-9]|ssh|".prop_map(Some)
        ];
        (any::<bool>(), host, tty).prop_map(|(is_root, remote_host, tty)| Caller {
            is_root,
            remote_host,
            tty,
        })
    }

    proptest! {
        #[test]
        fn whom_root_calls_remote_is_not_here(tty in proptest::option::of("tty1|:0|ssh"), host in "[a-z0-9.:]{1,12}", own in proptest::option::of(session()), users in proptest::collection::vec(session(), 0..3)) {
            let caller = Caller { is_root: true, remote_host: Some(host.clone()), tty };
            prop_assert!(!is_here(&caller, own.as_ref(), || users));
            prop_assert_eq!(remote_host(&caller, own.as_ref()), Some(host.as_str()));
        }

        #[test]
        fn nobody_is_both_here_and_elsewhere(caller in caller(), own in proptest::option::of(session()), users in proptest::collection::vec(session(), 0..3)) {
            if remote_host(&caller, own.as_ref()).is_some() {
                prop_assert!(!is_here(&caller, own.as_ref(), || users));
            }
        }

        #[test]
        fn only_root_is_believed(mut caller in caller(), users in proptest::collection::vec(session(), 0..3)) {
            caller.is_root = false;
            prop_assert_eq!(remote_host(&caller, None), None);
            let nothing_said = Caller::default();
            let believed = is_here(&caller, None, || users.clone());
            prop_assert_eq!(believed, is_here(&nothing_said, None, || users));
        }
    }

    #[test]
    fn a_service_without_a_session_needs_an_unlocked_one_of_the_user() {
        let agent = Caller {
            is_root: true,
            ..Caller::default()
        };
        let mut session = Session {
            active: true,
            class: "user".to_owned(),
            ..Session::default()
        };
        assert!(is_here(&agent, None, || vec![session.clone()]));
        session.locked = true;
        assert!(!is_here(&agent, None, || vec![session.clone()]));
        assert!(!is_here(&agent, None, Vec::new));
    }

    #[test]
    fn a_program_is_where_its_user_is_in_a_persons_session_alone() {
        let sudo = Caller {
            is_root: true,
            ..Caller::default()
        };
        for (class, here) in [
            ("user", true),
            ("user-early", true),
            ("greeter", true),
            ("background", false),
            ("manager", false),
            ("", false),
        ] {
            let mut own = Session {
                class: class.to_owned(),
                ..Session::default()
            };
            assert_eq!(is_here(&sudo, Some(&own), Vec::new), here, "{class}");
            own.remote = true;
            let in_use = || {
                vec![Session {
                    active: true,
                    class: "user".to_owned(),
                    ..Session::default()
                }]
            };
            assert!(!is_here(&sudo, Some(&own), in_use), "{class}");
        }
    }

    #[test]
    fn a_login_at_the_console_needs_no_session() {
        for (tty, here) in [
            ("tty1", true),
            ("/dev/tty3", true),
            (":0", true),
            ("pts/3", false),
            ("ssh", false),
        ] {
            let login = Caller {
                is_root: true,
                remote_host: None,
                tty: Some(tty.to_owned()),
            };
            assert_eq!(is_here(&login, None, Vec::new), here, "{tty}");
        }
    }
}
