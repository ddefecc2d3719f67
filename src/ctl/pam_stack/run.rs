//! Runs an auth stack on paper, as libpam would (Linux-PAM, `pam_dispatch.c` and pam.conf(5)), for every
//! outcome that its modules may have: who is let in without the second factor, or by it alone, and
//! whether anybody is let in at all.

use std::collections::HashSet;

use super::{Line, action};

/// Modules that check a first factor, or a whole login, by themselves.
const FIRST_FACTORS: [&str; 12] = [
    "pam_unix.so",
    "pam_sss.so",
    "pam_krb5.so",
    "pam_ldap.so",
    "pam_winbind.so",
    "pam_systemd_home.so",
    "pam_pwdfile.so",
    "pam_userdb.so",
    "pam_fprintd.so",
    "pam_u2f.so",
    "pam_pkcs11.so",
    "pam_p11.so",
];

/// Modules that check nothing that somebody types or has.
const HELPERS: [&str; 8] = [
    "pam_access.so",
    "pam_cap.so",
    "pam_env.so",
    "pam_faildelay.so",
    "pam_faillock.so",
    "pam_group.so",
    "pam_nologin.so",
    "pam_succeed_if.so",
];

/// What a module may answer whose outcome is open.
const ANY: [&str; 6] = [
    "success",
    "ignore",
    "auth_err",
    "user_unknown",
    "authinfo_unavail",
    "perm_denied",
];

/// What pam_oathd answers when it does not let in; the last two are libpam's where it is missing.
const REFUSALS: [&str; 9] = [
    "auth_err",
    "maxtries",
    "perm_denied",
    "authinfo_unavail",
    "conv_err",
    "service_err",
    "system_err",
    "module_unknown",
    "open_err",
];

/// What is found about a stack that asks for the second factor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Verdict {
    /// The lines that lead past it.
    pub(crate) bypasses: Vec<Line>,
    /// It is asked for, and its refusal does not count.
    pub(crate) toothless: bool,
    /// It lets in by itself, though a password is asked for too.
    pub(crate) alone: bool,
    /// Nobody is let in, whatever is typed.
    pub(crate) shut: bool,
    /// Whoever has no factor is let in with nothing at all.
    pub(crate) unguarded: bool,
}

/// What is supposed of the modules.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    /// The second factor is refused.
    Refused,
    /// The second factor is right, and nothing else is.
    Alone,
    /// All is right.
    Right,
    /// The account has no second factor, and nothing is right.
    Nothing,
}

/// How a login stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Impression {
    Open,
    Positive,
    /// Positive, with an outcome that is no success: nobody is let in.
    Spoilt,
    Negative,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct State {
    at: usize,
    impression: Impression,
    /// How it stood where each substack began, for a reset.
    outside: Vec<Impression>,
    /// pam_oathd was asked.
    asked: bool,
    /// The line that led past pam_oathd, or on to where it is the end.
    over: Option<usize>,
}

/// Whether a line is of one of the modules that check a first factor.
pub(crate) fn is_first_factor(line: &Line) -> bool {
    FIRST_FACTORS.contains(&file_name(&line.module))
}

/// Looks at a stack; nothing is found about one that never asks.
pub(crate) fn examine(lines: &[Line]) -> Verdict {
    if !lines.iter().any(Line::is_oathds) {
        return Verdict::default();
    }
    let mut verdict = Verdict::default();
    let mut tame = HashSet::new();
    // Each round finds a line that leads past it and closes that way, so it ends with the lines.
    while let Some(end) = grant(lines, Case::Refused, &tame) {
        match end.over.filter(|_| !end.asked) {
            Some(line) if tame.insert(line) => verdict.bypasses.extend(lines.get(line).cloned()),
            _ => {
                verdict.toothless = true;
                break;
            }
        }
    }
    let none = HashSet::new();
    verdict.alone = lines.iter().any(is_first_factor)
        && grants(lines, Case::Alone, &none).any(|state| state.asked);
    verdict.shut = grant(lines, Case::Right, &none).is_none();
    verdict.unguarded = grants(lines, Case::Nothing, &none).any(|state| state.asked);
    verdict
}

fn grant(lines: &[Line], case: Case, tame: &HashSet<usize>) -> Option<State> {
    // Ways past pam_oathd are told before those through it.
    grants(lines, case, tame).min_by_key(|end| (end.asked, end.over))
}

/// How logins end that let in. Lines of `tame` lead nobody past pam_oathd.
fn grants(lines: &[Line], case: Case, tame: &HashSet<usize>) -> impl Iterator<Item = State> {
    let (mut ends, mut seen) = (Vec::new(), HashSet::new());
    let mut open = vec![State {
        at: 0,
        impression: Impression::Open,
        outside: Vec::new(),
        asked: false,
        over: None,
    }];
    while let Some(state) = open.pop() {
        if !seen.insert(state.clone()) {
            continue;
        }
        let Some(line) = lines.get(state.at) else {
            if state.impression == Impression::Positive {
                ends.push(state);
            }
            continue;
        };
        let outcomes = outcomes(line, case).iter();
        let follow = outcomes.map(|outcome| after(lines, &state, line, outcome));
        let closed = |next: &State| next.over == Some(state.at) && tame.contains(&state.at);
        open.extend(follow.filter(|next| !closed(next)));
    }
    ends.into_iter()
}

/// What a module may answer.
fn outcomes(line: &Line, case: Case) -> &'static [&'static str] {
    match (file_name(&line.module), case) {
        // Where a substack begins nothing is answered.
        ("", _) => &["ignore"],
        ("pam_permit.so", _) => &["success"],
        ("pam_deny.so", _) => &["auth_err"],
        ("pam_oathd.so", _) if !line.is_oathds() => &["ignore"],
        ("pam_oathd.so", Case::Refused) => &REFUSALS,
        ("pam_oathd.so", Case::Nothing) if line.denies_unenrolled() => &["perm_denied"],
        ("pam_oathd.so", Case::Nothing) => &["ignore"],
        ("pam_oathd.so", _) => &["success"],
        ("pam_rootok.so", Case::Alone | Case::Nothing) => &["auth_err"],
        // What is not known may well be a first factor, which is wrong.
        (module, Case::Nothing) if !HELPERS.contains(&module) => &["auth_err", "user_unknown"],
        _ if case == Case::Alone && is_first_factor(line) => &["auth_err", "user_unknown"],
        _ => &ANY,
    }
}

/// How the login stands after a line with this outcome.
fn after(lines: &[Line], state: &State, line: &Line, outcome: &str) -> State {
    let mut next = state.clone();
    next.outside.truncate(line.level);
    while next.outside.len() < line.level {
        next.outside.push(state.impression);
    }
    next.asked |= line.is_oathds();
    let takes = |impression: Impression| match impression {
        Impression::Spoilt | Impression::Negative => impression,
        _ if outcome == "success" => Impression::Positive,
        _ => Impression::Spoilt,
    };
    next.at = state.at + 1;
    match deed(&line.control, outcome) {
        "ok" => next.impression = takes(state.impression),
        "done" => {
            next.impression = takes(state.impression);
            if next.impression != Impression::Negative {
                next.at = after_stack(lines, state.at);
            }
        }
        "bad" => next.impression = Impression::Negative,
        "die" => {
            next.impression = Impression::Negative;
            next.at = after_stack(lines, state.at);
        }
        "reset" => {
            let outside = next.outside.last();
            next.impression = outside.copied().unwrap_or(Impression::Open);
        }
        "ignore" => {}
        // A jump by itself is neither success nor failure; one that leads too far is a mistake.
        word => match word.parse() {
            Ok(count) => {
                let (at, fits) = jump(lines, state.at, count);
                next.at = at;
                if !fits {
                    next.impression = Impression::Negative;
                }
            }
            Err(_) => next.impression = Impression::Negative,
        },
    }
    let asking = lines.iter().position(Line::is_oathds);
    if !state.asked && asking.is_some_and(|asking| state.at < asking && next.at > asking) {
        next.over = Some(state.at);
    }
    next
}

/// What a control does for an outcome.
fn deed<'a>(control: &'a str, outcome: &str) -> &'a str {
    match (control, outcome) {
        ("substack", _) => "ignore",
        ("required" | "requisite" | "optional", "success") => "ok",
        ("sufficient", "success") => "done",
        ("required" | "requisite", "ignore") | ("optional" | "sufficient", _) => "ignore",
        ("required", _) => "bad",
        ("requisite", _) => "die",
        _ => action(control, outcome).unwrap_or("bad"),
    }
}

/// Where the stack or substack of a line ends.
fn after_stack(lines: &[Line], at: usize) -> usize {
    let level = lines.get(at).map_or(0, |line| line.level);
    let mut outside = lines.iter().skip(at + 1);
    let end = outside.position(|line| line.level < level);
    end.map_or(lines.len(), |end| at + 1 + end)
}

/// Where a jump over so many lines of the own stack leads, and whether there are so many; a substack
/// counts as one.
fn jump(lines: &[Line], at: usize, count: usize) -> (usize, bool) {
    let level = lines.get(at).map_or(0, |line| line.level);
    let (mut next, mut left) = (at + 1, count);
    while let Some(line) = lines.get(next).filter(|line| line.level >= level) {
        if line.level == level {
            if left == 0 {
                break;
            }
            left -= 1;
        }
        next += 1;
    }
    (next, left == 0)
}

fn file_name(module: &str) -> &str {
    module.rsplit('/').next().unwrap_or(module)
}

#[cfg(test)]
mod tests;
