//! Accounts and what belongs to them, as JSON for programs.

use oathd_client::{
    AccountRecord, ChannelRecord, ConcernRecord, FactorRecord, ReceiptRecord, RecoveryRecord,
    RescueRecord, SentRecord, SessionRecord, StatusRecord, WayRecord,
};
use serde_json::{Value, json};

/// What `status` tells of what is asked and open.
pub(crate) fn status(status: &StatusRecord) -> Value {
    json!({
        "account": status.account,
        "enrolled": status.enrolled,
        "requirement": status.requirement,
        "requirement_until": status.requirement_until,
        "must_reenrol": status.must_reenrol,
        "ways": status.ways.iter().map(way).collect::<Vec<_>>(),
        "concerns": status.concerns.iter().map(concern).collect::<Vec<_>>(),
        "recovery_codes_left": status.recovery_codes_left,
        "clock_trusted": status.clock_trusted,
        "support_contact": status.support_contact,
    })
}

fn way(way: &WayRecord) -> Value {
    json!({
        "kind": way.kind,
        "id": way.id,
        "label": way.label,
        "wait": way.wait,
        "left": way.left,
        "not_after": way.not_after,
    })
}

fn concern(concern: &ConcernRecord) -> Value {
    json!({
        "kind": concern.kind,
        "id": concern.id,
        "left": concern.left,
        "within_days": concern.within_days,
    })
}

/// An account without its secrets.
pub(crate) fn account(account: &AccountRecord) -> Value {
    json!({
        "account": account.account,
        "uid": account.uid,
        "enrolled": account.enrolled,
        "must_reenrol": account.must_reenrol,
        "switched_off": account.switched_off,
        "factors": account.factors.iter().map(factor).collect::<Vec<_>>(),
        "channels": account.channels.iter().map(channel).collect::<Vec<_>>(),
        "recovery": account.recovery.as_ref().map(recovery),
        "rescue": account.rescue.as_ref().map(rescue),
        "api_key_issued": account.api_key_issued,
        "sessions": account.sessions,
    })
}

/// A factor.
pub(crate) fn factor(factor: &FactorRecord) -> Value {
    json!({
        "id": factor.id,
        "label": factor.label,
        "custody": factor.custody,
        "kind": factor.kind,
        "algorithm": factor.algorithm,
        "digits": factor.digits,
        "period": factor.period,
        "role": factor.role,
        "state": factor.state,
        "added": factor.added,
        "last_used": factor.last_used,
        "not_after": factor.not_after,
        "presence": factor.presence,
    })
}

/// A channel.
pub(crate) fn channel(channel: &ChannelRecord) -> Value {
    json!({
        "id": channel.id,
        "kind": channel.kind,
        "address": channel.address,
        "verified": channel.verified,
        "not_after": channel.not_after,
    })
}

/// A set of recovery codes, without the codes.
pub(crate) fn recovery(set: &RecoveryRecord) -> Value {
    let codes: Vec<_> = set
        .codes
        .iter()
        .map(|code| json!({ "index": code.index, "used": code.used, "legacy": code.legacy }))
        .collect();
    json!({
        "left": set.left,
        "created": set.created,
        "acknowledged": set.acknowledged,
        "suspended": set.suspended,
        "codes": codes,
    })
}

fn rescue(rescue: &RescueRecord) -> Value {
    json!({
        "opened": rescue.opened,
        "by": rescue.by,
        "reason": rescue.reason,
        "approved_by": rescue.approved_by,
        "code_issued": rescue.code_issued,
    })
}

/// A receipt; the recovery code that replaces a used one goes with it.
pub(crate) fn receipt(receipt: &ReceiptRecord, replacement: Option<&str>) -> Value {
    json!({
        "account": receipt.account,
        "way": receipt.way,
        "factor": receipt.factor,
        "receipt": receipt.receipt,
        "until": receipt.until,
        "must_reenrol": receipt.must_reenrol,
        "recovery_codes_left": receipt.recovery_codes_left,
        "replacement": replacement,
    })
}

/// A code that was sent.
pub(crate) fn sent(channel: u32, sent: &SentRecord) -> Value {
    json!({
        "channel": channel,
        "address": sent.address,
        "until": sent.until,
        "delivery": sent.delivery,
        "verdict": sent.verdict,
        "reason": sent.reason,
    })
}

/// A session of a service's account.
pub(crate) fn session(session: &SessionRecord) -> Value {
    json!({
        "began": session.began,
        "last_used": session.last_used,
        "until": session.until,
        "by_factor": session.by_factor,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use oathd_client::RecoveryCodeRecord;

    /// The first example in the section of docs/oathctl-json.md that begins with `heading`.
    fn documented(heading: &str) -> Value {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/oathctl-json.md");
        let text = std::fs::read_to_string(path).unwrap();
        let section = text.split("\n## ").find(|part| part.starts_with(heading));
        let example = section.unwrap().split("```json\n").nth(1).unwrap();
        serde_json::from_str(example.split("```").next().unwrap()).unwrap()
    }

    /// The keys of a document, with those of the elements of its arrays.
    fn keys(value: &Value, path: &str, into: &mut Vec<String>) {
        match value {
            Value::Object(fields) => fields.iter().for_each(|(key, value)| {
                into.push(format!("{path}.{key}"));
                keys(value, &format!("{path}.{key}"), into);
            }),
            Value::Array(elements) => {
                if let Some(first) = elements.first() {
                    keys(first, path, into);
                }
            }
            _ => {}
        }
    }

    fn equal(shown: &Value, heading: &str) {
        let (mut here, mut there) = (Vec::new(), Vec::new());
        keys(shown, "", &mut here);
        keys(&documented(heading), "", &mut there);
        here.sort();
        there.sort();
        assert_eq!(here, there, "{heading}");
    }

    #[test]
    fn what_is_documented_is_what_is_written() {
        let known = AccountRecord {
            factors: vec![FactorRecord::default()],
            channels: vec![ChannelRecord::default()],
            recovery: Some(RecoveryRecord {
                codes: vec![RecoveryCodeRecord::default()],
                ..RecoveryRecord::default()
            }),
            ..AccountRecord::default()
        };
        let asked = StatusRecord {
            ways: vec![WayRecord::default()],
            concerns: vec![ConcernRecord::default()],
            ..StatusRecord::default()
        };
        let mut all = account(&known);
        let Value::Object(more) = status(&asked) else {
            panic!("no object")
        };
        all.as_object_mut().unwrap().extend(more);
        equal(&all, "`status`");
        equal(&receipt(&ReceiptRecord::default(), None), "`verify`");
        let mut added = sent(1, &SentRecord::default());
        added["confirmed"] = json!(false);
        equal(&added, "`channel`");
    }
}
