//! Whether an address is one, and whether messages should go there.

use std::str::FromStr;

use oathd_api::delivery::Verdict;
use phonenumber::{Mode, Type, country, metadata::DATABASE};

/// The largest address: RFC 5321 §4.5.3.1.3 allows a path of 256 bytes, brackets included.
const ADDRESS_MAX: usize = 254;

/// The largest telephone number as people write it.
const NUMBER_MAX: usize = 32;

/// What is known about an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Assessment {
    /// The form to keep and to send to, if it is an address.
    pub(crate) address: Option<String>,
    pub(crate) verdict: Verdict,
    /// Why the verdict is not `Ok`.
    pub(crate) reason: Option<&'static str>,
}

impl Assessment {
    fn new(address: Option<String>, verdict: Verdict, reason: &'static str) -> Assessment {
        Assessment {
            address,
            verdict,
            reason: Some(reason),
        }
    }

    fn ok(address: String) -> Assessment {
        Assessment {
            address: Some(address),
            verdict: Verdict::Ok,
            reason: None,
        }
    }

    fn invalid() -> Assessment {
        Assessment::new(None, Verdict::Refused, "invalid")
    }
}

/// What the settings say about telephone numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct NumberRules {
    /// The country of numbers without `+`, if there is one.
    pub(crate) country: Option<country::Id>,
    /// Where not empty, a number starts with one of these, in E.164.
    pub(crate) allow: Vec<String>,
    /// No number starts with one of these, in E.164.
    pub(crate) deny: Vec<String>,
}

/// A telephone number. What the numbering plan calls a mobile number is a caution as well: the
/// telephone network lets others read or divert messages (NIST SP 800-63B: a restricted authenticator).
pub(crate) fn number(text: &str, rules: &NumberRules) -> Assessment {
    if text.len() > NUMBER_MAX {
        return Assessment::invalid();
    }
    let number = match phonenumber::parse(rules.country, text) {
        Ok(number) if number.is_valid() && number.extension().is_none() => number,
        _ => return Assessment::invalid(),
    };
    let address = number.format().mode(Mode::E164).to_string();
    let starts = |prefix: &String| address.starts_with(prefix.as_str());
    let excluded = rules.deny.iter().any(starts)
        || (!rules.allow.is_empty() && !rules.allow.iter().any(starts));
    let (verdict, reason) = match number.number_type(&DATABASE) {
        _ if excluded => (Verdict::Refused, "prefix"),
        Type::Voip => (Verdict::Refused, "voip"),
        Type::PremiumRate | Type::SharedCost => (Verdict::Refused, "premium"),
        Type::Emergency | Type::ShortCode => (Verdict::Refused, "invalid"),
        Type::Mobile | Type::FixedLineOrMobile => (Verdict::Caution, "telephone_network"),
        Type::FixedLine
        | Type::TollFree
        | Type::PersonalNumber
        | Type::Pager
        | Type::Uan
        | Type::Voicemail
        | Type::StandardRate
        | Type::Carrier
        | Type::NoInternational
        | Type::Unknown => (Verdict::Caution, "not_mobile"),
    };
    Assessment::new(Some(address), verdict, reason)
}

/// A mailbox. The domain is lower-cased; what stands before it belongs to its host (RFC 5321
/// §2.3.11) and stays. `host` is the name of this machine.
pub(crate) fn mailbox(text: &str, host: &str, local_domains: &[String]) -> Assessment {
    if text.len() > ADDRESS_MAX {
        return Assessment::invalid();
    }
    let Ok(address) = lettre::Address::from_str(text) else {
        return Assessment::invalid();
    };
    // A program may take what looks like an option for one.
    if text.starts_with('-') || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
        return Assessment::invalid();
    }
    let domain = address.domain().to_lowercase();
    let normal = format!("{}@{domain}", address.user());
    let same = domain == "localhost"
        || domain.ends_with(".localhost")
        || domain == "localhost.localdomain"
        || domain.starts_with("[127.")
        || domain == "[ipv6:::1]"
        || domain.eq_ignore_ascii_case(host)
        || local_domains.iter().any(|d| domain.eq_ignore_ascii_case(d));
    match same {
        true => Assessment::new(Some(normal), Verdict::Caution, "same_machine"),
        false => Assessment::ok(normal),
    }
}

/// An address that only a program, or a test, understands.
pub(crate) fn opaque(text: &str) -> Assessment {
    let fits = (1..=ADDRESS_MAX).contains(&text.len()) && !text.chars().any(char::is_control);
    match fits {
        true => Assessment::ok(text.to_owned()),
        false => Assessment::invalid(),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn verdict(text: &str) -> (Option<String>, Verdict, Option<&'static str>) {
        let rules = NumberRules {
            country: Some(country::DE),
            ..NumberRules::default()
        };
        let found = number(text, &rules);
        (found.address, found.verdict, found.reason)
    }

    #[test]
    fn numbers_are_told_apart_by_their_kind() {
        for (text, address, verdict_, reason) in [
            (
                "0151 12345678",
                "+4915112345678",
                Verdict::Caution,
                "telephone_network",
            ),
            (
                "+1 (520) 878-2491",
                "+15208782491",
                Verdict::Caution,
                "telephone_network",
            ),
            (
                "+44 121 234 5678",
                "+441212345678",
                Verdict::Caution,
                "not_mobile",
            ),
            (
                "+1 900 234 5678",
                "+19002345678",
                Verdict::Refused,
                "premium",
            ),
            (
                "+44 56 1234 5678",
                "+445612345678",
                Verdict::Refused,
                "voip",
            ),
        ] {
            assert_eq!(
                verdict(text),
                (Some(address.into()), verdict_, Some(reason)),
                "{text}"
            );
        }
        for text in [
            "",
            "+",
            "112",
            "hello",
            "+49",
            "+1 555",
            "+999123456789",
            "0151 12345678 ext. 5",
            "+4915112345678\n+49",
        ] {
            assert_eq!(
                verdict(text),
                (None, Verdict::Refused, Some("invalid")),
                "{text:?}"
            );
        }
    }

    #[test]
    fn settings_exclude_by_prefix_and_a_country_is_needed_without_plus() {
        let deny = NumberRules {
            deny: vec!["+4915".into()],
            ..NumberRules::default()
        };
        let allow = NumberRules {
            allow: vec!["+44".into()],
            ..NumberRules::default()
        };
        for rules in [&deny, &allow] {
            assert_eq!(number("+4915112345678", rules).reason, Some("prefix"));
        }
        assert_eq!(number("+441212345678", &allow).verdict, Verdict::Caution);
        assert_eq!(number("015112345678", &deny).reason, Some("invalid"));
    }

    #[test]
    fn a_mailbox_on_this_machine_is_no_second_channel() {
        let check = |text| mailbox(text, "Desk.example.org", &["home.example".into()]);
        for same in [
            "a@localhost",
            "a@desk.example.org",
            "a@HOME.example",
            "a@[127.0.0.1]",
        ] {
            assert_eq!(check(same).reason, Some("same_machine"), "{same}");
        }
        assert_eq!(
            check("Ann.B+x@Example.NET"),
            Assessment::ok("Ann.B+x@example.net".into())
        );
        for bad in [
            "",
            "a",
            "a@",
            "@b.c",
            "a@b@c",
            "a b@c.d",
            "-oQ/tmp@c.d",
            "a@b.c\nBcc: d@e.f",
            "a@b.c,d@e.f",
        ] {
            assert_eq!(check(bad), Assessment::invalid(), "{bad:?}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn nothing_panics_and_what_is_normal_stays_so(text in "\\PC{0,40}|[+0-9 ()/-]{0,20}|[a-z.+-]{1,8}@[a-zA-Z.-]{1,12}") {
            let rules = NumberRules { country: Some(country::US), ..NumberRules::default() };
            let assess = [
                &(|text: &str| number(text, &rules)) as &dyn Fn(&str) -> Assessment,
                &|text| mailbox(text, "desk", &[]),
                &|text| opaque(text),
            ];
            for assess in assess {
                let found = assess(&text);
                prop_assert_eq!(found.reason.is_none(), found.verdict == Verdict::Ok);
                if let Some(address) = &found.address {
                    prop_assert_eq!(&assess(address), &found);
                }
            }
        }
    }
}
