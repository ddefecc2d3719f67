use proptest::prelude::*;

use super::*;
use crate::pam_stack;

fn lines(files: &[(&str, &str)]) -> Vec<Line> {
    pam_stack::lines("sudo", &|name| {
        let found = files.iter().find(|(known, _)| *known == name);
        found.map(|(_, text)| (*text).to_owned())
    })
}

fn of(text: &str) -> Verdict {
    examine(&lines(&[("sudo", text)]))
}

fn bypasses(verdict: &Verdict) -> Vec<&str> {
    let modules = verdict.bypasses.iter();
    modules.map(|line| line.module.as_str()).collect()
}

/// What the profile of Debian's pam-auth-update makes.
const COMMON: &str = "auth [success=2 default=ignore] pam_fprintd.so max-tries=1
auth [success=1 default=ignore] pam_unix.so nullok try_first_pass
auth requisite pam_deny.so
auth required pam_permit.so
auth [success=1 default=ignore] pam_succeed_if.so quiet user ingroup oathd-exempt
auth required pam_oathd.so
auth optional pam_cap.so
";

#[test]
fn the_stacks_of_the_manual_hold() {
    let profile = of(COMMON);
    assert_eq!(bypasses(&profile), ["pam_succeed_if.so"]);
    assert_eq!(
        (profile.toothless, profile.alone, profile.shut),
        (false, false, false)
    );
    for holds in [
        "auth requisite pam_unix.so\nauth required pam_oathd.so",
        "auth required pam_oathd.so collect\nauth requisite pam_unix.so use_first_pass\nauth required pam_oathd.so check",
        "auth requisite pam_unix.so\nauth required pam_oathd.so presence",
        // After a key of ssh, nothing but the code is asked for.
        "auth required pam_oathd.so deny_unenrolled\nauth required pam_permit.so",
        "auth optional pam_env.so\nauth required pam_unix.so\nauth [success=ok ignore=ignore default=die] pam_oathd.so",
    ] {
        assert_eq!(of(holds), Verdict::default(), "{holds}");
    }
    assert_eq!(of("auth required pam_unix.so"), Verdict::default());
}

#[test]
fn a_line_that_leads_past_the_factor_is_named() {
    for (before, module) in [
        ("auth sufficient pam_unix.so", "pam_unix.so"),
        (
            "-auth [success=done default=ignore] pam_fprintd.so",
            "pam_fprintd.so",
        ),
        ("auth sufficient pam_rootok.so", "pam_rootok.so"),
        (
            "auth [success=2 default=ignore] pam_x.so\nauth required pam_env.so",
            "pam_x.so",
        ),
        ("auth [default=1 user_unknown=ignore] pam_y.so", "pam_y.so"),
    ] {
        let verdict = of(&format!(
            "{before}\nauth required pam_oathd.so\nauth required pam_permit.so"
        ));
        assert_eq!(bypasses(&verdict), [module], "{before}");
        assert!(!verdict.toothless);
    }
    let both =
        "auth sufficient pam_rootok.so\nauth sufficient pam_unix.so\nauth required pam_oathd.so";
    assert_eq!(bypasses(&of(both)), ["pam_rootok.so", "pam_unix.so"]);
    // A jump of nobody's success ends nowhere, and one too far is a refusal.
    for harmless in [
        "auth [success=1 default=die] pam_x.so\nauth required pam_oathd.so",
        "auth [success=5 default=die] pam_x.so\nauth required pam_oathd.so\nauth required pam_permit.so",
    ] {
        assert_eq!(bypasses(&of(harmless)), [""; 0], "{harmless}");
    }
}

#[test]
fn a_refusal_that_does_not_count_is_seen() {
    for control in [
        "optional",
        "sufficient",
        "[success=ok default=ignore]",
        "[success=ok authinfo_unavail=ignore default=die]",
    ] {
        let verdict = of(&format!(
            "auth required pam_unix.so\nauth {control} pam_oathd.so"
        ));
        assert!(verdict.toothless, "{control}");
    }
}

#[test]
fn a_code_that_replaces_the_password_is_seen() {
    for (text, alone) in [
        (
            "auth sufficient pam_oathd.so\nauth required pam_unix.so",
            true,
        ),
        (
            "auth required pam_oathd.so\nauth optional pam_unix.so",
            true,
        ),
        (
            "auth [success=1 default=ignore] pam_unix.so\nauth required pam_permit.so\nauth required pam_oathd.so",
            true,
        ),
        (
            "auth required pam_oathd.so\nauth required pam_unix.so",
            false,
        ),
    ] {
        assert_eq!(of(text).alone, alone, "{text}");
    }
}

#[test]
fn a_stack_that_lets_whoever_has_no_factor_in_with_nothing_is_seen() {
    let exempt =
        "auth [success=1 default=ignore] pam_succeed_if.so quiet user ingroup oathd-exempt";
    for (text, unguarded) in [
        (
            "auth required pam_oathd.so\nauth required pam_permit.so",
            true,
        ),
        (
            &format!("{exempt}\nauth required pam_oathd.so\nauth required pam_permit.so"),
            true,
        ),
        (
            "auth required pam_env.so\nauth optional pam_unix.so\nauth required pam_oathd.so\nauth required pam_permit.so",
            true,
        ),
        (
            &format!(
                "{exempt}\nauth required pam_oathd.so deny_unenrolled\nauth required pam_permit.so"
            ),
            false,
        ),
        // Where all step aside, libpam refuses.
        ("auth required pam_oathd.so", false),
        (
            "auth requisite pam_of_another.so\nauth required pam_oathd.so",
            false,
        ),
        (COMMON, false),
    ] {
        assert_eq!(of(text).unguarded, unguarded, "{text}");
    }
}

#[test]
fn a_stack_that_lets_nobody_in_is_seen() {
    for (text, shut) in [
        (
            "auth required pam_oathd.so\nauth required pam_deny.so",
            true,
        ),
        // Nothing but jumps: no line says yes.
        (
            "auth [success=1 default=die] pam_oathd.so\nauth requisite pam_deny.so",
            true,
        ),
        (COMMON, false),
    ] {
        assert_eq!(of(text).shut, shut, "{text}");
    }
}

#[test]
fn a_substack_ends_by_itself_and_counts_as_one_line() {
    let inner = "auth sufficient pam_unix.so\nauth requisite pam_deny.so";
    let outer = "auth substack inner\nauth required pam_oathd.so";
    let verdict = examine(&lines(&[("sudo", outer), ("inner", inner)]));
    assert_eq!(verdict, Verdict::default());
    let included = outer.replace("substack", "include");
    let verdict = examine(&lines(&[("sudo", &included), ("inner", inner)]));
    assert_eq!(bypasses(&verdict), ["pam_unix.so"]);
    let over = "auth [success=1 default=ignore] pam_x.so\nauth substack inner\nauth required pam_permit.so";
    let asks = "auth required pam_unix.so\nauth required pam_oathd.so";
    let verdict = examine(&lines(&[("sudo", over), ("inner", asks)]));
    assert_eq!(bypasses(&verdict), ["pam_x.so"]);
}

/// Whether a login is let in when each module answers what its argument `auth` says.
fn lets_in(lines: &[Line]) -> bool {
    let mut state = State {
        at: 0,
        impression: Impression::Open,
        outside: Vec::new(),
        asked: false,
        over: None,
    };
    while let Some(line) = lines.get(state.at) {
        let answer = line.arguments.strip_prefix("auth=");
        state = after(lines, &state, line, answer.unwrap_or("ignore"));
    }
    state.impression == Impression::Positive
}

/// The stacks that tests/pam/record-stacks ran through libpam 1.5.2.
#[test]
fn a_login_ends_as_libpam_ends_it() {
    let stack = |text: &str| {
        let lines = text.split("; ").map(|line| match line.split_once(" > ") {
            Some((control, answer)) => format!("auth {control} pam_debug.so auth={answer}\n"),
            None if line == "{}" => "auth substack inner\n".to_owned(),
            None => String::new(),
        });
        lines.collect::<String>()
    };
    let recorded: Vec<_> = include_str!("libpam.txt").lines().collect();
    for record in &recorded {
        let (text, verdict) = record.rsplit_once(" = ").unwrap();
        let (outer, inner) = text.split_once(" | ").unwrap();
        let lines = lines(&[("sudo", &stack(outer)), ("inner", &stack(inner))]);
        assert_eq!(lets_in(&lines), verdict == "in", "{record}");
    }
    let admitted = recorded.iter().filter(|record| record.ends_with(" = in"));
    assert!(admitted.count() > 60 && recorded.len() >= 250);
}

fn line() -> impl Strategy<Value = String> {
    let control = prop::sample::select(vec![
        "required",
        "requisite",
        "sufficient",
        "optional",
        "[success=1 default=ignore]",
        "[success=2 default=die]",
        "[success=done default=bad]",
        "[default=reset]",
        "nonsense",
    ]);
    let module = prop::sample::select(vec![
        "pam_unix.so",
        "pam_deny.so",
        "pam_permit.so",
        "pam_oathd.so",
        "pam_oathd.so collect",
        "pam_x.so",
    ]);
    (control, module).prop_map(|(control, module)| format!("auth {control} {module}"))
}

proptest! {
    /// In front of any stack: once its refusal is the end, nothing lets in without it, and what
    /// was a toothless line of it is not reached.
    #[test]
    fn whoever_is_refused_first_is_refused(rest in prop::collection::vec(line(), 0..8)) {
        let text = format!("auth requisite pam_oathd.so\n{}", rest.join("\n"));
        let verdict = of(&text);
        prop_assert!(verdict.bypasses.is_empty() && !verdict.toothless, "{}", text);
    }

    /// Behind a line that ends every login with success, the factor is never asked for.
    #[test]
    fn whoever_is_let_in_first_is_let_in(rest in prop::collection::vec(line(), 0..8)) {
        let text = format!("auth sufficient pam_permit.so\n{}\nauth required pam_oathd.so", rest.join("\n"));
        let verdict = of(&text);
        let first: Vec<&str> = bypasses(&verdict).into_iter().take(1).collect();
        prop_assert_eq!(first, ["pam_permit.so"]);
        prop_assert!(!verdict.shut && !verdict.toothless, "{}", text);
    }
}
