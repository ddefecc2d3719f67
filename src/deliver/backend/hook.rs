//! A program of the administrator: `{"kind":…,"address":…,"subject":…,"text":…}` on its standard
//! input, one line.

use serde::Serialize;
use zeroize::Zeroizing;

use super::{Outcome, program};
use crate::{message::Message, progress::Reason, settings::Program};

#[derive(Serialize)]
struct Line<'m> {
    kind: &'static str,
    address: &'m str,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<&'m str>,
    text: &'m str,
}

/// The message as one line of JSON. The memory is as large as it can get from the start, so that no
/// copy is left behind when it grows.
pub(super) fn line(message: &Message) -> Option<Zeroizing<Vec<u8>>> {
    let line = Line {
        kind: message.kind.as_str(),
        address: &message.address,
        subject: message.subject.as_deref(),
        text: &message.text,
    };
    let subject = message.subject.as_ref().map_or(0, String::len);
    // An escaped byte takes at most six.
    let most = 6 * (message.address.len() + subject + message.text.len()) + 128;
    let mut bytes = Zeroizing::new(Vec::with_capacity(most));
    serde_json::to_writer(&mut *bytes, &line).ok()?;
    bytes.push(b'\n');
    Some(bytes)
}

pub(super) async fn send(hook: &Program, message: &Message) -> Outcome {
    match line(message) {
        Some(line) => program::run(&hook.path, &hook.arguments, &line).await,
        None => Outcome::Never(Reason::Refused),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::message::Kind;

    proptest! {
        #[test]
        fn a_line_is_one_line_and_says_what_the_message_says(
            address in "\\PC{1,40}",
            subject in prop::option::of("\\PC{0,40}"),
            text in "[\\PC\n\t\"\\\\]{1,200}",
        ) {
            let message = Message {
                kind: Kind::Command,
                address: address.clone(),
                subject: subject.clone(),
                text: Zeroizing::new(text.clone()),
            };
            let line = line(&message).unwrap();
            prop_assert_eq!(line.iter().position(|&byte| byte == b'\n'), Some(line.len() - 1));
            let read: serde_json::Value = serde_json::from_slice(&line).unwrap();
            prop_assert_eq!(&read["kind"], "command");
            prop_assert_eq!(read["address"].as_str(), Some(&*address));
            prop_assert_eq!(read["subject"].as_str(), subject.as_deref());
            prop_assert_eq!(read["text"].as_str(), Some(&*text));
        }
    }
}
