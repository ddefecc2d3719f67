//! Addresses as they are shown: enough to know one's own again, too little to learn another's.

use oathd_core::{Address, ChannelKind};

/// The address with its middle hidden: the last two digits of a telephone number, the first letter
/// and the host of a mailbox, the first letter of anything else.
pub(crate) fn masked(kind: ChannelKind, address: &Address) -> String {
    let text = address.as_str();
    let first: String = text.chars().take(1).collect();
    match kind {
        ChannelKind::Sms => {
            let count = text.chars().count();
            let last: String = text.chars().skip(count.saturating_sub(2)).collect();
            format!("…{last}")
        }
        ChannelKind::Email => match text.rsplit_once('@') {
            Some((_, host)) => format!("{first}…@{host}"),
            None => format!("{first}…"),
        },
        ChannelKind::Command | ChannelKind::File | ChannelKind::Operator => format!("{first}…"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_owner_knows_it_again() {
        let masked = |kind, text: &str| masked(kind, &Address::new(text).unwrap());
        assert_eq!(masked(ChannelKind::Sms, "+491701234567"), "…67");
        assert_eq!(
            masked(ChannelKind::Email, "alice@example.org"),
            "a…@example.org"
        );
        assert_eq!(masked(ChannelKind::File, "/run/codes"), "/…");
    }

    proptest! {
        #[test]
        fn no_more_than_one_letter_of_a_mailbox_is_shown(name in "[a-z]{2,20}") {
            let address = Address::new(&format!("{name}@example.org")).unwrap();
            let shown = masked(ChannelKind::Email, &address);
            let (mailbox, _) = shown.split_once('@').unwrap();
            prop_assert!(!mailbox.contains(&name));
        }
    }
}
