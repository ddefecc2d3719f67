//! Which ways are open to an account right now, in the order in which to try them.

use crate::account::{Account, Standing};
use crate::caller::CallerClass;
use crate::charge::Family;
use crate::factor::{Factor, FactorId};
use crate::moment::{Moment, Trust};

/// A way that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OpenWay {
    /// Which.
    pub kind: OpenKind,
    /// Seconds to wait before it can be tried.
    pub wait: u64,
}

/// The kinds of ways, in their order. None of them is a new password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OpenKind {
    /// A code of a factor.
    Code(FactorId),
    /// A touch of a token.
    Presence(FactorId),
    /// A recovery code.
    Recovery {
        /// How many are left.
        left: usize,
    },
    /// A code sent to a channel.
    OutOfBand(FactorId),
    /// A session that was opened with the factor: it can switch off and replace.
    Session,
    /// The bypass code of a rescue that was issued.
    Bypass,
    /// An administrator.
    Administrator,
}

impl Account {
    /// The ways in, for a caller of `class`. `has_session` says that a session opened with the
    /// factor is still alive. The last resort is always there.
    #[must_use]
    pub fn open_ways(&self, class: CallerClass, moment: Moment, has_session: bool) -> Vec<OpenWay> {
        let now = moment.now;
        let wait = |family| self.ledger.get(family, class).wait(now);
        let mut ways = Vec::new();
        let mut add = |kind, wait| ways.push(OpenWay { kind, wait });
        if self.standing == Standing::Open {
            let mut factors: Vec<&Factor> = self.in_force(now).collect();
            factors.sort_by_key(|factor| (factor.role, factor.id));
            for factor in &factors {
                let timed = factor.generator.needs_clock() && moment.clock == Trust::Doubtful;
                if !timed && !factor.must_rebind(class) {
                    let mark = self.marks.of(&factor.fingerprint);
                    let used = match factor.generator.is_ahead(mark, moment) {
                        true => factor.generator.used_for(mark, moment),
                        false => 0,
                    };
                    add(OpenKind::Code(factor.id), wait(Family::Codes).max(used));
                }
            }
            for factor in &factors {
                if factor.custody.proves_presence()
                    && class.can_touch()
                    && !factor.presence_disabled.contains(class)
                {
                    add(OpenKind::Presence(factor.id), wait(Family::Presence));
                }
            }
            if let Some(set) = &self.recovery
                && set.left() > 0
                && !set.is_suspended()
                && !set.disabled.contains(class)
            {
                add(
                    OpenKind::Recovery { left: set.left() },
                    wait(Family::Recovery),
                );
            }
            for channel in self
                .open_channels(now)
                .filter(|c| !c.disabled.contains(class))
            {
                add(OpenKind::OutOfBand(channel.id), wait(Family::OutOfBand));
            }
        }
        if has_session {
            add(OpenKind::Session, 0);
        }
        if self
            .rescue
            .as_ref()
            .is_some_and(|r| r.has_code(now) && !r.disabled.contains(class))
        {
            add(OpenKind::Bypass, wait(Family::Bypass));
        }
        add(OpenKind::Administrator, 0);
        ways
    }
}
