//! The conversation of PAM: prompts and texts, through the program that logs somebody in.

use pam::constants::{PAM_PROMPT_ECHO_OFF, PAM_PROMPT_ECHO_ON, PAM_TEXT_INFO, PamFlag};
use pam::module::PamHandle;
use zeroize::Zeroizing;

use crate::ffi::converse;
use crate::flow::Person;
use crate::rules::Code;
use crate::secret::Secret;

/// The longest answer that is looked at, in bytes; PAM's own limit is 512.
const ANSWER_MAX: usize = 512;

/// The conversation of a handle.
pub(crate) struct Conversation<'a> {
    handle: &'a PamHandle,
    silent: bool,
    echo: bool,
}

impl<'a> Conversation<'a> {
    pub(crate) fn of(handle: &'a PamHandle, flags: PamFlag, echo: bool) -> Self {
        Self {
            handle,
            silent: flags & pam::constants::PAM_SILENT != 0,
            echo,
        }
    }

    /// Asks for something that is never shown.
    pub(crate) fn ask_hidden(&mut self, prompt: &str) -> Result<Secret, Code> {
        self.prompt(PAM_PROMPT_ECHO_OFF, prompt)
    }

    fn prompt(&mut self, style: i32, prompt: &str) -> Result<Secret, Code> {
        let answer = converse(self.handle, style, &shown(prompt));
        let answer = answer
            .map_err(|_| Code::NoConversation)?
            .unwrap_or_default();
        match std::str::from_utf8(&answer) {
            Ok(text) if text.len() <= ANSWER_MAX => Ok(Secret::new(text)),
            _ => Err(Code::Wrong),
        }
    }
}

impl Person for Conversation<'_> {
    fn ask(&mut self, prompt: &str) -> Result<Secret, Code> {
        let style = match self.echo {
            true => PAM_PROMPT_ECHO_ON,
            false => PAM_PROMPT_ECHO_OFF,
        };
        self.prompt(style, prompt)
    }

    /// `PAM_SILENT` is not heeded here: sudo sets it by default, and a recovery code that takes the
    /// place of another must not be lost.
    fn tell(&mut self, text: &str) {
        if !text.is_empty() {
            // Lock screens that show no texts answer with an error; nothing depends on one.
            let _ = converse(self.handle, PAM_TEXT_INFO, &shown(text));
        }
    }

    fn mention(&mut self, text: &str) {
        if !self.silent {
            self.tell(text);
        }
    }
}

/// Labels and addresses are other people's words: nothing in them may steer a terminal. Wiped, as a
/// code may be in it, and long enough from the start, as what grows leaves copies.
fn shown(text: &str) -> Zeroizing<String> {
    let mut shown = Zeroizing::new(String::with_capacity(text.len()));
    shown.extend(text.chars().map(|c| if c.is_control() { ' ' } else { c }));
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_shown_steers_no_terminal(text in any::<String>()) {
            let shown = shown(&text);
            prop_assert!(!shown.contains(char::is_control));
            let kept = text.chars().zip(shown.chars());
            prop_assert!(kept.filter(|(c, _)| !c.is_control()).all(|(c, shown)| c == shown));
            prop_assert_eq!(shown.chars().count(), text.chars().count());
        }
    }
}
