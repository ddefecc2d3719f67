//! What the service files of PAM say about a login: whether the second factor is asked for, and what
//! lets in without it. Pure: files come in as a function.

pub(crate) mod run;

/// How deep files may include one another; libpam allows 32.
const DEPTH_MAX: usize = 32;

/// The module.
const OATHD: &str = "pam_oathd.so";

/// What is found about one service.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stack {
    /// The second factor is asked for.
    pub(crate) asks: bool,
    /// Modules that let in without it.
    pub(crate) bypasses: Vec<String>,
}

/// A line of an auth stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// How many substacks it is in.
    pub(crate) level: usize,
    /// What its outcomes do: a word, or pairs of value and action.
    pub(crate) control: String,
    /// Empty where a substack begins.
    pub(crate) module: String,
    pub(crate) arguments: String,
}

impl Line {
    /// Whether it is the line of pam_oathd that decides, not the one that only asks.
    pub(crate) fn is_oathds(&self) -> bool {
        self.module.rsplit('/').next() == Some(OATHD) && !self.arguments.contains("collect")
    }

    /// Whether it refuses whoever has no factor, as a line of pam_oathd that says so.
    pub(crate) fn denies_unenrolled(&self) -> bool {
        let mut words = self.arguments.split_whitespace();
        words.any(|word| word == "deny_unenrolled")
    }

    /// The module, as it is called here.
    pub(crate) fn named(&self) -> String {
        let text = format!("{} {}", self.module, self.arguments);
        text.trim().to_owned()
    }
}

/// Reads the auth stack of a service; `file` gives the text of a file of the folder.
pub(crate) fn read(service: &str, file: &dyn Fn(&str) -> Option<String>) -> Stack {
    let lines = lines(service, file);
    let Some(asking) = lines.iter().find(|line| line.is_oathds()) else {
        return Stack::default();
    };
    let bypasses = run::examine(&lines).bypasses;
    Stack {
        asks: demands(&asking.control),
        bypasses: bypasses.iter().map(Line::named).collect(),
    }
}

/// The lines of the auth stack of a service, with those of what it includes.
pub(crate) fn lines(service: &str, file: &dyn Fn(&str) -> Option<String>) -> Vec<Line> {
    let mut lines = Vec::new();
    collect(service, file, (0, 0), &mut lines);
    lines
}

fn collect(
    service: &str,
    file: &dyn Fn(&str) -> Option<String>,
    (depth, level): (usize, usize),
    lines: &mut Vec<Line>,
) {
    let Some(text) = file(service).filter(|_| depth < DEPTH_MAX) else {
        return;
    };
    for line in text.replace("\\\n", " ").lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(included) = line.strip_prefix("@include") {
            collect(included.trim(), file, (depth + 1, level), lines);
            continue;
        }
        let Some((kind, rest)) = line.split_once(char::is_whitespace) else {
            continue;
        };
        if kind.trim_start_matches('-') != "auth" {
            continue;
        }
        let (control, rest) = control(rest.trim_start());
        let (module, arguments) = rest
            .trim_start()
            .split_once(char::is_whitespace)
            .unwrap_or((rest.trim_start(), ""));
        let line = |module: &str| Line {
            level,
            control: control.to_owned(),
            module: module.to_owned(),
            arguments: arguments.trim().to_owned(),
        };
        match control {
            "include" => collect(module, file, (depth + 1, level), lines),
            "substack" => {
                lines.push(line(""));
                collect(module, file, (depth + 1, level + 1), lines);
            }
            _ => lines.push(line(module)),
        }
    }
}

/// Parts a line behind its control, which is one word or stands in brackets.
fn control(text: &str) -> (&str, &str) {
    if let Some(inner) = text.strip_prefix('[')
        && let Some((inner, rest)) = inner.split_once(']')
    {
        return (inner, rest);
    }
    text.split_once(char::is_whitespace).unwrap_or((text, ""))
}

/// What a control in brackets does for a value, or by default.
pub(crate) fn action<'a>(control: &'a str, value: &str) -> Option<&'a str> {
    let pairs = || control.split_whitespace().filter_map(|p| p.split_once('='));
    let of = |wanted| pairs().find(|(key, _)| *key == wanted).map(|(_, act)| act);
    of(value).or_else(|| of("default"))
}

/// Whether the failure of a module ends in a refusal.
fn demands(control: &str) -> bool {
    match control {
        "required" | "requisite" => true,
        "sufficient" | "optional" => false,
        _ => matches!(action(control, "auth_err"), Some("bad" | "die")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)]) -> Stack {
        read("sudo", &|name| {
            let found = files.iter().find(|(known, _)| *known == name);
            found.map(|(_, text)| (*text).to_owned())
        })
    }

    const COMMON: &str = "auth\t[success=1 default=ignore]\tpam_unix.so nullok
auth\trequisite\tpam_deny.so
auth\trequired\tpam_permit.so
auth\t[success=1 default=ignore]\tpam_succeed_if.so quiet user ingroup oathd-exempt
auth\trequired\tpam_oathd.so
";

    #[test]
    fn a_stack_asks_through_what_it_includes() {
        let stack = of(&[
            ("sudo", "# sudo\n@include common-auth\n"),
            ("common-auth", COMMON),
        ]);
        assert!(stack.asks);
        let exempt = "pam_succeed_if.so quiet user ingroup oathd-exempt";
        assert_eq!(stack.bypasses, [exempt]);
        let included = of(&[("sudo", "auth include other"), ("other", COMMON)]);
        assert_eq!(included, stack);
    }

    #[test]
    fn whatever_suffices_before_is_found() {
        for before in [
            "auth sufficient pam_rootok.so",
            "-auth [success=done default=ignore] pam_fprintd.so",
            "auth [default=ignore success=5] pam_fprintd.so max-tries=1",
        ] {
            let stack = of(&[(
                "sudo",
                &format!("{before}\n{COMMON}auth required pam_permit.so"),
            )]);
            assert_eq!(stack.bypasses.len(), 2, "{before}");
        }
        for harmless in [
            "auth required pam_env.so",
            "auth [success=4 default=ignore] pam_x.so",
            // A word of pam-auth-update's profiles, which libpam does not know.
            "auth [success=end default=ignore] pam_fprintd.so",
            "session sufficient pam_rootok.so",
            "#auth sufficient pam_rootok.so",
        ] {
            let stack = of(&[("sudo", &format!("{harmless}\n{COMMON}"))]);
            assert_eq!(stack.bypasses.len(), 1, "{harmless}");
        }
    }

    #[test]
    fn a_module_that_may_fail_does_not_ask() {
        for (line, asks) in [
            ("auth required pam_oathd.so", true),
            ("auth requisite /lib/security/pam_oathd.so", true),
            ("auth [success=ok default=bad] pam_oathd.so", true),
            ("auth optional pam_oathd.so", false),
            ("auth sufficient pam_oathd.so", false),
            ("auth [success=ok default=ignore] pam_oathd.so", false),
            ("auth required pam_oathd.so collect", false),
            ("account required pam_oathd.so", false),
        ] {
            assert_eq!(of(&[("sudo", line)]).asks, asks, "{line}");
        }
    }

    #[test]
    fn files_that_include_each_other_end() {
        assert_eq!(of(&[("sudo", "@include sudo\n")]), Stack::default());
        assert_eq!(of(&[]), Stack::default());
    }
}
