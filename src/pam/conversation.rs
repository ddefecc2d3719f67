//! The conversation of PAM: prompts and texts, through the program that logs somebody in.

use pam::constants::{PAM_PROMPT_ECHO_OFF, PAM_PROMPT_ECHO_ON, PAM_TEXT_INFO, PamFlag};
use pam::conv::Conv;
use pam::module::PamHandle;

use crate::flow::Person;
use crate::rules::Code;
use crate::secret::Secret;

/// The longest answer that is looked at, in bytes; PAM's own limit is 512.
const ANSWER_MAX: usize = 512;

/// The conversation of a handle.
pub(crate) struct Conversation<'a> {
    program: Option<Conv<'a>>,
    silent: bool,
    echo: bool,
}

impl<'a> Conversation<'a> {
    pub(crate) fn of(handle: &'a PamHandle, flags: PamFlag, echo: bool) -> Self {
        Self {
            program: handle.get_item::<Conv<'a>>().ok().flatten(),
            silent: flags & pam::constants::PAM_SILENT != 0,
            echo,
        }
    }

    /// Asks for something that is never shown.
    pub(crate) fn ask_hidden(&mut self, prompt: &str) -> Result<Secret, Code> {
        self.prompt(PAM_PROMPT_ECHO_OFF, prompt)
    }

    fn prompt(&mut self, style: i32, prompt: &str) -> Result<Secret, Code> {
        let program = self.program.as_ref().ok_or(Code::NoConversation)?;
        match program.send(style, &shown(prompt)) {
            Ok(None) => Ok(Secret::new("")),
            Ok(Some(answer)) if answer.len() > ANSWER_MAX => Err(Code::Wrong),
            Ok(Some(answer)) => answer.as_str().map(Secret::new).map_err(|_| Code::Wrong),
            Err(_) => Err(Code::NoConversation),
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
        if let (false, Some(program)) = (text.is_empty(), &self.program) {
            // Lock screens that show no texts answer with an error; nothing depends on one.
            let _ = program.send(PAM_TEXT_INFO, &shown(text));
        }
    }

    fn mention(&mut self, text: &str) {
        if !self.silent {
            self.tell(text);
        }
    }
}

/// Labels and addresses are other people's words: nothing in them may steer a terminal.
fn shown(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}
