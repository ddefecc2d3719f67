//! The way to the tokens: pcscd, what it asks of its clients, and what is in the readers.

use oathd_client::DiagnosisRecord;

use super::{Facts, Finding};
use crate::output::harmless;

pub(super) fn rules(facts: &Facts) -> Vec<Finding> {
    let Some(seen) = &facts.diagnosis else {
        return Vec::new();
    };
    let mut found = vec![service(facts, seen)];
    found.extend(openness(seen));
    found.extend(hidden(facts, seen));
    if seen.card_service == "ready" {
        found.push(tokens(facts, seen));
    }
    found
}

fn service(facts: &Facts, seen: &DiagnosisRecord) -> Finding {
    if seen.card_policy == "refused" {
        return Finding::problem(
            "pcscd",
            "pcscd does not let oathd use cards: polkit refuses org.debian.pcsc-lite.access_pcsc or access_card to the user oathd.",
            "`apt install --reinstall oathd` puts /usr/share/polkit-1/rules.d/50-oathd-pcsc.rules back; see whether a rule in /etc/polkit-1/rules.d comes before it.",
        );
    }
    let socket = facts.service.pcscd_socket.as_ref();
    match seen.card_service.as_str() {
        "ready" => Finding::ok("pcscd", "pcscd answers oathd."),
        "silent" => Finding::problem(
            "pcscd",
            "pcscd takes connections and does not answer.",
            "`systemctl restart pcscd.service`",
        ),
        _ if socket.is_some_and(|unit| unit.load == "not-found") => Finding::problem(
            "pcscd",
            "pcscd, which reaches the tokens, is not installed.",
            "`apt install pcscd`",
        ),
        _ if socket.is_some_and(|unit| unit.load == "masked") => Finding::problem(
            "pcscd",
            "pcscd cannot be started: pcscd.socket is masked.",
            "`systemctl unmask pcscd.socket && systemctl start pcscd.socket`",
        ),
        _ => {
            let detail = seen.card_service_detail.as_deref().unwrap_or_default();
            Finding::problem(
                "pcscd",
                format!("oathd cannot reach pcscd ({}).", harmless(detail)),
                "`systemctl enable --now pcscd.socket`",
            )
        }
    }
}

/// Whom pcscd lets in besides.
fn openness(seen: &DiagnosisRecord) -> Option<Finding> {
    match seen.card_policy.as_str() {
        "unasked" => Some(Finding::note(
            "card_policy",
            "pcscd asks nobody who uses readers: every user of this host reads the codes of every open token, past oathd.",
            "`oathctl pair` makes a token open for oathd alone; so does a password, or a touch at each code.",
        )),
        "allowed" => Some(Finding::ok(
            "card_policy",
            "pcscd asks polkit who uses readers, and polkit lets oathd.",
        )),
        _ => None,
    }
}

/// Whether pcscd and polkit can see who asks them.
fn hidden(facts: &Facts, seen: &DiagnosisRecord) -> Option<Finding> {
    let how = facts.hidepid.as_deref()?;
    let asks = matches!(seen.card_policy.as_str(), "allowed" | "refused");
    let what = format!(
        "/proc hides the processes of others (hidepid={}), so that pcscd and polkit may not see who asks them.",
        harmless(how)
    );
    let remedy = "`mount -o remount,hidepid=0 /proc` and the same in /etc/fstab, or `gid=` of a group with the users pcscd and polkitd.";
    Some(match seen.card_service == "ready" {
        false => Finding::problem("hidepid", what, remedy),
        true if asks => Finding::warning("hidepid", what, remedy),
        true => Finding::note("hidepid", what, remedy),
    })
}

fn tokens(facts: &Facts, seen: &DiagnosisRecord) -> Finding {
    if seen.duplicated {
        return Finding::problem(
            "tokens",
            "Two readers show the same token, so neither is trusted.",
            "Remove one of them; if you have a single token, suspect a relay.",
        );
    }
    let scdaemon = facts.scdaemon.as_ref();
    if seen.held && scdaemon.is_none_or(|there| there.running.is_empty()) {
        return Finding::warning(
            "tokens",
            "Another program holds a card, so that oathd cannot look at it.",
            "Touch the token if it blinks; else end that program: `lsof /run/pcscd/pcscd.comm` lists those of pcscd.",
        );
    }
    match seen.tokens {
        0 if seen.held => Finding::ok("tokens", "A card is in use by another program."),
        0 => Finding::note(
            "tokens",
            "No token is seen.",
            "Plug one in; `pcsc_scan` shows what pcscd sees, and `readers` in the settings may leave a reader out.",
        ),
        1 => Finding::ok("tokens", "One token is seen."),
        several => Finding::ok("tokens", format!("{several} tokens are seen.")),
    }
}
