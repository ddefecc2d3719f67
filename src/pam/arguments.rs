//! What stands after the module's name in a PAM service file.

/// The prompt where none is given.
pub(crate) const PROMPT: &str = "Second factor (? for help): ";

/// The prompts of the password and of both in one field.
pub(crate) const PASSWORD_PROMPT: &str = "Password: ";
pub(crate) const ONE_FIELD_PROMPT: &str = "Password and code: ";

/// Digits of a code where `one_field` names none.
const DIGITS: usize = 6;

/// Which part of the work this line of the service file does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Part {
    /// Asks for the code and checks it.
    #[default]
    Both,
    /// Asks for password and code.
    Collect,
    /// Checks the code that `collect` kept.
    Check,
    /// Has the token touched; asks for nothing.
    Presence,
}

/// The arguments of the module.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Arguments {
    pub(crate) part: Part,
    /// Digits of the code behind the password, where both come in one field.
    pub(crate) one_field: Option<usize>,
    /// The prompt for the code or for both in one field, or the text that asks for a touch.
    pub(crate) prompt: Option<String>,
    /// Whoever has no factor is refused, whatever the policy says.
    pub(crate) deny_unenrolled: bool,
    /// Replaces the name of the PAM service towards oathd.
    pub(crate) service: Option<String>,
    /// Show the code while it is typed.
    pub(crate) echo: bool,
    /// Log each outcome.
    pub(crate) debug: bool,
    /// The address of another bus, for tests.
    pub(crate) bus: Option<String>,
}

impl Arguments {
    /// Reads the arguments.
    ///
    /// # Errors
    /// What is wrong: a misspelt word must not become a weaker login.
    pub(crate) fn parse<'a>(words: impl IntoIterator<Item = &'a str>) -> Result<Self, String> {
        let mut read = Self::default();
        for word in words {
            let (key, value) = match word.split_once('=') {
                Some((key, value)) => (key, Some(value)),
                None => (word, None),
            };
            match (key, value) {
                ("collect", None) => read.take_part(Part::Collect)?,
                ("check", None) => read.take_part(Part::Check)?,
                ("presence", None) => read.take_part(Part::Presence)?,
                ("one_field", None) => read.one_field = Some(DIGITS),
                ("one_field", Some(digits)) => read.one_field = Some(one_field(digits)?),
                ("prompt", Some(text)) => read.prompt = Some(text.to_owned()),
                ("service", Some(name)) if (1..=64).contains(&name.len()) => {
                    read.service = Some(name.to_owned());
                }
                ("deny_unenrolled", None) => read.deny_unenrolled = true,
                ("echo", None) => read.echo = true,
                ("debug", None) => read.debug = true,
                ("bus", Some(address)) => read.bus = Some(address.to_owned()),
                _ => return Err(format!("the argument {word:?} is not known")),
            }
        }
        if read.one_field.is_some() && read.part != Part::Collect {
            return Err("one_field belongs to collect".to_owned());
        }
        if read.deny_unenrolled && read.part == Part::Collect {
            return Err("deny_unenrolled belongs to check".to_owned());
        }
        if read.prompt.is_some() && read.part == Part::Check {
            return Err("prompt belongs to collect".to_owned());
        }
        Ok(read)
    }

    fn take_part(&mut self, part: Part) -> Result<(), String> {
        if self.part != Part::Both {
            return Err("collect, check and presence exclude each other".to_owned());
        }
        self.part = part;
        Ok(())
    }
}

fn one_field(digits: &str) -> Result<usize, String> {
    match digits {
        "6" => Ok(6),
        "7" => Ok(7),
        "8" => Ok(8),
        _ => Err("one_field takes 6, 7 or 8".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_line_is_read() {
        let read = Arguments::parse(["collect", "one_field=8", "prompt=Both: ", "debug"]).unwrap();
        assert_eq!(read.part, Part::Collect);
        assert_eq!(read.one_field, Some(8));
        assert_eq!(read.prompt.as_deref(), Some("Both: "));
        assert!(read.debug && !read.echo);
        assert_eq!(Arguments::parse([]).unwrap(), Arguments::default());
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for words in [
            ["collect", "check"],
            ["presence", "collect"],
            ["check", "one_field"],
            ["presence", "one_field=6"],
            ["collect", "deny_unenrolled"],
            ["check", "prompt=Code: "],
            ["collect", "one_field=5"],
            ["service=", "debug"],
            ["debug=1", "echo"],
        ] {
            assert!(Arguments::parse(words).is_err(), "{words:?}");
        }
    }

    proptest! {
        #[test]
        fn a_misspelt_word_is_never_overlooked(word in "[a-z_=]{1,12}") {
            let known = [
                "collect", "check", "presence", "echo", "debug", "one_field", "deny_unenrolled",
            ];
            let with_value = ["prompt=", "service=", "bus="];
            let fits = known.contains(&word.as_str()) || with_value.iter().any(|w| word.starts_with(w));
            prop_assume!(!fits);
            prop_assert!(Arguments::parse([word.as_str()]).is_err());
        }
    }
}
